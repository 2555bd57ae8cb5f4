"""Traditional signals: trend, momentum, mean reversion, breakout, and one score of them. Nothing is learned here.

The control arm of what is learned, and what a client falls back to. Prices only, so any source has them. A signal lies in
-1..1 (1: up), is 0 where nothing moves, is unchanged when all prices are multiplied by a constant, and at bar t reads the
last ``lookback`` bars up to t. Bars must be sound (`windows.bad_bars`): the caller refuses the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.runtime.catalogue import VOLATILITY_BARS, Frame, ratio
from minhos.capabilities.prediction.runtime.rolling import (
    FloatArray,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_sum,
    tail,
)

__all__ = [
    "TRADITIONAL",
    "TRADITIONAL_LOOKBACK",
    "TraditionalScores",
    "TraditionalSignal",
    "traditional",
    "traditional_history",
]

_CHANNEL_BARS: Final = 20
_FADE_BARS: Final = 12
_QUIET, _DIRECTED = 0.15, 0.35


@dataclass(frozen=True)
class TraditionalSignal:
    """One signal: ``compute`` returns ``[..., T - lookback + 1]`` or more, aligned at the end, each value in -1..1."""

    name: str
    lookback: int
    source: str
    compute: Callable[[Frame], FloatArray]


@dataclass(frozen=True, eq=False)
class TraditionalScores:
    """``scores`` float64 [N, 4] in the order of `TRADITIONAL`; ``combined`` float64 [N]; all in -1..1."""

    scores: FloatArray
    combined: FloatArray


def _trend(f: Frame) -> FloatArray:
    slow = rolling_mean(f.close, 50)
    return np.tanh(f.in_atr(tail(rolling_mean(f.close, 10), slow.shape[-1]) - slow) / 2.0)


def _momentum(f: Frame) -> FloatArray:
    n = VOLATILITY_BARS
    return np.tanh(ratio(rolling_sum(f.log_return, n), f.volatility * np.sqrt(n), 0.0))


def _mean_reversion(f: Frame) -> FloatArray:
    mean, deviation = f.close_moments_20
    return -np.clip(ratio(tail(f.close, mean.shape[-1]) - mean, 2.0 * deviation, 0.0), -1.0, 1.0)


def _breakout(f: Frame) -> FloatArray:
    close = f.close[..., _CHANNEL_BARS:]
    above = close > rolling_max(f.high, _CHANNEL_BARS)[..., :-1]
    below = close < rolling_min(f.low, _CHANNEL_BARS)[..., :-1]
    return _newest(above) - _newest(below)


def _newest(event: npt.NDArray[np.bool_]) -> FloatArray:
    """1 at an event, less by 1/12 with each bar since the newest one; 0 where there was none in 12 bars."""
    length = event.shape[-1] - _FADE_BARS + 1
    strength = np.zeros((*event.shape[:-1], length))
    for age in range(_FADE_BARS):
        first = _FADE_BARS - 1 - age
        np.maximum(strength, event[..., first : first + length] * (1.0 - age / _FADE_BARS), out=strength)
    return strength


TRADITIONAL: Final = (
    TraditionalSignal(
        "trend", 50, "tanh((SMA10-SMA50)/(2 ATR14)); crossing averages, Brock, Lakonishok and LeBaron 1992", _trend
    ),
    TraditionalSignal(
        "momentum",
        VOLATILITY_BARS + 1,
        "tanh(sum r/(volatility24 sqrt 24)); time series momentum, Moskowitz, Ooi and Pedersen 2012",
        _momentum,
    ),
    TraditionalSignal(
        "mean_reversion", 20, "-(c-mean)/(2 std) of 20 closes, cut at -1 and 1; Bollinger 2001", _mean_reversion
    ),
    TraditionalSignal(
        "breakout",
        _CHANNEL_BARS + _FADE_BARS,
        "close beyond the channel of the 20 bars before, fading over 12 bars; Donchian's channel",
        _breakout,
    ),
)

TRADITIONAL_LOOKBACK: Final = max(signal.lookback for signal in TRADITIONAL)


def _combined(scores: FloatArray, adx: FloatArray) -> FloatArray:
    """Trend, momentum and breakout with equal weights where the market has a direction, mean reversion where it has none.

    The ADX tells which (Wilder 1978: a trend above 0.25): all of the one from 0.35 on, all of the other up to 0.15.
    """
    directed = np.clip((adx - _QUIET) / (_DIRECTED - _QUIET), 0.0, 1.0)
    trend, momentum, reversion, breakout = np.moveaxis(scores, -1, 0)
    together: FloatArray = directed * (trend + momentum + breakout) / 3.0 + (1.0 - directed) * reversion
    return together


def _all(bars: FloatArray) -> tuple[FloatArray, FloatArray]:
    length = bars.shape[-2] - TRADITIONAL_LOOKBACK + 1
    if length < 1:
        raise ValueError(f"traditional signals need {TRADITIONAL_LOOKBACK} bars, got {bars.shape[-2]}")
    frame = Frame(bars)
    scores = np.stack([tail(signal.compute(frame), length) for signal in TRADITIONAL], axis=-1)
    return scores, _combined(scores, tail(frame.adx, length))


def traditional(bars: FloatArray) -> TraditionalScores:
    """Scores at the last bar of each window: ``bars`` float64 [B, W, 8], contract columns, oldest first -> N = B.

    Raises ValueError for windows shorter than `TRADITIONAL_LOOKBACK`.
    """
    scores, combined = _all(bars[:, -TRADITIONAL_LOOKBACK:])
    return TraditionalScores(scores[:, -1], combined[:, -1])


def traditional_history(bars: FloatArray) -> TraditionalScores:
    """Scores at every bar of a history: ``bars`` [T, 8] -> N = T - `TRADITIONAL_LOOKBACK` + 1, the last is bar T-1's.

    Row by row the same bits as `traditional` on the window that ends there.
    """
    return TraditionalScores(*_all(bars))
