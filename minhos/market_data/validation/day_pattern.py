"""The pattern of an instrument's day: how busy each of its slots usually is.

A slot is one bar's place in the local day of the exchange, so that summer time moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.instruments import Instrument
from minhos.market_data.timeframes import DAY_SECONDS
from minhos.market_data.validation.bar_arrays import BarArrays, column, has

__all__ = ["DayPattern", "day_pattern", "mean_of", "slots"]

_LEAST_SESSIONS: Final = 10
_LEAST_SLOTS: Final = 6
_LONGEST: Final = 4 * 3600
_HOUR: Final = 3600

Floats = npt.NDArray[np.float64]


def slots(bars: BarArrays, instrument: Instrument) -> npt.NDArray[np.int64]:
    """The place of each bar in its local day, int64 [T]: the bar that ends at 00:05 of a five-minute series is 0."""
    import pandas as pd

    moments = pd.to_datetime(bars.bar_end - 1, unit="us", utc=True).tz_convert(instrument.session.zone)
    seconds = (moments.hour * 3600 + moments.minute * 60 + moments.second).to_numpy()
    place: npt.NDArray[np.int64] = (seconds // bars.timeframe_seconds).astype(np.int64)
    return place


@dataclass(frozen=True)
class DayPattern:
    """`usual` float64 [K]: the median activity of each slot over all sessions, NaN for one without bars. `activity` float64
    [S, K]: of each session, NaN where it has no bar. `session` int64 [T], `slot` int64 [T]: each bar's place in them.
    Activity: log(1 + volume / median volume); of a source without volume, of the range.
    """

    usual: Floats
    activity: Floats
    session: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]
    timeframe_seconds: int

    def residual(self) -> Floats:
        """Each bar's activity less that of its slot and of its session, float64 [T]; robust: medians both."""
        above = self.activity - self.usual
        level = np.nanmedian(above, axis=1, keepdims=True)
        inside: Floats = (above - level)[self.session, self.slot]
        return inside

    def correlation(self, hours_later: int) -> Floats:
        """Of each session's activity with the usual one moved `hours_later`, float64 [S]; NaN where too few slots meet."""
        moved = np.roll(self.usual, hours_later * _HOUR // self.timeframe_seconds)
        both = np.isfinite(self.activity) & np.isfinite(moved)
        count = both.sum(axis=1)
        activity = np.where(both, self.activity, 0.0)
        other = np.where(both, moved, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean, other_mean = activity.sum(axis=1) / count, other.sum(axis=1) / count
            product = (activity * other).sum(axis=1) / count - mean * other_mean
            scale = np.sqrt(
                ((activity**2).sum(axis=1) / count - mean**2) * ((other**2).sum(axis=1) / count - other_mean**2)
            )
            return np.where(
                (count >= _LEAST_SLOTS) & (scale > 1e-12), product / np.where(scale > 0, scale, 1.0), np.nan
            )


def day_pattern(
    bars: BarArrays, instrument: Instrument, dates: npt.NDArray[np.datetime64], usable: npt.NDArray[np.bool_]
) -> DayPattern | None:
    """The pattern of the bars; None for bars longer than four hours, and with fewer than ten sessions or six slots.

    `dates` [T]: trading dates. `usable` bool [T]: rows to learn from.
    """
    if bars.timeframe_seconds > _LONGEST or DAY_SECONDS % bars.timeframe_seconds:
        return None
    _, session = np.unique(dates, return_inverse=True)
    slot = slots(bars, instrument)
    amount = column(bars, "volume") if has(bars, "volume") else column(bars, "high") - column(bars, "low")
    amount = np.maximum(amount, 0.0)
    positive = amount[usable & (amount > 0)]
    activity = np.log1p(amount / (np.median(positive) if len(positive) else 1.0))
    matrix = np.full((int(session.max()) + 1, DAY_SECONDS // bars.timeframe_seconds), np.nan)
    rows = usable & np.isfinite(activity)
    matrix[session[rows], slot[rows]] = activity[rows]
    seen = np.isfinite(matrix).sum(axis=0)
    if len(matrix) < _LEAST_SESSIONS or np.count_nonzero(seen) < _LEAST_SLOTS:
        return None
    usual = _median(matrix)
    usual[seen < max(2, len(matrix) // 20)] = np.nan
    return DayPattern(usual, matrix, session, slot, bars.timeframe_seconds)


def mean_of(activity: Floats, block: npt.NDArray[np.int64]) -> Floats:
    """The mean activity of each block of sessions, float64 [B, K]; NaN for a slot in which none has a bar."""
    known = np.isfinite(activity)
    total, count = (np.zeros((int(block.max()) + 1, activity.shape[1])) for _ in range(2))
    np.add.at(total, block, np.where(known, activity, 0.0))
    np.add.at(count, block, known)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(count > 0, total / count, np.nan)
    return mean


def _median(activity: Floats) -> Floats:
    """The median of each slot, NaN for one without any bar (of which NumPy would warn)."""
    usual = np.full(activity.shape[1], np.nan)
    some = np.isfinite(activity).any(axis=0)
    usual[some] = np.nanmedian(activity[:, some], axis=0)
    return usual
