"""What every reader hands over, and the steps that all readers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.readers.absent import without_absent
from minhos.market_data.readers.activity_bars import activity_timeframe, known_at
from minhos.market_data.readers.chart_dates import dated_by_chart
from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.readers.row_checks import note_bad_order, note_bad_values
from minhos.market_data.readers.row_timeframe import RowTimeframe, row_timeframe
from minhos.market_data.readers.table import Table
from minhos.market_data.timeframes import DAY_SECONDS, is_time, timeframe_name
from minhos_client.contract import BAR_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NOT_A_TIME", "BarFile", "bar_file", "cut_words", "utc_microseconds"]

NOT_A_TIME: Final = np.iinfo(np.int64).min
"""The stamp of a row whose time could not be read; NumPy's own NaT."""

_LEAST_BARS: Final = 2
_EARLIEST: Final = int(np.datetime64("1800-01-01", "us").astype(np.int64))
_LATEST: Final = int(np.datetime64("2200-01-01", "us").astype(np.int64))


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
    return f"{table.path.name}, {table.place(len(table) - 1)}: {table.cut}; that row is left out"


def utc_microseconds(table: Table, naive: pd.Series[pd.Timestamp], *, zone: str) -> npt.NDArray[np.int64]:
    """Local stamps without a zone as UTC us, int64 [T].

    A stamp that could not be parsed (NaT) is `NOT_A_TIME` and a fault of its row. The hour that comes twice when summer
    time ends is told apart by the order of the rows. Raises `BadInputError` for a local time that DST leaves out.
    """
    import pandas as pd

    table.faults.add(
        naive.isna().to_numpy(),
        "the time is not in the expected form",
        lambda _row: "the time is not in the expected form",
        advice="correct or remove the row, or state the clock in the column map",
    )
    if zone != "UTC":
        try:
            local = naive.dt.tz_localize(zone, ambiguous=_first_pass(naive, zone))
            naive = local.dt.tz_convert("UTC").dt.tz_localize(None)
        except (ValueError, pd.errors.OutOfBoundsDatetime) as error:
            raise BadInputError(
                f"{table.path}: the times do not fit the zone {zone} ({str(error).splitlines()[0]}); "
                "export the file in UTC, or correct the zone in the column map"
            ) from error
    return naive.to_numpy().astype("datetime64[us]").astype(np.int64)


def _first_pass(naive: pd.Series[pd.Timestamp], zone: str) -> npt.NDArray[np.bool_]:
    """Where a clock time that comes twice is meant the first time, bool [T]; true for all that come once.

    The second pass begins where the clock goes back (or, with one bar an hour, stands still). A file that has only one of
    the two hours has the one that is nearer to its other rows.
    """
    twice = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna() & naive.notna()
    first = np.ones(len(naive), dtype=bool)
    rows = np.flatnonzero(twice.to_numpy())
    clock = naive.to_numpy().astype("datetime64[us]").astype(np.int64).astype(np.float64)
    for hour in np.split(rows, np.flatnonzero(np.diff(clock[rows]) > DAY_SECONDS * 1e6) + 1):
        steps = np.diff(clock[hour])
        back = np.flatnonzero(steps < 0) if np.any(steps < 0) else np.flatnonzero(steps == 0)
        if back.size:
            first[hour[back[0] + 1 :]] = False
        elif hour.size:
            since = clock[hour[0]] - clock[hour[0] - 1] if hour[0] > 0 else np.inf
            until = clock[hour[-1] + 1] - clock[hour[-1]] if hour[-1] + 1 < len(clock) else np.inf
            first[hour] = since <= until
    return first


def bar_file(
    table: Table,
    *,
    kind: str,
    symbol: str,
    stamps: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[np.float64]],
    stamped_at_end: bool,
    drop_last: bool,
    zone: str | None,
    words: tuple[str, ...],
    mapped_timeframe: int | None = None,
    timeframe: RowTimeframe | None = None,
    open_interest: npt.NDArray[np.float64] | None = None,
    instrument: Instrument | None = None,
) -> BarFile:
    """Turn parsed columns into bars: leave out the rows that cannot be any, find the timeframe, date each bar by its end.

    `stamps` int64 [T] UTC us, start or end of the bar, `NOT_A_TIME` where there is none; `columns` float64 [T] by the
    contract's names and `open_interest` float64 [T]. A bar that is stamped at its start ends where the grid of `instrument`
    says (Sierra's hourly bars are cut at the session's anchors), or that of the file's own chart; off any grid one timeframe
    later, or when the next starts. `drop_last`: the last row is still open or half-written; nothing in it is a fault.
    `mapped_timeframe`: the number that the map states; `timeframe`: what the rows are, where the reader knows it already.
    Range, trade and volume bars may start together; each ends when the next one starts, so the last of them is left out.
    Columns that the source has in name only become NaN (`absent`).

    Rows whose numbers, time, order, prices or volumes are wrong are `rejected`, up to 1 % of the rows. Raises
    `BadInputError` with the first of them where there are more, and for rows of no timeframe and no kind that is known, a
    name or a map that contradicts the content, too few bars.
    """
    count = len(stamps) - 1 if drop_last else len(stamps)
    dated = _note_bad_times(table, stamps)
    table.faults.refuse_too_many(count, where=table.where)
    if timeframe is None:
        timeframe = row_timeframe(table.path, _on_clock(stamps[dated], zone), mapped=mapped_timeframe, sierra=False)
    found = timeframe.seconds
    if found is None:
        complete = {name: numbers[:count] for name, numbers in columns.items()}
        tick_size = None if instrument is None else instrument.tick_size
        found, evidence = activity_timeframe(table.path, complete, tick_size=tick_size, stated=timeframe.stated)
        words = (
            *words,
            f"{table.path.name}: {timeframe_name(found)} bars, {evidence}; each ends when the next one starts",
        )
    compared = columns if open_interest is None else {**columns, "open interest": open_interest}
    in_order = note_bad_order(table.faults, stamps, dated, compared, equal_allowed=not is_time(found))
    note_bad_values(table.faults, columns, intraday=found < DAY_SECONDS)
    table.faults.refuse_too_many(count, where=table.where)

    timeline = np.flatnonzero(
        in_order
    )  # a rejected bar, and one that is left out, still says when the one before it ended
    chart: tuple[str, ...] = ()
    used = (timeline < count) & ~table.faults.rows[timeline]
    if is_time(found):
        ends = stamps[timeline]
        if not stamped_at_end:
            ends, chart = dated_by_chart(ends, found, instrument, name=table.path.name, zone=zone)
        covers_until = int(ends[-1])
    else:
        ends = known_at(stamps[timeline], stamped_at_end=stamped_at_end)
        covers_until = int(stamps[timeline][-1])
        used[-1] &= stamped_at_end
    kept, bar_end = timeline[used], ends[used]
    if len(kept) < _LEAST_BARS:
        raise BadInputError(f"{table.path}: too little history, {len(kept)} complete bars; export more bars")
    values = np.full((len(kept), len(BAR_COLUMNS)), np.nan)
    for name, numbers in columns.items():
        values[:, BAR_COLUMNS.index(name)] = numbers[kept]
    known, absent = without_absent(values, bar_end, name=table.path.name)
    return BarFile(
        path=table.path,
        kind=kind,
        series=BarSeries(
            symbol=symbol,
            timeframe_seconds=found,
            bar_end=bar_end,
            values=known,
            open_interest=None if open_interest is None else open_interest[kept],
        ),
        sha256=table.sha256,
        covers_until=covers_until,
        zone=zone,
        words=(*words, *chart, *absent),
        rejected=table.faults.rejections(count, place=table.place),
    )


def _on_clock(stamps: npt.NDArray[np.int64], zone: str | None) -> npt.NDArray[np.int64]:
    """UTC us on the clock of a zone, where the grid of a chart does not move with summer time; int64 [T]."""
    import pandas as pd

    if zone in (None, "UTC"):
        return stamps
    local = pd.DatetimeIndex(stamps.astype("datetime64[us]")).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return local.to_numpy().astype("datetime64[us]").astype(np.int64)


def _note_bad_times(table: Table, stamps: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Note the rows without a time that a bar can have; the others as bool [T]."""
    plausible = (stamps >= _EARLIEST) & (stamps < _LATEST)
    table.faults.add(
        ~plausible,
        "the time is not between 1800 and 2200",
        lambda row: f"the time is not between 1800 and 2200 ({int(stamps[row])} us after 1970)",
        advice="correct or remove the row, or state the clock in the column map",
    )
    return plausible
