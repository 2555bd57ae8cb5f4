"""The catalogue: each feature declared once, with its lookback, the columns it needs and the source of its formula.

A feature is a function of a `Frame` (the columns of ``bars [..., T, 8]`` and what several features share). It returns
``[..., T - lookback + 1]`` aligned at the end: its last element belongs to the last bar. Prices enter as ratios only, so
every feature is unchanged when all prices (or all volumes) are multiplied by a constant. What is undefined on a flat
or empty bar has a stated neutral value; a finite, positive input never gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.rolling import (
    FloatArray,
    rolling_ema,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_std,
    rolling_sum,
    tail,
)

__all__ = [
    "ATR_BARS",
    "CATALOGUE",
    "VOLATILITY_BARS",
    "Feature",
    "Frame",
    "atr",
    "ratio",
    "realised_volatility",
]

ATR_BARS: Final = 14
VOLATILITY_BARS: Final = 24


def ratio(numerator: FloatArray, denominator: FloatArray, when_zero: float) -> FloatArray:
    """``numerator / denominator`` aligned at the end; ``when_zero`` where the denominator is exactly 0."""
    length = min(numerator.shape[-1], denominator.shape[-1])
    above, below = tail(numerator, length), tail(denominator, length)
    zero = below == 0.0
    result: FloatArray = np.where(zero, when_zero, above / np.where(zero, 1.0, below))
    return result


class Frame:
    """The eight columns of ``bars [..., T, 8]`` (contract order) and the series that several features share."""

    def __init__(self, bars: FloatArray) -> None:
        columns = np.ascontiguousarray(np.moveaxis(bars, -1, 0))
        self.open, self.high, self.low, self.close = columns[0], columns[1], columns[2], columns[3]
        self.volume, self.bid, self.ask, self.trades = columns[4], columns[5], columns[6], columns[7]

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

    @cached_property
    def volatility(self) -> FloatArray:
        """Realised volatility over 24 returns, per bar, ``[..., T-24]``."""
        return _root_mean_square(self.log_return, VOLATILITY_BARS)

    @cached_property
    def imbalance(self) -> FloatArray:
        """Order-flow imbalance of each bar, -1..1, ``[..., T]``; 0 where nothing traded."""
        return ratio(self.ask - self.bid, self.ask + self.bid, 0.0)


def _root_mean_square(x: FloatArray, n: int) -> FloatArray:
    root: FloatArray = np.sqrt(rolling_mean(x * x, n))
    return root


def atr(bars: FloatArray) -> FloatArray:
    """Average true range (simple mean over 14 bars), price units, ``bars [..., T, 8] -> [..., T-14]``."""
    return Frame(bars).atr


def realised_volatility(bars: FloatArray) -> FloatArray:
    """Root mean square of the last 24 log returns, per bar, ``bars [..., T, 8] -> [..., T-24]``."""
    return Frame(bars).volatility


@dataclass(frozen=True)
class Feature:
    """One feature: ``lookback`` bars up to and with its own, the columns it reads, where its formula comes from."""

    name: str
    lookback: int
    columns: frozenset[str]
    source: str
    compute: Callable[[Frame], FloatArray]


def _log_return(n: int) -> Callable[[Frame], FloatArray]:
    return lambda f: f.log_return if n == 1 else rolling_sum(f.log_return, n)


def _in_atr(move: FloatArray, frame: Frame) -> FloatArray:
    return ratio(move, frame.atr, 0.0)


def _ma_distance(n: int) -> Callable[[Frame], FloatArray]:
    return lambda f: _in_atr(tail(f.close, f.close.shape[-1] - n + 1) - rolling_mean(f.close, n), f)


def _close_location(f: Frame) -> FloatArray:
    return ratio((f.close - f.low) - (f.high - f.close), f.high - f.low, 0.0)


def _rsi(n: int) -> Callable[[Frame], FloatArray]:
    def compute(f: Frame) -> FloatArray:
        move = f.close[..., 1:] - f.close[..., :-1]
        return ratio(rolling_sum(np.maximum(move, 0.0), n), rolling_sum(np.abs(move), n), 0.5)

    return compute


def _bollinger(n: int) -> Callable[[Frame], FloatArray]:
    def compute(f: Frame) -> FloatArray:
        mean, deviation = rolling_std(f.close, n)
        return ratio(tail(f.close, mean.shape[-1]) - mean, deviation, 0.0)

    return compute


def _macd(f: Frame) -> FloatArray:
    slow = rolling_ema(f.close, 48, 26)
    return _in_atr(tail(rolling_ema(f.close, 24, 12), slow.shape[-1]) - slow, f)


def _stochastic(n: int) -> Callable[[Frame], FloatArray]:
    def compute(f: Frame) -> FloatArray:
        low = rolling_min(f.low, n)
        return ratio(tail(f.close, low.shape[-1]) - low, rolling_max(f.high, n) - low, 0.5)

    return compute


def _parkinson(n: int) -> Callable[[Frame], FloatArray]:
    return lambda f: _root_mean_square(np.log(f.high / f.low), n) / np.sqrt(4.0 * np.log(2.0))


def _volume_ratio(n: int) -> Callable[[Frame], FloatArray]:
    return lambda f: ratio(f.volume, rolling_mean(f.volume, n), 1.0)


def _vwap_distance(n: int) -> Callable[[Frame], FloatArray]:
    def compute(f: Frame) -> FloatArray:
        typical = (f.high + f.low + f.close) / 3.0
        volume = rolling_sum(f.volume, n)
        vwap = ratio(rolling_sum(typical * f.volume, n), volume, 0.0)
        return _in_atr(np.where(volume == 0.0, 0.0, tail(f.close, volume.shape[-1]) - vwap), f)

    return compute


def _imbalance(n: int) -> Callable[[Frame], FloatArray]:
    return lambda f: ratio(rolling_sum(f.ask - f.bid, n), rolling_sum(f.ask + f.bid, n), 0.0)


def _flow_move(f: Frame) -> FloatArray:
    return ratio(f.imbalance[..., 1:] * f.log_return, f.volatility, 0.0)


def _flow_lead(n: int) -> Callable[[Frame], FloatArray]:
    return lambda f: ratio(rolling_mean(f.imbalance[..., :-1] * f.log_return, n), f.volatility, 0.0)


def _trade_size(n: int) -> Callable[[Frame], FloatArray]:
    def compute(f: Frame) -> FloatArray:
        usual = ratio(rolling_sum(f.volume, n), rolling_sum(f.trades, n), 0.0)
        return np.where(tail(f.trades, usual.shape[-1]) > 0.0, ratio(ratio(f.volume, f.trades, 0.0), usual, 1.0), 1.0)

    return compute


_PRICES = frozenset({"open", "high", "low", "close"})
_VOLUME = _PRICES | {"volume"}
_FLOW = _PRICES | {"bid_volume", "ask_volume"}
_TRADES = _VOLUME | {"trades"}

_DECLARED = (
    Feature("log_return_1", 2, _PRICES, "ln(c[t]/c[t-1])", _log_return(1)),
    Feature("log_return_3", 4, _PRICES, "ln(c[t]/c[t-3])", _log_return(3)),
    Feature("log_return_6", 7, _PRICES, "ln(c[t]/c[t-6])", _log_return(6)),
    Feature("log_return_12", 13, _PRICES, "ln(c[t]/c[t-12])", _log_return(12)),
    Feature("range_atr", 15, _PRICES, "(h-l)/ATR14; 0 when flat", lambda f: _in_atr(f.high - f.low, f)),
    Feature("atr_close", 15, _PRICES, "ATR14/c, Wilder 1978, simple mean", lambda f: ratio(f.atr, f.close, 0.0)),
    Feature("body_atr", 15, _PRICES, "(c-o)/ATR14; 0 when flat", lambda f: _in_atr(f.close - f.open, f)),
    Feature("close_location", 1, _PRICES, "((c-l)-(h-c))/(h-l), Chaikin; 0 when flat", _close_location),
    Feature("rsi_14", 15, _PRICES, "Cutler's RSI (simple sums), 0..1; 1/2 when flat", _rsi(14)),
    Feature("bollinger_z_20", 20, _PRICES, "(c-mean)/std (population), Bollinger; 0 when flat", _bollinger(20)),
    Feature("macd_12_26", 48, _PRICES, "EMA12 on 24 bars - EMA26 on 48 bars, in ATR14; Appel", _macd),
    Feature("ma_distance_10", 15, _PRICES, "(c-SMA10)/ATR14; 0 when flat", _ma_distance(10)),
    Feature("ma_distance_20", 20, _PRICES, "(c-SMA20)/ATR14; 0 when flat", _ma_distance(20)),
    Feature("ma_distance_50", 50, _PRICES, "(c-SMA50)/ATR14; 0 when flat", _ma_distance(50)),
    Feature("stochastic_14", 14, _PRICES, "Lane's fast %K / 100; 1/2 when flat", _stochastic(14)),
    Feature("realised_volatility_24", 25, _PRICES, "sqrt(mean r^2), per bar", lambda f: f.volatility),
    Feature("parkinson_14", 14, _PRICES, "sqrt(mean ln(h/l)^2 / 4 ln 2), Parkinson 1980", _parkinson(14)),
    Feature(
        "volatility_ratio_6_24",
        25,
        _PRICES,
        "realised volatility 6/24; 1 when flat",
        lambda f: ratio(_root_mean_square(f.log_return, 6), f.volatility, 1.0),
    ),
    Feature("volume_ratio_20", 20, _VOLUME, "v/mean v; 1 when none", _volume_ratio(20)),
    Feature("vwap_distance_20", 20, _VOLUME, "(c-rolling VWAP20)/ATR14; 0 without volume", _vwap_distance(20)),
    Feature("order_flow_imbalance_1", 1, _FLOW, "(ask-bid)/(ask+bid); 0 when none", lambda f: f.imbalance),
    Feature("order_flow_imbalance_6", 6, _FLOW, "the same on sums of 6 bars", _imbalance(6)),
    Feature("order_flow_imbalance_12", 12, _FLOW, "the same on sums of 12 bars", _imbalance(12)),
    Feature("flow_move_1", 25, _FLOW, "imbalance[t] * r[t] / volatility24; 0 when flat", _flow_move),
    Feature("flow_lead_12", 25, _FLOW, "mean of imbalance[t-1] * r[t] over 12 / volatility24", _flow_lead(12)),
    Feature("trade_size_ratio_20", 20, _TRADES, "(v/trades)/(sum v/sum trades); 1 when none", _trade_size(20)),
)

CATALOGUE: Final[dict[str, Feature]] = {feature.name: feature for feature in _DECLARED}
