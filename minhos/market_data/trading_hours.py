"""The hours of a market: its session of one day, its breaks, those it had in earlier years, and the clock of its charts."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["WEEKDAYS", "Anchors", "EarlierHours", "Hours", "Session", "Zone"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    if not (len(clock) == 5 and hours.isdigit() and minutes.isdigit() and int(minutes) < 60):
        raise ValueError(f"{clock!r} is not a time of day: write HH:MM, 00:00 to 24:00")
    total = int(hours) * 60 + int(minutes)
    if total > _DAY_MINUTES:
        raise ValueError(f"{clock!r} is not a time of day: write HH:MM, 00:00 to 24:00")
    return total


def _known_clock(clock: str) -> str:
    _minutes(clock)
    return clock


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is not an IANA time zone (America/Chicago, UTC ...)") from error
    return zone


Clock = Annotated[str, AfterValidator(_known_clock)]
Zone = Annotated[str, AfterValidator(_known_zone)]


class Anchors(BaseModel):
    """Where charts start to count their intraday bars: at `day_open` and at `day_close`, every day, in `zone`.

    Sierra Chart cuts a bar at the chart's session times, so an hourly bar of an index future starts at 13:30 + k h
    from `day_open` to `day_close` and at 20:15 + k h for the rest of the day (measured on exports of UTC charts; it
    does not follow DST). An instrument without anchors has bars that follow the clock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: Zone
    day_open: Clock
    day_close: Clock

    @model_validator(mode="after")
    def _in_order(self) -> Anchors:
        if not self.day_open_minute < self.day_close_minute:
            raise ValueError(f"day_open {self.day_open} must be before day_close {self.day_close}")
        return self

    @property
    def day_open_minute(self) -> int:
        """Minute of the day in `zone` at which the day session's bars start to count."""
        return _minutes(self.day_open)

    @property
    def day_close_minute(self) -> int:
        """Minute of the day in `zone` at which the bars of the rest of the day start to count."""
        return _minutes(self.day_close)


class Hours(BaseModel):
    """When a market trades, in local times of its zone.

    Hours whose `open` is not before their `close` open on the calendar day before the trading date (Globex: 17:00 to
    16:00 Chicago). A market that never closes has 00:00 to 24:00. `weekdays`: days of trading dates. `breaks`: halts
    inside the session (grains: 07:45 to 08:30), in its order. `continuous`: a session opens when the one before it
    closes, so that weekends and holidays are the first part of the next trading date's session (crypto futures of the
    CME); `open` is then the same moment of the day as `close`, early closes and late opens do not count.
    `weekly_breaks`: halts of a continuous market, on a day of the calendar: `("sat", "02:00", "04:00")`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: Clock
    close: Clock
    weekdays: tuple[str, ...] = Field(min_length=1)
    breaks: tuple[tuple[Clock, Clock], ...] = ()
    continuous: bool = False
    weekly_breaks: tuple[tuple[str, Clock, Clock], ...] = ()

    @field_validator("weekdays")
    @classmethod
    def _known_weekdays(cls, weekdays: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [day for day in weekdays if day not in WEEKDAYS]
        if unknown:
            raise ValueError(f"unknown weekdays {unknown}; allowed are {', '.join(WEEKDAYS)}")
        return weekdays

    @model_validator(mode="after")
    def _breaks_inside(self) -> Self:
        edges = [self.open_minute, *(minute for pair in self.break_minutes for minute in pair), self.close_minute]
        if self.opens_day_before:
            edges[0] -= _DAY_MINUTES
        if self.breaks and not all(before < after for before, after in pairwise(edges)):
            raise ValueError(f"breaks {self.breaks} must lie in order inside the session {self.open} to {self.close}")
        return self

    @model_validator(mode="after")
    def _without_a_gap(self) -> Self:
        if self.continuous and self.open_minute % _DAY_MINUTES != self.close_minute % _DAY_MINUTES:
            raise ValueError(
                f"continuous hours open when the session before closes, got {self.open} to {self.close}; write the close "
                "as open too"
            )
        if self.weekly_breaks and not self.continuous:
            raise ValueError("weekly_breaks are halts of a continuous market; write breaks, or continuous = true")
        for day, start, end in self.weekly_breaks:
            if day not in WEEKDAYS or not _minutes(start) < _minutes(end):
                raise ValueError(
                    f'{(day, start, end)} is no weekly break: write ["sat", "02:00", "04:00"], the day one of '
                    f"{', '.join(WEEKDAYS)}, the times in order"
                )
        return self

    @property
    def open_minute(self) -> int:
        """Minute of the local day at which the session opens."""
        return _minutes(self.open)

    @property
    def close_minute(self) -> int:
        """Minute of the local day at which the session closes (1440: midnight at the day's end)."""
        return _minutes(self.close)

    @property
    def opens_day_before(self) -> bool:
        """Whether the session opens on the calendar day before its trading date."""
        return self.open_minute >= self.close_minute

    @property
    def break_minutes(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each break, minutes from 00:00 of the trading date (negative: on the evening before)."""
        day_before = _DAY_MINUTES if self.opens_day_before else 0
        return tuple(
            tuple(minute - day_before if minute >= self.open_minute else minute for minute in map(_minutes, pair))  # type: ignore[misc]
            for pair in self.breaks
        )

    @property
    def edge_minutes(self) -> tuple[int, ...]:
        """Open, each break's start and end, close: minutes from 00:00 of the trading date, in order, an even number."""
        opens = self.open_minute - (_DAY_MINUTES if self.opens_day_before else 0)
        return opens, *(minute for pair in self.break_minutes for minute in pair), self.close_minute

    def weekly_break_minutes(self, weekday: int) -> tuple[tuple[int, int], ...]:
        """Start and end of the weekly breaks on `weekday` (0 is Monday), minutes of that calendar day."""
        return tuple(
            (_minutes(start), _minutes(end)) for day, start, end in self.weekly_breaks if day == WEEKDAYS[weekday]
        )

    def trades_on(self, weekday: int) -> bool:
        """Whether trading dates fall on `weekday` (0 is Monday)."""
        return WEEKDAYS[weekday] in self.weekdays


class EarlierHours(Hours):
    """The hours of the trading dates `before` a date, that date not included."""

    before: date


class Session(Hours):
    """The trading session of one day in `zone`: the hours of today, and those of trading dates long ago.

    `earlier`: the hours that the market had, oldest first; each holds from the one before it up to its own `before`.
    `calendar`: a calendar of pandas_market_calendars, for holidays and half-days (`calendars.py`); None: every one of
    `weekdays` is a whole session. `anchors`: where its charts cut intraday bars; None: on the clock.
    """

    zone: Zone
    calendar: str | None = None
    anchors: Anchors | None = None
    earlier: tuple[EarlierHours, ...] = ()

    @model_validator(mode="after")
    def _oldest_first(self) -> Self:
        dates = [hours.before for hours in self.earlier]
        if not all(one < other for one, other in pairwise(dates)):
            raise ValueError(f"earlier hours must be oldest first, got before = {', '.join(map(str, dates))}")
        return self

    def hours_on(self, day: date) -> Hours:
        """The hours of the trading date `day`."""
        return next((hours for hours in self.earlier if day < hours.before), self)

    def periods(self, first: date, last: date) -> tuple[tuple[date, date, Hours], ...]:
        """The hours of the trading dates `first` to `last`, both included: each with its own first and last date."""
        found = []
        for hours in (*self.earlier, self):
            until = min(last, hours.before - timedelta(days=1)) if isinstance(hours, EarlierHours) else last
            if first <= until:
                found.append((first, until, hours))
                first = until + timedelta(days=1)
        return tuple(found)
