"""Volumes: signs, sums, sizes, and what a source always keeps and so must keep everywhere."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.validation.bar_arrays import BarArrays, column, has
from minhos.market_data.validation.day_pattern import DayPattern

__all__ = ["always", "busy", "flow_gap", "moved_without_volume", "trades_over_volume", "volume_surprise"]

_ALWAYS: Final = 0.9
_LOCAL_BARS: Final = 201
_MANY_TRADES: Final = 30
_FLAT_IN_SLOT: Final = 0.02
_FLAT_IN_ALL: Final = 0.005

Floats = npt.NDArray[np.float64]


def flow_gap(bars: BarArrays) -> Floats:
    """|bid + ask - volume| / volume of each bar, float64 [T]."""
    volume, bid, ask = (column(bars, name) for name in ("volume", "bid_volume", "ask_volume"))
    gap: Floats = np.abs(bid + ask - volume) / np.maximum(np.abs(volume), 1.0)
    return gap


def moved_without_volume(bars: BarArrays) -> Floats:
    """1 for a bar that has a range and no volume, float64 [T]."""
    moved: Floats = np.where((column(bars, "high") > column(bars, "low")) & (column(bars, "volume") == 0), 1.0, 0.0)
    return moved


def trades_over_volume(bars: BarArrays) -> Floats:
    """1 for a bar with more trades than contracts, float64 [T]: a trade is of one contract at least."""
    excess: Floats = np.where(column(bars, "trades") > column(bars, "volume"), 1.0, 0.0)
    return excess


def busy(bars: BarArrays, slot: npt.NDArray[np.int64], *, in_contracts: bool) -> npt.NDArray[np.bool_] | None:
    """Bars between which no bar can be missing by chance, bool [T]: this one and the one before have many trades.

    A bar in which nobody trades has no row; where trades come by the dozen in one bar, that none comes in the next has a
    probability of exp(-30). Trades are counted, or the contracts of a future (`in_contracts`). A source that has neither is
    known by its flat bars (`_never_single`). `slot` int64 [T]: each bar's place in the day. None: it cannot be told.
    """
    name = "trades" if has(bars, "trades") else "volume"
    if has(bars, name) and (name == "trades" or in_contracts):
        many = column(bars, name) >= _MANY_TRADES
    else:
        many = _never_single(bars, slot)
    if not many.any():
        return None
    both: npt.NDArray[np.bool_] = many & np.concatenate(([False], many[:-1]))
    return both


def _never_single(bars: BarArrays, slot: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Bars of times of the day whose bars have many trades, bool [T], told without a count of them.

    One trade alone makes a bar without a range. By Poisson's law with mean m the share of single trades among bars that
    are there is m / (exp(m) - 1): where under 0.5 % of the bars are flat, m > 7, and that nobody trades has a probability
    under 0.1 %.
    """
    flat = column(bars, "high") == column(bars, "low")
    count = np.bincount(slot)
    share = np.bincount(slot, weights=flat) / np.maximum(count, 1)
    moving: npt.NDArray[np.bool_] = (share <= _FLAT_IN_SLOT)[slot]
    seen = int(np.count_nonzero(moving))
    flats = int(np.count_nonzero(flat & moving))
    if seen == 0 or (flats + 1) / (seen + 2) > _FLAT_IN_ALL:
        return np.zeros(len(flat), dtype=np.bool_)
    return moving


def volume_surprise(bars: BarArrays, pattern: DayPattern | None) -> Floats:
    """By what power of e a bar's volume is beyond what its place in the day and its neighbours have, float64 [T].

    NaN for bars without a trade. Without a pattern of the day, against the neighbours alone.
    """
    import pandas as pd

    volume = np.maximum(column(bars, "volume"), 0.0)
    if pattern is not None and has(bars, "volume"):
        surprise = pattern.residual()
    else:
        level = np.log1p(volume)
        surprise = level - pd.Series(level).rolling(_LOCAL_BARS, center=True, min_periods=1).median().to_numpy()
    return np.where(volume > 0, surprise, np.nan)


def always(broken: Floats) -> bool:
    """Whether a source keeps something: in 90 % of its bars. What it often breaks is no rule of this source."""
    known = broken[np.isfinite(broken)]
    return len(known) > 0 and float(np.mean(known <= 0)) >= _ALWAYS
