"""What every reader hands over, and the steps that all readers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.readers.absent import without_absent
from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.readers.table import Table
from minhos.market_data.timeframes import dominating_step, timeframe_in_name, timeframe_name
from minhos_client.contract import BAR_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BarFile", "bar_file", "cut_words", "utc_microseconds"]

_LEAST_BARS = 2


@dataclass(frozen=True)
class BarFile:
    """One file, read: its bars, its SHA-256, and what the reader assumed, in words.

    `covers_until`: UTC us, the end of the file's last row, also where that row is left out as still open: a session that
    closes up to then is over, and only its last bar is not known. `zone`: IANA zone that the stamps were read as, None
    where they count from the epoch. `rejected`: the rows that cannot be bars, by reason.
    """

    path: Path
    kind: str
    series: BarSeries
    sha256: str
    covers_until: int
    zone: str | None
    words: tuple[str, ...]
    rejected: tuple[Rejection, ...] = ()


def cut_words(table: Table) -> str:
    """Why the last row of a table that is `cut` is left out."""
    return (
        f"{table.path.name}, line {int(table.lines[-1])}: the file has no final newline, so its last row may be "
        "half-written (an export still running?); that row is left out"
    )


def utc_microseconds(table: Table, naive: pd.Series[pd.Timestamp], *, zone: str) -> npt.NDArray[np.int64]:
    """Local stamps without a zone as UTC us, int64 [T].

    Raises `BadInputError` with the line of a stamp that could not be parsed (NaT), or of a local time that DST makes
    impossible or ambiguous.
    """
    import pandas as pd

    missing = np.flatnonzero(naive.isna().to_numpy())
    if missing.size:
        row = int(missing[0])
        raise BadInputError(
            f"{table.where(row)}: the time is not in the expected form; correct or remove the row, "
            "or state the clock in the column map"
        )
    if zone != "UTC":
        try:
            naive = naive.dt.tz_localize(zone, ambiguous="infer").dt.tz_convert("UTC").dt.tz_localize(None)
        except (ValueError, pd.errors.OutOfBoundsDatetime) as error:
            raise BadInputError(
                f"{table.path}: the times do not fit the zone {zone} ({str(error).splitlines()[0]}); "
                "export the file in UTC, or correct the zone in the column map"
            ) from error
    return naive.to_numpy().astype("datetime64[us]").astype(np.int64)


def bar_file(
    table: Table,
    *,
    kind: str,
    symbol: str,
    stamps: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[np.float64]],
    stamped_at_end: bool,
    drop_last: bool,
    timeframe_seconds: int | None,
    zone: str | None,
    words: tuple[str, ...],
) -> BarFile:
    """Turn parsed columns into bars: find the timeframe, check it against the name, date each bar by its end.

    `stamps` int64 [T] UTC us, start or end of the bar. A bar that is stamped at its start ends one timeframe later, or
    when the next one starts (Sierra's hourly bars are cut at the session's edges). `drop_last`: the last row is still
    open or half-written. Columns that the source has in name only become NaN (`absent`). Raises `BadInputError` for
    times that do not increase, a name that contradicts the content, too few bars.
    """
    late = np.flatnonzero(np.diff(stamps) <= 0)
    if late.size:
        row = int(late[0]) + 1
        raise BadInputError(
            f"{table.where(row)}: the time {iso(int(stamps[row]))} is not after the row before "
            f"({iso(int(stamps[row - 1]))}); sort the file by time and remove duplicate rows (range and tick bars are "
            "not usable here)"
        )
    found = dominating_step(stamps, where=str(table.path))
    _check_timeframe(table.path, found=found, mapped=timeframe_seconds)
    if stamped_at_end:
        bar_end = stamps.copy()
    else:
        bar_end = stamps + found * 1_000_000
        bar_end[:-1] = np.minimum(bar_end[:-1], stamps[1:])
    values = np.full((len(stamps), len(BAR_COLUMNS)), np.nan)
    for name, numbers in columns.items():
        values[:, BAR_COLUMNS.index(name)] = numbers
    kept = len(stamps) - 1 if drop_last else len(stamps)
    if kept < _LEAST_BARS:
        raise BadInputError(f"{table.path}: too little history, {kept} complete bars; export more bars")
    known, absent = without_absent(values[:kept], bar_end[:kept], name=table.path.name)
    return BarFile(
        path=table.path,
        kind=kind,
        series=BarSeries(symbol=symbol, timeframe_seconds=found, bar_end=bar_end[:kept], values=known),
        sha256=table.sha256,
        covers_until=int(bar_end[-1]),
        zone=zone,
        words=(*words, *absent),
    )


def _check_timeframe(path: Path, *, found: int, mapped: int | None) -> None:
    named = timeframe_in_name(path.stem)
    for source, stated in (("its name", named), ("the column map", mapped)):
        if stated is not None and stated != found:
            raise BadInputError(
                f"{path}: {source} says {timeframe_name(stated)}, its rows are {timeframe_name(found)} bars; "
                "export the file again or correct what is stated"
            )
