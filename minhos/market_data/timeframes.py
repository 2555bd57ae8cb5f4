"""Timeframes: one number for the length of bars, and its name.

Time bars are their seconds: 300 is `5m`. Range, trade and volume bars have no length in time. They are a negative
number, the kind in millions and the size below them, so that one integer stays the key of a series everywhere:

| name    | bars that end                     | number       |
|---------|-----------------------------------|--------------|
| `8r`    | once high - low is 8 ticks        | `-1_000_008` |
| `500t`  | after 500 trades ("tick bars")    | `-2_000_500` |
| `1000v` | once 1000 contracts have traded   | `-3_001_000` |
"""

from __future__ import annotations

import re
from typing import Final, Literal

from minhos.errors import ConfigError

__all__ = [
    "DAY_SECONDS",
    "UNIT_SECONDS",
    "Kind",
    "activity_bars",
    "activity_of",
    "finest_first",
    "is_time",
    "parse_time_bars",
    "parse_timeframe",
    "timeframe_name",
]

Kind = Literal["range", "trades", "volume"]

DAY_SECONDS: Final = 86_400
UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": DAY_SECONDS}
_KINDS: Final[dict[str, Kind]] = {"r": "range", "t": "trades", "v": "volume"}
_LETTERS: Final = {kind: letter for letter, kind in _KINDS.items()}
_CODES: Final[dict[Kind, int]] = {"range": 1, "trades": 2, "volume": 3}
_SIZES: Final = 1_000_000


def is_time(timeframe_seconds: int) -> bool:
    """Whether these are time bars. False for range, trade and volume bars, from which no time bars can be built."""
    return timeframe_seconds > 0


def activity_bars(kind: Kind, size: int) -> int:
    """The number of range (`size` in ticks), trade or volume bars, negative: `-1_000_008` for 8-tick range bars."""
    if not 0 < size < _SIZES:
        raise ConfigError(f"{kind} bars of {size:,} are not possible: the size must be from 1 to {_SIZES - 1:,}")
    return -(_CODES[kind] * _SIZES + size)


def activity_of(timeframe_seconds: int) -> tuple[Kind, int] | None:
    """Kind and size behind a negative number; None for time bars and for a number that is no timeframe."""
    code, size = divmod(-timeframe_seconds, _SIZES)
    for kind, known in _CODES.items():
        if known == code and size > 0:
            return kind, size
    return None


def finest_first(timeframe_seconds: int) -> tuple[bool, int]:
    """A key to sort timeframes by: time bars from the finest on, then the others by kind and size."""
    return not is_time(timeframe_seconds), abs(timeframe_seconds)


def parse_timeframe(text: str) -> int:
    """Seconds of a timeframe such as `5m`, `1h`, `1d`, `30s`, the negative number of `8r`, `500t`, `1000v`.

    Raises `ConfigError` for anything else.
    """
    match = re.fullmatch(r"(\d{1,6})([smhdrtv])", text.strip().lower())
    if match is not None and int(match[1]) > 0:
        if match[2] in _KINDS:
            return activity_bars(_KINDS[match[2]], int(match[1]))
        if len(match[1]) <= 4:
            return int(match[1]) * UNIT_SECONDS[match[2]]
    raise ConfigError(
        f"timeframe {text!r} is not known: write a number and s, m, h or d (5m, 30m, 1h, 1d), or r, t or v for range, "
        "trade and volume bars (8r, 500t, 1000v)"
    )


def parse_time_bars(text: str, *, what: str) -> int:
    """Seconds of a timeframe of time bars; `ConfigError` for others. `what` needs time, in words: `a night`."""
    seconds = parse_timeframe(text)
    if not is_time(seconds):
        raise ConfigError(f"timeframe {text!r}: {what} needs time bars; write a number and s, m, h or d (5m, 1h)")
    return seconds


def timeframe_name(seconds: int) -> str:
    """The shortest whole name: 300 -> `5m`, 3600 -> `1h`, 5400 -> `90m`, 86400 -> `1d`; -1000008 -> `8r`."""
    if not is_time(seconds):
        activity = activity_of(seconds)
        if activity is None:
            raise ConfigError(
                f"a timeframe of {seconds} seconds is not possible: it must be positive, or the number of range, trade or "
                "volume bars"
            )
        return f"{activity[1]}{_LETTERS[activity[0]]}"
    for unit in ("d", "h", "m"):
        if seconds % UNIT_SECONDS[unit] == 0:
            return f"{seconds // UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"
