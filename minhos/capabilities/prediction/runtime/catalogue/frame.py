"""A `Frame`: the columns of some bars, their surroundings, and the series that several features share."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.rolling import (
    FloatArray,
    rolling_ema,
    rolling_mean,
    rolling_std,
    rolling_sum,
    tail,
)
from minhos.capabilities.prediction.runtime.surroundings import Surroundings

__all__ = ["ATR_BARS", "VOLATILITY_BARS", "Frame", "atr", "ratio", "realised_volatility", "root_mean_square"]

ATR_BARS: Final = 14
VOLATILITY_BARS: Final = 24


def ratio(numerator: FloatArray, denominator: FloatArray, when_zero: float) -> FloatArray:
    """``numerator / denominator`` aligned at the end; ``when_zero`` where the denominator is exactly 0."""
    length = min(numerator.shape[-1], denominator.shape[-1])
    above, below = tail(numerator, length), tail(denominator, length)
    zero = below == 0.0
    result: FloatArray = np.where(zero, when_zero, above / np.where(zero, 1.0, below))
    return result


def root_mean_square(x: FloatArray, n: int) -> FloatArray:
    """``sqrt(mean(x^2))`` over ``n`` bars."""
    root: FloatArray = np.sqrt(rolling_mean(x * x, n))
    return root


class Frame:
    """The eight columns of ``bars [..., T, 8]`` (contract order) and the series that several features share.

    ``surroundings`` are those of the same bars; features of prices, volume and flow do without.
    """

    def __init__(self, bars: FloatArray, surroundings: Surroundings | None = None) -> None:
        columns = np.ascontiguousarray(np.moveaxis(bars, -1, 0))
        self.open, self.high, self.low, self.close = columns[0], columns[1], columns[2], columns[3]
        self.volume, self.bid, self.ask, self.trades = columns[4], columns[5], columns[6], columns[7]
        self._surroundings = surroundings

    @property
    def surroundings(self) -> Surroundings:
        """Session and instrument of the bars; ValueError where they were not given."""
        if self._surroundings is None:
            raise ValueError("features of the session and the instrument need the surroundings of their bars")
        return self._surroundings

    @cached_property
    def log_return(self) -> FloatArray:
        """``ln(close[t] / close[t-1])``, ``[..., T-1]``."""
        logs = np.log(self.close)
        moves: FloatArray = logs[..., 1:] - logs[..., :-1]
        return moves

    @cached_property
    def true_range(self) -> FloatArray:
        """Wilder's true range, price units, ``[..., T-1]``."""
        before = self.close[..., :-1]
        reach: FloatArray = np.maximum(self.high[..., 1:], before) - np.minimum(self.low[..., 1:], before)
        return reach

    @cached_property
    def atr(self) -> FloatArray:
        """Simple mean of the true range over 14 bars, price units, ``[..., T-14]``."""
        return rolling_mean(self.true_range, ATR_BARS)

    def in_atr(self, move: FloatArray) -> FloatArray:
        """A move in price units as a multiple of the ATR; 0 where the ATR is."""
        return ratio(move, self.atr, 0.0)

    @cached_property
    def volatility(self) -> FloatArray:
        """Realised volatility over 24 returns, per bar, ``[..., T-24]``."""
        return root_mean_square(self.log_return, VOLATILITY_BARS)

    @cached_property
    def direction(self) -> FloatArray:
        """Wilder's directional index of 14 bars with its sign, -1..1, ``[..., T-14]``; 0 where nothing moved.

        The sums of directional movement stand for Wilder's smoothing; the true range cancels. An outside bar that reaches
        as far up as down counts for neither: what rounding makes of such a tie (1e-10 of the price) decides nothing.
        """
        up = self.high[..., 1:] - self.high[..., :-1]
        down = self.low[..., :-1] - self.low[..., 1:]
        tie = 1e-10 * self.high[..., 1:]
        plus = rolling_sum(np.where((up - down > tie) & (up > 0.0), up, 0.0), ATR_BARS)
        minus = rolling_sum(np.where((down - up > tie) & (down > 0.0), down, 0.0), ATR_BARS)
        return ratio(plus - minus, plus + minus, 0.0)

    @cached_property
    def adx(self) -> FloatArray:
        """Mean of the directional index's size over 14 bars, 0..1, ``[..., T-27]``."""
        return rolling_mean(np.abs(self.direction), ATR_BARS)

    @cached_property
    def close_moments_20(self) -> tuple[FloatArray, FloatArray]:
        """Mean and population standard deviation of 20 closes, price units, ``[..., T-19]``."""
        return rolling_std(self.close, 20)

    @cached_property
    def macd(self) -> FloatArray:
        """EMA12 on 24 closes less EMA26 on 48 closes, price units, ``[..., T-47]``."""
        slow = rolling_ema(self.close, 48, 26)
        return tail(rolling_ema(self.close, 24, 12), slow.shape[-1]) - slow

    @cached_property
    def log_reach(self) -> FloatArray:
        """``ln(high / low)``, ``[..., T]``."""
        reach: FloatArray = np.log(self.high / self.low)
        return reach

    @cached_property
    def delta(self) -> FloatArray:
        """Volume at the ask less volume at the bid, ``[..., T]``."""
        delta: FloatArray = self.ask - self.bid
        return delta

    @cached_property
    def sided(self) -> FloatArray:
        """Volume whose side is known, ``[..., T]``."""
        sided: FloatArray = self.ask + self.bid
        return sided

    @cached_property
    def imbalance(self) -> FloatArray:
        """Order-flow imbalance of each bar, -1..1, ``[..., T]``; 0 where nothing traded."""
        return ratio(self.delta, self.sided, 0.0)


def atr(bars: FloatArray) -> FloatArray:
    """Average true range (simple mean over 14 bars), price units, ``bars [..., T, 8] -> [..., T-14]``."""
    return Frame(bars).atr


def realised_volatility(bars: FloatArray) -> FloatArray:
    """Root mean square of the last 24 log returns, per bar, ``bars [..., T, 8] -> [..., T-24]``."""
    return Frame(bars).volatility
