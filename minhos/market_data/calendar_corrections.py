"""What pandas_market_calendars 5.5 has wrong, or does not have, about the calendars of the built-in instruments.

Each fact was checked against the exchange's published schedule, or against bars (tests/market_data/test_calendars.py).
A line here goes when the library has it.

Not from a published schedule, for want of one:

- Years to come. The CME publishes a year at a time; energies and metals keep the Christmas Eve of 2012 to 2026 (12:45)
  and the Labor Day of 2022 to 2026 (13:30) here. The day after Thanksgiving stays the library's: 12:45, but for the 13:45
  that was published for 2026. Whether 2026 is an exception or the new rule, the schedule of 2027 will tell.
- 6E on the Good Fridays of 2010, 2012 and 2015: what is known is that currencies traded until the morning on such a day in
  1999, 2021, 2023 and 2026, that interest rates closed at 10:15 on these three, and the dollar index of the ICE in 2015.
- BTC on 2021-04-02: the library's 08:15, as the index futures that bitcoin was listed with; from 2023 on 10:15.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta

__all__ = ["Correction", "corrections", "good_friday"]

_THURSDAY, _FRIDAY = 3, 4
_GLOBEX_FINANCIALS = ("CME Globex Equities", "CME Globex Fixed Income", "CMEGlobex_FX", "CME Globex Crypto")


@dataclass(frozen=True)
class Correction:
    """On `day` trading ends at `close` (local time of the calendar), a day that is no holiday then; None: there is none."""

    day: date
    close: time | None


def good_friday(year: int) -> date:
    """The Friday before Easter Sunday."""
    from pandas import Timestamp
    from pandas.tseries.offsets import Easter

    sunday = (Timestamp(year, 1, 1) + Easter()).date()
    return sunday - timedelta(days=2)


def _weekdays(years: range, month: int, day: int, *, last_weekday: int) -> Iterator[date]:
    """The dates of a day of the year that are a Monday to `last_weekday`."""
    return (found for year in years if (found := date(year, month, day)).weekday() <= last_weekday)


def _between(years: range, first: int, last: int) -> range:
    return range(max(years.start, first), min(years.stop, last + 1))


def _good_fridays(years: range) -> Iterator[Correction]:
    """Globex trades on Good Friday only when the jobs report is out that morning: on the first Friday of April.

    The library opens it every year from 2023 on; 2024-03-29 and 2025-04-18 were closed, 2023-04-07 and 2026-04-03 not.
    """
    for year in _between(years, 2023, years.stop):
        day = good_friday(year)
        if not (day.month == 4 and day.day <= 7):
            yield Correction(day, None)


def _currencies() -> Iterator[Correction]:
    for year in (2010, 2012, 2015):
        yield Correction(good_friday(year), time(10, 15))  # the jobs report was out; the library has a holiday


def _equities() -> Iterator[Correction]:
    yield Correction(date(2012, 10, 29), time(8, 15))  # hurricane Sandy, New York closed
    yield Correction(date(2012, 10, 30), time(8, 15))
    yield Correction(date(2018, 12, 5), time(8, 30))  # days of mourning for a president, New York closed
    yield Correction(date(2025, 1, 9), time(8, 30))


def _energy_and_metals(years: range) -> Iterator[Correction]:
    for day in _weekdays(_between(years, 2012, years.stop), 12, 24, last_weekday=_THURSDAY):
        yield Correction(day, time(12, 45))  # the library has it for 2026 only
    for year in _between(years, 2022, years.stop):  # the library has 12:00, but for 2026
        labor_day = date(year, 9, 1) + timedelta(days=-date(year, 9, 1).weekday() % 7)
        yield Correction(labor_day, time(13, 30))  # as on every other holiday since 2022


def _grains(years: range) -> Iterator[Correction]:
    since_2015 = _between(years, 2015, years.stop)  # the hours of today, 19:00 to 13:20, are of July 2015
    for day in _weekdays(since_2015, 12, 24, last_weekday=_THURSDAY):
        yield Correction(day, time(12, 5))
    for day in _weekdays(since_2015, 7, 3, last_weekday=_THURSDAY):
        yield Correction(day, time(12, 5))
    for year in since_2015:
        first_thursday = date(year, 11, 1) + timedelta(days=(_THURSDAY - date(year, 11, 1).weekday()) % 7)
        yield Correction(first_thursday + timedelta(days=22), time(12, 5))  # the day after Thanksgiving


def corrections(calendar: str, years: range) -> tuple[Correction, ...]:
    """The corrections of a calendar (its full name in the library) in `years`; empty where it is right."""
    found: list[Correction] = []
    if calendar in _GLOBEX_FINANCIALS:
        found += _good_fridays(years)
    if calendar == "CMEGlobex_FX":
        found += _currencies()
    if calendar == "CME Globex Equities":
        found += _equities()
    if calendar == "CMEGlobex_EnergyAndMetals":
        found += _energy_and_metals(years)
    if calendar in ("CMEGlobex_GrainsAndOilseeds", "CMEGlobex_Livestock", "CME Globex Fixed Income"):
        found.append(Correction(date(2025, 1, 9), time(12, 15)))  # the day of mourning
    if calendar == "CMEGlobex_GrainsAndOilseeds":
        found += _grains(years)
    if calendar == "FOREX":  # the library knows no holidays: spot quotes rest on these two
        found += [Correction(day, None) for day in _weekdays(years, 12, 25, last_weekday=_FRIDAY)]
        found += [Correction(day, None) for day in _weekdays(years, 1, 1, last_weekday=_FRIDAY)]
    return tuple(correction for correction in found if correction.day.year in years)
