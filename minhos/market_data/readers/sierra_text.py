"""Sierra Chart's text files of bars, recognised by their first line; the symbol is in the file's name.

- "Export Bar Data to Text File" and "Export and Edit Intraday Data" (`.itxt`):
  `Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume`, daily bars with `OpenInterest`.
- The studies "Write Bar Data to File" and "Write Bar and Study Data to File", and graph data:
  `... Volume, # of Trades, OHLC Avg, HLC Avg, HL Avg, Bid Volume, Ask Volume[, the values of studies ...]`.
- Daily data files (`.dly`): `Date, Open, High, Low, Close, Volume[, OpenInterest]`.

Bars are of time, or range, trade and volume bars (`activity_bars`). Times are the start of the bar in the chart's zone,
which no such file names: it is given and held against the sessions, or inferred from them (`zones`). Daily bars have a
date and need none. Format facts: the Sierra Chart reference, sections 2 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.instruments import Instrument
from minhos.market_data.readers.bar_file import BarFile, bar_file, cut_words, utc_microseconds
from minhos.market_data.readers.chart_dates import finer_bars_words
from minhos.market_data.readers.row_timeframe import RowTimeframe, row_timeframe
from minhos.market_data.readers.table import Table, first_line, read_table
from minhos.market_data.symbols import contract_code
from minhos.market_data.timeframes import DAY_SECONDS, timeframe_name
from minhos.market_data.zones import Inferred, Undecided, infer_zone

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KIND", "is_sierra_text", "read_sierra_text", "sierra_symbol"]

KIND: Final = "sierra_text"
_SEPARATORS: Final = (",", "\t", ";")
_EXPORT: Final = ("date", "time", "open", "high", "low", "last")
_DAILY: Final = ("date", "open", "high", "low", "close", "volume")
_AFTER_DAILY: Final = ((), ("openinterest",))  # any other column there is someone else's table
_NAMES: Final = {
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("last", "close"),
    "volume": ("volume",),
    "trades": ("numberoftrades", "#oftrades", "numtrades"),
    "bid_volume": ("bidvolume", "bidvol"),
    "ask_volume": ("askvolume", "askvol"),
    "open_interest": ("openinterest", "openint"),
}
_FIELD_OF: Final = {name: field for field, names in _NAMES.items() for name in names}
_NEEDED: Final = ("open", "high", "low", "close", "volume")
_AVERAGES: Final = ("ohlcavg", "hlcavg", "hlavg")
_SHOWN_STUDIES: Final = 5
_SUFFIX: Final = re.compile(
    r"(?:\.(?:scid|dly))?(?:[_-]BarData|-BarStudyData|_GraphData)?(?:\.txt|\.csv|\.itxt|\.dly)?$", re.IGNORECASE
)
_DAILY_NAME: Final = re.compile(r"[_.]daily$", re.IGNORECASE)
_CHART: Final = re.compile(r"\s*\[[^\]]*\].*|\s.*")  # `ES[M]  5 Min  #1`: the chart's type, its bars and its number


def _plain(name: str) -> str:
    return name.strip().strip('"').replace(" ", "").lower()


def _separator(header: str) -> str | None:
    """The separator by which a first line is one of a Sierra Chart bar file; None for any other line."""
    for separator in _SEPARATORS:
        names = tuple(_plain(name) for name in header.split(separator))
        if names[: len(_EXPORT)] == _EXPORT:
            return separator
        if names[: len(_DAILY)] == _DAILY and names[len(_DAILY) :] in _AFTER_DAILY:
            return separator
    return None


def is_sierra_text(header: str) -> bool:
    """Whether a file with this first line is one of Sierra Chart's text files of bars (its first names decide)."""
    return _separator(header) is not None


def sierra_symbol(path: Path) -> str:
    """The contract code in a file's name, empty where there is none.

    `MNQZ25-CME_5m.scid_BarData.txt` -> `MNQZ25`; `ESU24-CME-BarStudyData.csv` -> `ESU24`; `F.US.EPZ20.itxt` -> `EPZ20`;
    `AAPL.dly` -> `AAPL`; `ES[M]  5 Min  #1_GraphData.txt` -> `ES`.
    """
    chart = _CHART.sub("", _SUFFIX.sub("", path.name))
    return contract_code(_DAILY_NAME.sub("", chart))


def read_sierra_text(
    path: Path,
    *,
    symbol: str | None = None,
    zone: str | None = None,
    zone_is_certain: bool = False,
    instrument: Instrument | None = None,
) -> BarFile:
    """Read one file of bars. The last row, which may be a bar that is still open, is left out.

    `symbol`: of the bars; None: the one that the file's name says. `zone`: IANA name of the zone of its times. It is held
    against the sessions of `instrument`; without one the zone is inferred from them, and the words give the evidence.
    `zone_is_certain`: read it so even where the sessions contradict. Daily bars are dated by the day they are stamped with,
    in no zone; their open interest is kept.

    Raises `BadInputError` for anything that is no well-formed file of this kind, where the zone is neither given nor to be
    inferred, and where the sessions say another one than is given.
    """
    header = first_line(path)
    table = read_table(path, separator=(header and _separator(header)) or ",", extra="ignore")
    columns, studies = _columns(table)
    symbol = symbol or sierra_symbol(path)
    if not symbol:
        raise BadInputError(f"{path}: no symbol in the file's name; name it as Sierra Chart does (MNQZ25-CME_5m...)")
    naive = _naive_times(table)
    starts = naive.dropna().to_numpy().astype("datetime64[us]").astype(np.int64)
    timeframe = row_timeframe(path, starts, mapped=None, sierra=True)
    zone, zone_words = _zone(path, starts, timeframe, _Given(zone, zone_is_certain), instrument)
    words = [f"{path.name}: {zone_words}", _last_row_words(table)]
    if studies:
        shown = ", ".join(studies[:_SHOWN_STUDIES]) + (" ..." if len(studies) > _SHOWN_STUDIES else "")
        words.append(f"{path.name}: the columns of studies are not used ({shown})")
    open_interest = columns.pop("open_interest", None)
    file = bar_file(
        table,
        kind=KIND,
        symbol=symbol,
        stamps=utc_microseconds(table, naive, zone=zone or "UTC"),
        columns={field: table.numbers(name) for field, name in columns.items()},
        stamped_at_end=False,
        drop_last=True,
        timeframe=timeframe,
        zone=zone,
        words=tuple(words),
        open_interest=None if open_interest is None else _known_numbers(table, open_interest),
        instrument=instrument,
    )
    if instrument is None:
        return file
    return replace(
        file, words=file.words + finer_bars_words(path.name, file.series.timeframe_seconds, instrument, zone)
    )


def _columns(table: Table) -> tuple[dict[str, str], list[str]]:
    """The file's column of each field of a bar, and the columns of studies.

    The bar's own columns come first; a study's may have any name after them, `Volume` too.
    """
    columns: dict[str, str] = {}
    studies: list[str] = []
    for name in table.columns:
        field = _FIELD_OF.get(_plain(name))
        if field is not None and field not in columns and not studies:
            columns[field] = name
        elif _plain(name) not in ("", "date", "time", *_AVERAGES):
            studies.append(name)
    missing = [field for field in _NEEDED if field not in columns]
    if missing or _plain(table.columns[0]) != "date":
        raise BadInputError(
            f"{table.path}, line 1: missing columns {', '.join(missing) or 'date'}; a bar file of Sierra Chart begins with "
            "Date, Time, Open, High, Low, Last, Volume; export with Edit >> Export Bar Data to Text File"
        )
    return columns, studies


def _last_row_words(table: Table) -> str:
    if table.cut:
        return cut_words(table)
    if any(_plain(name) in _AVERAGES for name in table.columns):
        return (
            f"{table.path.name}: the last row is left out: the study writes a bar that is still open where it is told to "
            "include the last bar, and the file does not say so"
        )
    return f"{table.path.name}: the last row is the bar that was still open, it is left out"


class _Given(NamedTuple):
    zone: str | None
    is_certain: bool


def _zone(
    path: Path, starts: npt.NDArray[np.int64], rows: RowTimeframe, given: _Given, instrument: Instrument | None
) -> tuple[str | None, str]:
    """The zone of the stamps, None for daily bars, and where it is from, in words. `starts` int64 [T], naive us."""
    timeframe = rows.seconds or 1  # bars without a length: what counts at an open and a close is their start
    if timeframe % DAY_SECONDS == 0:
        clocks = starts[starts % (DAY_SECONDS * 1_000_000) != 0]
        if clocks.size:
            first = clocks.min().astype("datetime64[us]").item()
            raise BadInputError(
                f"{path}: {timeframe_name(timeframe)} bars with a time of day ({first}): from it alone the trading date "
                "cannot be told; export the Historical Daily chart, or intraday bars"
            )
        return None, "bars of whole days have a date and no clock, a time zone is not needed"
    if instrument is None:
        if given.zone is not None:
            return given.zone, f"times are read as {given.zone}"
        found: Inferred | Undecided = Undecided("no instrument is known for its symbol")
    else:
        found = infer_zone(starts, instrument, timeframe_seconds=timeframe, given=given.zone)
    if given.zone is not None:
        return given.zone, _given_words(path, given.zone, found, is_certain=given.is_certain)
    if isinstance(found, Inferred):
        return found.zone, f"the file does not name its time zone, {found.zone} is inferred: {found.words}"
    raise BadInputError(
        f"{path}: the file does not name its time zone and it cannot be inferred ({found.words}); "
        "give it: --zone America/New_York, or zone under [sierra_text] in the column map"
    )


def _given_words(path: Path, zone: str, found: Inferred | Undecided, *, is_certain: bool) -> str:
    """How the zone that was given stands against the sessions; `BadInputError` where they contradict it."""
    if isinstance(found, Undecided):
        return f"times are read as {zone}, as given; the sessions neither confirm nor contradict it: {found.words}"
    if found.zone == zone:
        return f"times are read as {zone}, as given, confirmed: {found.words}"
    contradiction = f"the sessions say {found.zone}: {found.words}; as given, {found.given_fits}"
    if is_certain:
        return f"times are read as {zone}, as the map is certain, though {contradiction}"
    raise BadInputError(
        f"{path}: the times are said to be of {zone}, but {contradiction}; say --zone {found.zone}, or leave the zone out. "
        "If the given one is right all the same, say so in the column map: zone_is_certain = true under [sierra_text]"
    )


def _known_numbers(table: Table, column: str) -> npt.NDArray[np.float64]:
    """A column as float64 [T], NaN where it is empty or no number: a bar does not need it."""
    import pandas as pd

    return pd.to_numeric(table.text(column), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _naive_times(table: Table) -> pd.Series[pd.Timestamp]:
    """Start of each bar in the chart's clock, NaT where it is not in the expected form.

    Dates `2026/2/17` and `2026-06-05`, times `9:30:00`, `09:30:00.250` and `18:00:00.000000`, mixed in one file.
    """
    dates = _each_once(table.text(table.columns[0]), _dates)
    if _plain(table.columns[1]) != "time":
        return dates
    return dates + _each_once(table.text(table.columns[1]), _clocks)


def _each_once(texts: pd.Series[str], parse: Callable[[pd.Series[str]], pd.Series[Any]]) -> pd.Series[Any]:
    """`parse` of every row, done once for equal ones: a history has far fewer days and times of day than rows."""
    import pandas as pd

    codes, different = pd.factorize(texts)
    return parse(pd.Series(different, dtype="str")).reindex(codes).reset_index(drop=True)


def _dates(texts: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    import pandas as pd

    return pd.to_datetime(texts.str.replace("-", "/", regex=False), format="%Y/%m/%d", errors="coerce")


def _clocks(texts: pd.Series[str]) -> pd.Series[pd.Timedelta]:
    import pandas as pd

    whole = texts.where(texts.str.contains(".", regex=False), texts + ".0")
    return pd.to_datetime(whole, format="%H:%M:%S.%f", errors="coerce") - pd.Timestamp(1900, 1, 1)
