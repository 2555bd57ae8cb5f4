"""Bars as they may come: a `BarSeries`, or arrays that break its rules and are to be judged for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from minhos_client.contract import BAR_COLUMNS

__all__ = ["BarArrays", "RawBars", "column", "has"]


class BarArrays(Protocol):
    """What a validation looks at; `BarSeries` is one. `bar_end` int64 [T], UTC us; `values` float64 [T, 8] in the
    contract's column order, NaN where not known."""

    @property
    def symbol(self) -> str: ...
    @property
    def timeframe_seconds(self) -> int: ...
    @property
    def bar_end(self) -> npt.NDArray[np.int64]: ...
    @property
    def values(self) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True, eq=False)
class RawBars:
    """Bars that nobody has checked: times may repeat and go back."""

    symbol: str
    timeframe_seconds: int
    bar_end: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def column(bars: BarArrays, name: str) -> npt.NDArray[np.float64]:
    """One column, float64 [T]."""
    return bars.values[:, BAR_COLUMNS.index(name)]


def has(bars: BarArrays, name: str) -> bool:
    """Whether the source has this column: some row of it is not NaN."""
    return bool(np.any(~np.isnan(column(bars, name))))
