"""Technical: oscillators, bands, averages and direction, each over its own window (no memory beyond it)."""

from __future__ import annotations

from math import inf, sqrt
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.catalogue.declaration import PRICES, UNBOUNDED, Compute, Feature
from minhos.capabilities.prediction.runtime.catalogue.frame import ATR_BARS, Frame, ratio
from minhos.capabilities.prediction.runtime.rolling import (
    FloatArray,
    rolling_ema,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_sum,
    tail,
)

__all__ = ["FEATURES"]

_MACD_BARS: Final = 48
_SIGNAL_BARS: Final = 18
_SAMUELSON_20: Final = sqrt(19.0)  # no value of 20 lies further from their mean, in population deviations (1968)


def _ma_distance(n: int) -> Compute:
    return lambda f: f.in_atr(tail(f.close, f.close.shape[-1] - n + 1) - rolling_mean(f.close, n))


def _rsi(n: int) -> Compute:
    def compute(f: Frame) -> FloatArray:
        move = f.close[..., 1:] - f.close[..., :-1]
        return ratio(rolling_sum(np.maximum(move, 0.0), n), rolling_sum(np.abs(move), n), 0.5)

    return compute


def _bollinger_z(f: Frame) -> FloatArray:
    mean, deviation = f.close_moments_20
    return ratio(tail(f.close, mean.shape[-1]) - mean, deviation, 0.0)


def _bollinger_width(f: Frame) -> FloatArray:
    mean, deviation = f.close_moments_20
    return 4.0 * deviation / mean


def _macd_histogram(f: Frame) -> FloatArray:
    return f.in_atr(tail(f.macd, f.macd.shape[-1] - _SIGNAL_BARS + 1) - rolling_ema(f.macd, _SIGNAL_BARS, 9))


def _stochastic(n: int) -> Compute:
    def compute(f: Frame) -> FloatArray:
        low = rolling_min(f.low, n)
        return ratio(tail(f.close, low.shape[-1]) - low, rolling_max(f.high, n) - low, 0.5)

    return compute


_MA10: Final = 0.9 * ATR_BARS  # the weight of no move in c - SMA10 is above 0.9, and no move above its true range

FEATURES: Final = (
    Feature(
        "rsi_14", 15, PRICES, 0.0, 1.0, "Cutler's RSI (simple sums for Wilder's smoothing); 1/2 when flat", _rsi(14)
    ),
    Feature(
        "macd_12_26",
        _MACD_BARS,
        PRICES,
        *UNBOUNDED,
        "EMA12 on 24 bars - EMA26 on 48 bars, in ATR14; Appel 1979",
        lambda f: f.in_atr(f.macd),
    ),
    Feature(
        "macd_histogram_9",
        _MACD_BARS + _SIGNAL_BARS - 1,
        PRICES,
        *UNBOUNDED,
        "MACD - its EMA9 on 18 bars, in ATR14; Appel 1979",
        _macd_histogram,
    ),
    Feature(
        "bollinger_z_20",
        20,
        PRICES,
        -_SAMUELSON_20,
        _SAMUELSON_20,
        "(c-mean)/std (population), Bollinger 2001; 0 when flat",
        _bollinger_z,
    ),
    Feature(
        "bollinger_width_20",
        20,
        PRICES,
        0.0,
        4.0 * _SAMUELSON_20,
        "bands at 2 std, (upper-lower)/mean, Bollinger 2001",
        _bollinger_width,
    ),
    Feature(
        "atr_close", 15, PRICES, 0.0, inf, "ATR14/c, Wilder 1978, simple mean", lambda f: ratio(f.atr, f.close, 0.0)
    ),
    Feature(
        "direction_14",
        15,
        PRICES,
        -1.0,
        1.0,
        "(DM+ - DM-)/(DM+ + DM-) of sums over 14, Wilder 1978; 0 when flat",
        lambda f: f.direction,
    ),
    Feature(
        "adx_14",
        28,
        PRICES,
        0.0,
        1.0,
        "mean over 14 of |direction_14|, Wilder 1978 with simple means; 0 when flat",
        lambda f: f.adx,
    ),
    Feature("ma_distance_10", 15, PRICES, -_MA10, _MA10, "(c-SMA10)/ATR14; 0 when flat", _ma_distance(10)),
    Feature("ma_distance_20", 20, PRICES, *UNBOUNDED, "(c-SMA20)/ATR14; 0 when flat", _ma_distance(20)),
    Feature("ma_distance_50", 50, PRICES, *UNBOUNDED, "(c-SMA50)/ATR14; 0 when flat", _ma_distance(50)),
    Feature("stochastic_14", 14, PRICES, 0.0, 1.0, "Lane's fast %K / 100; 1/2 when flat", _stochastic(14)),
)
