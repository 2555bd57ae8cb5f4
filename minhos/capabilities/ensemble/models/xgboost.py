"""Gradient boosting by XGBoost (Chen and Guestrin 2016), histogram trees, shallow and slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.models.fitted import PROOF_ROWS, FittedTrees, p_of_up
from minhos.training.families import Progress, TrainingData
from minhos.training.profiles import TrainingProfile
from minhos.training.xgboost_onnx import xgboost_graph

__all__ = ["XGBoost"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class XGBoost:
    """The family ``xgboost``."""

    name: str = "xgboost"
    input: Literal["sequence", "tabular"] = "tabular"

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedTrees:
        """Deterministic for a seed and a number of threads."""
        from xgboost import DMatrix, XGBClassifier

        progress(f"xgboost: {profile.trees.xgboost} trees on {len(data.y)} samples")
        model = XGBClassifier(
            n_estimators=profile.trees.xgboost,
            max_depth=4,
            learning_rate=0.05,
            min_child_weight=20,
            subsample=0.8,
            colsample_bytree=0.6,
            reg_lambda=5.0,
            tree_method="hist",
            random_state=seed,
            n_jobs=profile.trees.boosting_threads,
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
