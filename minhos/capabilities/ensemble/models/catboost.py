"""Gradient boosting by CatBoost (Prokhorenkova et al. 2018): oblivious trees, numeric features only.

CatBoost refuses to export categorical features to ONNX; instrument and session come as numbers if at all.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from minhos.training.families import Progress, TrainingData
from minhos.training.onnx_export import canonical, prove, write_model
from minhos.training.profiles import TrainingProfile

__all__ = ["CatBoost"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FittedCatBoost:
    """A fitted classifier and rows to prove its export on."""

    model: Any
    proof_rows: Float32

    def predict_p_up(self, x: Float32) -> Float32:
        """P(up) float32 [N]."""
        probability: Float32 = self.model.predict_proba(x, thread_count=1)[:, 1].astype(np.float32)
        return probability

    def to_onnx(self, path: Path) -> float:
        """Write by CatBoost's own exporter, its ZipMap left out, canonical; returns the parity gap."""
        import onnx

        width = self.proof_rows.shape[1]
        with tempfile.TemporaryDirectory() as folder:
            exported = Path(folder) / "catboost.onnx"
            self.model.save_model(str(exported), format="onnx")
            raw = onnx.load(str(exported))
        trees = next(node for node in raw.graph.node if node.op_type == "TreeEnsembleClassifier")
        model = canonical(raw, probability=trees.output[1], column=1, shape=(width,))
        gap = prove(model, self.predict_p_up, self.proof_rows, name="catboost")
        write_model(model, path)
        return gap


@dataclass(frozen=True)
class CatBoost:
    """The family ``catboost``."""

    name: str = "catboost"
    input: Literal["sequence", "tabular"] = "tabular"

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedCatBoost:
        """Deterministic for a seed and a number of threads; writes no training folder."""
        from catboost import CatBoostClassifier

        progress(f"catboost: {profile.trees.catboost} trees on {len(data.y)} samples")
        model = CatBoostClassifier(
            iterations=profile.trees.catboost,
            depth=5,
            learning_rate=0.05,
            l2_leaf_reg=5.0,
            random_seed=seed % 2**31,
            thread_count=profile.trees.boosting_threads,
            allow_writing_files=False,
            verbose=False,
        )
        model.fit(data.x, data.y)
        return FittedCatBoost(model, data.x[-512:])
