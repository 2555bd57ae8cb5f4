"""The timeframe of a file's rows: what their starts show, held against what the map and the file's name say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bar_grid import LEAST_THIN_ROWS, by_chance, common_step, on_grid, regular_step, steps_words
from minhos.market_data.timeframe_names import NamedBars, bars_in_name
from minhos.market_data.timeframes import activity_of, timeframe_name

__all__ = ["RowTimeframe", "row_timeframe"]

_MOST_EQUAL: Final = 0.01
_LEAST_ROWS: Final = 3
_FINE_SECONDS: Final = 60


@dataclass(frozen=True)
class RowTimeframe:
    """`seconds`: of the time bars that the rows are; None where they are range, trade or volume bars, by their starts.

    `stated`: what the map or the file's name says of these; None where both say nothing.
    """

    seconds: int | None
    stated: NamedBars | None = None


def row_timeframe(path: Path, stamps_us: npt.NDArray[np.int64], *, mapped: int | None, sierra: bool) -> RowTimeframe:
    """What the rows of a file are by their starts.

    `stamps_us` int64 [T]: the rows' times in the file's order, of the clock that the chart was drawn on, as if UTC us.
    `mapped`: the number of the timeframe that the map states. `sierra`: whether a name may state bars that are no time
    bars (anyone's `EURUSD_range.csv` may be a range of dates).

    Raises `BadInputError` for too few rows, and where rows, map and name contradict each other. What is stated decides for
    a thin file whose rows might by chance lie on a coarser grid only.
    """
    named = bars_in_name(path.stem)
    if named is not None and named.seconds is None and (not sierra or mapped is not None):
        named = None
    ordered = np.sort(stamps_us)
    distinct = ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]
    if len(distinct) < _LEAST_ROWS:
        raise BadInputError(f"{path}: too little history, {len(distinct)} rows; give a file with more bars")
    found = regular_step(distinct)
    if mapped is None and named is None and found is not None and found <= 1 and _repeats(stamps_us):
        found = None  # no second has two bars: starts of range bars, rounded to seconds
    by_map = None if mapped is None else _mapped(mapped)
    for source, stated in (("its name", named), ("the column map", by_map)):
        if stated is not None and not _may_be(distinct, found, stated.seconds):
            raise BadInputError(f"{path}: {source} says {stated}, {_rows_words(distinct, found)}")
    if mapped is not None and named is not None and named.seconds != mapped:
        raise BadInputError(
            f"{path}: its name says {named}, the column map says {by_map}; export the file again or correct what is stated"
        )
    stated = by_map or named
    if stated is not None:
        return RowTimeframe(stated.seconds, stated if stated.seconds is None else None)
    if found is None and len(distinct) < LEAST_THIN_ROWS and _may_be_time(distinct):
        raise BadInputError(
            f"{path}: no regular timeframe, {steps_words(distinct)}: {len(distinct)} rows with gaps do not show it, without "
            f"a timeframe in the file's name (_5m) {LEAST_THIN_ROWS} are needed; name it, or export more bars"
        )
    return RowTimeframe(found)


def _mapped(timeframe: int) -> NamedBars:
    activity = activity_of(timeframe)
    if activity is None:
        return NamedBars(timeframe_name(timeframe), seconds=timeframe)
    return NamedBars(timeframe_name(timeframe), kinds=activity[:1], size=activity[1])


def _may_be(distinct: npt.NDArray[np.int64], found: int | None, stated: int | None) -> bool:
    """Whether the rows may be what is stated, seconds of time bars or None for others."""
    if stated is None:
        return found is None or found < _FINE_SECONDS  # starts that are rounded to seconds; the rows' content decides
    return stated == found or (on_grid(distinct, stated) and by_chance(distinct, finer_seconds=stated))


def _may_be_time(distinct: npt.NDArray[np.int64]) -> bool:
    """Whether a few rows may be thin bars of whole minutes."""
    return on_grid(distinct, 60)


def _repeats(stamps_us: npt.NDArray[np.int64]) -> bool:
    return int(np.count_nonzero(np.diff(stamps_us) == 0)) > _MOST_EQUAL * len(stamps_us)


def _rows_words(distinct: npt.NDArray[np.int64], found: int | None) -> str:
    rows = f"its rows have no regular timeframe ({steps_words(distinct)})"
    common = common_step(distinct)
    if found is not None:
        rows = f"its rows are {timeframe_name(found)} bars"
    elif common >= _FINE_SECONDS:
        rows = f"its {len(distinct)} rows are as thin {timeframe_name(common)} bars"
    return f"{rows}; export the file again or correct what is stated"
