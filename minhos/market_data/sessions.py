"""Trading dates and sessions, right across daylight-saving changes.

A session of trading date D runs from its open to its close in the instrument's own zone. A bar belongs to the
session in which its last moment lies; what is stamped into the break after a close belongs to the session that
has just closed. Holidays are known only by their absence from the data.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import WEEKDAYS, Instrument, Session
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = [
    "last_complete_session",
    "session_bounds",
    "share_outside_sessions",
    "through_session",
    "trading_dates",
]

_EPOCH = date(1970, 1, 1)
Dates = npt.NDArray[np.datetime64]
Integers = npt.NDArray[np.int64]


def _moment_us(day: date, minute: int, zone: ZoneInfo) -> int:
    """UTC us of a local minute of `day`; minute 1440 is the next midnight. Wall clocks, so DST is right."""
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    utc = wall.replace(tzinfo=zone).astimezone(UTC)
    return round(utc.timestamp()) * 1_000_000


def _bounds(day: date, session: Session) -> tuple[int, int]:
    zone = ZoneInfo(session.zone)
    opening_day = day - timedelta(days=1) if session.opens_day_before else day
    return _moment_us(opening_day, session.open_minute, zone), _moment_us(day, session.close_minute, zone)


def session_bounds(day: date, instrument: Instrument) -> tuple[int, int]:
    """Open and close of the session of trading date `day`, UTC us. `BadInputError` on a day without trading."""
    session = instrument.session
    if not session.trades_on(day.weekday()):
        raise BadInputError(
            f"{instrument.symbol}: {day} is a {day:%A}, its sessions are on {', '.join(session.weekdays)}; "
            "ask for another session"
        )
    return _bounds(day, session)


@lru_cache(maxsize=64)
def _calendar(session: Session, first_day: int, last_day: int) -> tuple[Integers, Integers, Integers]:
    """Opens and closes (UTC us) and trading dates (days since the epoch) of the sessions of a range of days."""
    days = [day for day in range(first_day, last_day + 1) if session.trades_on((day + 3) % len(WEEKDAYS))]
    bounds = [_bounds(_EPOCH + timedelta(days=day), session) for day in days]
    opens, closes = np.array(bounds, dtype=np.int64).T
    return opens, closes, np.array(days, dtype=np.int64)


def _calendar_of(bar_end: Integers, session: Session) -> tuple[Integers, Integers, Integers]:
    """The calendar around some bars: a session before the first and one after the last of them included."""
    day_us = DAY_SECONDS * 1_000_000
    return _calendar(session, int(bar_end.min() // day_us) - 8, int(bar_end.max() // day_us) + 8)


def trading_dates(bar_end: Integers, instrument: Instrument, *, timeframe_seconds: int) -> Dates:
    """The trading date of each bar, datetime64[D] [T].

    `bar_end` int64 [T], UTC us. Daily and longer bars are stamped with their date by the source, so their date
    is the UTC date at which they start; for a shorter bar the session in which its last microsecond lies.
    """
    if len(bar_end) == 0:
        return np.array([], dtype="datetime64[D]")
    if timeframe_seconds >= DAY_SECONDS:
        last_day_start = bar_end - DAY_SECONDS * 1_000_000
        return last_day_start.astype("datetime64[us]").astype("datetime64[D]")
    opens, _, days = _calendar_of(bar_end, instrument.session)
    index = np.searchsorted(opens, bar_end - 1, side="right") - 1
    return days[index].astype("datetime64[D]")


def through_session(series: BarSeries, instrument: Instrument, day: date) -> BarSeries:
    """The bars of all sessions up to that of trading date `day`, included."""
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    return series.slice(0, int(np.searchsorted(dates, np.datetime64(day, "D"), side="right")))


def last_complete_session(series: BarSeries, instrument: Instrument, *, covers_until: int | None = None) -> date | None:
    """The last trading date that has bars and whose close is not after what the data cover; None where there is none.

    `covers_until`: UTC us, the end of the source's last row where that row was left out as still open (`BarFile`);
    default: the end of the last bar. An export made after the close has the session's last bar as its last row.
    """
    if len(series) == 0:
        return None
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    known_until = max(int(series.bar_end[-1]), covers_until or 0)
    for day in np.unique(dates)[::-1]:
        trading_date = day.item()
        if _bounds(trading_date, instrument.session)[1] <= known_until:
            return trading_date  # type: ignore[no-any-return]
    return None


def share_outside_sessions(series: BarSeries, instrument: Instrument) -> float:
    """The share of the bars, 0 to 1, that lie wholly between a close and the next open: where nobody trades.

    Next to nothing with the right clock; a chart's zone that is read an hour off moves an hour of bars into each break.
    A bar that is only cut by a close or an open is not counted (Sierra's hourly bars run over the break). 0 for daily
    and longer bars: they carry a date and no clock.
    """
    if len(series) == 0 or series.timeframe_seconds >= DAY_SECONDS:
        return 0.0
    ends = series.bar_end
    starts = ends - series.timeframe_seconds * 1_000_000
    starts[1:] = np.maximum(starts[1:], ends[:-1])
    opens, closes, _ = _calendar_of(ends, instrument.session)
    following = np.searchsorted(opens, starts, side="right")  # the next session to open
    return float(np.mean((starts >= closes[following - 1]) & (ends <= opens[following])))
