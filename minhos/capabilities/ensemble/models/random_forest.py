"""Random forest (Breiman 2001) by scikit-learn: deep enough to interact, leaves big enough not to remember."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from minhos.training.families import Progress, TrainingData
from minhos.training.onnx_export import OPSET, canonical, prove, write_model
from minhos.training.profiles import TrainingProfile

__all__ = ["RandomForest"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FittedRandomForest:
    """A fitted scikit-learn forest and rows to prove its export on."""

    model: Any
    proof_rows: Float32

    def predict_p_up(self, x: Float32) -> Float32:
        """P(up) float32 [N]; ``x`` must be float32 (scikit-learn's trees compare in float32)."""
        probability: Float32 = self.model.predict_proba(x)[:, 1].astype(np.float32)
        return probability

    def to_onnx(self, path: Path) -> float:
        """Write by skl2onnx, canonical; returns the parity gap."""
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType

        width = self.proof_rows.shape[1]
        raw = convert_sklearn(
            self.model,
            initial_types=[("x", FloatTensorType([None, width]))],
            target_opset={"": OPSET, "ai.onnx.ml": 3},
            options={id(self.model): {"zipmap": False}},
        )
        model = canonical(raw, probability=raw.graph.output[1].name, column=1, shape=(width,))
        gap = prove(model, self.predict_p_up, self.proof_rows, name="random_forest")
        write_model(model, path)
        return gap


@dataclass(frozen=True)
class RandomForest:
    """The family ``random_forest``."""

    name: str = "random_forest"
    input: Literal["sequence", "tabular"] = "tabular"

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedRandomForest:
        """Deterministic for a seed: trees are seeded one by one, whatever the number of threads."""
        from sklearn.ensemble import RandomForestClassifier

        progress(f"random forest: {profile.trees.random_forest} trees on {len(data.y)} samples")
        model = RandomForestClassifier(
            n_estimators=profile.trees.random_forest,
            max_depth=8,
            min_samples_leaf=max(5, len(data.y) // 200),
            max_features="sqrt",
            random_state=seed,
            n_jobs=profile.threads,
        )
        model.fit(data.x, data.y)
        model.n_jobs = 1  # prediction in parallel sums the trees in the order in which threads finish
        return FittedRandomForest(model, data.x[-512:])
