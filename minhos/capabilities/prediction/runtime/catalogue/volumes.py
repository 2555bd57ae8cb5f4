"""Volume: against its average, its average against a longer one, and the price against the rolling VWAP."""

from __future__ import annotations

from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.catalogue.declaration import UNBOUNDED, VOLUME, Compute, Feature
from minhos.capabilities.prediction.runtime.catalogue.frame import Frame, ratio
from minhos.capabilities.prediction.runtime.rolling import FloatArray, rolling_mean, rolling_sum, tail

__all__ = ["FEATURES"]


def _vwap_distance(n: int) -> Compute:
    def compute(f: Frame) -> FloatArray:
        typical = (f.high + f.low + f.close) / 3.0
        volume = rolling_sum(f.volume, n)
        vwap = ratio(rolling_sum(typical * f.volume, n), volume, 0.0)
        return f.in_atr(np.where(volume == 0.0, 0.0, tail(f.close, volume.shape[-1]) - vwap))

    return compute


FEATURES: Final = (
    Feature(
        "volume_ratio_20",
        20,
        VOLUME,
        0.0,
        20.0,
        "v/mean v; 1 when none",
        lambda f: ratio(f.volume, rolling_mean(f.volume, 20), 1.0),
    ),
    Feature(
        "volume_average_5_20",
        20,
        VOLUME,
        0.0,
        4.0,
        "mean v over 5 / mean v over 20; 1 when none",
        lambda f: ratio(rolling_mean(f.volume, 5), rolling_mean(f.volume, 20), 1.0),
    ),
    Feature(
        "vwap_distance_20",
        20,
        VOLUME,
        *UNBOUNDED,
        "(c-VWAP20)/ATR14, VWAP of (h+l+c)/3; 0 without volume",
        _vwap_distance(20),
    ),
)
