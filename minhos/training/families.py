"""The verbs that every model family has: fit, predict, export.

A new family is one file with a class that has these verbs, and one line in the ensemble's registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from minhos.errors import ConfigError, NightError
from minhos.training.leaks import Seen
from minhos.training.profiles import TrainingProfile, first_problem

__all__ = ["Family", "FamilySettings", "FittedFamily", "Progress", "TrainingData"]

Progress = Callable[[str], None]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainingData:
    """What one fit may see: rows in time order.

    ``x`` float32 [N, F] or [N, steps, C], finite; ``y`` int8 [N] in {0, 1}; ``t0``, ``t1`` int64 UTC us for a fit that
    splits off its own purged tail with ``embargo_us``; ``weight`` float32 [N], positive, mean 1: how much of its label is a
    sample's own (None: all alike).
    """

    x: Float32
    y: npt.NDArray[np.int8]
    t0: npt.NDArray[np.int64]
    t1: npt.NDArray[np.int64]
    embargo_us: int
    weight: Float32 | None = None

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.t0) == len(self.t1):
            raise NightError(
                f"training data: {len(self.x)} inputs, {len(self.y)} labels, {len(self.t0)} t0 and {len(self.t1)} t1; "
                "one of each per sample"
            )
        if self.x.dtype != np.float32:
            raise NightError(f"training data: inputs are {self.x.dtype}, but models take float32")
        if not np.isfinite(self.x).all():
            raise NightError(
                f"training data: {int((~np.isfinite(self.x)).sum())} NaN or infinite inputs; "
                "leave such rows out before training (tree libraries and their ONNX forms treat NaN differently)"
            )
        if self.weight is not None and not (len(self.weight) == len(self.y) and bool((self.weight > 0).all())):
            raise NightError(
                f"training data: {len(self.weight)} weights for {len(self.y)} samples, {int((self.weight > 0).sum())} of "
                "them positive; one positive weight per sample"
            )
        if np.unique(self.y).size < 2:
            raise NightError(
                f"training data: all {len(self.y)} labels are the same; a model needs samples that rise and fall"
            )

    @property
    def weights(self) -> Float32:
        """``weight``, or ones; float32 [N]."""
        return np.ones(len(self.y), dtype=np.float32) if self.weight is None else self.weight

    @property
    def seen(self) -> Seen:
        """What a fit on all of it has seen."""
        return Seen.of(self.t1)


class FamilySettings(BaseModel):
    """What a family may be set to: each family has its own, with defaults for the profile ``quick``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, profile: TrainingProfile, family: str) -> Self:
        """Those of a profile. Raises ConfigError for an unknown setting or an impossible value, naming the known ones."""
        try:
            return cls(**profile.families.get(family, {}))
        except ValidationError as error:
            raise ConfigError(
                f"profile {profile.name}, family {family}: {first_problem(error)}; its settings are "
                f"{', '.join(cls.model_fields)}"
            ) from error


class FittedFamily(Protocol):
    """A trained model."""

    @property
    def seen(self) -> Mapping[str, Seen]:
        """What each fitted part has seen, by name: the model, its scaler, a champion that it started from."""

    def predict_p_up(self, x: Float32) -> Float32:
        """The raw probability of up, float32 [N], computed by the native library."""

    def contributions(self, x: Float32) -> npt.NDArray[np.float64] | None:
        """What each feature adds to each row's log odds, [N, F] (SHAP values); None where the library has none."""

    def to_onnx(self, path: Path) -> float:
        """Write the canonical ONNX file; returns the largest difference to ``predict_p_up`` that was seen."""


class Family(Protocol):
    """One way to learn P(up) from samples."""

    @property
    def name(self) -> str:
        """The member's name in the contract."""

    @property
    def input(self) -> Literal["sequence", "tabular"]:
        """Which array of the samples it takes."""

    def settings(self, profile: TrainingProfile) -> FamilySettings:
        """What it is set to; raises ConfigError for an unknown setting or an impossible value."""

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Settings to try next, from an Optuna trial."""

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: Progress) -> FittedFamily:
        """Learn from ``data`` alone, each sample with its weight; the same data, seed and profile give the same model."""
