"""How far each bar moves, in units of its own local noise.

The noise around a bar (201 bars, centred): the median absolute change of the closes as a standard deviation (median /
0.6745), at least one tick. It follows the volatility and ignores dirt. Where every other bar lies on another price level,
all changes are dirt; so it is at most twice what the bars' own ranges say (median range / 1.6: the expected range of
a Brownian path is 1.6 times its deviation, Parkinson 1980), which know no level. Of thin markets and of settlements a range
says too little for more. Arithmetic changes, not logarithms: prices may be zero or negative (crude oil, 2020-04-20).

Inside a session a bar opens where the last one closed, within a tick or two: of real five-minute and hourly bars at hand
all but one open within 5.4 times the noise (the pound, on the night of the 2017 election: 21). Between sessions the market
moves without a trade, by as much as 63 times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.timeframes import DAY_SECONDS
from minhos.market_data.validation.bar_arrays import BarArrays

__all__ = ["LEAST_BARS", "Moves", "local_noise", "moves"]

LEAST_BARS: Final = 10
"""Fewer bars have no noise to speak of."""
_NOISE_BARS: Final = 201
_NORMAL_TO_MEDIAN: Final = 0.6745
_RANGE_TO_DEVIATION: Final = 1.6
_MOST_RANGES: Final = 2.0
_RANGED: Final = 0.9
_ADJACENT: Final = 1.01

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moves:
    """Everything float64 [T], in units of the local noise but for `noise` (price units) and `gap` (price units, signed).

    `gap`: open less the last close. `inside`: of an intraday bar that follows the last one at once, else NaN. `across`: of
    one after a break (of daily bars: every one), by the square root of the bars that the break is long, else NaN. `move`:
    the furthest of close, high and low from the last close, by the same root. `spike`: out and back within a bar. `wick`:
    high or low beyond open and close.
    """

    noise: Floats
    gap: Floats
    inside: Floats
    across: Floats
    move: Floats
    spike: Floats
    wick: Floats


def local_noise(highs: Floats, lows: Floats, closes: Floats, *, tick_size: float) -> Floats:
    """The noise around each bar, price units, float64 [T]; prices float64 [T] each."""
    import pandas as pd

    def median(values: Floats) -> Floats:
        rolled = pd.Series(values).rolling(_NOISE_BARS, center=True, min_periods=LEAST_BARS // 2).median()
        return rolled.to_numpy(dtype=np.float64)

    change = median(np.abs(np.concatenate(([0.0], np.diff(closes))))) / _NORMAL_TO_MEDIAN
    if np.mean(highs > lows) >= _RANGED:
        change = np.fmin(change, _MOST_RANGES * median(highs - lows) / _RANGE_TO_DEVIATION)
    return np.fmax(change, tick_size)


def moves(bars: BarArrays, *, tick_size: float) -> Moves:
    """Measure the bars; prices that are not finite give NaN."""
    prices = np.where(np.isfinite(bars.values[:, :4]), bars.values[:, :4], np.nan)
    opens, highs, lows, closes = prices.T
    noise = local_noise(highs, lows, closes, tick_size=tick_size)
    steps = np.concatenate(([1.0], np.diff(bars.bar_end) / (bars.timeframe_seconds * 1e6)))
    root = np.sqrt(np.maximum(steps, 1.0))
    previous = np.concatenate((closes[:1], closes[:-1]))
    gap = opens - previous
    gap[:1] = 0.0
    change = closes - previous
    following = np.concatenate((change[1:], [0.0]))
    reach = np.fmax(np.abs(change), np.fmax(np.abs(highs - previous), np.abs(lows - previous)))
    returned = np.where(change * following < 0, np.minimum(np.abs(change), np.abs(following)), 0.0)
    adjacent = (steps < _ADJACENT) & (bars.timeframe_seconds < DAY_SECONDS)
    size = np.abs(gap) / noise
    return Moves(
        noise=noise,
        gap=gap,
        inside=np.where(adjacent, size, np.nan),
        across=np.where(adjacent, np.nan, size / root),
        move=reach / noise / root,
        spike=returned / noise,
        wick=np.maximum(highs - np.maximum(opens, closes), np.minimum(opens, closes) - lows) / noise,
    )
