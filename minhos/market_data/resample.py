"""Coarser bars from finer ones: `5m` to `1h` as Sierra Chart builds them, intraday to `1d` by trading date.

A coarse bar is emitted once it cannot change any more: whatever is appended to the fine bars only appends coarse ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.anchors import bar_interval
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import sessions_between, trading_dates
from minhos.market_data.timeframes import DAY_SECONDS, is_time, timeframe_name
from minhos_client.contract import BAR_COLUMNS

__all__ = ["resample", "rows_in_no_day"]

_TOGETHER = {"high": np.maximum, "low": np.minimum}  # volumes and trades are added up; all three carry a NaN on
Integers = npt.NDArray[np.int64]


class _Grouping(NamedTuple):
    """Which coarse bar each fine bar belongs to.

    `inside` bool [T]: the fine bar is in a coarse bar at all. `ends` int64 [T], UTC us, not decreasing: the coarse bar's
    `bar_end`. `closed_at` int64 [T], UTC us: from when on the coarse bar cannot change. `broken` bool [T]: the fine bar
    holds trades of two coarse bars.
    """

    inside: npt.NDArray[np.bool_]
    ends: Integers
    closed_at: Integers
    broken: npt.NDArray[np.bool_]


def resample(
    series: BarSeries, instrument: Instrument, timeframe_seconds: int, *, covers_until: int | None = None
) -> BarSeries:
    """The bars of `series` put together into bars of `timeframe_seconds`; the same series for its own timeframe.

    Open of the first fine bar, highest high, lowest low, close of the last, sums of volumes and trades, the last open
    interest. A NaN in one fine bar makes that column of its coarse bar NaN. Minutes without a trade need no fine bar.

    Intraday bars lie on the grid of `anchors.bar_interval` and end where the grid says, also where nothing traded up to
    there. A `1d` bar holds the session of one trading date; a fine bar that lies wholly between two sessions is in none
    (quotes of a weekend or of Christmas would change a day that is over; `rows_in_no_day` counts them). Its `bar_end` is
    the midnight UTC after its date, the convention of daily files, or the session's close where that is later.

    A bar is left out until the fine bars reach its end (for `1d`: the session's close), or `covers_until` does: UTC us
    up to which no fine bar is missing, where that is known to be after the last one. It is not `BarFile.covers_until`,
    which counts a last row that was still open and left out. The first bar holds what the series has of it: begin with
    a whole one where that matters.

    Raises `BadInputError` for bars that are no time bars, a timeframe that is finer than the bars or beyond a day, and
    where fine bars do not fit into the coarse ones: 1h into 90m, hours by the clock into bars by the session.
    """
    if timeframe_seconds == series.timeframe_seconds:
        return series
    _check_timeframe(series, timeframe_seconds)
    if len(series) == 0:
        return replace(series, timeframe_seconds=timeframe_seconds)
    starts = _starts(series, instrument)
    if timeframe_seconds == DAY_SECONDS:
        grouping = _by_trading_date(series, starts, instrument)
    else:
        grouping = _by_grid(series, starts, instrument, timeframe_seconds)
    _check_whole(series, starts, grouping.broken, timeframe_seconds)
    known_until = max(int(series.bar_end[-1]), covers_until or 0)
    used = np.flatnonzero(grouping.inside & (grouping.closed_at <= known_until))
    bar_end, firsts, counts = np.unique(grouping.ends[used], return_index=True, return_counts=True)
    lasts = firsts + counts - 1
    return replace(
        series,
        timeframe_seconds=timeframe_seconds,
        bar_end=bar_end,
        values=_aggregated(series.values, used, firsts, lasts),
        open_interest=None if series.open_interest is None else series.open_interest[used[lasts]],
    )


def rows_in_no_day(series: BarSeries, instrument: Instrument) -> int:
    """How many of the bars no `1d` bar can hold: they lie wholly between two sessions. 0 for daily bars themselves."""
    if len(series) == 0 or series.timeframe_seconds >= DAY_SECONDS:
        return 0
    return int(np.count_nonzero(~_by_trading_date(series, _starts(series, instrument), instrument).inside))


def _check_timeframe(series: BarSeries, timeframe_seconds: int) -> None:
    fine, coarse = timeframe_name(series.timeframe_seconds), timeframe_name(timeframe_seconds)
    if not (is_time(series.timeframe_seconds) and is_time(timeframe_seconds)):
        raise BadInputError(
            f"{series.symbol}: bars of {coarse} cannot be made from bars of {fine}: range, trade and volume bars end when "
            "enough has happened and are built from trades only; ingest the file with these bars, or the ticks (.scid)"
        )
    if timeframe_seconds < series.timeframe_seconds:
        raise BadInputError(f"{series.symbol}: bars of {coarse} cannot be made from bars of {fine}; ingest finer bars")
    if timeframe_seconds > DAY_SECONDS:
        raise BadInputError(f"{series.symbol}: bars of {coarse} are not built; the longest timeframe is 1d")
    if timeframe_seconds < DAY_SECONDS and timeframe_seconds % series.timeframe_seconds:
        raise BadInputError(
            f"{series.symbol}: bars of {fine} do not fit into bars of {coarse}: {timeframe_seconds} s is no multiple of "
            f"{series.timeframe_seconds} s; ask for a multiple, or ingest finer bars"
        )


def _starts(series: BarSeries, instrument: Instrument) -> Integers:
    """When each fine bar began, int64 [T], UTC us.

    On the session's grid the grid says it (the bar of 13:15 to 13:30 is an hourly bar, cut). Elsewhere one timeframe
    before its end, or at the end of the bar before.
    """
    begin = series.bar_end - series.timeframe_seconds * 1_000_000
    begin[1:] = np.maximum(begin[1:], series.bar_end[:-1])
    grid_start, grid_end = bar_interval(series.bar_end - 1, instrument, series.timeframe_seconds)
    return np.where(grid_end == series.bar_end, grid_start, begin)


def _by_grid(series: BarSeries, starts: Integers, instrument: Instrument, timeframe_seconds: int) -> _Grouping:
    grid_start, grid_end = bar_interval(series.bar_end - 1, instrument, timeframe_seconds)
    return _Grouping(
        inside=np.ones(len(series), dtype=np.bool_), ends=grid_end, closed_at=grid_end, broken=starts < grid_start
    )


def _by_trading_date(series: BarSeries, starts: Integers, instrument: Instrument) -> _Grouping:
    """By the session in which a bar's last microsecond lies; broken where the session before was open as it began."""
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    dates_at_start = trading_dates(starts + 1, instrument, timeframe_seconds=series.timeframe_seconds)
    closes = _closes(dates, instrument)
    midnights = (dates + 1).astype("datetime64[us]").astype(np.int64)
    return _Grouping(
        inside=starts < closes,
        ends=np.maximum(midnights, closes),
        closed_at=closes,
        broken=(dates_at_start < dates) & (starts < _closes(dates_at_start, instrument)),
    )


def _closes(dates: npt.NDArray[np.datetime64], instrument: Instrument) -> Integers:
    """When the sessions of these trading dates close, int64 [T], UTC us."""
    sessions = sessions_between(instrument, dates.min().item(), dates.max().item())
    return sessions.close_us[np.searchsorted(sessions.date, dates)]


def _check_whole(series: BarSeries, starts: Integers, broken: npt.NDArray[np.bool_], timeframe_seconds: int) -> None:
    if not broken.any():
        return
    row = int(np.argmax(broken))
    fine, coarse = timeframe_name(series.timeframe_seconds), timeframe_name(timeframe_seconds)
    raise BadInputError(
        f"{series.symbol}: the {fine} bar from {iso(int(starts[row]))} to {iso(int(series.bar_end[row]))} runs from one "
        f"{coarse} bar into the next ({int(broken.sum())} of {len(series)} bars do); build {coarse} bars from finer ones "
        "that follow the session's times"
    )


def _aggregated(
    values: npt.NDArray[np.float64], rows: Integers, firsts: Integers, lasts: Integers
) -> npt.NDArray[np.float64]:
    """The coarse values, float64 [K, 8]: bar k is made of `rows[firsts[k]]` to `rows[lasts[k]]`."""
    coarse = np.empty((len(firsts), len(BAR_COLUMNS)))
    if len(firsts) == 0:
        return coarse  # `reduceat` wants a bar
    for index, name in enumerate(BAR_COLUMNS):
        column = values[rows, index]
        if name == "open":
            coarse[:, index] = column[firsts]
        elif name == "close":
            coarse[:, index] = column[lasts]
        else:
            coarse[:, index] = _TOGETHER.get(name, np.add).reduceat(column, firsts)
    return coarse
