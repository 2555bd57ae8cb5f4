"""Gradient boosting by LightGBM (Ke et al. 2017), leaf-wise trees with few leaves.

Trap: LightGBM keeps thresholds in float64, ONNX in float32. A threshold rounded up sends rows that lie between to
the other side (17 % of rows on a threshold, by up to 0.25). Rounding every threshold DOWN to float32 before the
export changes no answer for float32 inputs: no float32 lies between the two.

Second trap: LightGBM predicts |x| <= 1e-35 as zero and puts a bin's edge at -1e-35, so a row exactly on that edge goes
right, where ONNX would go left. Such an edge moves one float32 down: nothing lies between the two but that row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from minhos.capabilities.ensemble.models.fitted import PROOF_ROWS, FittedTrees
from minhos.training.families import FamilySettings, Progress, TrainingData
from minhos.training.onnx_export import CONVERTER_OPSET, canonical
from minhos.training.profiles import TrainingProfile

__all__ = ["LightGbm", "floor_thresholds"]

Float32 = npt.NDArray[np.float32]
_ZERO = np.float32(1e-35)  # LightGBM's kZeroThreshold


def floor_thresholds(text: str) -> str:
    """LightGBM's model text with every threshold rounded down to a float32, written exactly."""
    lines = text.split("\n")
    for k, line in enumerate(lines):
        if line.startswith("threshold="):
            exact = np.array(line.removeprefix("threshold=").split(), dtype=np.float64)
            near = exact.astype(np.float32)
            floored = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
            edge = (floored < 0) & (floored >= -_ZERO)
            floored = np.where(edge, np.nextafter(-_ZERO, np.float32(-np.inf)), floored)
            lines[k] = "threshold=" + " ".join(repr(float(value)) for value in floored)
    return "\n".join(_without_sizes(lines))


def _without_sizes(lines: list[str]) -> list[str]:
    """The header's ``tree_sizes`` count bytes of the text as it was; without the line LightGBM parses the trees."""
    return [line for line in lines if not line.startswith("tree_sizes=")]


class LightGbmSettings(FamilySettings):
    """``leaf_share``: the least rows of a leaf, as a share of the training rows; the rest as the library names it."""

    trees: int = Field(default=120, ge=1)
    learning_rate: float = Field(default=0.05, gt=0.0, le=1.0)
    leaves: int = Field(default=15, ge=2, le=512)
    leaf_share: float = Field(default=0.005, gt=0.0, lt=0.5)
    row_share: float = Field(default=0.8, gt=0.0, le=1.0)
    feature_share: float = Field(default=0.6, gt=0.0, le=1.0)
    l2: float = Field(default=5.0, ge=0.0)


@dataclass(frozen=True)
class LightGbm:
    """The family ``lightgbm``."""

    name: str = "lightgbm"
    input: Literal["sequence", "tabular"] = "tabular"

    def settings(self, profile: TrainingProfile) -> LightGbmSettings:
        """Of this profile."""
        return LightGbmSettings.of(profile, self.name)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Everything but the seed."""
        return {
            "trees": trial.suggest_int("trees", 60, 600, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "leaves": trial.suggest_int("leaves", 4, 64, log=True),
            "leaf_share": trial.suggest_float("leaf_share", 0.001, 0.03, log=True),
            "row_share": trial.suggest_float("row_share", 0.4, 1.0),
            "feature_share": trial.suggest_float("feature_share", 0.2, 1.0),
            "l2": trial.suggest_float("l2", 0.1, 50.0, log=True),
        }

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedTrees:
        """Deterministic for a seed: LightGBM's deterministic mode, histograms built by rows."""
        import lightgbm

        chosen = self.settings(profile)
        progress(f"lightgbm: {chosen.trees} trees on {len(data.y)} samples")
        settings = {
            "objective": "binary",
            "learning_rate": chosen.learning_rate,
            "num_leaves": chosen.leaves,
            "min_data_in_leaf": max(10, int(chosen.leaf_share * len(data.y))),
            "feature_fraction": chosen.feature_share,
            "bagging_fraction": chosen.row_share,
            "bagging_freq": 1,
            "lambda_l2": chosen.l2,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed % 2**31,
            "num_threads": profile.boosting_threads,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(data.x, label=data.y, weight=data.weights)
        booster = lightgbm.train(settings, rows, num_boost_round=chosen.trees)
        width = data.x.shape[1]
        return FittedTrees(
            self.name,
            lambda x: booster.predict(x, num_threads=1),
            lambda: _graph(booster.model_to_string(), width),
            data.x[-PROOF_ROWS:],
            data.seen,
            lambda x: booster.predict(x, num_threads=1, pred_contrib=True)[:, :-1],  # the last column is the base value
        )


def _graph(text: str, width: int) -> Any:
    """By onnxmltools from floored thresholds, canonical; proven against the booster as it was trained."""
    import lightgbm
    from onnxmltools.convert import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    floored = lightgbm.Booster(model_str=floor_thresholds(text))
    inputs = [("x", FloatTensorType([None, width]))]
    raw = convert_lightgbm(floored, initial_types=inputs, target_opset=CONVERTER_OPSET, zipmap=False)
    return canonical(raw, probability=raw.graph.output[1].name, column=1, shape=(width,))
