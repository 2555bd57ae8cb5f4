"""Gradient boosting by XGBoost (Chen and Guestrin 2016), histogram trees, shallow and slow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from minhos.training.families import Progress, TrainingData
from minhos.training.onnx_export import prove, write_model
from minhos.training.profiles import TrainingProfile
from minhos.training.xgboost_onnx import xgboost_graph

__all__ = ["XGBoost"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FittedXGBoost:
    """A fitted classifier and rows to prove its export on."""

    model: Any
    proof_rows: Float32

    def predict_p_up(self, x: Float32) -> Float32:
        """P(up) float32 [N]."""
        probability: Float32 = self.model.predict_proba(x)[:, 1].astype(np.float32)
        return probability

    def to_onnx(self, path: Path) -> float:
        """Write by onnxmltools, canonical; returns the parity gap."""
        model = xgboost_graph(self.model, self.proof_rows.shape[1])
        gap = prove(model, self.predict_p_up, self.proof_rows, name="xgboost")
        write_model(model, path)
        return gap


@dataclass(frozen=True)
class XGBoost:
    """The family ``xgboost``."""

    name: str = "xgboost"
    input: Literal["sequence", "tabular"] = "tabular"

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedXGBoost:
        """Deterministic for a seed and a number of threads."""
        from xgboost import XGBClassifier

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
        model.fit(data.x, data.y)
        return FittedXGBoost(model, data.x[-512:])
