"""Weeks whose clock is wrong, in a market that never closes, where nothing but the day's own pattern tells."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from minhos.market_data.instruments import load_instruments
from minhos.market_data.sessions import trading_dates
from minhos.market_data.validation import RawBars
from minhos.market_data.validation.clock import Clock, clock
from minhos.market_data.validation.day_pattern import DayPattern, day_pattern
from tests.market_data.validation.made_bars import HOUR, VOLUME, made_bars

BTC = load_instruments(None).find("BTCUSDT")
FIRST, LAST = date(2025, 6, 2), date(2025, 7, 26)  # 55 days, eleven blocks of five
WEEK = slice(20, 25)  # the block that is spoiled: 2025-06-22 to 2025-06-26


def bars_of(busy: float, last: date = LAST) -> RawBars:
    return made_bars("BTCUSDT", first=FIRST, last=last, timeframe_seconds=1800, busy=busy)


def dates_of(bars: RawBars) -> np.ndarray:
    return trading_dates(bars.bar_end, BTC, timeframe_seconds=bars.timeframe_seconds)


def late(bars: RawBars, hours: int, days: slice = WEEK) -> RawBars:
    """The bars of some days moved, without a hole: what leaves the stretch at its end comes in at its start."""
    dates = dates_of(bars)
    rows = np.isin(dates, np.unique(dates)[days])
    values = bars.values.copy()
    values[rows] = np.roll(values[rows], hours * 3600 // bars.timeframe_seconds, axis=0)
    return RawBars(bars.symbol, bars.timeframe_seconds, bars.bar_end, values)


def found(bars: RawBars) -> Clock | None:
    dates = dates_of(bars)
    pattern = day_pattern(bars, BTC, dates, np.ones(len(dates), dtype=np.bool_))
    assert pattern is not None
    return clock(pattern, dates, false_alarms=0.01)


def strange_days(bars: RawBars) -> list[str]:
    result = found(bars)
    assert result is not None
    return np.unique(dates_of(bars)[result.better > result.allowed.value]).astype(str).tolist()


def with_an_opening(bars: RawBars) -> RawBars:
    """The hour from 13:00 UTC is twenty times as busy as it was: a market with an opening has a day of sharp edges."""
    values = bars.values.copy()
    hour = (bars.bar_end - 1) % (24 * HOUR) // HOUR
    values[hour == 13, VOLUME] *= 20
    return RawBars(bars.symbol, bars.timeframe_seconds, bars.bar_end, values)


def test_a_day_that_keeps_its_hours_is_best_where_it_is() -> None:
    result = found(bars_of(6.0))
    assert result is not None
    assert result.better.max() < 0
    assert result.allowed.value >= 0.25


@pytest.mark.parametrize(("hours", "words"), [(3, "3 h later"), (-4, "4 h earlier"), (9, "9 h later")])
def test_a_week_some_hours_beside_the_usual_day_is_found_and_no_other(hours: int, words: str) -> None:
    bars = late(bars_of(6.0), hours)
    assert strange_days(bars) == [f"2025-06-{day}" for day in range(22, 27)]
    result = found(bars)
    assert result is not None
    assert result.words == f"the week of 2025-06-22 fits the usual day best {words}"


@pytest.mark.parametrize(("hours", "words"), [(1, "1 h later"), (-1, "1 h earlier")])
def test_one_hour_is_enough_where_the_day_has_sharp_edges(hours: int, words: str) -> None:
    bars = late(with_an_opening(bars_of(2.0)), hours)
    assert strange_days(bars) == [f"2025-06-{day}" for day in range(22, 27)]
    result = found(bars)
    assert result is not None
    assert result.words.endswith(words)


def test_one_hour_of_a_day_without_edges_cannot_be_told() -> None:
    assert strange_days(late(bars_of(6.0), 1)) == []  # two sine waves an hour apart correlate by cos(15 degrees) = 0.97


def test_the_days_at_the_end_count_to_the_last_whole_week() -> None:
    bars = late(bars_of(6.0, last=date(2025, 7, 25)), 6, slice(45, 54))
    assert strange_days(bars) == np.arange("2025-07-17", "2025-07-26", dtype="datetime64[D]").astype(str).tolist()


def test_ranges_tell_the_clock_of_a_source_without_volume() -> None:
    bars = bars_of(6.0)
    bars.values[:, VOLUME:] = np.nan
    assert strange_days(late(bars, 6)) == [f"2025-06-{day}" for day in range(22, 27)]


def test_where_all_hours_are_alike_nothing_is_said() -> None:
    assert found(bars_of(0.0)) is None


def test_what_years_of_weeks_allow_is_less_than_what_an_hour_does() -> None:
    """A correlation is bounded: the power law of price moves, learned from 200 weeks, would allow what cannot be."""
    rng = np.random.Generator(np.random.PCG64(2))
    usual = 1.0 + np.exp(-((np.arange(24) - 14) ** 2) / 4.0)
    activity = usual + 0.5 * rng.standard_normal((1000, 24))
    activity[500:510] = np.roll(activity[500:510], 3, axis=1)  # two weeks, three hours late
    session, slot = np.repeat(np.arange(1000), 24), np.tile(np.arange(24), 1000)
    dates = np.datetime64("2022-01-03") + session
    result = clock(DayPattern(usual, activity, session, slot, 3600), dates, false_alarms=0.01)
    assert result is not None
    assert result.allowed.value < 1.0
    strange = np.unique(session[result.better > result.allowed.value])
    assert strange.tolist() == list(range(500, 510))
