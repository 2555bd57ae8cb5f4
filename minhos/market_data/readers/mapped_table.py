"""Any table of bars, CSV (also zipped) or Parquet, read through a rule of the column map."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.instruments import Instrument
from minhos.market_data.readers.bar_file import BarFile, bar_file, cut_words
from minhos.market_data.readers.column_map import FileRule
from minhos.market_data.readers.mapped_times import mapped_times
from minhos.market_data.readers.parquet_table import is_parquet, read_parquet_table
from minhos.market_data.readers.table import Table, read_table
from minhos.market_data.sierra.tick_grid import market_prices
from minhos.market_data.timeframes import parse_timeframe

__all__ = ["KIND", "read_mapped_table"]

KIND: Final = "mapped_table"
_PRICES: Final = ("open", "high", "low", "close")


def read_mapped_table(path: Path, rule: FileRule, instrument: Instrument | None = None) -> BarFile:
    """Read one file as `rule` says, dated by the grid of `instrument` (`bar_file`).

    Whether it is Parquet, zipped or plain text is seen by its content.

    Columns that the rule does not map are NaN. A last row that may be half-written is left out, with a word about it. Raises
    `BadInputError` for a column that the file does not have, a malformed row, and where more than 1 % of the rows are wrong.
    """
    table = _table(path, rule)
    sources = rule.columns.model_dump(exclude_none=True)
    _check_columns(table, rule)
    times = mapped_times(table, rule)
    words = [f"{path.name}: by the column map the times are {times.words}"]
    if table.cut:
        words.append(cut_words(table))
    elif rule.last_bar == "open":
        words.append(f"{path.name}: by the column map the last row is a bar that is still open, it is left out")
    columns = {name: _evaluate(table, source, needed=name != "open_interest") for name, source in sources.items()}
    open_interest = columns.pop(
        "open_interest", None
    )  # a bar is one without it, and many files have none for some days
    for name in _PRICES:
        columns[name] = _scaled(columns[name], rule.price_scale)
        if instrument is not None and _is_float32(table, sources[name]):  # 62.06999969 is 62.07
            columns[name] = market_prices(columns[name], multiplier=1.0, tick_size=instrument.tick_size)[0]
    return bar_file(
        table,
        kind=KIND,
        symbol=rule.symbol,
        stamps=times.stamps,
        columns=columns,
        stamped_at_end=rule.stamp == "end" and not times.are_dates,
        drop_last=table.cut is not None or rule.last_bar == "open",
        mapped_timeframe=None if rule.timeframe is None else parse_timeframe(rule.timeframe),
        zone=times.zone,
        words=tuple(words),
        open_interest=open_interest,
        instrument=instrument,
    )


def _table(path: Path, rule: FileRule) -> Table:
    if not is_parquet(path):
        return read_table(path, separator=rule.separator, header=rule.header)
    sources = rule.columns.model_dump(exclude_none=True).values()
    return read_parquet_table(
        path, columns={*rule.time, *sources, *(name for both in map(_two, sources) for name in both)}
    )


def _scaled(numbers: npt.NDArray[np.float64], scale: float) -> npt.NDArray[np.float64]:
    """`numbers` x `scale`, float64 [T], as the decimal that is meant: 1685400 x 0.0001 is 168.54, not 168.54000000000002.

    A division by a whole number is exact to the last bit, a product with its inverse, which has no exact value, is not.
    """
    inverse = round(1.0 / scale)
    return numbers / inverse if inverse and 1.0 / inverse == scale else numbers * scale


def _two(source: str) -> tuple[str, ...]:
    """The two names of `a - b`; none for any other source."""
    left, minus, right = source.partition(" - ")
    return (left.strip(), right.strip()) if minus else ()


def _operands(source: str, columns: Collection[str]) -> tuple[str, ...]:
    """The file's columns in a source: the name itself where the file has it, else the two of `a - b`."""
    return (source,) if source in columns else _two(source) or (source,)


def _evaluate(table: Table, source: str, *, needed: bool) -> npt.NDArray[np.float64]:
    first, *second = (table.numbers(name, needed=needed) for name in _operands(source, table.columns))
    return first - second[0] if second else first


def _is_float32(table: Table, source: str) -> bool:
    """Whether a Parquet file keeps a column in 32 bits, which blur its decimals."""
    import pyarrow as pa

    return any(bool(pa.types.is_float32(table.cells[name].type)) for name in _operands(source, table.columns))


def _check_columns(table: Table, rule: FileRule) -> None:
    wanted = [*rule.time]
    for source in rule.columns.model_dump(exclude_none=True).values():
        wanted += _operands(source, table.columns)
    missing = sorted({name for name in wanted if name not in table.columns})
    if missing:
        raise BadInputError(
            f"{table.path}: the column map names {', '.join(map(repr, missing))}, the file has "
            f"{', '.join(table.columns)}; correct the columns or the separator in the map"
        )
