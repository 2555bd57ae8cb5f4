"""What an upsert adds to the store: bars that it did not have, and corrections of bars that it had otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.bars import BarSeries
from minhos.market_data.store.data_files import DataFile, Partition, write_file
from minhos.market_data.store.history import Known, read_known
from minhos.market_data.store.schema import rows_table, values_of

__all__ = ["Upserted", "write_changes"]

_MOST_ROWS_PER_FILE: Final = 1_000_000
"""Bounds the memory of an upsert of any size, and what a range read has to open."""


@dataclass(frozen=True)
class Upserted:
    """Counts of bars of one series: `new`, `revised` (the store had other values), `unchanged` (nothing was written)."""

    symbol: str
    timeframe_seconds: int
    new: int
    revised: int
    unchanged: int


def write_changes(
    root: Path,
    series: BarSeries,
    stored: tuple[DataFile, ...],
    written: list[DataFile],
    *,
    recorded_at: int,
    source: str,
) -> Upserted:
    """Write the rows of `series` that the store, whose files of it are `stored`, does not have.

    The new files are appended to `written` one by one, so that a caller who is interrupted knows them; a commit makes
    them the store's. Values are compared as numbers; not known equals not known, and nothing else. Raises `OSError`
    (disk full) and `BadInputError` (a stored file is broken).
    """
    new = revised = 0
    for year, piece in _pieces(series):
        known = read_known(root, stored, start=int(piece.bar_end[0]), end=int(piece.bar_end[-1]))
        values = values_of(piece)
        revision = _next_revisions(known, piece.bar_end, values)
        rows = np.flatnonzero(revision >= 0)
        if not len(rows):
            continue
        new += int(np.count_nonzero(revision[rows] == 0))
        revised += int(np.count_nonzero(revision[rows] > 0))
        table = rows_table(piece.bar_end[rows], values[rows], revision[rows], recorded_at=recorded_at, source=source)
        written.append(write_file(root, Partition(series.symbol, series.timeframe_seconds, year), table))
    return Upserted(series.symbol, series.timeframe_seconds, new, revised, len(series) - new - revised)


def _next_revisions(
    known: Known, bar_end: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    """The revision that each bar would be written with, int32 [T]; -1 where the store has these values."""
    revision = np.zeros(len(bar_end), dtype=np.int32)
    if len(known.bar_end):
        place = np.minimum(np.searchsorted(known.bar_end, bar_end), len(known.bar_end) - 1)
        stored = known.bar_end[place] == bar_end
        before = known.values[place]
        same = np.all((before == values) | (np.isnan(before) & np.isnan(values)), axis=1)
        revision[stored] = known.revision[place[stored]] + 1
        revision[stored & same] = -1
    return revision


def _pieces(series: BarSeries) -> Iterator[tuple[int, BarSeries]]:
    """The series by year of `bar_end` (UTC), in pieces of a million bars at most."""
    years = series.bar_end.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    edges = [0, *(np.flatnonzero(np.diff(years)) + 1).tolist(), len(series)]
    for begin, end in pairwise(edges):
        for start in range(begin, end, _MOST_ROWS_PER_FILE):
            yield int(years[start]), series.slice(start, min(start + _MOST_ROWS_PER_FILE, end))
