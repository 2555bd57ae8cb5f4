"""How much of a contract was traded or held in each session, and when that was known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import Dates, next_session, sessions_between, trading_dates
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = ["figures_by_session", "known_us", "refuse_market_totals", "sessions_with_bars"]

_LEAST_COMMON_SESSIONS = 3
_FEW_CONTRACTS = 100  # far months trade one or two a day, and often the same number


def known_us(day: date, instrument: Instrument, timeframe_seconds: int) -> int:
    """UTC us at which the session of trading date `day` is known from bars of this timeframe.

    Its close; for daily and longer bars the midnight that ends the date, which is what they are stamped with. So too for
    a date without a session: daily files have bars of holidays.
    """
    if timeframe_seconds < DAY_SECONDS:
        sessions = sessions_between(instrument, day, day)
        if len(sessions.date):
            return int(sessions.close_us[0])
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return round(midnight.timestamp()) * 1_000_000


def figures_by_session(
    series: BarSeries, instrument: Instrument, by: Literal["volume", "open_interest"]
) -> dict[date, float]:
    """The volume or the open interest, in contracts, by the trading date at whose end it is known.

    Volume: the sum over the bars that were complete at the session's close; a bar that runs over the close is known
    too late to decide anything at it. Open interest: the session's last positive value (0 stands in files for a figure
    that is still to come), under the *next* trading date: exchanges publish it on the following business day.
    A session without bars, or without a value, is left out.
    Raises `BadInputError` where the series does not have the figure.
    """
    if len(series) == 0:
        return {}
    open_interest = series.open_interest
    if by == "open_interest" and open_interest is None:
        raise BadInputError(_absent(series, "open interest", "volume"))
    if by == "volume" and not series.has("volume"):
        raise BadInputError(_absent(series, "volume", "open_interest"))
    if open_interest is not None and by == "open_interest":
        dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
        stated = open_interest > 0
        last = dict(zip(dates[stated].tolist(), open_interest[stated].tolist(), strict=True))
        return {next_session(instrument, day): value for day, value in last.items()}
    dates, in_time = _dates_in_time(series, instrument)
    days, first_rows = np.unique(dates[in_time], return_index=True)
    if len(days) == 0:
        return {}
    totals = np.add.reduceat(series.column("volume")[in_time], first_rows)
    return dict(zip(days.tolist(), totals.tolist(), strict=True))


def sessions_with_bars(series: BarSeries, instrument: Instrument) -> frozenset[date]:
    """The trading dates of which some bar was complete at the session's close."""
    if len(series) == 0:
        return frozenset()
    dates, in_time = _dates_in_time(series, instrument)
    return frozenset(np.unique(dates[in_time]).tolist())


def _dates_in_time(series: BarSeries, instrument: Instrument) -> tuple[Dates, npt.NDArray[np.bool_]]:
    """The trading date of each bar [T], and whether it was complete when its session was known [T]."""
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    days, counts = np.unique(dates, return_counts=True)
    known = np.array([known_us(day, instrument, series.timeframe_seconds) for day in days.tolist()], dtype=np.int64)
    return dates, series.bar_end <= np.repeat(known, counts)


def _absent(series: BarSeries, figure: str, other: str) -> str:
    return (
        f"{series.symbol}: its bars have no {figure}, so it cannot decide a roll; roll by date or by {other}, "
        "or give bars that have it"
    )


def refuse_market_totals(figures: Mapping[str, Mapping[date, float]], order: Sequence[str], by: str) -> None:
    """`BadInputError` where two neighbours in `order` have the same figure in most of their common sessions.

    Sierra Chart's daily files carry volume and open interest of the whole market: the same number in every expiry.
    """
    for one, other in pairwise(order):
        shared = figures[one].keys() & figures[other].keys()
        common = [day for day in shared if min(figures[one][day], figures[other][day]) > _FEW_CONTRACTS]
        same = [day for day in common if figures[one][day] == figures[other][day]]
        if len(common) >= _LEAST_COMMON_SESSIONS and 2 * len(same) > len(common):
            raise BadInputError(
                f"{one} and {other} have the same {by.replace('_', ' ')} in {len(same)} of {len(common)} sessions: that is "
                "the figure of the whole market (Sierra Chart's daily files carry it) and cannot decide a roll; roll by "
                "date, or give intraday bars, which have each contract's own volume"
            )
