"""Volatility: from closes, from ranges, from both, and how the last bars compare with the usual ones."""

from __future__ import annotations

from math import inf, log, sqrt
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.catalogue.declaration import PRICES, Compute, Feature
from minhos.capabilities.prediction.runtime.catalogue.frame import Frame, ratio, root_mean_square
from minhos.capabilities.prediction.runtime.rolling import FloatArray, rolling_mean

__all__ = ["FEATURES"]

_GARMAN_KLASS: Final = 2.0 * log(2.0) - 1.0


def _parkinson(n: int) -> Compute:
    return lambda f: root_mean_square(f.log_reach, n) / sqrt(4.0 * log(2.0))


def _garman_klass(n: int) -> Compute:
    """Above 0 where open and close lie within high and low; what a broken bar puts under 0 counts as 0."""

    def compute(f: Frame) -> FloatArray:
        body = np.log(f.close / f.open)
        variance = rolling_mean(0.5 * f.log_reach * f.log_reach - _GARMAN_KLASS * body * body, n)
        deviation: FloatArray = np.sqrt(np.maximum(variance, 0.0))
        return deviation

    return compute


FEATURES: Final = (
    Feature("realised_volatility_24", 25, PRICES, 0.0, inf, "sqrt(mean r^2) over 24, per bar", lambda f: f.volatility),
    Feature("parkinson_14", 14, PRICES, 0.0, inf, "sqrt(mean ln(h/l)^2 / 4 ln 2), Parkinson 1980", _parkinson(14)),
    Feature(
        "garman_klass_14",
        14,
        PRICES,
        0.0,
        inf,
        "sqrt(mean(ln(h/l)^2/2 - (2 ln 2 - 1) ln(c/o)^2)), Garman and Klass 1980",
        _garman_klass(14),
    ),
    Feature(
        "volatility_ratio_6_24",
        25,
        PRICES,
        0.0,
        2.0,
        "realised volatility 6/24; 1 when flat",
        lambda f: ratio(root_mean_square(f.log_return, 6), f.volatility, 1.0),
    ),
)
