"""Holidays and half-days, from pandas_market_calendars.

The library knows the days; the regular hours are those of the instruments file, which a user may correct. Where the
library is wrong about a built-in market, `calendar_corrections.py` says so.

On a US holiday Globex trades until noon or so, and CME counts that to the *next* trade date: Thanksgiving's bars are
in Friday's daily bar, in Sierra Chart's files too. The library models such a day as a session of its own; here it is
`joined` to the next one, so that a trading date is what the exchange, its settlement and its expiry rules mean by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np

from minhos.errors import InstrumentError
from minhos.market_data.calendar_corrections import corrections, good_friday

__all__ = ["SpecialDays", "special_days"]

_CME_TRADE_DATES = "CME_TradeDate"
_GLOBEX = ("CME", "CBOT", "COMEX", "NYMEX")
_CLOSED_ON_HOLIDAYS = ("CMEGlobex_GrainsAndOilseeds", "CMEGlobex_Livestock")


@dataclass(frozen=True)
class SpecialDays:
    """The days of a calendar that are not like the others, among Mondays to Sundays.

    `closed`: no trading. `joined`: trading that counts to the next trading date. `closes_us`, `opens_us`: UTC us of an
    early close or a late open, by trading date.
    """

    closed: frozenset[date]
    joined: frozenset[date]
    closes_us: Mapping[date, int]
    opens_us: Mapping[date, int]


@lru_cache(maxsize=32)
def _calendar(name: str) -> Any:
    """The library's calendar; one object for each name, because it keeps what it has computed."""
    import pandas_market_calendars as library

    known = library.get_calendar_names()
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.3)
        raise InstrumentError(
            f"session calendar {name!r} is not one of pandas_market_calendars{', nearest are ' if near else ''}"
            f"{', '.join(map(repr, near))}; correct calendar in the session of the instruments file, or leave it out"
        )
    return library.get_calendar(name)


@lru_cache(maxsize=32)
def _library_holidays(name: str) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    return np.sort(np.array(_calendar(name).holidays().holidays, dtype="datetime64[D]"))


def _special_times(calendar: Any, market_time: str, first: date, last: date) -> dict[date, int]:
    special = calendar.special_dates(market_time, first, last, filter_holidays=False)
    stamps = special.dt.as_unit("us").astype("int64") if len(special) else special
    return {day.date(): int(stamp) for day, stamp in zip(special.index, stamps, strict=True)}


def _cme_holidays(first: date, last: date) -> set[date]:
    """Holidays of the CME group that have no trade date. Its days of mourning, in the library's list, have one."""
    rules = _calendar(_CME_TRADE_DATES).regular_holidays
    return {day.date() for day in rules.holidays(first, last)}


@lru_cache(maxsize=256)
def special_days(calendar: str, decade: int) -> SpecialDays:
    """The special days of the ten years from `decade` (2020: 2020 to 2029) of a calendar of pandas_market_calendars.

    Raises `InstrumentError` for a name that the library does not have.
    """
    source = _calendar(calendar)
    first, last = date(decade, 1, 1), date(decade + 9, 12, 31)
    holidays = _library_holidays(calendar)
    span = holidays[(holidays >= np.datetime64(first)) & (holidays <= np.datetime64(last))]
    closed: set[date] = set(span.tolist())
    closes = _special_times(source, "market_close", first, last)
    opens = _special_times(source, "market_open", first, last)
    joined: set[date] = set()
    if source.name.startswith(_GLOBEX):
        # on a Good Friday with trading (jobs report) the morning is settled by itself
        days = _cme_holidays(first, last) - {good_friday(year) for year in range(decade, decade + 10)}
        if source.name in _CLOSED_ON_HOLIDAYS:
            closed |= days
        else:
            joined |= days - closed
    for correction in corrections(source.name, range(decade, decade + 10)):
        if correction.close is None:
            closed.add(correction.day)
        else:
            closed.discard(correction.day)
            closes[correction.day] = _local_us(correction.day, correction.close, source.tz)
    return SpecialDays(frozenset(closed), frozenset(joined), closes, opens)


def _local_us(day: date, clock: time, zone: Any) -> int:
    return round(datetime.combine(day, clock, tzinfo=zone).timestamp()) * 1_000_000
