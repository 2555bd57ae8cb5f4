"""The hours of a market: its session of one day, its breaks, and the clock that charts cut their bars on."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["WEEKDAYS", "Anchors", "Session", "Zone"]

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


class Session(BaseModel):
    """The trading session of one day, in local times of `zone`.

    A session whose `open` is not before its `close` opens on the calendar day before its trading date (Globex:
    17:00 to 16:00 Chicago). A market that never closes has 00:00 to 24:00. `weekdays`: days of trading dates.
    `calendar`: a calendar of pandas_market_calendars, for holidays and half-days (`calendars.py`); None: every one of
    `weekdays` is a whole session. `breaks`: halts inside the session (grains: 07:45 to 08:30), in its order.
    `anchors`: where its charts cut intraday bars; None: on the clock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: Zone
    open: Clock
    close: Clock
    weekdays: tuple[str, ...] = Field(min_length=1)
    calendar: str | None = None
    breaks: tuple[tuple[Clock, Clock], ...] = ()
    anchors: Anchors | None = None

    @field_validator("weekdays")
    @classmethod
    def _known_weekdays(cls, weekdays: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [day for day in weekdays if day not in WEEKDAYS]
        if unknown:
            raise ValueError(f"unknown weekdays {unknown}; allowed are {', '.join(WEEKDAYS)}")
        return weekdays

    @model_validator(mode="after")
    def _breaks_inside(self) -> Session:
        edges = [self.open_minute, *(minute for pair in self.break_minutes for minute in pair), self.close_minute]
        if self.opens_day_before:
            edges[0] -= _DAY_MINUTES
        if self.breaks and not all(before < after for before, after in pairwise(edges)):
            raise ValueError(f"breaks {self.breaks} must lie in order inside the session {self.open} to {self.close}")
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

    def trades_on(self, weekday: int) -> bool:
        """Whether trading dates fall on `weekday` (0 is Monday)."""
        return WEEKDAYS[weekday] in self.weekdays
