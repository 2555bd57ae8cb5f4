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
from pydantic import Field

from minhos.capabilities.ensemble.models.fitted import PROOF_ROWS, FittedTrees, p_of_up
from minhos.training.families import FamilySettings, Progress, TrainingData
from minhos.training.onnx_export import canonical
from minhos.training.profiles import TrainingProfile

__all__ = ["CatBoost"]

Float32 = npt.NDArray[np.float32]


class CatBoostSettings(FamilySettings):
    """As the library names them; ``l2`` on the leaves."""

    trees: int = Field(default=150, ge=1)
    learning_rate: float = Field(default=0.05, gt=0.0, le=1.0)
    depth: int = Field(default=5, ge=1, le=12)
    l2: float = Field(default=5.0, ge=0.0)


@dataclass(frozen=True)
class CatBoost:
    """The family ``catboost``."""

    name: str = "catboost"
    input: Literal["sequence", "tabular"] = "tabular"

    def settings(self, profile: TrainingProfile) -> CatBoostSettings:
        """Of this profile."""
        return CatBoostSettings.of(profile, self.name)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Everything but the seed."""
        return {
            "trees": trial.suggest_int("trees", 80, 800, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "depth": trial.suggest_int("depth", 3, 8),
            "l2": trial.suggest_float("l2", 0.5, 50.0, log=True),
        }

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedTrees:
        """Deterministic for a seed and a number of threads; writes no training folder."""
        from catboost import CatBoostClassifier, Pool

        settings = self.settings(profile)
        progress(f"catboost: {settings.trees} trees on {len(data.y)} samples")
        model = CatBoostClassifier(
            iterations=settings.trees,
            depth=settings.depth,
            learning_rate=settings.learning_rate,
            l2_leaf_reg=settings.l2,
            random_seed=seed % 2**31,
            thread_count=profile.boosting_threads,
            allow_writing_files=False,
            verbose=False,
        )
        model.fit(data.x, data.y, sample_weight=data.weights)
        width = data.x.shape[1]
        native = p_of_up(model, thread_count=1)
        return FittedTrees(
            self.name,
            native,
            lambda: _graph(model, width),
            data.x[-PROOF_ROWS:],
            data.seen,
            # the last column is the base value
            lambda x: model.get_feature_importance(Pool(x), type="ShapValues", thread_count=1)[:, :-1],
        )


def _graph(model: Any, width: int) -> Any:
    """By CatBoost's own exporter, its ZipMap left out, canonical."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "catboost.onnx"
        model.save_model(str(exported), format="onnx")
        raw = onnx.load(str(exported))
    trees = next(node for node in raw.graph.node if node.op_type == "TreeEnsembleClassifier")
    return canonical(raw, probability=trees.output[1], column=1, shape=(width,))
