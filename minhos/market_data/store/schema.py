"""The store's columns, and rows to and from Arrow.

A row is one value of one bar: a bar that is never corrected has one row (`revision` 0), a corrected one a row for each
value that it had. Not known is null in the files (so that other tools leave it out) and NaN in arrays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos_client.contract import BAR_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "PARTITION_COLUMNS",
    "STORE_VERSION",
    "VALUE_COLUMNS",
    "check_storable",
    "file_schema",
    "rows_table",
    "stamps",
    "store_schema",
    "value_matrix",
    "values_of",
]

STORE_VERSION: Final = 1
VALUE_COLUMNS: Final = (*BAR_COLUMNS, "open_interest")
PARTITION_COLUMNS: Final = ("instrument", "timeframe_seconds", "year")

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # it names a folder, and Delta Lake escapes nothing of it
_EARLIEST: Final = int(np.datetime64("1800-01-01", "us").astype(np.int64))
_LATEST: Final = int(np.datetime64("2200-01-01", "us").astype(np.int64))


def file_schema() -> pa.Schema:
    """The columns of a data file. `bar_end`: the moment the bar was complete; `recorded_at`: when this platform wrote
    the row; both UTC us. `revision`: 0 for the first value of a bar, one more for each correction. `source`: a name."""
    import pyarrow as pa

    stamp = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            ("bar_end", stamp),
            *((name, pa.float64()) for name in VALUE_COLUMNS),
            ("revision", pa.int32()),
            ("recorded_at", stamp),
            ("source", pa.string()),
        ]
    )


def store_schema() -> pa.Schema:
    """The columns of the store: those that its folders are named after, and those of a file. `year`: of `bar_end`, UTC."""
    import pyarrow as pa

    partitions = pa.schema([("instrument", pa.string()), ("timeframe_seconds", pa.int64()), ("year", pa.int32())])
    return pa.unify_schemas([partitions, file_schema()])


def check_storable(series: BarSeries) -> None:
    """`BadInputError` for a symbol that cannot name a folder, and for times outside 1800 to 2200."""
    if _SYMBOL.fullmatch(series.symbol) is None:
        raise BadInputError(
            f"the store cannot keep a symbol {series.symbol!r}: 1 to 64 letters, digits, `.`, `_` and `-` are allowed, "
            "beginning with a letter or digit; rename it in the column map"
        )
    if len(series) and not (series.bar_end[0] >= _EARLIEST and series.bar_end[-1] < _LATEST):
        raise BadInputError(
            f"{series.symbol}: bars from {series.bar_end[0]} to {series.bar_end[-1]} us after 1970, allowed are the years "
            "1800 to 2199; check the unit of the times"
        )


def values_of(series: BarSeries) -> npt.NDArray[np.float64]:
    """What the store keeps of a series' bars: float64 [T, 9], in the order of `VALUE_COLUMNS`; NaN is not known."""
    interest = np.full(len(series), np.nan) if series.open_interest is None else series.open_interest
    return np.column_stack((series.values, interest))


def rows_table(
    bar_end: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    revision: npt.NDArray[np.int32],
    *,
    recorded_at: int,
    source: str,
) -> pa.Table:
    """Rows as a file has them: `bar_end` int64 [T] UTC us, `values` float64 [T, 9], `revision` int32 [T]."""
    import pyarrow as pa

    stamp = pa.timestamp("us", tz="UTC")
    columns = [
        pa.array(bar_end).cast(stamp),
        *(pa.array(values[:, index], from_pandas=True) for index in range(len(VALUE_COLUMNS))),
        pa.array(revision),
        pa.array(np.full(len(bar_end), recorded_at, dtype=np.int64)).cast(stamp),
        pa.repeat(source, len(bar_end)),
    ]
    return pa.Table.from_arrays(columns, schema=file_schema())


def stamps(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """A column of times as int64 [T], UTC us."""
    import pyarrow as pa

    column: npt.NDArray[np.int64] = table[name].cast(pa.int64()).to_numpy()
    return column


def value_matrix(table: pa.Table) -> npt.NDArray[np.float64]:
    """The value columns as float64 [T, 9]; null becomes NaN."""
    values = np.empty((table.num_rows, len(VALUE_COLUMNS)))
    for index, name in enumerate(VALUE_COLUMNS):
        values[:, index] = table[name].to_numpy()
    return values
