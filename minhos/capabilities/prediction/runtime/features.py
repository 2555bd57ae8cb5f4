"""The door to the features: which exist, how long a window they need, and their values.

Time: row ``t`` of a result is known when bar ``t`` is complete and reads the last ``lookback`` bars up to ``t``, no more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.catalogue import ATR_BARS, CATALOGUE, VOLATILITY_BARS, Frame
from minhos.capabilities.prediction.runtime.rolling import FloatArray
from minhos_client.contract import BAR_COLUMNS, MAX_WINDOW, SEQUENCE_STEPS

__all__ = ["SEQUENCE_FEATURES", "STATE_LOOKBACK", "available", "compute", "default_sequence", "lookback", "window"]

SEQUENCE_FEATURES: Final = 8
STATE_LOOKBACK: Final = max(ATR_BARS, VOLATILITY_BARS) + 1

_PREFERRED: Final = (
    "log_return_1",
    "range_atr",
    "rsi_14",
    "bollinger_z_20",
    "order_flow_imbalance_1",
    "flow_lead_12",
    "volatility_ratio_6_24",
    "volume_ratio_20",
    "stochastic_14",
    "body_atr",
    "ma_distance_20",
)


def available(columns: Collection[str]) -> tuple[str, ...]:
    """Names of the features that a source with these bar columns can give, in the catalogue's order."""
    unknown = sorted(set(columns) - set(BAR_COLUMNS))
    if unknown:
        raise ValueError(f"unknown bar columns {unknown}; allowed: {list(BAR_COLUMNS)}")
    have = set(columns)
    return tuple(name for name, feature in CATALOGUE.items() if feature.columns <= have)


def default_sequence(columns: Collection[str]) -> tuple[str, ...]:
    """The eight features of the LSTM's 20 steps: order flow where the source has it, else prices and volume."""
    have = set(available(columns))
    names = tuple(name for name in _PREFERRED if name in have)[:SEQUENCE_FEATURES]
    if len(names) < SEQUENCE_FEATURES:
        raise ValueError(f"columns {sorted(columns)} give too few features; open, high, low and close are needed")
    return names


def _known(names: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown:
        raise ValueError(f"unknown features {unknown}; allowed: {list(CATALOGUE)}")
    return names


def lookback(names: Sequence[str]) -> int:
    """Bars that the longest of these features reads, its own bar included (1 for none)."""
    return max((CATALOGUE[name].lookback for name in _known(names)), default=1)


def window(names: Sequence[str]) -> int:
    """W of a release with these features: the longest lookback (the state's too) + the LSTM's 19 earlier steps."""
    bars = max(lookback(names), STATE_LOOKBACK) + SEQUENCE_STEPS - 1
    if bars > MAX_WINDOW:
        raise ValueError(f"features {list(names)} need {bars} bars; the contract allows {MAX_WINDOW}")
    return bars


def compute(bars: FloatArray, names: Sequence[str], *, frame: Frame | None = None) -> FloatArray:
    """Values of the named features.

    Parameters: ``bars`` float64 [..., T, 8], oldest first, contract columns; ``frame`` the same bars' shared series
    where the caller has them already. Columns that the named features do not read may hold anything.
    Returns float64 [..., T, F]; NaN in the first ``lookback - 1`` rows of each feature.
    """
    shared = Frame(bars) if frame is None else frame
    length = bars.shape[-2]
    result = np.full((len(_known(names)), *bars.shape[:-1]), np.nan)
    for index, name in enumerate(names):
        feature = CATALOGUE[name]
        if length >= feature.lookback:
            values = feature.compute(shared)
            result[index, ..., feature.lookback - 1 :] = values[
                ..., values.shape[-1] - (length - feature.lookback + 1) :
            ]
    return np.moveaxis(result, 0, -1)
