"""Price: returns, ratios of the prices of a bar, and the bar's shape."""

from __future__ import annotations

from math import inf
from typing import Final

from minhos.capabilities.prediction.runtime.catalogue.declaration import PRICES, UNBOUNDED, Compute, Feature
from minhos.capabilities.prediction.runtime.catalogue.frame import ATR_BARS, Frame, ratio
from minhos.capabilities.prediction.runtime.rolling import FloatArray, rolling_sum

__all__ = ["FEATURES"]

_REACH: Final = float(ATR_BARS)  # the bar's own true range is one of the 14 that the ATR is the mean of


def _log_return(n: int) -> Compute:
    return lambda f: f.log_return if n == 1 else rolling_sum(f.log_return, n)


def _return(n: int) -> Compute:
    return lambda f: f.close[..., n:] / f.close[..., :-n] - 1.0


def _close_location(f: Frame) -> FloatArray:
    return ratio((f.close - f.low) - (f.high - f.close), f.high - f.low, 0.0)


FEATURES: Final = (
    Feature("log_return_1", 2, PRICES, *UNBOUNDED, "ln(c[t]/c[t-1])", _log_return(1)),
    Feature("log_return_3", 4, PRICES, *UNBOUNDED, "ln(c[t]/c[t-3])", _log_return(3)),
    Feature("log_return_6", 7, PRICES, *UNBOUNDED, "ln(c[t]/c[t-6])", _log_return(6)),
    Feature("log_return_12", 13, PRICES, *UNBOUNDED, "ln(c[t]/c[t-12])", _log_return(12)),
    Feature("return_24", 25, PRICES, -1.0, inf, "c[t]/c[t-24] - 1", _return(24)),
    Feature("return_48", 49, PRICES, -1.0, inf, "c[t]/c[t-48] - 1", _return(48)),
    Feature("close_open_ratio", 1, PRICES, -1.0, inf, "c/o - 1", lambda f: f.close / f.open - 1.0),
    Feature("high_low_ratio", 1, PRICES, 0.0, inf, "h/l - 1", lambda f: f.high / f.low - 1.0),
    Feature("gap_ratio", 2, PRICES, -1.0, inf, "o[t]/c[t-1] - 1", lambda f: f.open[..., 1:] / f.close[..., :-1] - 1.0),
    Feature("range_atr", 15, PRICES, 0.0, _REACH, "(h-l)/ATR14; 0 when flat", lambda f: f.in_atr(f.high - f.low)),
    Feature("body_atr", 15, PRICES, -_REACH, _REACH, "(c-o)/ATR14; 0 when flat", lambda f: f.in_atr(f.close - f.open)),
    Feature("close_location", 1, PRICES, -1.0, 1.0, "((c-l)-(h-c))/(h-l), Chaikin; 0 when flat", _close_location),
)
