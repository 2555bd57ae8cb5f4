"""Microstructure: who was the aggressor, how large trades are, what trading costs and how much it moves the price."""

from __future__ import annotations

from math import inf, sqrt
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.catalogue.declaration import FLOW, PRICES, TRADES, VOLUME, Compute, Feature
from minhos.capabilities.prediction.runtime.catalogue.frame import VOLATILITY_BARS, Frame, ratio
from minhos.capabilities.prediction.runtime.rolling import FloatArray, rolling_mean, rolling_sum, tail

__all__ = ["FEATURES"]


def _imbalance(n: int) -> Compute:
    return lambda f: ratio(rolling_sum(f.delta, n), rolling_sum(f.sided, n), 0.0)


def _flow_move(f: Frame) -> FloatArray:
    return ratio(f.imbalance[..., 1:] * f.log_return, f.volatility, 0.0)


def _flow_lead(n: int) -> Compute:
    return lambda f: ratio(rolling_mean(f.imbalance[..., :-1] * f.log_return, n), f.volatility, 0.0)


def _flow_forecast(n: int) -> Compute:
    """What the last ``n`` bars say of the next one's return given this bar's flow: the slope, through 0, of each return on
    the imbalance of the bar before it, times the imbalance now, in root mean squares of these returns. Whether flow leads
    or is faded changes slowly; a product of two slow averages is what trees find only by many splits."""

    def compute(f: Frame) -> FloatArray:
        flow = f.imbalance[..., :-1]
        together, squares = rolling_sum(flow * f.log_return, n), rolling_sum(flow * flow, n)
        size = np.sqrt(rolling_mean(f.log_return * f.log_return, n))
        told = ratio(together, squares, 0.0) * tail(f.imbalance, together.shape[-1])
        return np.clip(ratio(told, size, 0.0), -_FLOW_FORECAST, _FLOW_FORECAST)

    return compute


def _trade_size(n: int) -> Compute:
    def compute(f: Frame) -> FloatArray:
        usual = ratio(rolling_sum(f.volume, n), rolling_sum(f.trades, n), 0.0)
        return np.where(tail(f.trades, usual.shape[-1]) > 0.0, ratio(ratio(f.volume, f.trades, 0.0), usual, 1.0), 1.0)

    return compute


def _spread(n: int) -> Compute:
    """Twice the root of the mean of (close - mid)(close - next mid) in logs, mid the middle of high and low.

    The close lies half a spread off the efficient price, the mids do not; so the product keeps a quarter of the squared
    spread. Pairs whose product is negative stay in the mean, which is cut at 0 (the paper's monthly correction).
    """

    def compute(f: Frame) -> FloatArray:
        close, square = f.close[..., :-1], f.high * f.low
        own = np.log(close * close / square[..., :-1])
        following = np.log(close * close / square[..., 1:])
        spread: FloatArray = np.sqrt(np.maximum(rolling_mean(own * following, n), 0.0))  # both logs are twice as large
        return spread

    return compute


def _kyle(f: Frame) -> FloatArray:
    n = VOLATILITY_BARS
    flow = f.delta[..., 1:]
    together = rolling_sum(f.log_return * flow, n)
    usual = np.sqrt(rolling_sum(flow * flow, n)) * f.volatility * sqrt(n)
    return np.clip(ratio(together, usual, 0.0), -1.0, 1.0)


def _amihud(short: int, long: int) -> Compute:
    def compute(f: Frame) -> FloatArray:
        volume = f.volume[..., 1:]
        impact = ratio(np.abs(f.log_return), volume, 0.0)
        traded = (volume > 0.0).astype(np.float64)
        means = [ratio(rolling_sum(impact, n), rolling_sum(traded, n), 0.0) for n in (short, long)]
        return np.where(tail(rolling_sum(traded, short), means[1].shape[-1]) > 0.0, ratio(means[0], means[1], 1.0), 1.0)

    return compute


_FLOW_MOVE: Final = sqrt(24.0)  # the return is one of the 24 of the volatility, an imbalance is 1 at most
_FLOW_FORECAST: Final = 5.0
_FLOW_LEAD: Final = sqrt(2.0)  # the mean of 12 of those 24: sqrt(24/12), by Cauchy and Schwarz

FEATURES: Final = (
    Feature(
        "volume_delta_20",
        20,
        FLOW,
        -20.0,
        20.0,
        "(ask-bid)/mean(ask+bid); 0 when none",
        lambda f: ratio(f.delta, rolling_mean(f.sided, 20), 0.0),
    ),
    Feature(
        "cumulative_delta_24", 24, FLOW, -1.0, 1.0, "sum(ask-bid)/sum(ask+bid) over 24; 0 when none", _imbalance(24)
    ),
    Feature("order_flow_imbalance_1", 1, FLOW, -1.0, 1.0, "(ask-bid)/(ask+bid); 0 when none", lambda f: f.imbalance),
    Feature("order_flow_imbalance_6", 6, FLOW, -1.0, 1.0, "the same on sums of 6 bars", _imbalance(6)),
    Feature("order_flow_imbalance_12", 12, FLOW, -1.0, 1.0, "the same on sums of 12 bars", _imbalance(12)),
    Feature(
        "flow_move_1",
        25,
        FLOW,
        -_FLOW_MOVE,
        _FLOW_MOVE,
        "imbalance[t] * r[t] / volatility24; 0 when flat",
        _flow_move,
    ),
    Feature(
        "flow_lead_12",
        25,
        FLOW,
        -_FLOW_LEAD,
        _FLOW_LEAD,
        "mean of imbalance[t-1] * r[t] over 12 / volatility24; 0 when flat",
        _flow_lead(12),
    ),
    *(
        Feature(
            f"flow_forecast_{n}",
            n + 1,
            FLOW,
            -_FLOW_FORECAST,
            _FLOW_FORECAST,
            f"slope of r on the last bar's imbalance over {n} x imbalance, in rms(r); cut at 5; 0 when flat",
            _flow_forecast(n),
        )
        for n in (24, 48)
    ),
    Feature("trade_size_ratio_20", 20, TRADES, 0.0, inf, "(v/trades)/(sum v/sum trades); 1 when none", _trade_size(20)),
    Feature(
        "spread_20",
        21,
        PRICES,
        0.0,
        inf,
        "relative spread from close, high and low, Abdi and Ranaldo 2017, 20 pairs of bars; 0 when flat",
        _spread(20),
    ),
    Feature(
        "kyle_lambda_24",
        25,
        FLOW,
        -1.0,
        1.0,
        "slope of r on ask-bid through 0, Kyle 1985, in rms(r)/rms(ask-bid); 0 when none",
        _kyle,
    ),
    Feature(
        "amihud_ratio_6_24",
        25,
        VOLUME,
        0.0,
        19.0,
        "mean |r|/v of traded bars over 6 / over 24, Amihud 2002; 1 when none",
        _amihud(6, 24),
    ),
)
