"""Bars of one symbol in the contract's column order, and their Parquet file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.files import write_bytes
from minhos.market_data.timeframes import activity_of, is_time
from minhos_client.contract import BAR_COLUMNS

__all__ = ["BarSeries", "iso", "read_bars", "write_bars"]

_SYMBOL_KEY = b"minhos.symbol"
_TIMEFRAME_KEY = b"minhos.timeframe_seconds"


def iso(bar_end_us: int) -> str:
    """A UTC microsecond stamp as people read it: `2025-12-18T14:35Z` (seconds and their parts where there are any)."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(bar_end_us))
    if bar_end_us % 1_000_000:
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    return f"{moment:%Y-%m-%dT%H:%M}Z" if bar_end_us % 60_000_000 == 0 else f"{moment:%Y-%m-%dT%H:%M:%S}Z"


@dataclass(frozen=True, eq=False)
class BarSeries:
    """The bars of one symbol and timeframe, oldest first.

    `timeframe_seconds`: of time bars; the negative number of range, trade and volume bars (`timeframes`).
    `bar_end`: int64 [T], UTC us, strictly increasing: the moment bar t was complete and so known.
    `values`: float64 [T, 8] in the order of `minhos_client.contract.BAR_COLUMNS`; a column that the source does
    not have is NaN in every row. Prices in the quote currency, volumes in contracts (or units of the asset).
    `open_interest`: float64 [T], contracts outstanding at the end of the bar, where the source states it (daily files);
    no model reads it, rolls do. None where it is not known. All arrays are made read-only.
    Raises `BadInputError` where shapes or times are wrong.
    """

    symbol: str
    timeframe_seconds: int
    bar_end: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    open_interest: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not is_time(self.timeframe_seconds) and activity_of(self.timeframe_seconds) is None:
            raise BadInputError(
                f"{self.symbol}: timeframe of {self.timeframe_seconds} s, it must be positive, or the number of range, "
                "trade or volume bars"
            )
        bar_end = np.array(self.bar_end, dtype=np.int64)
        values = np.array(self.values, dtype=np.float64)
        if bar_end.ndim != 1 or values.shape != (len(bar_end), len(BAR_COLUMNS)):
            raise BadInputError(
                f"{self.symbol}: bar_end has shape {bar_end.shape} and values {values.shape}, "
                f"allowed are [T] and [T, {len(BAR_COLUMNS)}]"
            )
        if self.open_interest is not None:
            open_interest = np.array(self.open_interest, dtype=np.float64)
            if open_interest.shape != bar_end.shape:
                raise BadInputError(
                    f"{self.symbol}: open_interest has shape {open_interest.shape}, allowed is {bar_end.shape}"
                )
            open_interest.flags.writeable = False
            object.__setattr__(self, "open_interest", open_interest)
        late = np.flatnonzero(np.diff(bar_end) <= 0)
        if late.size:
            row = int(late[0]) + 1
            raise BadInputError(
                f"{self.symbol}: bar times must increase; row {row} ({iso(int(bar_end[row]))}) is not after "
                f"row {row - 1} ({iso(int(bar_end[row - 1]))}); sort the source and remove duplicate bars"
            )
        bar_end.flags.writeable = False
        values.flags.writeable = False
        object.__setattr__(self, "bar_end", bar_end)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.bar_end)

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """One column, float64 [T]; `BadInputError` for a name that the contract does not have."""
        if name not in BAR_COLUMNS:
            raise BadInputError(f"{self.symbol}: no column {name!r}; the columns are {', '.join(BAR_COLUMNS)}")
        return self.values[:, BAR_COLUMNS.index(name)]

    def has(self, column: str) -> bool:
        """Whether the source has this column: some row of it is not NaN."""
        return bool(np.any(~np.isnan(self.column(column))))

    def up_to(self, us: int) -> BarSeries:
        """The bars that were known at `us` (UTC us): `bar_end <= us`."""
        return self.slice(0, int(np.searchsorted(self.bar_end, us, side="right")))

    def slice(self, start: int, stop: int) -> BarSeries:
        """Rows `start` to `stop`, as a sequence's slice understands them."""
        return BarSeries(
            symbol=self.symbol,
            timeframe_seconds=self.timeframe_seconds,
            bar_end=self.bar_end[start:stop],
            values=self.values[start:stop],
            open_interest=None if self.open_interest is None else self.open_interest[start:stop],
        )


def write_bars(path: Path, series: BarSeries) -> Path:
    """Write one Parquet file: `bar_end` int64, the eight columns float64, symbol and timeframe in its metadata.

    Atomic: a reader sees the old file or the new one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"bar_end": pa.array(series.bar_end)}
    columns |= {name: pa.array(series.values[:, index]) for index, name in enumerate(BAR_COLUMNS)}
    table = pa.table(columns).replace_schema_metadata(
        {_SYMBOL_KEY: series.symbol.encode(), _TIMEFRAME_KEY: str(series.timeframe_seconds).encode()}
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return write_bytes(path, buffer.getvalue())


def read_bars(path: Path) -> BarSeries:
    """Read a file of `write_bars`, bit by bit what was written; `BadInputError` for any other file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInputError(f"{path}: not a readable bar file ({error}); run the ingest step again") from error
    metadata = table.schema.metadata or {}
    expected = ["bar_end", *BAR_COLUMNS]
    if table.column_names != expected or _SYMBOL_KEY not in metadata or _TIMEFRAME_KEY not in metadata:
        raise BadInputError(
            f"{path}: not a bar file of this platform, its columns are {', '.join(table.column_names)}; "
            f"allowed are {', '.join(expected)} with symbol and timeframe; run the ingest step again"
        )
    values = np.empty((table.num_rows, len(BAR_COLUMNS)), dtype=np.float64)
    for index, name in enumerate(BAR_COLUMNS):
        values[:, index] = table[name].to_numpy()
    return BarSeries(
        symbol=metadata[_SYMBOL_KEY].decode(),
        timeframe_seconds=int(metadata[_TIMEFRAME_KEY]),
        bar_end=table["bar_end"].to_numpy(),
        values=values,
    )
