"""Any CSV with a header, read through a rule of the column map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.readers.bar_file import BarFile, bar_file, cut_words, utc_microseconds
from minhos.market_data.readers.column_map import FileRule
from minhos.market_data.readers.table import Table, read_table
from minhos.market_data.timeframes import parse_timeframe

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KIND", "read_generic_csv"]

KIND = "generic_csv"
_PRICES = ("open", "high", "low", "close")
_EPOCH_MICROSECONDS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}


def read_generic_csv(path: Path, rule: FileRule) -> BarFile:
    """Read one file as `rule` says. Columns that the rule does not map are NaN.

    A last row without its line end is left out, with a word about it: its last number may be half-written. Raises
    `BadInputError` for a column that the file does not have, a malformed row or an impossible time.
    """
    table = read_table(path, separator=rule.separator)
    _check_columns(table, rule)
    stamped = "the end" if rule.stamp == "end" else "the start"
    clock = f"in {rule.zone}" if rule.clock not in _EPOCH_MICROSECONDS else f"counted from the epoch ({rule.clock})"
    words = [f"{path.name}: by the column map the times are {stamped} of the bar, {clock}"]
    drop_last = table.cut or rule.last_bar == "open"
    if table.cut:
        words.append(cut_words(table))
        if table.columns[-1] in rule.time:  # the half-written field is the time: the row cannot even be dated
            table, drop_last = table.without_last(), False
    elif drop_last:
        words.append(f"{path.name}: by the column map the last row is a bar that is still open, it is left out")
    columns = {}
    for name, source in rule.columns.model_dump(exclude_none=True).items():
        numbers = _evaluate(table, source)
        columns[name] = numbers * rule.price_scale if name in _PRICES and rule.price_scale != 1.0 else numbers
    return bar_file(
        table,
        kind=KIND,
        symbol=rule.symbol,
        stamps=_stamps(table, rule),
        columns=columns,
        stamped_at_end=rule.stamp == "end",
        drop_last=drop_last,
        timeframe_seconds=None if rule.timeframe is None else parse_timeframe(rule.timeframe),
        zone=None if rule.clock in _EPOCH_MICROSECONDS else rule.zone,
        words=tuple(words),
    )


def _operands(source: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The file's columns in a source: the name itself where the file has it, else the two of `a - b`."""
    if source in columns or " - " not in source:
        return (source,)
    left, _, right = source.partition(" - ")
    return (left.strip(), right.strip())


def _evaluate(table: Table, source: str) -> npt.NDArray[np.float64]:
    operands = _operands(source, table.columns)
    if len(operands) == 1:
        return table.numbers(operands[0])
    return table.numbers(operands[0]) - table.numbers(operands[1])


def _check_columns(table: Table, rule: FileRule) -> None:
    wanted = [*rule.time]
    for source in rule.columns.model_dump(exclude_none=True).values():
        wanted += _operands(source, table.columns)
    missing = sorted({name for name in wanted if name not in table.columns})
    if missing:
        raise BadInputError(
            f"{table.path}, line 1: the column map names {', '.join(map(repr, missing))}, the file has "
            f"{', '.join(table.columns)}; correct the columns or the separator in the map"
        )


def _stamps(table: Table, rule: FileRule) -> npt.NDArray[np.int64]:
    """The stamps as UTC us, int64 [T]."""
    import pandas as pd

    if rule.clock in _EPOCH_MICROSECONDS:
        return np.round(table.numbers(rule.time[0]) * _EPOCH_MICROSECONDS[rule.clock]).astype(np.int64)
    clock: pd.Series[str] = table.text(rule.time[0])
    for name in rule.time[1:]:
        clock = clock + " " + table.text(name)
    return utc_microseconds(table, pd.to_datetime(clock, format=rule.clock, errors="coerce"), zone=rule.zone)
