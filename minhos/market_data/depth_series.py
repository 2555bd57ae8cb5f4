"""Bars of the top of the book: what every part that reads or keeps them shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError

__all__ = ["DEPTH_COLUMNS", "DepthSeries"]

DEPTH_COLUMNS: Final = (
    "bid",
    "bid_size",
    "ask",
    "ask_size",
    "imbalance",
    "spread_mean",
    "imbalance_mean",
    "updates",
)
"""`bid` to `imbalance`: as the bar ended (`TopOfBook`). `spread_mean` (ask - bid, price units) and `imbalance_mean`: over
the bar's time, each weighted by the us for which it was known. `updates`: changes of the top within the bar."""


@dataclass(frozen=True)
class DepthSeries:
    """`bar_end`: int64 [T], UTC us, strictly increasing: the moment the bar was known. `values`: float64 [T, 8] in the
    order of `DEPTH_COLUMNS`; NaN where the book had no such side. Raises `BadInputError` where shapes or times are wrong."""

    symbol: str
    timeframe_seconds: int
    bar_end: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.bar_end.ndim != 1 or self.values.shape != (len(self.bar_end), len(DEPTH_COLUMNS)):
            raise BadInputError(
                f"{self.symbol}: bar_end has shape {self.bar_end.shape} and values {self.values.shape}, "
                f"allowed are [T] and [T, {len(DEPTH_COLUMNS)}]"
            )
        if np.any(np.diff(self.bar_end) <= 0):
            raise BadInputError(
                f"{self.symbol}: the times of depth bars must increase; sort the bars and remove duplicates"
            )

    def __len__(self) -> int:
        return len(self.bar_end)

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """One column, float64 [T]; `BadInputError` for a name that is none of `DEPTH_COLUMNS`."""
        if name not in DEPTH_COLUMNS:
            raise BadInputError(f"{self.symbol}: no depth column {name!r}; the columns are {', '.join(DEPTH_COLUMNS)}")
        return self.values[:, DEPTH_COLUMNS.index(name)]

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """`bar_end` and the columns by name, each [T]: what a table is made of."""
        return {"bar_end": self.bar_end} | {name: self.column(name) for name in DEPTH_COLUMNS}

    def slice(self, start: int, stop: int) -> DepthSeries:
        """Rows `start` to `stop`, as a sequence's slice understands them."""
        return DepthSeries(self.symbol, self.timeframe_seconds, self.bar_end[start:stop], self.values[start:stop])
