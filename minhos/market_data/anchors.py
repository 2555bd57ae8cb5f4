"""Where intraday bars begin and end: counted from the session's own times, as Sierra Chart counts them.

An hourly bar of an index future does not follow the clock: it starts at 13:30 + k h UTC inside the day session and at
20:15 + k h outside it, so the bar of 13:15 holds 15 minutes and that of 19:30 holds 45 (the Sierra Chart reference,
section 4d, measured on real exports). A bar is cut where the count starts anew and nowhere else: the one that begins
before the daily break runs over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.instruments import Anchors, Instrument, Session
from minhos.market_data.timeframes import DAY_SECONDS, timeframe_name

__all__ = ["anchors_of", "bar_interval", "dated_by_grid", "with_anchors"]

_EPOCH = date(1970, 1, 1)
_ANCHORS = 2
_DAY_US = DAY_SECONDS * 1_000_000
Integers = npt.NDArray[np.int64]


@lru_cache(maxsize=64)
def _anchor_moments(zone_name: str, minutes: tuple[int, ...], first_day: int, last_day: int) -> Integers:
    """UTC us at which the count of bars starts anew, int64, increasing: these local minutes of a range of UTC days."""
    zone = ZoneInfo(zone_name)
    midnights = (
        datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time()) for day in range(first_day, last_day + 1)
    )
    walls = (midnight + timedelta(minutes=minute) for midnight in midnights for minute in minutes)
    seconds = [round(wall.replace(tzinfo=zone).astimezone(UTC).timestamp()) for wall in walls]
    # sorted and without repeats: a clock change can move a local time that it skips onto or past its neighbour
    moments = np.unique(np.array(seconds, dtype=np.int64) * 1_000_000)
    moments.flags.writeable = False
    return moments


def _anchors_around(stamps_us: Integers, instrument: Instrument) -> Integers:
    """The anchors of the days of some moments, one before the first and one after the last of them included."""
    anchors, session = instrument.bar_anchors, instrument.session
    # two days more on either side: a local time of a UTC day can lie on the day before or after it
    first_day, last_day = int(stamps_us.min() // _DAY_US) - 2, int(stamps_us.max() // _DAY_US) + 2
    if anchors is None:
        return _opening_times(session, first_day, last_day)
    return _anchor_moments(anchors.zone, (anchors.day_open_minute, anchors.day_close_minute), first_day, last_day)


def _opening_times(session: Session, first_day: int, last_day: int) -> Integers:
    """UTC us of the opening time on every calendar day, by the hours of the trading date that it opens."""
    found = []
    for since, until, hours in session.periods(*(_EPOCH + timedelta(days=day) for day in (first_day, last_day + 1))):
        before = 1 if hours.opens_day_before else 0
        days = (since - _EPOCH).days - before, (until - _EPOCH).days - before
        found.append(_anchor_moments(session.zone, (hours.open_minute,), *days))
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


def bar_interval(stamps_us: Integers, instrument: Instrument, timeframe_seconds: int) -> tuple[Integers, Integers]:
    """The intraday bar [start, end) in which each moment lies.

    `stamps_us` int64 [T], UTC us, in any order. Returns start and end, int64 [T], UTC us; the bar is known at its end.
    Bars count from `day_open` and from `day_close` of the instrument's anchors; without anchors from the opening time
    of its session on every calendar day, in the session's zone and as it was on that day. The last bar before the next
    such moment is cut there.
    So hours of CL (17:00 Chicago) are clock hours, its 4-hour bars start at 17:00, 21:00, 01:00 ... Chicago time in
    summer and winter, and bars of a market without a close count from midnight.
    Raises `BadInputError` for a timeframe of a day or more: those follow trading dates.
    """
    if not 0 < timeframe_seconds < DAY_SECONDS:
        raise BadInputError(
            f"{instrument.symbol}: bars of {timeframe_name(timeframe_seconds)} follow trading dates; "
            "an intraday bar is shorter than a day"
        )
    if len(stamps_us) == 0:
        return np.array([], dtype=np.int64), np.array([], dtype=np.int64)
    anchors = _anchors_around(stamps_us, instrument)
    following = np.searchsorted(anchors, stamps_us, side="right")
    anchor = anchors[following - 1]
    timeframe_us = timeframe_seconds * 1_000_000
    starts = stamps_us - (stamps_us - anchor) % timeframe_us
    return starts, np.minimum(starts + timeframe_us, anchors[following])


def dated_by_grid(starts_us: Integers, instrument: Instrument, timeframe_seconds: int) -> Integers | None:
    """The true ends of bars that are stamped at their start, int64 [T], UTC us; None where some stamp is off the grid.

    The next row's start says where a bar was cut only where that row exists: the bar of 13:15 ends at 13:30 also where
    the bar of 13:30 has no trade. A chart with session times of its own is off the grid. Raises as `bar_interval`.
    """
    starts, ends = bar_interval(starts_us, instrument, timeframe_seconds)
    return ends if np.array_equal(starts, starts_us) else None


def with_anchors(instrument: Instrument, anchors: Anchors) -> Instrument:
    """The same instrument in charts that cut their bars at `anchors`."""
    return instrument.model_copy(update={"session": instrument.session.model_copy(update={"anchors": anchors})})


def anchors_of(
    starts_us: Integers, instrument: Instrument, timeframe_seconds: int, *, zones: Sequence[str]
) -> Anchors | None:
    """Where the chart that these bars come from cuts them, told by the bars themselves; None where they do not tell it.

    `starts_us` int64 [T], UTC us, increasing: their starts. A bar that starts less than a timeframe after the one before it
    stands where the count began anew. In the chart's own zone all such bars stand at the same two times of the day, in
    summer and winter; the first of `zones` in which that is so, and in which every bar lies on the grid of the two, is it.
    Raises `BadInputError` for a timeframe of a day or more.
    """
    cut = starts_us[1:][np.diff(starts_us) < timeframe_seconds * 1_000_000]
    for name in zones:
        zone = ZoneInfo(name)
        clocks = {datetime.fromtimestamp(int(us) // 1_000_000, zone).time() for us in cut if us % 1_000_000 == 0}
        if len(clocks) == _ANCHORS:
            day_open, day_close = (f"{clock:%H:%M}" for clock in sorted(clocks))
            anchors = Anchors(zone=name, day_open=day_open, day_close=day_close)
            if dated_by_grid(starts_us, with_anchors(instrument, anchors), timeframe_seconds) is not None:
                return anchors
    return None
