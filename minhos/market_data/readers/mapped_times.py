"""The times of a table that is read through a rule of the column map: clock, zone, and dates that are no times at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.readers.bar_file import NOT_A_TIME, utc_microseconds
from minhos.market_data.readers.column_map import EPOCH_MICROSECONDS, FileRule
from minhos.market_data.readers.table import Table
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = ["MappedTimes", "mapped_times"]

_DAY_MICROSECONDS: Final = DAY_SECONDS * 1_000_000
_FARTHEST: Final = float(1 << 62)  # within int64; far outside what a bar's time can be, and refused as such

Stamps = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MappedTimes:
    """`stamps` int64 [T]: UTC us, or the date's midnight where `are_dates`; `NOT_A_TIME` where there is none.

    `zone`: the zone of the map that they were read in, None where they needed none. `words`: how they were read.
    """

    stamps: Stamps
    are_dates: bool
    zone: str | None
    words: str


def mapped_times(table: Table, rule: FileRule) -> MappedTimes:
    """Read the times as the rule and the column's own type say; a time that cannot be read is a fault of its row.

    Times that are midnight in every row are dates: they name a day, whatever the zone, and need none. Raises `BadInputError`
    where neither the rule nor the file says the zone of the others, and for local times that the zone does not have.
    """
    stamped = f"the {rule.stamp} of the bar"
    if rule.clock in EPOCH_MICROSECONDS and not _is_temporal(table, rule):
        counted = _counted(table, rule)
        return _dates(counted) or MappedTimes(counted, False, None, f"{stamped}, counted from the epoch ({rule.clock})")
    clock = _typed(table, rule) if _is_temporal(table, rule) else _written(table, rule)
    if clock.dt.tz is not None:
        stamps = utc_microseconds(table, clock.dt.tz_convert("UTC").dt.tz_localize(None), zone="UTC")
        local = clock if rule.zone is None else clock.dt.tz_convert(rule.zone)
        wall = local.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
        return _dates(wall) or MappedTimes(stamps, False, None, f"{stamped}, with their own offset from UTC")
    dates = _dates(utc_microseconds(table, clock, zone="UTC"))
    if dates is not None:
        return dates
    if rule.zone is None:
        raise BadInputError(
            f"{table.path}: neither the file nor the column map says the zone of its times ({', '.join(rule.time)}); "
            f'add zone = "UTC", or the zone that they were written in ("America/New_York" ...), to the [[files]] entry '
            f"with glob {rule.glob!r}"
        )
    return MappedTimes(utc_microseconds(table, clock, zone=rule.zone), False, rule.zone, f"{stamped}, in {rule.zone}")


def _dates(wall: Stamps) -> MappedTimes | None:
    """The times as dates where every clock shows midnight, else None."""
    known = wall[wall != NOT_A_TIME]
    if not len(known) or np.any(known % _DAY_MICROSECONDS):
        return None
    return MappedTimes(wall, True, None, "dates: a bar is known when its day is over, in UTC")


def _counted(table: Table, rule: FileRule) -> Stamps:
    steps = table.numbers(rule.time[0]) * EPOCH_MICROSECONDS[rule.clock]
    counted = np.nan_to_num(np.clip(np.round(steps), -_FARTHEST, _FARTHEST)).astype(np.int64)
    return np.where(np.isnan(steps), NOT_A_TIME, counted)


def _is_temporal(table: Table, rule: FileRule) -> bool:
    """Whether a Parquet file types its one time column as a timestamp or a date: it needs no clock then."""
    import pyarrow as pa

    kind = table.cells[rule.time[0]].type
    return len(rule.time) == 1 and bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _typed(table: Table, rule: FileRule) -> Any:
    """A timestamp or date column as pandas has it, to the microsecond."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = table.cells[rule.time[0]]
    zone = cells.type.tz if pa.types.is_timestamp(cells.type) else None
    try:
        options = pc.CastOptions(target_type=pa.timestamp("us", zone), allow_time_truncate=True)
        return pc.cast(cells, options=options).to_pandas()
    except pa.ArrowInvalid as error:
        raise BadInputError(
            f"{table.path}: the times in {rule.time[0]} are out of range ({error}); correct the file"
        ) from error


def _written(table: Table, rule: FileRule) -> Any:
    """Text, or numbers that are dates (20260105), read by the rule's `strptime` form; NaT where it does not fit."""
    import pandas as pd

    clock = table.text(rule.time[0])
    for name in rule.time[1:]:
        clock = clock + " " + table.text(name)
    offset = "%z" in rule.clock or "%Z" in rule.clock
    return pd.to_datetime(clock, format=rule.clock, errors="coerce", utc=offset)
