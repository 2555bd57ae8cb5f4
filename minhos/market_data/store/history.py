"""Which of a bar's values was known when.

Two questions, one rule each. What the market had made by t (`as_of`): the first value of a bar counts from `bar_end` on,
however late this platform heard of it; a correction counts from `recorded_at` on, because nobody can tell an earlier
moment. What this platform had by r (`recorded_by`): the rows with `recorded_at <= r`, whatever they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minhos.market_data.store.data_files import DataFile, read_files
from minhos.market_data.store.schema import VALUE_COLUMNS, stamps, value_matrix

if TYPE_CHECKING:
    import pyarrow.dataset as pads

__all__ = ["Known", "Revision", "read_known", "read_revisions"]


@dataclass(frozen=True, eq=False)
class Known:
    """One value for each bar. `bar_end` int64 [T] UTC us, strictly increasing; `values` float64 [T, 9] in the order of
    `VALUE_COLUMNS`, NaN where not known; `revision` int32 [T], how often each had been corrected."""

    bar_end: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    revision: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Revision:
    """A correction of one bar: its `number` (1 is the first), when it was recorded (UTC us) and from what source; the
    values `before` and `after`, float64 [9] in the order of `VALUE_COLUMNS`, NaN where not known."""

    bar_end: int
    number: int
    recorded_at: int
    source: str
    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]


def read_known(
    root: Path,
    files: Sequence[DataFile],
    *,
    start: int | None = None,
    end: int | None = None,
    as_of: int | None = None,
    recorded_by: int | None = None,
) -> Known:
    """The value of every bar with `start <= bar_end <= end` that `as_of` and `recorded_by` let see; all in UTC us.

    `files`: of one series. Raises `BadInputError` for a file that is missing or broken.
    """
    if as_of is not None:
        end = as_of if end is None else min(end, as_of)
    table = read_files(
        root,
        [file for file in files if file.overlaps(start, end)],
        columns=["bar_end", *VALUE_COLUMNS, "revision"],
        keep=_condition(start, end, as_of, recorded_by),
    )
    bar_end, revision = stamps(table, "bar_end"), table["revision"].to_numpy()
    values = value_matrix(table)
    if np.all(np.diff(bar_end) > 0):
        return Known(bar_end, values, revision)
    order = np.lexsort((revision, bar_end))
    ends = bar_end[order]
    latest = order[np.append(ends[1:] != ends[:-1], True)]
    return Known(bar_end[latest], values[latest], revision[latest])


def _condition(
    start: int | None, end: int | None, as_of: int | None, recorded_by: int | None
) -> pads.Expression | None:
    import pyarrow.compute as pc

    bar_end, recorded_at = pc.field("bar_end"), pc.field("recorded_at")
    conditions: list[Any] = []
    if start is not None:
        conditions.append(bar_end >= _moment(start))
    if end is not None:
        conditions.append(bar_end <= _moment(end))
    if as_of is not None:
        conditions.append((pc.field("revision") == 0) | (recorded_at <= _moment(as_of)))
    if recorded_by is not None:
        conditions.append(recorded_at <= _moment(recorded_by))
    if not conditions:
        return None
    together = conditions[0]
    for condition in conditions[1:]:
        together = together & condition
    return together


def _moment(us: int) -> Any:
    import pyarrow as pa

    return pa.scalar(us, pa.timestamp("us", tz="UTC"))


def read_revisions(root: Path, files: Sequence[DataFile]) -> tuple[Revision, ...]:
    """All corrections of a series, by bar and number. `files`: of one series."""
    import pyarrow.compute as pc

    corrected = [file for file in files if file.last_revision > 0]
    if not corrected:
        return ()
    found = read_files(root, corrected, columns=["bar_end"], keep=pc.field("revision") > 0)
    bars = pc.unique(found["bar_end"])
    first, last = pc.min(bars).cast("int64").as_py(), pc.max(bars).cast("int64").as_py()
    rows = read_files(
        root,
        [file for file in files if file.overlaps(first, last)],
        columns=["bar_end", *VALUE_COLUMNS, "revision", "recorded_at", "source"],
        keep=pc.field("bar_end").isin(bars),
    ).sort_by([("bar_end", "ascending"), ("revision", "ascending")])
    values = value_matrix(rows)
    bar_end, numbers = stamps(rows, "bar_end"), rows["revision"].to_numpy()
    recorded_at, sources = stamps(rows, "recorded_at"), rows["source"].to_pylist()
    return tuple(
        Revision(
            bar_end=int(bar_end[row]),
            number=int(numbers[row]),
            recorded_at=int(recorded_at[row]),
            source=sources[row],
            before=values[row - 1],
            after=values[row],
        )
        for row in np.flatnonzero(numbers > 0)
    )
