"""The pattern of a day: slots of the local clock, and what is usual in each."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from minhos.market_data.sessions import trading_dates
from minhos.market_data.validation import RawBars
from minhos.market_data.validation.day_pattern import DayPattern, day_pattern, mean_of, slots
from tests.market_data.validation.made_bars import HOUR, MINUTE, MNQ, VOLUME, flat_bars, made_bars, us


def pattern_of(bars: RawBars) -> DayPattern | None:
    dates = trading_dates(bars.bar_end, MNQ, timeframe_seconds=bars.timeframe_seconds)
    return day_pattern(bars, MNQ, dates, np.ones(len(dates), dtype=np.bool_))


def test_a_slot_is_a_place_in_the_local_day_in_summer_and_in_winter() -> None:
    ends = np.array([us("2025-10-31T13:35"), us("2025-11-03T14:35"), us("2025-11-03T06:05"), us("2025-11-04T06:00")])
    bars = flat_bars(np.full(4, 100.0), ends=ends)
    # 08:35, 08:35, 00:05 and 24:00 in Chicago, in bars of five minutes
    assert slots(bars, MNQ).tolist() == [102, 102, 0, 287]


def test_the_usual_activity_of_a_slot_is_its_median_over_the_sessions() -> None:
    bars = made_bars(timeframe_seconds=3600)
    bars.values[:, VOLUME] = 100.0
    slot = slots(bars, MNQ)
    bars.values[slot == 9, VOLUME] = 300.0
    bars.values[np.flatnonzero(slot == 9)[3], VOLUME] = 1e9  # one session of fifteen
    found = pattern_of(bars)
    assert found is not None
    assert found.usual[9] == pytest.approx(np.log1p(3.0))
    assert found.usual[10] == pytest.approx(np.log1p(1.0))
    assert np.isnan(found.usual[16])  # 16:00 to 17:00 Chicago is the break
    assert found.activity.shape == (15, 24)


def test_what_is_beyond_the_slot_and_the_session_is_left() -> None:
    bars = made_bars(timeframe_seconds=3600)
    bars.values[:, VOLUME] = 99.0
    bars.values[:23, VOLUME] = 199.0  # a busy session is busy in every bar
    bars.values[100, VOLUME] = 9999.0
    found = pattern_of(bars)
    assert found is not None
    left = found.residual()
    assert int(left.argmax()) == 100
    assert left[100] == pytest.approx(np.log1p(9999 / 99) - np.log1p(1.0))
    assert np.abs(np.delete(left, 100)).max() < 1e-9


def test_a_source_without_volume_is_busy_where_it_moves() -> None:
    bars = made_bars(timeframe_seconds=3600, busy=3.0)
    bars.values[:, VOLUME:] = np.nan
    found = pattern_of(bars)
    assert found is not None
    assert found.usual[9] > found.usual[21]


def test_a_session_correlates_with_the_usual_day_where_it_is() -> None:
    found = pattern_of(made_bars(timeframe_seconds=3600, busy=3.0))
    assert found is not None
    assert found.correlation(0).min() > 0.85
    assert (found.correlation(0) > found.correlation(3)).all()


class TestThereIsNone:
    def test_with_fewer_than_ten_sessions(self) -> None:
        assert pattern_of(made_bars(last=date(2025, 11, 14), timeframe_seconds=3600)) is not None
        assert pattern_of(made_bars(last=date(2025, 11, 13), timeframe_seconds=3600)) is None

    def test_for_bars_longer_than_four_hours_or_that_do_not_fill_a_day(self) -> None:
        assert pattern_of(made_bars(timeframe_seconds=6 * 3600)) is None
        assert pattern_of(made_bars(timeframe_seconds=7 * 60)) is None

    def test_for_fewer_than_six_slots(self) -> None:
        bars = made_bars(timeframe_seconds=3600)
        few = np.isin(slots(bars, MNQ), [8, 9, 10, 11, 12])
        assert pattern_of(RawBars("MNQZ25", 3600, bars.bar_end[few], bars.values[few])) is None


def test_the_mean_of_a_block_is_of_the_sessions_that_have_a_bar() -> None:
    activity = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan], [7.0, 1.0, 1.0]])
    mean = mean_of(activity, np.array([0, 0, 1]))
    np.testing.assert_array_equal(mean, [[2.0, 5.0, np.nan], [7.0, 1.0, 1.0]])


def test_hours_of_the_helper_are_utc() -> None:
    bars = made_bars(timeframe_seconds=3600)
    assert bars.bar_end[0] % (24 * HOUR) == 0  # Sunday, 18:00 in Chicago
    assert bars.bar_end[1] - bars.bar_end[0] == 60 * MINUTE
