"""Random forest (Breiman 2001) by scikit-learn: deep enough to interact, leaves big enough not to remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.models.fitted import PROOF_ROWS, FittedTrees, p_of_up
from minhos.training.families import Progress, TrainingData
from minhos.training.onnx_export import OPSET, canonical
from minhos.training.profiles import TrainingProfile

__all__ = ["RandomForest"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RandomForest:
    """The family ``random_forest``."""

    name: str = "random_forest"
    input: Literal["sequence", "tabular"] = "tabular"

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedTrees:
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
        model.fit(data.x, data.y, sample_weight=data.weights)
        model.n_jobs = 1  # prediction in parallel sums the trees in the order in which threads finish
        width = data.x.shape[1]
        return FittedTrees(self.name, p_of_up(model), lambda: _graph(model, width), data.x[-PROOF_ROWS:], data.seen)


def _graph(model: Any, width: int) -> Any:
    """By skl2onnx, canonical. scikit-learn's trees compare in float32, as ONNX does."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    raw = convert_sklearn(
        model,
        initial_types=[("x", FloatTensorType([None, width]))],
        target_opset={"": OPSET, "ai.onnx.ml": 3},
        options={id(model): {"zipmap": False}},
    )
    return canonical(raw, probability=raw.graph.output[1].name, column=1, shape=(width,))
