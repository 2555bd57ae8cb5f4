"""Bars against the calendar: where there are bars and no trading, and where there is trading and no bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from minhos.market_data.anchors import bar_interval
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import outside_sessions, sessions_around, trading_dates
from minhos.market_data.timeframes import DAY_SECONDS
from minhos.market_data.validation.bar_arrays import BarArrays
from minhos.market_data.validation.day_pattern import slots

__all__ = ["Hours", "hours"]

_WEEK_US = 7 * DAY_SECONDS * 1_000_000
_SATURDAY_US = 2 * DAY_SECONDS * 1_000_000  # 1970-01-01 was a Thursday

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Hours:
    """What the calendar says of each bar.

    `outside` float64 [T]: 1 for a bar that lies wholly where nobody trades (of daily bars: dated on a day without a
    session). `in_week` float64 [T]: how many such bars its week has (weeks of UTC, from Saturday). `weeks` float64 [W]: the
    same by week. `missing` float64 [T]: how many whole bars of trading time passed without a bar before this one (daily:
    sessions). `hole_inside` bool [T]: bars are missing before this one and no break lies among them; a source that opens
    later than the market is not torn. `off_grid` float64 [T]: 1 for a bar that does not end where bars of this timeframe
    end. `dates` datetime64[D] [T]: trading dates. `slot` int64 [T]: the bar's place in its local day. `sessions_missing`,
    `sessions`: whole sessions without a bar, and all, from the first bar to the last; a weekday on which the source has
    bars less than half of the time is none of its days.
    """

    outside: Floats
    in_week: Floats
    weeks: Floats
    missing: Floats
    hole_inside: npt.NDArray[np.bool_]
    off_grid: Floats
    dates: npt.NDArray[np.datetime64]
    slot: npt.NDArray[np.int64]
    sessions_missing: int
    sessions: int


def hours(bars: BarArrays, instrument: Instrument) -> Hours:
    """Measure the bars, whose times must be in order."""
    ends = bars.bar_end
    dates = trading_dates(ends, instrument, timeframe_seconds=bars.timeframe_seconds)
    table = sessions_around(ends, instrument.session)
    expected = _kept_weekdays(table.date[(table.date >= dates.min()) & (table.date <= dates.max())], dates)
    if bars.timeframe_seconds >= DAY_SECONDS:
        outside = ~np.isin(dates, table.date)
        order = np.searchsorted(table.date, dates)
        missing = np.concatenate(([0.0], np.maximum(np.diff(order) - 1.0, 0.0)))
        off_grid = np.zeros(len(ends))
    else:
        outside = outside_sessions(ends, instrument, timeframe_seconds=bars.timeframe_seconds)
        traded = _trading_us(ends, table.stretches_us)
        step = bars.timeframe_seconds * 1_000_000
        missing = np.concatenate(([0.0], np.floor(np.maximum(np.diff(traded) - step, 0) / step)))
        off_grid = (bar_interval(ends - 1, instrument, bars.timeframe_seconds)[1] != ends).astype(np.float64)
    apart = np.diff(ends, prepend=ends[:1]) // (bars.timeframe_seconds * 1_000_000)
    week = (ends - _SATURDAY_US) // _WEEK_US  # a trading week is one week, whatever the zone
    _, place, sizes = np.unique(week, return_inverse=True, return_counts=True)
    weeks = np.bincount(place, weights=outside.astype(np.float64), minlength=len(sizes)).astype(np.float64)
    return Hours(
        outside=outside.astype(np.float64),
        in_week=weeks[place],
        weeks=weeks,
        missing=missing,
        hole_inside=(missing > 0) & (apart == missing + 1),
        off_grid=off_grid,
        dates=dates,
        slot=slots(bars, instrument),
        sessions_missing=int(np.count_nonzero(~np.isin(expected, dates))),
        sessions=len(expected),
    )


def _kept_weekdays(
    sessions: npt.NDArray[np.datetime64], dates: npt.NDArray[np.datetime64]
) -> npt.NDArray[np.datetime64]:
    """The sessions of weekdays that the source has: crypto from a broker has no weekends, the calendar has."""
    weekday = (sessions.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    there = np.isin(sessions, dates)
    usual = np.array([there[weekday == day].mean() if np.any(weekday == day) else 0.0 for day in range(7)])
    kept: npt.NDArray[np.datetime64] = sessions[usual[weekday] >= 0.5]
    return kept


def _trading_us(stamps: npt.NDArray[np.int64], stretches: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How long the market had traded by each moment, us since the first stretch, int64 [T]."""
    opens, closes = stretches.T
    before = np.concatenate(([0], np.cumsum(closes - opens)))
    stretch = np.searchsorted(opens, stamps, side="right") - 1
    began = np.maximum(stretch, 0)
    inside = np.clip(stamps - opens[began], 0, closes[began] - opens[began])
    traded: npt.NDArray[np.int64] = np.where(stretch < 0, 0, before[began] + inside)
    return traded
