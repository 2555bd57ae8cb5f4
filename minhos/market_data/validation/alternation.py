"""Bars of two sources taking turns: gaps that change their sign for longer than chance does.

A bar opens near the last close, above or below it with like odds. Where every other bar is of another contract or basis,
each gap undoes the one before it; a small basis hides in the noise bar by bar, but not in their order.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.validation.tails import run_beyond

__all__ = ["alternating_runs"]

_LEAST_TICKS: Final = 4
"""A gap of a few ticks is the bounce between bid and ask."""
_FLOOR: Final = 8
_CHANCE: Final = 0.55
"""Signs of independent gaps alternate with a probability of 1/2; those of clean real bars at hand with 0.484 at most."""

Floats = npt.NDArray[np.float64]


def alternating_runs(gap: Floats, *, tick_size: float, false_alarms: float) -> list[tuple[int, int]]:
    """Runs of rows whose gaps alternate in sign for longer than chance allows, as (first row, row after the last).

    `gap` float64 [T], price units: open less the last close.
    """
    large = np.abs(gap) >= _LEAST_TICKS * tick_size
    turns = np.zeros(len(gap), dtype=np.bool_)
    turns[1:] = large[1:] & large[:-1] & (gap[1:] * gap[:-1] < 0)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], turns.astype(np.int8), [0]))))
    starts, stops = edges[::2], edges[1::2]
    if len(starts) == 0:
        return []
    allowed = max(_FLOOR, run_beyond(_CHANCE, len(starts), false_alarms=false_alarms))
    # `turns` begins with the second gap of a run: its first gap is the row before
    return [(int(first) - 1, int(stop)) for first, stop in zip(starts, stops, strict=True) if stop - first > allowed]
