"""Session and instrument: where in its session a bar ended, and which instrument it is of."""

from __future__ import annotations

from math import inf
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.catalogue.declaration import PRICES, Feature
from minhos.capabilities.prediction.runtime.catalogue.frame import Frame
from minhos.capabilities.prediction.runtime.rolling import FloatArray

__all__ = ["FEATURES"]

_HOUR: Final = 60.0
_SESSION: Final = frozenset({"session"})


def _saturating(minutes: FloatArray) -> FloatArray:
    """0 at 0, 1/2 after an hour, towards 1 later: fine where sessions are busy, coarse where they are not."""
    return minutes / (minutes + _HOUR)


def _code(f: Frame) -> FloatArray:
    return np.broadcast_to(f.surroundings.code, f.close.shape)


FEATURES: Final = (
    Feature(
        "since_open_60",
        1,
        _SESSION,
        0.0,
        1.0,
        "m/(m+60), m minutes since the open",
        lambda f: _saturating(f.surroundings.since_open),
    ),
    Feature(
        "to_close_60",
        1,
        _SESSION,
        0.0,
        1.0,
        "m/(m+60), m minutes to the close",
        lambda f: _saturating(f.surroundings.to_close),
    ),
    Feature(
        "session_progress",
        1,
        _SESSION,
        0.0,
        1.0,
        "share of the session that has passed",
        lambda f: f.surroundings.progress,
    ),
    Feature(
        "instrument_code",
        1,
        frozenset({"code"}),
        0.0,
        1.0,
        "(rank + 1/2)/count of the symbol in the release's list, in alphabetical order",
        _code,
    ),
    Feature(
        "tick_atr",
        15,
        PRICES | {"tick_size"},
        0.0,
        inf,
        "tick size/ATR14; 0 when flat",
        lambda f: f.in_atr(np.broadcast_to(f.surroundings.tick_size, f.close.shape)),
    ),
)
