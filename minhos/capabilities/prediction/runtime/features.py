"""The door to the features: which exist, how long a window they need, and their values.

Time: row ``t`` of a result is known when bar ``t`` is complete and reads the last ``lookback`` bars up to ``t``, no more.
A name with a lag, ``log_return_1@2``, is the feature as it was two bars earlier.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from minhos.capabilities.prediction.runtime.catalogue import ATR_BARS, CATALOGUE, VOLATILITY_BARS, Feature, Frame
from minhos.capabilities.prediction.runtime.rolling import FloatArray
from minhos.capabilities.prediction.runtime.surroundings import SURROUNDINGS
from minhos_client.contract import BAR_COLUMNS, MAX_WINDOW, SEQUENCE_STEPS

__all__ = [
    "SEQUENCE_FEATURES",
    "STATE_LOOKBACK",
    "available",
    "compute",
    "default_sequence",
    "lookback",
    "split_lag",
    "window",
    "with_lags",
]

SEQUENCE_FEATURES: Final = 8
STATE_LOOKBACK: Final = max(ATR_BARS, VOLATILITY_BARS) + 1

_LAG: Final = "@"
_PREFERRED: Final = (
    "log_return_1",
    "range_atr",
    "rsi_14",
    "bollinger_z_20",
    "order_flow_imbalance_1",
    "flow_forecast_48",
    "volatility_ratio_6_24",
    "volume_ratio_20",
    "stochastic_14",
    "body_atr",
    "ma_distance_20",
)


def available(inputs: Collection[str]) -> tuple[str, ...]:
    """Names of the features that these bar columns and surroundings can give, in the catalogue's order; no lags."""
    allowed = (*BAR_COLUMNS, *SURROUNDINGS)
    unknown = sorted(set(inputs) - set(allowed))
    if unknown:
        raise ValueError(f"unknown bar columns {unknown}; allowed: {list(allowed)}")
    have = set(inputs)
    return tuple(name for name, feature in CATALOGUE.items() if feature.needs <= have)


def default_sequence(columns: Collection[str]) -> tuple[str, ...]:
    """The eight features of the LSTM's 20 steps: order flow where the source has it, else prices and volume."""
    have = set(available(columns))
    names = tuple(name for name in _PREFERRED if name in have)[:SEQUENCE_FEATURES]
    if len(names) < SEQUENCE_FEATURES:
        raise ValueError(f"columns {sorted(columns)} give too few features; open, high, low and close are needed")
    return names


def with_lags(names: Sequence[str], lags: Mapping[str, int]) -> tuple[str, ...]:
    """The names, and behind them those in ``lags`` as they were 1 to so many bars earlier; what is not there has none.

    ValueError for lags of an unknown feature, and for a lag that is no whole number above 0.
    """
    wrong = {name: lag for name, lag in lags.items() if isinstance(lag, bool) or not isinstance(lag, int) or lag < 1}
    if wrong:
        raise ValueError(f"lags must be whole numbers above 0, got {wrong}")
    _known(list(lags))
    lagged = (f"{name}{_LAG}{k}" for name, most in lags.items() if name in names for k in range(1, most + 1))
    return (*names, *lagged)


def split_lag(name: str) -> tuple[str, int]:
    """The feature and the lag that a name speaks of: ``("log_return_1", 2)``, lag 0 for a name without one."""
    base, mark, digits = name.partition(_LAG)
    if mark and not (digits.isdecimal() and digits.isascii() and digits[0] != "0" and len(digits) <= 3):
        raise ValueError(f"{name!r} is no feature with a lag: write {base}{_LAG}1 for its value one bar earlier")
    return base, int(digits) if mark else 0


def _known(names: Sequence[str]) -> list[tuple[Feature, int]]:
    """Each name's feature and lag."""
    split = [split_lag(name) for name in names]
    unknown = [base for base, _ in split if base not in CATALOGUE]
    if unknown:
        raise ValueError(f"unknown features {unknown}; allowed: {list(CATALOGUE)}")
    return [(CATALOGUE[base], lag) for base, lag in split]


def lookback(names: Sequence[str]) -> int:
    """Bars that the longest of these features reads, its own bar and its lag included (1 for none)."""
    return max((feature.lookback + lag for feature, lag in _known(names)), default=1)


def window(names: Sequence[str]) -> int:
    """W of a release with these features: the longest lookback (the state's too) + the LSTM's 19 earlier steps."""
    bars = max(lookback(names), STATE_LOOKBACK) + SEQUENCE_STEPS - 1
    if bars > MAX_WINDOW:
        raise ValueError(f"features {list(names)} need {bars} bars; the contract allows {MAX_WINDOW}")
    return bars


def compute(bars: FloatArray, names: Sequence[str], *, frame: Frame | None = None) -> FloatArray:
    """Values of the named features.

    Parameters: ``bars`` float64 [..., T, 8], oldest first, contract columns; ``frame`` the same bars' shared series
    where the caller has them already, with their surroundings where the features need these. Columns that the named
    features do not read may hold anything.
    Returns float64 [..., T, F]; NaN in the first ``lookback - 1`` rows of each feature.
    """
    shared = Frame(bars) if frame is None else frame
    length = bars.shape[-2]
    wanted = _known(names)
    result = np.full((len(wanted), *bars.shape[:-1]), np.nan)
    values: dict[str, FloatArray] = {}
    for index, (feature, lag) in enumerate(wanted):
        count = length - feature.lookback + 1 - lag
        if count > 0:
            if feature.name not in values:
                values[feature.name] = feature.compute(shared)
            end = values[feature.name].shape[-1] - lag
            result[index, ..., length - count :] = values[feature.name][..., end - count : end]
    return np.moveaxis(result, 0, -1)
