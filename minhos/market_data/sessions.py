"""Trading dates and sessions, right across daylight-saving changes, holidays and half-days.

A session of trading date D runs from its open to its close in the instrument's own zone; holidays, early closes and
late opens come from its calendar, where it has one (`calendars.py`). A bar belongs to the session in which its last
moment lies; what is stamped into the break after a close, or on a day that the calendar calls a holiday, belongs to the
session that has just closed: no bar is ever lost to a wrong calendar. A holiday on which an exchange trades for the
next trading date (Thanksgiving on Globex) is the first part of that date's session; in a market that never rests
(crypto futures of the CME since 2026-05-29) so are weekends. Hours are those of the trading date (`Session.earlier`).
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, Session
from minhos.market_data.session_table import Sessions, session_table, special_days_of
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = [
    "Dates",
    "Sessions",
    "is_half_day",
    "last_complete_session",
    "next_session",
    "outside_sessions",
    "previous_session",
    "session_bounds",
    "sessions_around",
    "sessions_between",
    "sessions_from_to",
    "share_outside_sessions",
    "through_session",
    "trading_dates",
    "trading_seconds",
]

_DAY_US = DAY_SECONDS * 1_000_000
_LONGEST_CLOSURE = timedelta(days=15)  # Chinese New Year with its weekends is 11 days
Dates = npt.NDArray[np.datetime64]
Integers = npt.NDArray[np.int64]


def _session_of(day: date, instrument: Instrument) -> tuple[Sessions, int]:
    """The sessions of the year of `day` and its position in them; `BadInputError` where it is no trading date."""
    table = session_table(instrument.session, day.year, day.year)
    index = table.index_of(day)
    if index is not None:
        return table, index
    session = instrument.session
    hours = session.hours_on(day)
    joined = hours.continuous or day in special_days_of(session, day).joined
    counts = ", what trades on it counts to the next session" if joined else ""
    if not hours.trades_on(day.weekday()):
        raise BadInputError(
            f"{instrument.symbol}: {day} is a {day:%A}{counts}, its sessions are on {', '.join(hours.weekdays)}; "
            "ask for another session"
        )
    raise BadInputError(
        f"{instrument.symbol}: {day} is a holiday ({session.calendar}){counts}; ask for another session, "
        f"{previous_session(instrument, day)} or {next_session(instrument, day)}"
    )


def session_bounds(day: date, instrument: Instrument) -> tuple[int, int]:
    """Open and close of the session of trading date `day`, UTC us. `BadInputError` on a holiday or a weekend."""
    table, index = _session_of(day, instrument)
    return int(table.open_us[index]), int(table.close_us[index])


def trading_seconds(day: date, instrument: Instrument) -> int:
    """How long the session of trading date `day` trades, its breaks and halts left out. `BadInputError` as above."""
    table, index = _session_of(day, instrument)
    stretches = table.slice(index, index + 1).stretches_us
    return int(np.diff(stretches, axis=1).sum()) // 1_000_000


def is_half_day(day: date, instrument: Instrument) -> bool:
    """Whether the session of `day` closes early or opens late. `BadInputError` on a day without a session."""
    table, index = _session_of(day, instrument)
    return bool(table.half_day[index])


def sessions_between(instrument: Instrument, first_date: date, last_date: date) -> Sessions:
    """The sessions with trading dates from `first_date` to `last_date`, both included."""
    if last_date < first_date:
        raise BadInputError(
            f"{instrument.symbol}: sessions from {first_date} to {last_date}; give the earlier date first"
        )
    table = session_table(instrument.session, first_date.year, last_date.year)
    start = int(np.searchsorted(table.date, np.datetime64(first_date, "D")))
    stop = int(np.searchsorted(table.date, np.datetime64(last_date, "D"), side="right"))
    return table.slice(start, stop)


def next_session(instrument: Instrument, day: date) -> date:
    """The first trading date after `day`, which need not be one itself."""
    return sessions_between(instrument, day + timedelta(days=1), day + _LONGEST_CLOSURE).date[0].item()  # type: ignore[no-any-return]


def previous_session(instrument: Instrument, day: date) -> date:
    """The last trading date before `day`, which need not be one itself."""
    return sessions_between(instrument, day - _LONGEST_CLOSURE, day - timedelta(days=1)).date[-1].item()  # type: ignore[no-any-return]


def sessions_around(bar_end: Integers, session: Session) -> Sessions:
    """The sessions of some bars; one before the first of them and one after the last are included."""
    first, last = (np.array([bar_end.min(), bar_end.max()]) // _DAY_US).astype("datetime64[D]").tolist()
    return session_table(session, (first - _LONGEST_CLOSURE).year, (last + _LONGEST_CLOSURE).year)


def sessions_from_to(first_us: int, last_us: int, session: Session) -> Sessions:
    """The sessions of bars that end from `first_us` to `last_us` (UTC us), the one before and the one after included."""
    found = sessions_around(np.array([first_us, last_us], dtype=np.int64), session)
    start = int(np.searchsorted(found.open_us, first_us - 1, side="right")) - 2
    stop = int(np.searchsorted(found.open_us, last_us, side="left")) + 1
    return found.slice(max(0, start), stop)


def trading_dates(bar_end: Integers, instrument: Instrument, *, timeframe_seconds: int) -> Dates:
    """The trading date of each bar, datetime64[D] [T].

    `bar_end` int64 [T], UTC us. Daily and longer bars are stamped with their date by the source, so their date
    is the UTC date at which they start; for a shorter bar the session in which its last microsecond lies.
    """
    if len(bar_end) == 0:
        return np.array([], dtype="datetime64[D]")
    if timeframe_seconds >= DAY_SECONDS:
        last_day_start = bar_end - _DAY_US
        return last_day_start.astype("datetime64[us]").astype("datetime64[D]")
    sessions = sessions_around(bar_end, instrument.session)
    return sessions.date[np.searchsorted(sessions.open_us, bar_end - 1, side="right") - 1]


def through_session(series: BarSeries, instrument: Instrument, day: date) -> BarSeries:
    """The bars of all sessions up to that of trading date `day`, included."""
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    return series.slice(0, int(np.searchsorted(dates, np.datetime64(day, "D"), side="right")))


def last_complete_session(series: BarSeries, instrument: Instrument, *, covers_until: int | None = None) -> date | None:
    """The last trading date that has bars and whose close is not after what the data cover; None where there is none.

    `covers_until`: UTC us, the end of the source's last row where that row was left out as still open (`BarFile`);
    default: the end of the last bar. An export made after the close has the session's last bar as its last row.
    A daily bar of a day that the calendar calls a holiday is no session.
    """
    if len(series) == 0:
        return None
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    known_until = max(int(series.bar_end[-1]), covers_until or 0)
    sessions = sessions_around(series.bar_end, instrument.session)
    complete = sessions.date[sessions.close_us <= known_until]
    both = np.intersect1d(dates, complete)
    return both[-1].item() if len(both) else None


def outside_sessions(bar_end: Integers, instrument: Instrument, *, timeframe_seconds: int) -> npt.NDArray[np.bool_]:
    """Which bars lie wholly between a close and the next open, where nobody trades: bool [T].

    `bar_end` int64 [T], UTC us, in order. A bar that is only cut by a close or an open is not outside (Sierra's hourly bars
    run over the break). None of daily and longer bars is: they carry a date and no clock.
    """
    if len(bar_end) == 0 or timeframe_seconds >= DAY_SECONDS:
        return np.zeros(len(bar_end), dtype=np.bool_)
    starts = bar_end - timeframe_seconds * 1_000_000
    starts[1:] = np.maximum(starts[1:], bar_end[:-1])
    opens, closes = sessions_around(bar_end, instrument.session).stretches_us.T
    following = np.searchsorted(opens, starts, side="right")  # the next stretch to begin
    outside: npt.NDArray[np.bool_] = (starts >= closes[following - 1]) & (bar_end <= opens[following])
    return outside


def share_outside_sessions(series: BarSeries, instrument: Instrument) -> float:
    """The share of the bars, 0 to 1, that are outside all sessions: next to nothing with the right clock.

    A chart's zone that is read an hour off moves an hour of bars into each break.
    """
    outside = outside_sessions(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    return float(np.mean(outside)) if len(outside) else 0.0
