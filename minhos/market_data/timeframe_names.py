"""What the name of a file says of its bars: `_5m`, `5 Min`, `NYMEX5m`, `.DAILY`, `8t range`, `500 Volume`.

The first word of a name is its symbol and never a timeframe: `6S` is the Swiss franc, `M2K` an index, `6EM5` a contract.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from minhos.market_data.timeframes import DAY_SECONDS, UNIT_SECONDS, Kind, timeframe_name

__all__ = ["NamedBars", "bars_in_name"]

_START: Final = r"(?:(?<![A-Za-z0-9])|(?<=[A-Za-z]{2}))"  # a number, also behind an exchange: NYMEX5m
_END: Final = r"(?![A-Za-z0-9])"


def _after_number(words: str, *, number: str) -> re.Pattern[str]:
    """A number and the words behind it: `5 Min`, `5min`, `5-min`."""
    return re.compile(rf"{_START}(?P<number>{number})[ -]?(?:{words}){_END}", re.IGNORECASE)


_TIME: Final = _after_number(
    "(?P<s>s|secs?|seconds?)|(?P<m>m|mn|mins?|minutes?)|(?P<h>h|hrs?|hours?)|(?P<d>d|days?)", number=r"\d{1,4}"
)
_METATRADER: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?P<unit>[mhd])(?P<number>1|2|3|4|5|10|15|20|30){_END}", re.IGNORECASE
)
_DAILY: Final = re.compile(rf"(?<![A-Za-z0-9])(?:daily|dly){_END}", re.IGNORECASE)
_SIZED: Final[tuple[tuple[re.Pattern[str], tuple[Kind, ...]], ...]] = (
    (_after_number(r"(?:t|ticks?)?[ _-]?(?:r|rng|ranges?)", number=r"\d{1,6}"), ("range",)),
    (_after_number(r"trades?", number=r"\d{1,6}"), ("trades",)),
    (_after_number(r"v|vol|volumes?", number=r"\d{1,6}"), ("volume",)),
    (_after_number(r"t|ticks?", number=r"\d{1,6}"), ("trades", "range")),
)
_WORD: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?P<range>range)|ticks?)(?:[ _-]?(?P<number>\d{{1,6}}))?{_END}", re.IGNORECASE
)


@dataclass(frozen=True)
class NamedBars:
    """What a name says. `text`: the words in it that do.

    `seconds`: of time bars; None where the bars are of another kind: one of `kinds`, of `size` (range in ticks) where a
    number stands there. `8t` alone is a range of eight ticks or eight trades: the rows decide.
    """

    text: str
    seconds: int | None = None
    kinds: tuple[Kind, ...] = ()
    size: int | None = None

    def __str__(self) -> str:
        return self.text if self.seconds is None else timeframe_name(self.seconds)


def bars_in_name(stem: str) -> NamedBars | None:
    """What a file's name, without its suffix, says of its bars; None where it says nothing. Time goes before the others.

    `CLZ25-NYMEX_5min`, `ES[M]  5 Min  #1`, `BTCUSD_M30`, `CLX25-NYMEX.DAILY` are time bars; `CL 8t range`,
    `ESZ25_500 Volume`, `NQZ25 Tick`, `ESH26-CME_100T` are not.
    """
    words = re.sub(r"^(?:F\.[A-Za-z]{2}\.)?[^A-Za-z0-9]*[A-Za-z0-9]+", "", stem)
    daily = _DAILY.search(words)
    if daily is not None:
        return NamedBars(daily[0], seconds=DAY_SECONDS)
    time = _TIME.search(words)
    if time is not None:
        unit = next(unit for unit in UNIT_SECONDS if time[unit])
        return _time(time[0], int(time["number"]), unit)
    time = _METATRADER.search(words)
    if time is not None:
        return _time(time[0], int(time["number"]), time["unit"].lower())
    return _activity(words)


def _time(text: str, count: int, unit: str) -> NamedBars | None:
    return NamedBars(text, seconds=count * UNIT_SECONDS[unit]) if count else None


def _activity(words: str) -> NamedBars | None:
    for pattern, kinds in _SIZED:
        match = pattern.search(words)
        if match is not None and int(match["number"]):
            return NamedBars(match[0], kinds=kinds, size=int(match["number"]))
    match = _WORD.search(words)
    if match is None:
        return None
    return NamedBars(
        match[0], kinds=("range",) if match["range"] else ("trades",), size=int(match["number"] or 0) or None
    )
