"""What a corruption is: a pure function on bars that plants one kind of fault, and the label that says where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.timeframes import DAY_SECONDS
from minhos_client.contract import BAR_COLUMNS

__all__ = [
    "COLUMN",
    "FLOW",
    "LEAST_BARS",
    "PRICES",
    "STRENGTHS",
    "Corrupted",
    "Corruption",
    "Flags",
    "Floats",
    "Integers",
    "Strength",
    "changed",
    "noise_at",
    "pick",
    "start_of_stretch",
    "to_grid",
]

Strength = Literal[0, 1, 2]
STRENGTHS: Final = ("weak", "medium", "strong")
LEAST_BARS: Final = 100
PRICES: Final = slice(0, 4)
COLUMN: Final = {name: index for index, name in enumerate(BAR_COLUMNS)}
FLOW: Final = frozenset({"volume", "bid_volume", "ask_volume", "trades"})
_MARGIN: Final = 30  # bars at either end that no single fault is put into: it has neighbours on both sides
_NOISE_BARS: Final = 100  # on either side
_NORMAL_TO_MEDIAN: Final = 0.6745

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Corrupted:
    """Bars with a fault in them. They need not make a `BarSeries`: times may repeat, go back or be missing.

    `bar_end` int64 [N], UTC us; `values` float64 [N, 8] in the contract's column order; `rows` bool [N]: the rows that are
    wrong, or, where bars are missing, the row after each hole (the last row where the end is missing). `words`: the label.
    """

    bar_end: Integers
    values: Floats
    rows: Flags
    words: str


@dataclass(frozen=True)
class Corruption:
    """One kind of dirt.

    `apply(series, instrument, strength, rng)` leaves `series` as it is; strength 0 is weak, 1 medium, 2 strong; the same
    generator state gives the same dirt. `columns`: those the series must have; `intraday`: it has no meaning for daily bars.
    """

    name: str
    description: str
    spoil: Callable[[BarSeries, Instrument, Strength, np.random.Generator], Corrupted]
    columns: frozenset[str] = frozenset()
    intraday: bool = False

    def fits(self, series: BarSeries) -> bool:
        """Whether this kind can be planted in the series."""
        return (
            len(series) >= LEAST_BARS
            and all(series.has(name) for name in self.columns)
            and not (self.intraday and series.timeframe_seconds >= DAY_SECONDS)
        )

    def apply(
        self, series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator
    ) -> Corrupted:
        """The corrupted copy of clean bars; `BadInputError` where the kind does not fit them."""
        if not self.fits(series):
            needed = ", ".join(sorted(self.columns)) or "no special columns"
            raise BadInputError(
                f"{series.symbol}: {self.name} cannot be planted in {len(series)} bars of {series.timeframe_seconds} s; it "
                f"needs {LEAST_BARS} bars{' shorter than a day' if self.intraday else ''} and {needed}; ask `fits` first"
            )
        return self.spoil(series, instrument, strength, rng)


def pick(series: BarSeries, share: float, rng: np.random.Generator) -> Integers:
    """Rows to spoil, increasing and not neighbours: one at least, `share` of all at the most."""
    candidates = np.arange(_MARGIN, len(series) - _MARGIN, 2)
    count = min(max(1, round(share * len(series))), len(candidates))
    return np.sort(rng.choice(candidates, size=count, replace=False))


def start_of_stretch(series: BarSeries, length: int, rng: np.random.Generator) -> int:
    """The first row of a stretch of `length` rows that leaves the ends of the series alone where there is room."""
    last = len(series) - _MARGIN - length
    return int(rng.integers(_MARGIN, last)) if last > _MARGIN else max(1, len(series) - length)


def to_grid(prices: Floats, instrument: Instrument) -> Floats:
    """Prices rounded to the tick, so that a fault of another kind does not leave the grid as well."""
    on_grid: Floats = np.round(np.round(prices / instrument.tick_size) * instrument.tick_size, 10)
    return on_grid


def noise_at(series: BarSeries, row: int, instrument: Instrument) -> float:
    """The local noise in price units: median absolute change of the 200 closes around, as a standard deviation.

    One tick at the least.
    """
    close = series.column("close")[max(0, row - _NOISE_BARS) : row + _NOISE_BARS]
    return max(float(np.median(np.abs(np.diff(close)))) / _NORMAL_TO_MEDIAN, instrument.tick_size)


def changed(series: BarSeries, values: Floats, rows: npt.ArrayLike, words: str) -> Corrupted:
    """The same times with other values; `rows`: the numbers of the rows that are wrong."""
    wrong = np.zeros(len(series), dtype=np.bool_)
    wrong[np.asarray(rows)] = True
    return Corrupted(series.bar_end.copy(), values, wrong, words)
