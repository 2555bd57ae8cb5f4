"""Bars of a market depth file: weighed by time, known at their end, the open one left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from depth_records import (
    DAY_US,
    Row,
    add_bid,
    change_ask,
    change_bid,
    drop_ask,
    drop_bid,
    ended,
    snapshot,
    write_plain,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.bars import iso
from minhos.market_data.depth_series import DEPTH_COLUMNS, DepthSeries
from minhos.market_data.sierra.depth_bars import depth_bars

NAN = float("nan")
MINUTE_US = 60_000_000


def ends(bars: DepthSeries) -> list[float]:
    """Ends of the bars in minutes after the day's start."""
    return ((bars.bar_end - DAY_US) / MINUTE_US).tolist()


def test_a_bar_tells_how_it_ended_and_its_means_over_time(tmp_path: Path) -> None:
    rows = snapshot(70, {100.0: 3}, {101.0: 1})  # spread 1, imbalance 0.5, for 20 s
    rows += ended(drop_ask(90, 101.0), (90, 3, 0, 104.0, 9))  # spread 4, imbalance -0.5, for 30 s
    rows += ended(change_bid(130, 100.0, 9))  # imbalance 0, in the next bar
    rows += ended(change_ask(180, 104.0, 27))  # at the second bar's end: belongs to the third, the open one
    read = depth_bars(write_plain(tmp_path, rows))
    bars = read.series
    assert (bars.symbol, bars.timeframe_seconds, ends(bars)) == ("ESZ25", 60, [2, 3])
    assert iso(int(bars.bar_end[0])) == "2025-12-01T00:02Z"
    assert read.covers_until == DAY_US + 3 * MINUTE_US
    mean_spread, mean_imbalance = (1 * 20 + 4 * 30) / 50, (0.5 * 20 - 0.5 * 30) / 50
    np.testing.assert_array_equal(
        bars.values,
        [
            [100, 3, 104, 9, -0.5, mean_spread, mean_imbalance, 2],
            [100, 9, 104, 9, 0.0, 4.0, -0.5 * 10 / 60, 1],
        ],
    )
    assert list(bars.columns()) == ["bar_end", *DEPTH_COLUMNS]
    assert bars.columns()["updates"].tolist() == bars.column("updates").tolist() == [2, 1]


def test_quiet_bars_keep_the_book_that_stood(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1}) + ended(change_bid(310, 10.0, 2))
    bars = depth_bars(write_plain(tmp_path, rows)).series
    assert ends(bars) == [1, 2, 3, 4, 5]
    assert bars.values[1:].tolist() == [[10, 1, 11, 1, 0, 1, 0, 0]] * 4


@pytest.mark.parametrize("window_records", [4, 5, 6])
def test_all_changes_at_a_bars_start_are_its_own(tmp_path: Path, window_records: int) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1}) + ended(change_bid(60, 10.0, 3)) + ended(change_bid(60, 10.0, 2))
    rows += ended(change_bid(120, 10.0, 4))
    bars = depth_bars(write_plain(tmp_path, rows), window_records=window_records).series
    assert bars.column("updates").tolist() == [1, 2]
    assert bars.column("bid_size").tolist() == [1, 2]


def test_time_in_which_a_side_is_missing_weighs_nothing_in_the_spread(tmp_path: Path) -> None:
    rows = snapshot(0, {10.0: 1}, {11.0: 1}) + ended(drop_bid(15, 10.0)) + ended(add_bid(45, 9.0, 3))
    rows += ended(drop_bid(60, 9.0)) + ended(add_bid(120, 9.0, 3))
    bars = depth_bars(write_plain(tmp_path, rows)).series
    np.testing.assert_array_equal(bars.column("spread_mean"), [1.5, NAN])
    np.testing.assert_array_equal(bars.column("bid"), [9.0, NAN])
    np.testing.assert_array_equal(bars.column("imbalance_mean"), [(0 * 15 - 1 * 30 + 0.5 * 15) / 60, -1.0])


def test_the_last_bar_of_a_day_is_complete_when_the_day_is_over(tmp_path: Path) -> None:
    path = write_plain(tmp_path, snapshot(86_390, {10.0: 1}, {11.0: 1}))
    assert len(depth_bars(path).series) == 0
    assert len(depth_bars(path, covers_until=DAY_US + 1_439 * MINUTE_US + 59_999_999).series) == 0
    assert depth_bars(path, covers_until=DAY_US).covers_until == DAY_US + 86_390_000_000  # the file knows better
    for now in (DAY_US + 1_440 * MINUTE_US, DAY_US + 400_000 * MINUTE_US):  # the book says nothing of later days
        bars = depth_bars(path, covers_until=now)
        assert (ends(bars.series), bars.covers_until) == ([1_440], DAY_US + 1_440 * MINUTE_US)


def test_a_book_that_is_no_longer_recorded_does_not_stand_for_the_rest_of_the_day(tmp_path: Path) -> None:
    path = write_plain(tmp_path, snapshot(30, {10.0: 1}, {11.0: 1}))
    bars = depth_bars(path, covers_until=DAY_US + 400_000 * MINUTE_US)
    assert ends(bars.series)[-1] == 20
    assert bars.covers_until == DAY_US + 20 * MINUTE_US + 30_000_000


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    path = write_plain(tmp_path, snapshot(0, {10.0: 1, 9.0: 1}, {11.0: 1, 12.0: 1}))
    told: list[int] = []
    depth_bars(path, window_records=2, progress=told.append)
    assert told == [64 + 2 * 24, 64 + 4 * 24, path.stat().st_size]


@pytest.mark.parametrize("rows", [[], ended(add_bid(0, 1.0, 1)), snapshot(0, {1.0: 1}, {2.0: 1})])
def test_a_file_without_a_complete_bar_has_none(tmp_path: Path, rows: list[Row]) -> None:
    bars = depth_bars(write_plain(tmp_path, rows)).series
    assert depth_bars(write_plain(tmp_path, rows[:0]), covers_until=DAY_US).covers_until is None
    assert (len(bars), bars.values.shape, bars.bar_end.dtype) == (0, (0, 8), np.int64)


@pytest.mark.parametrize("seconds", [0, -60, 7, 172_800])
def test_a_timeframe_must_divide_the_day(tmp_path: Path, seconds: int) -> None:
    with pytest.raises(ConfigError, match=rf"depth bars of {seconds} s; a timeframe must divide the day"):
        depth_bars(write_plain(tmp_path, []), timeframe_seconds=seconds)


def test_a_name_without_a_symbol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no symbol in the file's name"):
        depth_bars(write_plain(tmp_path, [], name="---.2025-12-01.depth"))


def test_records_around_the_day_tell_how_it_began_and_that_it_ended(tmp_path: Path) -> None:
    rows = snapshot(-30, {10.0: 1}, {11.0: 1}) + ended(change_bid(-20, 10.0, 2)) + ended(change_bid(600, 10.0, 3))
    rows += ended(change_bid(86_400 + 130, 10.0, 4))
    read = depth_bars(write_plain(tmp_path, rows))
    assert ends(read.series) == list(range(1, 1_441))
    assert read.series.column("bid_size").tolist() == [2] * 10 + [3] * 1_430
    assert read.series.column("updates").sum() == 1
    assert read.covers_until == DAY_US + 1_440 * MINUTE_US


@st.composite
def days(draw: st.DrawFn, *, commands: tuple[int, ...] = (1, 2, 2, 3, 3, 4, 5, 6, 7), least: int = 0) -> list[Row]:
    level = st.tuples(
        st.integers(0, 40), st.sampled_from(commands), st.integers(0, 1), st.integers(8, 12), st.integers(least, 5)
    )
    rows = snapshot(0, {10.0: 1}, {11.0: 1})
    at = 0.0
    for gap, command, flags, price, quantity in draw(st.lists(level, max_size=40)):
        at += gap + 0.001
        rows.append((at, command, flags, float(price), quantity))
    return rows


@given(rows=days(), cut=st.integers(0, 1_000), window_records=st.integers(1, 50))
@settings(max_examples=100)
def test_the_bars_of_a_cut_file_are_the_first_bars_of_the_whole_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], cut: int, window_records: int
) -> None:
    path = write_plain(tmp_path_factory.mktemp("cut"), rows)
    whole = depth_bars(path).series
    content = path.read_bytes()
    path.write_bytes(content[: 64 + cut * (len(content) - 64) // 1_000])
    cut_bars = depth_bars(path, window_records=window_records).series
    assert cut_bars.bar_end.tolist() == whole.bar_end[: len(cut_bars)].tolist()
    assert cut_bars.values.tobytes() == whole.values[: len(cut_bars)].tobytes()


@given(rows=days(commands=(2, 3, 4, 5), least=1))
@settings(max_examples=50)
def test_the_means_of_five_minutes_are_those_of_its_minutes_where_no_side_is_ever_missing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    path = write_plain(tmp_path_factory.mktemp("five"), rows)
    five, one = depth_bars(path, timeframe_seconds=300).series, depth_bars(path).series
    minutes = one.values[: 5 * len(five)].reshape(len(five), 5, len(DEPTH_COLUMNS))
    np.testing.assert_array_equal(five.values[:, :5], minutes[:, -1, :5])
    np.testing.assert_allclose(five.values[:, 5:7], minutes[:, :, 5:7].mean(axis=1), atol=1e-12)
    np.testing.assert_array_equal(five.column("updates"), minutes[:, :, 7].sum(axis=1))
