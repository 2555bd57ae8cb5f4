"""Random forest (Breiman 2001) by scikit-learn: deep enough to interact, leaves big enough not to remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from minhos.capabilities.ensemble.models.fitted import PROOF_ROWS, FittedTrees, p_of_up
from minhos.training.families import FamilySettings, Progress, TrainingData
from minhos.training.onnx_export import OPSET, canonical
from minhos.training.profiles import TrainingProfile

__all__ = ["RandomForest"]

Float32 = npt.NDArray[np.float32]


class ForestSettings(FamilySettings):
    """``leaf_share``: the least rows of a leaf, as a share of the training rows; ``feature_share``: of the features tried at
    a split (None: their root, Breiman 2001)."""

    trees: int = Field(default=120, ge=1)
    depth: int = Field(default=8, ge=1, le=32)
    leaf_share: float = Field(default=0.005, gt=0.0, lt=0.5)
    feature_share: float | None = Field(default=None, gt=0.0, le=1.0)


@dataclass(frozen=True)
class RandomForest:
    """The family ``random_forest``."""

    name: str = "random_forest"
    input: Literal["sequence", "tabular"] = "tabular"

    def settings(self, profile: TrainingProfile) -> ForestSettings:
        """Of this profile."""
        return ForestSettings.of(profile, self.name)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Depth, leaves and features; more trees are never worse, only slower."""
        return {
            "depth": trial.suggest_int("depth", 4, 14),
            "leaf_share": trial.suggest_float("leaf_share", 0.001, 0.02, log=True),
            "feature_share": trial.suggest_float("feature_share", 0.1, 0.8),
        }

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedTrees:
        """Deterministic for a seed: trees are seeded one by one, whatever the number of threads."""
        from sklearn.ensemble import RandomForestClassifier

        settings = self.settings(profile)
        progress(f"random forest: {settings.trees} trees on {len(data.y)} samples")
        model = RandomForestClassifier(
            n_estimators=settings.trees,
            max_depth=settings.depth,
            min_samples_leaf=max(5, int(settings.leaf_share * len(data.y))),
            max_features=settings.feature_share or "sqrt",
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
