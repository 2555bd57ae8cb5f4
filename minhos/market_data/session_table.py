"""The sessions of a range of years as arrays, from the regular hours of a market and its special days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from minhos.market_data.calendars import SpecialDays, special_days
from minhos.market_data.trading_hours import Hours, Session

__all__ = ["Sessions", "session_table", "special_days_of"]

Integers = npt.NDArray[np.int64]
_LEAD = dt.timedelta(days=15)
_NOTHING_SPECIAL = SpecialDays(closed=frozenset(), joined=frozenset(), closes_us={}, opens_us={})


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions in the order of their trading dates.

    `date` datetime64[D] [N]; `open_us`, `close_us` int64 [N], UTC us; `half_day` bool [N]: closes early or opens late;
    `stretches_us` int64 [S, 2], UTC us: start and end of every stretch of trading without a halt, in order. A session
    has one, and one more for each break inside it and for each holiday whose trading counts to it.
    """

    date: npt.NDArray[np.datetime64]
    open_us: Integers
    close_us: Integers
    half_day: npt.NDArray[np.bool_]
    stretches_us: Integers

    def __len__(self) -> int:
        return len(self.date)

    def index_of(self, day: dt.date) -> int | None:
        """The position of a trading date; None where it is none."""
        wanted = np.datetime64(day, "D")
        index = int(np.searchsorted(self.date, wanted))
        return index if index < len(self) and self.date[index] == wanted else None

    def slice(self, start: int, stop: int) -> Sessions:
        """Sessions `start` to `stop`, as a sequence's slice understands them."""
        open_us, close_us = self.open_us[start:stop], self.close_us[start:stop]
        inside = np.zeros(len(self.stretches_us), dtype=np.bool_)
        if len(open_us):
            inside = (self.stretches_us[:, 0] >= open_us[0]) & (self.stretches_us[:, 1] <= close_us[-1])
        return Sessions(self.date[start:stop], open_us, close_us, self.half_day[start:stop], self.stretches_us[inside])


def special_days_of(session: Session, day: dt.date) -> SpecialDays:
    """The special days of the decade of `day`; none for a market without a calendar."""
    return _NOTHING_SPECIAL if session.calendar is None else special_days(session.calendar, day.year // 10 * 10)


def _moment_us(day: dt.date, minute: int, zone: ZoneInfo) -> int:
    """UTC us of a local minute of `day`; negative: the evening before; 1440: the next midnight. Right across DST."""
    wall = dt.datetime(day.year, day.month, day.day) + dt.timedelta(minutes=minute)
    utc = wall.replace(tzinfo=zone).astimezone(dt.UTC)
    return round(utc.timestamp()) * 1_000_000


def _stretches(
    day: dt.date, hours: Hours, special: SpecialDays, edges: tuple[int, ...], zone: ZoneInfo
) -> tuple[list[tuple[int, int]], bool]:
    """The stretches of trading of `day`, and whether a special close or open cuts it short."""
    moments = [_moment_us(day, minute, zone) for minute in edges]
    pairs = list(zip(moments[::2], moments[1::2], strict=True))
    if hours.continuous:
        return _without_weekly_breaks(pairs, day, hours, zone), False
    opens = max(moments[0], special.opens_us.get(day, moments[0]))
    closes = min(moments[-1], special.closes_us.get(day, moments[-1]))
    clipped = [(max(start, opens), min(end, closes)) for start, end in pairs]
    return [(start, end) for start, end in clipped if start < end], (opens, closes) != (moments[0], moments[-1])


def _without_weekly_breaks(
    stretches: list[tuple[int, int]], day: dt.date, hours: Hours, zone: ZoneInfo
) -> list[tuple[int, int]]:
    """The stretches of the session of `day`, and of the evening before, less the halts of the week."""
    for on in (day - dt.timedelta(days=1), day):
        for minutes in hours.weekly_break_minutes(on.weekday()):
            halt, again = (_moment_us(on, minute, zone) for minute in minutes)
            stretches = [
                part
                for start, end in stretches
                for part in ((start, min(end, halt)), (max(start, again), end))
                if part[0] < part[1]
            ]
    return stretches


def _joined(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Both lists of stretches, as one stretch where the one goes on without a halt in the other."""
    if before and after and before[-1][1] == after[0][0]:
        return [*before[:-1], (before[-1][0], after[0][1]), *after[1:]]
    return before + after


@lru_cache(maxsize=128)
def session_table(session: Session, first_year: int, last_year: int) -> Sessions:
    """The sessions with trading dates in these years, both included.

    Raises `InstrumentError` where the session names a calendar that does not exist.
    """
    zone = ZoneInfo(session.zone)
    edges = {id(hours): hours.edge_minutes for hours in (*session.earlier, session)}
    dates: list[dt.date] = []
    bounds: list[tuple[int, int, bool]] = []
    stretches: list[tuple[int, int]] = []
    waiting: list[tuple[int, int]] = []  # of days whose trading counts to the next trading date
    first, last = dt.date(first_year, 1, 1), dt.date(last_year, 12, 31)
    # New Year's Day is a holiday: in a market that never rests its trading is the first part of the year's first session
    day = first - _LEAD if session.continuous else first
    while day <= last:
        hours, special = session.hours_on(day), special_days_of(session, day)
        is_date = hours.trades_on(day.weekday()) and day not in special.closed
        if is_date or hours.continuous:
            trading, short = _stretches(day, hours, special, edges[id(hours)], zone)
            waiting = _joined(waiting, trading)
            if is_date and trading and day not in special.joined:
                if day >= first:
                    dates.append(day)
                    bounds.append((waiting[0][0], waiting[-1][1], short))
                    stretches += waiting
                waiting = []
        day += dt.timedelta(days=1)
    moments = np.array(bounds, dtype=np.int64).reshape(-1, 3)
    return Sessions(
        date=np.array(dates, dtype="datetime64[D]"),
        open_us=moments[:, 0],
        close_us=moments[:, 1],
        half_day=moments[:, 2].astype(np.bool_),
        stretches_us=np.array(stretches, dtype=np.int64).reshape(-1, 2),
    )
