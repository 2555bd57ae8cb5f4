"""Training the LSTM: early stopping on the fold's own tail, fixed seeds, deterministic operations, ONNX export."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.lstm.data_pipeline import prepare
from minhos.capabilities.prediction.lstm.lstm_model import build_network, keras_on_cpu, scale_of
from minhos.capabilities.prediction.lstm.settings import LstmSettings
from minhos.training.families import Progress, TrainingData
from minhos.training.leaks import Seen
from minhos.training.onnx_export import OPSET, canonical, prove, write_model
from minhos.training.profiles import TrainingProfile

__all__ = ["FittedLstm", "Lstm"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FittedLstm:
    """A trained Keras model, rows to prove its export on, and what its scaler and its network have seen."""

    model: Any
    proof_rows: Float32
    seen: Mapping[str, Seen]

    def predict_p_up(self, x: Float32) -> Float32:
        """P(up) float32 [N]; ``x`` float32 [N, steps, C]."""
        probability: Float32 = np.asarray(self.model.predict(x, batch_size=1024, verbose=0), dtype=np.float32)
        return probability.reshape(-1)

    def contributions(self, _x: Float32) -> None:
        """A network has none that are cheap."""

    def to_onnx(self, path: Path) -> float:
        """Write by Keras's exporter (tf2onnx), canonical; returns the parity gap."""
        import onnx

        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            # Keras probes for np.object, and NumPy answers with a FutureWarning.
            warnings.filterwarnings("ignore", message=".*np.object.*", category=FutureWarning)
            exported = Path(folder) / "lstm.onnx"
            self.model.export(str(exported), format="onnx", opset_version=OPSET, verbose=False)
            raw = onnx.load(str(exported))
        model = canonical(
            raw, probability=raw.graph.output[0].name, column=None, shape=tuple(self.proof_rows.shape[1:])
        )
        gap = prove(model, self.predict_p_up, self.proof_rows, name="lstm")
        write_model(model, path)
        return gap


@dataclass(frozen=True)
class Lstm:
    """The family ``lstm``."""

    name: str = "lstm"
    input: Literal["sequence", "tabular"] = "sequence"

    def settings(self, profile: TrainingProfile) -> LstmSettings:
        """Of this profile."""
        return LstmSettings.of(profile, self.name)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """How it learns; its layers stay as they are."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "batch_size": trial.suggest_categorical("batch_size", [64, 128, 256, 512]),
            "epochs": trial.suggest_int("epochs", 1, 8),
        }

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedLstm:
        """Deterministic for a seed, a thread count and a machine's instruction set."""
        settings = self.settings(profile)
        parts = prepare(data, settings)
        keras = keras_on_cpu(seed=seed, threads=profile.threads)
        mean, std = scale_of(parts.fit_x)
        seen = {"scaler": parts.fit_seen, "network": parts.seen}
        model = build_network(keras, steps=parts.fit_x.shape[1], mean=mean, std=std, settings=settings, seed=seed)
        steps = settings.epochs * -(-len(parts.fit_y) // settings.batch_size)
        rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
        model.compile(
            optimizer=keras.optimizers.Adam(rate, clipnorm=1.0),
            loss="binary_crossentropy",
            jit_compile=False,
        )
        stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=settings.patience, restore_best_weights=True)
        tell = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: progress(
                f"lstm: epoch {epoch + 1}/{settings.epochs}, loss {logs['loss']:.4f}, "
                f"tail {logs['val_loss']:.4f} ({len(parts.fit_y)} samples)"
            )
        )
        model.fit(
            parts.fit_x,
            parts.fit_y,
            sample_weight=parts.fit_weight,
            validation_data=(parts.tail_x, parts.tail_y, parts.tail_weight),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            callbacks=[stop, tell],
            verbose=0,
        )
        return FittedLstm(model, data.x[-512:], seen)
