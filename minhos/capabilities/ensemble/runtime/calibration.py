"""Calibration tables: isotonic knots of a probability with its interval, for members, ensemble and win probability.

The tables are fitted at night and travel in ``parameters.json``; here they are only applied, by linear interpolation
between knots and flat beyond the ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["PROBABILITY_FLOOR", "FloatArray", "Knots", "WinTable", "apply_isotonic", "interval_of"]

FloatArray = npt.NDArray[np.float64]

PROBABILITY_FLOOR: Final = 1e-3
"""No calibrated probability is nearer to 0 or 1: isotonic steps of 0 or 1 rest on few samples, and their logits would
drown every other member."""


def _table(values: object, name: str, *, rising: bool, low: float = 0.0, high: float = 1.0) -> FloatArray:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 1 or table.size == 0 or not np.isfinite(table).all():
        raise ValueError(f"{name} must be a list of at least one finite number")
    if table.min() < low or table.max() > high:
        raise ValueError(f"{name} must lie in {low}..{high}, got {table.min()}..{table.max()}")
    steps = np.diff(table)
    if (steps <= 0).any() if rising else (steps < 0).any():
        raise ValueError(f"{name} must be {'strictly rising' if rising else 'monotone (never falling)'}")
    table.flags.writeable = False
    return table


def _same_length(**tables: FloatArray) -> None:
    lengths = {name: table.size for name, table in tables.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"knots must have the same number of values, got {lengths}")


@dataclass(frozen=True, eq=False)
class Knots:
    """Calibration knots: ``x`` strictly rising in 0..1; ``low <= point <= high``, each never falling in 0..1; one length.

    ``low`` and ``high`` are the Venn-Abers pair: the calibrated probability with one more observation there, lost or won.
    """

    x: FloatArray
    low: FloatArray
    point: FloatArray
    high: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", _table(self.x, "x", rising=True))
        for name in ("low", "point", "high"):
            object.__setattr__(self, name, _table(getattr(self, name), name, rising=False))
        _same_length(x=self.x, low=self.low, point=self.point, high=self.high)
        if (self.low > self.point).any() or (self.point > self.high).any():
            raise ValueError("low <= point <= high must hold at every knot")


@dataclass(frozen=True, eq=False)
class WinTable(Knots):
    """Knots of the raw win score -> win probability; ``samples`` behind it, ``min_samples`` wanted.

    ``low`` and ``high`` hold the Venn-Abers pair and a 90 % interval for chance.
    """

    samples: int
    min_samples: int

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("samples", "min_samples"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} must be a whole number >= 0, got {value!r}")

    @property
    def few_samples(self) -> bool:
        """Whether the table rests on fewer samples than wanted."""
        return self.samples < self.min_samples


def apply_isotonic(x: FloatArray, knots: Knots) -> FloatArray:
    """Calibrated probabilities, same shape as ``x``, kept `PROBABILITY_FLOOR` away from 0 and 1. NaN stays NaN."""
    result: FloatArray = np.clip(np.interp(x, knots.x, knots.point), PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
    return result


def interval_of(x: FloatArray, knots: Knots) -> FloatArray:
    """Low, point and high probability: ``x [B] -> [B, 3]``, each in 0..1 and in this order."""
    return np.stack([np.interp(x, knots.x, part) for part in (knots.low, knots.point, knots.high)], axis=-1)
