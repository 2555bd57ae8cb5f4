from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minhos.market_data.bar_grid import LEAST_THIN_ROWS, by_chance, on_grid, regular_step

Integers = npt.NDArray[np.int64]
SECOND = 1_000_000
MONDAY = round(datetime(2025, 9, 1, tzinfo=UTC).timestamp()) * SECOND
DAY = 86_400


def every(step: int, *, days: int = 30, open_hour: int = 23) -> Integers:
    """Starts of bars on all weekdays, with an hour's break before `open_hour`; as many days as 200,000 bars take."""
    clock = np.arange(0, DAY, step)
    clock = clock[(clock // 3600) != open_hour - 1]
    days = max(1, min(days, 200_000 // len(clock)))
    weekdays = [day for day in range(days + 2) if day % 7 < 5]
    return np.concatenate([MONDAY + (day * DAY + clock) * SECOND for day in weekdays]).astype(np.int64)


def anchored(step: int, *, days: int = 60) -> Integers:
    """Starts as Sierra has them for index futures: from 13:30 until 20:15, and from 20:15 on."""
    day_session, night = np.arange(48_600, 72_900, step), np.arange(72_900, 48_600 + DAY, step) % DAY
    clock = np.sort(np.concatenate((day_session, night)))
    clock = clock[clock // 3600 != 22]
    return np.concatenate([MONDAY + (day * DAY + clock) * SECOND for day in range(days) if day % 7 < 5]).astype(
        np.int64
    )


def thinned(stamps: Integers, share: float, seed: int) -> Integers:
    return stamps[np.random.Generator(np.random.PCG64(seed)).random(len(stamps)) < share]


STEPS = (60, 120, 180, 300, 600, 900, 1200, 1800, 3600)


@given(step=st.sampled_from(STEPS), share=st.floats(0.01, 1.0), seed=st.integers(0, 10**6), days=st.integers(2, 60))
@settings(max_examples=150, deadline=None)
def test_no_share_of_missing_bars_changes_the_step(step: int, share: float, seed: int, days: int) -> None:
    stamps = thinned(every(step, days=days), share, seed)
    assume(len(stamps) >= LEAST_THIN_ROWS)
    found = regular_step(stamps)
    # of very thin rows chance may leave none of the shortest steps: undecided, and never another step
    assert found == step or (share < 0.2 and found is None)


@given(step=st.sampled_from((1, 5, 15, 30)), share=st.floats(0.15, 1.0), seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_bars_of_seconds_are_known_where_one_in_seven_is_there(step: int, share: float, seed: int) -> None:
    assert regular_step(thinned(every(step), share, seed)) == step


@given(share=st.floats(0.2, 1.0), seed=st.integers(0, 10**6), days=st.integers(20, 90))
@settings(max_examples=60, deadline=None)
def test_hours_that_are_cut_at_the_sessions_anchors_are_hours_where_one_in_five_is_there(
    share: float, seed: int, days: int
) -> None:
    stamps = thinned(anchored(3600, days=days), share, seed)
    assume(len(stamps) >= 2 * LEAST_THIN_ROWS)
    assert regular_step(stamps) == 3600


@pytest.mark.parametrize("step", [900, 1800, 3600, 7200, 14_400])
def test_whole_sessions_on_anchors_have_the_step_of_their_bars(step: int) -> None:
    assert regular_step(anchored(step)) == step


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_four_hour_bars_of_new_york_are_four_hours_on_its_clock_and_in_utc(zone: str) -> None:
    # from 17:00 New York on, summer and winter: in UTC all starts move by an hour when the clock changes
    new_york = ZoneInfo("America/New_York")
    local = every(14_400, days=300, open_hour=17) + 3_600 * SECOND
    if zone == "UTC":
        local = np.array(
            [
                round(datetime.fromtimestamp(s / SECOND, UTC).replace(tzinfo=new_york).timestamp()) * SECOND
                for s in local.tolist()
            ]
        )
    assert regular_step(np.unique(local)) == 14_400


@given(seed=st.integers(0, 10**6), mean=st.floats(2.0, 900.0), rounded=st.booleans())
@settings(max_examples=60, deadline=None)
def test_irregular_starts_have_no_step(seed: int, mean: float, rounded: bool) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    steps = (rng.exponential(mean, 3_000) * 1_000).astype(np.int64) * 1_000
    stamps = MONDAY + np.cumsum(np.maximum(steps, 1_000))
    if rounded:
        assume(mean >= 20)
        stamps = stamps // SECOND * SECOND
    assert regular_step(np.unique(stamps)) is None


def test_months_are_no_thin_days() -> None:
    months = np.arange("2000-01", "2024-01", dtype="datetime64[M]").astype("datetime64[us]").astype(np.int64)
    assert regular_step(months) == 31 * DAY  # what most steps are, as of any long bar


def test_days_with_holidays_are_days() -> None:
    days = np.array([day for day in range(400) if day % 7 < 5 and day % 31], dtype=np.int64) * DAY * SECOND + MONDAY
    assert regular_step(days) == DAY
    assert regular_step(thinned(days, 0.3, 1)) == DAY


def test_a_few_rows_with_gaps_show_no_step_and_without_gaps_they_do() -> None:
    minutes = np.array([0, 5, 15, 40, 45, 70, 100], dtype=np.int64)
    assert regular_step(MONDAY + minutes * 60 * SECOND) is None
    assert regular_step(MONDAY + np.arange(4, dtype=np.int64) * 300 * SECOND) == 300


def test_one_wrong_time_in_a_hundred_changes_nothing() -> None:
    stamps = every(300)
    stamps[::150] += 37 * SECOND + 250_000
    assert regular_step(np.unique(stamps)) == 300
    assert on_grid(np.unique(stamps), 300)


@given(step=st.sampled_from(STEPS), share=st.floats(0.02, 1.0), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_stated_step_is_never_doubted_for_a_thin_file(step: int, share: float, seed: int) -> None:
    stamps = thinned(every(step), share, seed)
    assume(len(stamps) >= LEAST_THIN_ROWS)
    assert on_grid(stamps, step)
    assert by_chance(stamps, finer_seconds=step)
    assert not on_grid(stamps, 2 * step)


@pytest.mark.parametrize("rows", [2, 5, 8])
def test_a_few_rows_may_lie_on_a_coarser_grid_by_chance(rows: int) -> None:
    minutes = np.array([0, 20, 30, 70, 80, 140, 150, 190], dtype=np.int64)[:rows]
    assert by_chance(MONDAY + minutes * 60 * SECOND, finer_seconds=300)


@pytest.mark.parametrize("seconds", [600, 3600, DAY])
def test_rows_at_each_coarser_bar_are_no_chance(seconds: int) -> None:
    assert not by_chance(MONDAY + np.arange(4, dtype=np.int64) * seconds * SECOND, finer_seconds=300)
