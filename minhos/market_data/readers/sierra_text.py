"""Sierra Chart's "Export Bar Data to Text File": recognised by its header, symbol from the file's name.

Times are the start of the bar in the chart's zone, which the file does not name. The last row is the bar that was still
open when the file was written, and is dropped. Format facts: the Sierra Chart reference, section 4a.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minhos.errors import BadInputError
from minhos.market_data.readers.bar_file import BarFile, bar_file, cut_words, utc_microseconds
from minhos.market_data.readers.table import Table, read_table
from minhos.market_data.symbols import contract_code

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KIND", "is_sierra_text", "read_sierra_text", "sierra_symbol"]

KIND = "sierra_text"
_HEAD = ("Date", "Time", "Open", "High", "Low", "Last", "Volume")
_FIELDS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Last": "close",
    "Volume": "volume",
    "BidVolume": "bid_volume",
    "AskVolume": "ask_volume",
    "NumberOfTrades": "trades",
}
_UNUSED = ("OpenInterest",)
_SUFFIX = re.compile(r"(?:\.scid)?(?:_BarData)?(?:\.txt|\.csv)?$", re.IGNORECASE)
_TIMEFRAME = re.compile(r"(?:[_.](?:\d+[smhd]|daily))$", re.IGNORECASE)


def is_sierra_text(header: str) -> bool:
    """Whether a file with this first line is a bar export (its first four names decide)."""
    return tuple(name.strip() for name in header.split(","))[:4] == _HEAD[:4]


def sierra_symbol(path: Path) -> str:
    """The contract code in a file's name: `MNQZ25-CME_5m.scid_BarData.txt` -> `MNQZ25`."""
    stem = _TIMEFRAME.sub("", _SUFFIX.sub("", path.name))
    return contract_code(stem)


def read_sierra_text(path: Path, *, zone: str | None = None) -> BarFile:
    """Read one export. `zone`: IANA name of the chart's zone; None assumes UTC and says so.

    Raises `BadInputError` for anything that is not a whole, well-formed export.
    """
    table = read_table(path, separator=",")
    _check_columns(table)
    symbol = sierra_symbol(path)
    if not symbol:
        raise BadInputError(f"{path}: no symbol in the file's name; name it as Sierra Chart does (MNQZ25-CME_5m...)")
    stamps = utc_microseconds(table, _naive_times(table), zone=zone or "UTC")
    words = (
        f"{path.name}: the file does not name its time zone; UTC is assumed (the column map can say otherwise)"
        if zone is None
        else f"{path.name}: times are read as {zone}",
        cut_words(table) if table.cut else f"{path.name}: the last row is the bar that was still open, it is left out",
    )
    return bar_file(
        table,
        kind=KIND,
        symbol=symbol,
        stamps=stamps,
        columns={ours: table.numbers(name) for name, ours in _FIELDS.items() if name in table.columns},
        stamped_at_end=False,
        drop_last=True,
        timeframe_seconds=None,
        zone=zone or "UTC",
        words=words,
    )


def _check_columns(table: Table) -> None:
    missing = [name for name in _HEAD if name not in table.columns]
    unknown = [name for name in table.columns if name not in (*_HEAD, *_FIELDS, *_UNUSED)]
    if missing or unknown:
        faults = [f"missing columns {', '.join(missing)}"] if missing else []
        faults += [f"unknown columns {', '.join(map(repr, unknown))}"] if unknown else []
        raise BadInputError(
            f"{table.path}, line 1: {' and '.join(faults)}; allowed are "
            f"{', '.join((*_HEAD, *list(_FIELDS)[5:], *_UNUSED))}; export with Edit >> Export Bar Data to Text File"
        )


def _naive_times(table: Table) -> pd.Series[pd.Timestamp]:
    """Start of each bar in the chart's clock; unpadded dates, milliseconds only in some rows."""
    import pandas as pd

    clock = table.text("Date") + " " + table.text("Time")
    has_fraction = clock.str.contains(".", regex=False)
    whole = clock.where(~has_fraction, clock.str.split(".").str[0])
    times = pd.to_datetime(whole, format="%Y/%m/%d %H:%M:%S", errors="coerce")
    if has_fraction.any():
        fraction = pd.to_numeric("0." + clock.str.split(".").str[1].fillna("0"), errors="coerce")
        microseconds = np.round(fraction.to_numpy(dtype=np.float64) * 1e6)
        times = times + pd.to_timedelta(microseconds, unit="us")
    return times
