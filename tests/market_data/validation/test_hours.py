"""Bars against the calendar: stamps written out by hand, around breaks, weekends, holidays and clock changes.

Index futures of the CME trade from 17:00 to 16:00 Chicago: 22:00 to 21:00 UTC in summer, 23:00 to 22:00 in winter.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from minhos.market_data.instruments import load_instruments
from minhos.market_data.validation import RawBars
from minhos.market_data.validation.hours import Hours, hours
from tests.market_data.validation.made_bars import MINUTE, MNQ, flat_bars, made_bars, session_ends, us

DAY = 86_400
KNOWN = load_instruments(None)


def stamped(*moments: str, timeframe_seconds: int = 300, symbol: str = "MNQZ25") -> RawBars:
    ends = np.array([us(moment) for moment in moments])
    return flat_bars(np.full(len(ends), 100.0), ends=ends, timeframe_seconds=timeframe_seconds, symbol=symbol)


def of(*moments: str, timeframe_seconds: int = 300, symbol: str = "MNQZ25") -> Hours:
    bars = stamped(*moments, timeframe_seconds=timeframe_seconds, symbol=symbol)
    return hours(bars, KNOWN.find(symbol))


def daily(*days: str, symbol: str = "MNQZ25") -> Hours:
    """Daily bars of these dates: they end at the next midnight."""
    ends = [str(np.datetime64(day) + np.timedelta64(1, "D")) for day in days]
    return of(*ends, timeframe_seconds=DAY, symbol=symbol)


class TestOutside:
    def test_a_bar_in_the_break_is_outside_and_its_neighbours_are_not(self) -> None:
        found = of("2025-11-20T22:00", "2025-11-20T22:05", "2025-11-20T23:00", "2025-11-20T23:05")
        assert found.outside.tolist() == [0, 1, 1, 0]

    @pytest.mark.parametrize(
        ("moment", "outside"),
        [
            ("2025-10-31T21:00", 0),  # Friday, the last bar of the week, in summer time
            ("2025-10-31T21:05", 1),
            ("2025-11-02T22:05", 1),  # Sunday after the clocks went back: in summer time this was open
            ("2025-11-02T23:05", 0),
            ("2025-11-27T18:00", 0),  # Thanksgiving: until noon in Chicago
            ("2025-11-27T18:05", 1),
            ("2025-11-28T18:15", 0),  # the half-day after it
            ("2025-11-28T18:20", 1),
            ("2025-12-25T15:00", 1),  # Christmas
        ],
    )
    def test_weekends_holidays_half_days_and_the_clock_of_chicago_count(self, moment: str, outside: int) -> None:
        assert of("2025-10-30T15:00", moment).outside[1] == outside

    def test_a_bar_that_a_close_cuts_is_not_outside(self) -> None:
        found = of("2025-11-20T21:15", "2025-11-20T22:15", "2025-11-20T23:15", timeframe_seconds=3600)
        assert found.outside.tolist() == [0, 0, 0]

    def test_a_break_inside_a_session_is_outside_too(self) -> None:
        # corn halts from 07:45 to 08:30 in Chicago
        found = of("2025-11-19T13:45", "2025-11-19T13:50", "2025-11-19T14:30", "2025-11-19T14:35", symbol="ZCZ25")
        assert found.outside.tolist() == [0, 1, 1, 0]

    def test_a_daily_bar_of_a_day_without_a_session_is_outside(self) -> None:
        found = daily("2025-11-26", "2025-11-27", "2025-11-28", "2025-11-29")
        assert found.outside.tolist() == [0, 1, 0, 1]  # Thanksgiving and a Saturday

    def test_each_week_has_its_own_count(self) -> None:
        found = of("2025-11-13T22:10", "2025-11-18T22:10", "2025-11-20T22:00", "2025-11-20T22:10")
        assert found.outside.tolist() == [1, 1, 0, 1]
        assert found.weeks.tolist() == [1, 2]  # weeks begin on Saturdays: the 8th and the 15th
        assert found.in_week.tolist() == [1, 2, 2, 2]


class TestMissing:
    def test_bars_that_follow_each_other_have_nothing_between(self) -> None:
        assert of("2025-11-20T15:00", "2025-11-20T15:05", "2025-11-20T15:10").missing.tolist() == [0, 0, 0]

    def test_whole_bars_of_trading_time_are_counted(self) -> None:
        assert of("2025-11-20T15:00", "2025-11-20T15:20").missing.tolist() == [0, 3]

    @pytest.mark.parametrize(
        ("last", "first"),
        [
            ("2025-11-20T22:00", "2025-11-20T23:05"),  # the daily break
            ("2025-11-21T22:00", "2025-11-23T23:05"),  # a weekend
            ("2025-10-31T21:00", "2025-11-02T23:05"),  # with the clocks going back
            ("2025-03-07T22:00", "2025-03-09T22:05"),  # and forward
            ("2025-11-27T18:00", "2025-11-27T23:05"),  # the halt of Thanksgiving
            ("2025-11-28T18:15", "2025-11-30T23:05"),  # a half-day
            ("2025-12-24T18:15", "2025-12-25T23:05"),  # Christmas
        ],
    )
    def test_nothing_is_missing_over_a_break(self, last: str, first: str) -> None:
        assert of(last, first).missing.tolist() == [0, 0]
        later = str(np.datetime64(first) + np.timedelta64(10, "m"))
        assert of(last, later).missing.tolist() == [0, 2]

    def test_bars_on_both_sides_of_a_break_are_counted_together(self) -> None:
        assert of("2025-11-20T21:50", "2025-11-20T23:10").missing.tolist() == [0, 3]

    def test_bars_in_the_break_hide_nothing_and_miss_nothing(self) -> None:
        found = of("2025-11-20T21:50", "2025-11-20T22:30", "2025-11-20T23:10")
        assert found.missing.tolist() == [0, 1, 1]

    def test_of_daily_bars_sessions_are_counted(self) -> None:
        found = daily("2025-11-25", "2025-11-26", "2025-11-28", "2025-12-03")
        assert found.missing.tolist() == [0, 0, 0, 2]  # Thanksgiving is none; Monday and Tuesday are


class TestSessions:
    def test_all_of_them_are_counted_from_the_first_bar_to_the_last(self) -> None:
        bars = made_bars(timeframe_seconds=3600)
        found = hours(bars, MNQ)
        assert (found.sessions, found.sessions_missing) == (15, 0)
        gone = found.dates == np.datetime64("2025-11-12")
        rest = hours(RawBars("MNQZ25", 3600, bars.bar_end[~gone], bars.values[~gone]), MNQ)
        assert (rest.sessions, rest.sessions_missing) == (15, 1)

    def test_a_hole_is_inside_a_session_or_beside_a_break(self) -> None:
        assert of("2025-11-20T15:00", "2025-11-20T15:20").hole_inside.tolist() == [False, True]
        assert of("2025-11-20T21:50", "2025-11-20T23:10").hole_inside.tolist() == [False, False]
        assert of("2025-11-20T15:00", "2025-11-20T15:05").hole_inside.tolist() == [False, False]

    def test_a_weekday_that_the_source_never_has_is_not_missing(self) -> None:
        days = [str(day) for day in np.arange("2025-11-03", "2025-12-01", dtype="datetime64[D]")]
        weekdays = [day for day in days if np.is_busday(day)]
        found = daily(*weekdays, symbol="BTCUSDT")
        assert (found.sessions, found.sessions_missing) == (20, 0)
        assert daily(*days, symbol="BTCUSDT").sessions == 28

    def test_a_weekday_that_the_source_has_more_often_than_not_is_one_of_its_days(self) -> None:
        days = [str(day) for day in np.arange("2025-11-03", "2025-12-01", dtype="datetime64[D]")]
        some = [day for day in days if day != "2025-11-08"]  # one of four Saturdays
        assert daily(*some, symbol="BTCUSDT").sessions_missing == 1

    def test_the_dates_are_trading_dates(self) -> None:
        found = of("2025-11-20T22:00", "2025-11-20T23:05")
        assert found.dates.astype(str).tolist() == ["2025-11-20", "2025-11-21"]


class TestBarGrid:
    def test_a_stamp_beside_the_grid_is_found(self) -> None:
        found = of("2025-11-20T15:00", "2025-11-20T15:05:07", "2025-11-20T15:10")
        assert found.off_grid.tolist() == [0, 1, 0]

    def test_hours_of_index_futures_are_anchored_at_their_day_session(self) -> None:
        found = of("2025-11-20T14:30", "2025-11-20T15:00", "2025-11-20T20:15", timeframe_seconds=3600)
        assert found.off_grid.tolist() == [0, 1, 0]

    def test_made_bars_are_on_it_and_daily_bars_have_none(self) -> None:
        assert not hours(made_bars(), MNQ).off_grid.any()
        assert not daily("2025-11-25", "2025-11-26").off_grid.any()


@pytest.mark.parametrize("symbol", ["MNQZ25", "CLZ25", "ZCZ25", "6EZ25", "BTCUSDT"])
@pytest.mark.parametrize("timeframe_seconds", [300, 900])
def test_a_year_of_every_session_has_nothing_strange(symbol: str, timeframe_seconds: int) -> None:
    """Holidays, half-days, breaks and both clock changes of 2025: the bars that the calendar has are those it expects."""
    instrument = KNOWN.find(symbol)
    ends = session_ends(instrument, date(2025, 1, 6), date(2025, 12, 12), timeframe_seconds)
    found = hours(
        flat_bars(np.full(len(ends), 100.0), ends=ends, timeframe_seconds=timeframe_seconds, symbol=symbol), instrument
    )
    assert not found.outside.any()
    assert not found.missing.any()
    assert found.sessions_missing == 0


def test_a_clock_an_hour_late_moves_an_hour_into_every_break() -> None:
    bars = made_bars()
    found = hours(RawBars("MNQZ25", 300, bars.bar_end + 60 * MINUTE, bars.values), MNQ)
    # twelve bars of the break from Monday to Friday: three weeks of five, and the one before has the first Sunday's none
    assert found.outside.sum() == 15 * 12
    assert found.outside.sum() == found.weeks.sum()
