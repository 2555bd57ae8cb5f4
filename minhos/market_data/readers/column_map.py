"""The column map: a small TOML that says what the columns and the clock of a CSV mean.

It lies beside the files (`*.toml`) or is named by the user. One `[[files]]` entry per kind of file, chosen by a
pattern on the file's name; `[sierra_text]` states the zone of Sierra Chart exports. Unknown keys are errors.
"""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.timeframes import parse_timeframe

__all__ = ["ColumnMap", "Columns", "FileRule", "SierraRule", "load_column_map"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone (America/New_York, UTC ...)") from error
    return name


class Columns(BaseModel):
    """Where each contract column comes from: a column of the file, or `a - b` of two of them.

    What the file does not have is left out: it stays NaN, and the features that need it are not used.
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


class FileRule(BaseModel):
    """How to read the files whose name matches `glob`.

    `time`: the column (or columns, joined by a space) with the stamp; `clock`: its `strptime` form, or `epoch_s`,
    `epoch_ms`, `epoch_us`; `zone`: IANA zone of the stamps; `stamp`: whether they are the bar's start or end;
    `price_scale`: price = number in the file x scale; `last_bar`: whether the last row is a finished bar.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    glob: str
    symbol: str = Field(pattern=r"^[A-Z0-9]+$")
    timeframe: str | None = None
    separator: Literal[",", ";", "\t", "|"] = ","
    time: tuple[str, ...] = Field(min_length=1)
    clock: str = "%Y-%m-%d %H:%M:%S"
    zone: str = "UTC"
    stamp: Literal["start", "end"] = "start"
    price_scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    last_bar: Literal["complete", "open"] = "complete"
    columns: Columns

    @field_validator("time", mode="before")
    @classmethod
    def _one_or_more(cls, time: object) -> object:
        return (time,) if isinstance(time, str) else time

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return _zone(zone)

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
    """What a Sierra Chart export does not say itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: str

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return _zone(zone)


class ColumnMap(BaseModel):
    """The whole map; an empty one knows no CSV and leaves Sierra's zone at UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[FileRule, ...] = ()
    sierra_text: SierraRule | None = None

    def rule_for(self, path: Path) -> FileRule | None:
        """The rule whose pattern matches the file's name; `BadInputError` where two do."""
        rules = [rule for rule in self.files if fnmatchcase(path.name, rule.glob)]
        if len(rules) > 1:
            patterns = " and ".join(repr(rule.glob) for rule in rules)
            raise BadInputError(f"{path}: matched by {patterns} of the column map; let one pattern match each file")
        return rules[0] if rules else None


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
            levels: dict[int, type[BaseModel]] = {1: ColumnMap, 2: SierraRule, 3: FileRule, 4: Columns}
            allowed = f"; allowed keys are {', '.join(levels[len(first['loc'])].model_fields)}"
        raise BadInputError(
            f"{path}: {key}: {first['msg']} (got {first['input']!r}){allowed}; correct the map"
        ) from error
