"""How members become one probability: sizes of the calibration tables, the stacker's prior, the win model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from minhos.capabilities.position_sizing.api import WinSettings

__all__ = ["EnsembleSettings"]


class EnsembleSettings(BaseModel):
    """Frozen, unknown fields refused. Sample counts are effective ones (rows / overlap of their labels).

    ``stacking_ridge`` is the precision, in effective samples, of the prior that every member weighs 1 / members;
    ``regime_ridges`` are those, to choose from, of the prior that a member weighs the same in every regime.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_knots: int = Field(default=8, ge=2)
    samples_per_knot: int = Field(default=40, ge=1)
    prior_samples: float = Field(default=20.0, ge=0.0)
    stacking_ridge: float = Field(default=5.0, gt=0.0)
    regime_ridges: tuple[float, ...] = (3.0, 30.0)
    win: WinSettings = WinSettings()
