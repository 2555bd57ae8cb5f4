"""The column map: a small TOML that says what files do not say of themselves.

It lies beside the files (`*.toml`) or is named by the user. One `[[files]]` entry per kind of CSV or Parquet file, chosen by
a pattern on the file's name, says what its columns and its clock mean; `[sierra_text]` states the zone of Sierra Chart
exports, `[scid]` the price multipliers of its intraday files. Unknown keys are errors.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.symbols import root_of
from minhos.market_data.timeframes import parse_timeframe
from minhos.market_data.trading_hours import Zone

__all__ = [
    "EPOCH_MICROSECONDS",
    "ColumnMap",
    "Columns",
    "FileRule",
    "ScidRule",
    "SierraRule",
    "is_column_map",
    "load_column_map",
]

EPOCH_MICROSECONDS = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0, "epoch_ns": 1e-3}
"""Clocks that count from 1970-01-01 UTC, and the microseconds in one of their steps."""


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]+$")]


class Columns(BaseModel):
    """Where each contract column comes from: a column of the file, or `a - b` of two of them.

    What the file does not have is left out: it stays NaN, and the features that need it are not used. `open_interest`:
    contracts outstanding at the end of the bar; rolls use it, no feature does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: str
    high: str
    low: str
    close: str
    volume: str | None = None
    bid_volume: str | None = None
    ask_volume: str | None = None
    trades: str | None = None
    open_interest: str | None = None


class FileRule(BaseModel):
    """How to read the CSV and Parquet files whose name matches `glob`.

    `time`: the column (or columns, joined by a space) with the stamp; `clock`: its `strptime` form, or `epoch_s`,
    `epoch_ms`, `epoch_us`, `epoch_ns`; `zone`: IANA zone of the stamps, needed where neither the clock nor the file says it;
    `stamp`: whether they are the bar's start or end; `header`: the columns' names where the file has no header line;
    `price_scale`: price = number in the file x scale; `last_bar`: whether the last row is a finished bar.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    glob: str
    symbol: Symbol
    timeframe: str | None = None
    separator: Literal[",", ";", "\t", "|"] = ","
    header: tuple[str, ...] | None = Field(default=None, min_length=1)
    time: tuple[str, ...] = Field(min_length=1)
    clock: str = "%Y-%m-%d %H:%M:%S"
    zone: Zone | None = None
    stamp: Literal["start", "end"] = "start"
    price_scale: Positive = 1.0
    last_bar: Literal["complete", "open"] = "complete"
    columns: Columns

    @field_validator("time", mode="before")
    @classmethod
    def _one_or_more(cls, time: object) -> object:
        return (time,) if isinstance(time, str) else time

    @field_validator("header")
    @classmethod
    def _named_once(cls, header: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if header is not None and len(set(header)) < len(header):
            raise ValueError("a column is named twice; name each once")
        return header

    @field_validator("clock")
    @classmethod
    def _known_clock(cls, clock: str) -> str:
        if clock in EPOCH_MICROSECONDS:
            return clock
        if "%" not in clock:
            raise ValueError(
                f"not a clock: write strptime codes (%Y-%m-%d %H:%M:%S) or {', '.join(EPOCH_MICROSECONDS)}"
            )
        try:
            datetime.strptime("", clock)
        except ValueError as error:
            if not str(error).startswith("time data"):  # "time data '' does not match": the codes themselves are right
                raise
        return clock

    @field_validator("timeframe")
    @classmethod
    def _known_timeframe(cls, timeframe: str | None) -> str | None:
        if timeframe is not None:
            try:
                parse_timeframe(timeframe)
            except ConfigError as error:
                raise ValueError(str(error)) from error
        return timeframe


class SierraRule(BaseModel):
    """What a Sierra Chart export does not say itself.

    `zone`: IANA zone of the charts; `zones`: pattern on the file's name -> zone, before it. `zone_is_certain`: they are
    right also where the sessions in a file say another zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: Zone | None = None
    zones: dict[str, Zone] = {}
    zone_is_certain: bool = False

    def zone_for(self, path: Path) -> str | None:
        """The zone that is stated for the file, None without one; `BadInputError` where two patterns match its name."""
        pattern = _one_match(path, self.zones)
        return self.zone if pattern is None else self.zones[pattern]


class ScidRule(BaseModel):
    """What a Sierra Chart intraday file (.scid) does not say itself.

    `price_multiplier`: symbol or root -> price = number in the file x multiplier (Sierra's "real-time price multiplier").
    `combine_sub_trades`: whether the sub-trades of an unbundled trade count as the one trade that they are of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    price_multiplier: dict[str, Positive] = {}
    combine_sub_trades: bool = False

    def multiplier_for(self, symbol: str) -> float | None:
        """The multiplier of a symbol: its own, else its root's (`ES` for `ESZ25`); None where the map says none."""
        for name in (symbol, root_of(symbol)):
            if name in self.price_multiplier:
                return self.price_multiplier[name]
        return None


class ColumnMap(BaseModel):
    """The whole map; an empty one knows no table and states nothing about Sierra Chart's files.

    `symbols`: pattern on the name of a Sierra Chart file (text, `.scid`, `.depth`) -> the symbol that its name does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[FileRule, ...] = ()
    symbols: dict[str, Symbol] = {}
    sierra_text: SierraRule | None = None
    scid: ScidRule = ScidRule()

    def symbol_for(self, path: Path) -> str | None:
        """The symbol that is stated for a file, None without one; `BadInputError` where two patterns match its name."""
        pattern = _one_match(path, self.symbols)
        return None if pattern is None else self.symbols[pattern]

    def rule_for(self, path: Path) -> FileRule | None:
        """The rule whose pattern matches the file's name; `BadInputError` where two do."""
        pattern = _one_match(path, [rule.glob for rule in self.files])
        return next((rule for rule in self.files if rule.glob == pattern), None)


def _one_match(path: Path, patterns: Iterable[str]) -> str | None:
    """The pattern that matches the file's name, None without one; `BadInputError` where two do."""
    matching = [pattern for pattern in patterns if fnmatchcase(path.name, pattern)]
    if len(matching) > 1:
        raise BadInputError(
            f"{path}: matched by {' and '.join(map(repr, matching))} of the column map; let one pattern match each file"
        )
    return matching[0] if matching else None


def is_column_map(path: Path) -> bool:
    """Whether a TOML beside data files is meant as their map: it says something that only a map says. A project's own TOML,
    or one with instruments, is none; one that is no TOML at all may be a map with a mistake, and counts as one."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return True  # reading it as the map then says what is wrong with it
    return not document.keys().isdisjoint(ColumnMap.model_fields) and "instruments" not in document


def load_column_map(path: Path) -> ColumnMap:
    """Read a map; `BadInputError` names the file, the key and what is wrong with it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: cannot read the column map ({error.strerror}); give an existing file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not valid TOML ({error}); correct that line") from error
    try:
        return ColumnMap.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        allowed = ""
        if first["type"] == "extra_forbidden":
            allowed = f"; allowed keys are {', '.join(_table_with(first['loc']).model_fields)}"
        raise BadInputError(
            f"{path}: {key}: {first['msg']} (got {first['input']!r}){allowed}; correct the map"
        ) from error


def _table_with(location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model of the table in which a key lies: `files.0.columns.bidd` is one of `Columns`."""
    match location:
        case ("sierra_text", _):
            return SierraRule
        case ("scid", _):
            return ScidRule
        case ("files", _, "columns", _):
            return Columns
        case ("files", _, _):
            return FileRule
        case _:
            return ColumnMap
