"""Gradient boosting by XGBoost (Chen and Guestrin 2016), histogram trees, shallow and slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from minhos.capabilities.ensemble.models.fitted import PROOF_ROWS, FittedTrees, p_of_up
from minhos.training.families import FamilySettings, Progress, TrainingData
from minhos.training.profiles import TrainingProfile
from minhos.training.xgboost_onnx import xgboost_graph

__all__ = ["XGBoost"]

Float32 = npt.NDArray[np.float32]


class XGBoostSettings(FamilySettings):
    """As the library names them; ``row_share`` and ``feature_share`` of each tree, ``l2`` on the leaves."""

    trees: int = Field(default=120, ge=1)
    learning_rate: float = Field(default=0.05, gt=0.0, le=1.0)
    depth: int = Field(default=4, ge=1, le=16)
    min_child_weight: float = Field(default=20.0, ge=0.0)
    row_share: float = Field(default=0.8, gt=0.0, le=1.0)
    feature_share: float = Field(default=0.6, gt=0.0, le=1.0)
    l2: float = Field(default=5.0, ge=0.0)


@dataclass(frozen=True)
class XGBoost:
    """The family ``xgboost``."""

    name: str = "xgboost"
    input: Literal["sequence", "tabular"] = "tabular"

    def settings(self, profile: TrainingProfile) -> XGBoostSettings:
        """Of this profile."""
        return XGBoostSettings.of(profile, self.name)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Everything but the seed."""
        return {
            "trees": trial.suggest_int("trees", 60, 600, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "depth": trial.suggest_int("depth", 2, 8),
            "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 200.0, log=True),
            "row_share": trial.suggest_float("row_share", 0.4, 1.0),
            "feature_share": trial.suggest_float("feature_share", 0.2, 1.0),
            "l2": trial.suggest_float("l2", 0.1, 50.0, log=True),
        }

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedTrees:
        """Deterministic for a seed and a number of threads."""
        from xgboost import DMatrix, XGBClassifier

        settings = self.settings(profile)
        progress(f"xgboost: {settings.trees} trees on {len(data.y)} samples")
        model = XGBClassifier(
            n_estimators=settings.trees,
            max_depth=settings.depth,
            learning_rate=settings.learning_rate,
            min_child_weight=settings.min_child_weight,
            subsample=settings.row_share,
            colsample_bytree=settings.feature_share,
            reg_lambda=settings.l2,
            tree_method="hist",
            random_state=seed,
            n_jobs=profile.boosting_threads,
        )
        model.fit(data.x, data.y, sample_weight=data.weights)
        width = data.x.shape[1]

        def shap(x: Float32) -> npt.NDArray[np.float32]:
            found: npt.NDArray[np.float32] = model.get_booster().predict(DMatrix(x, nthread=1), pred_contribs=True)
            return found[:, :-1]  # the last column is the base value

        return FittedTrees(
            self.name,
            p_of_up(model),
            lambda: xgboost_graph(model, width),
            data.x[-PROOF_ROWS:],
            data.seen,
            shap,
        )
