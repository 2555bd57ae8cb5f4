"""Price bases: stretches on another level, new levels, and news."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.market_data.validation import RawBars
from minhos.market_data.validation.bases import Bases, find_bases, own_jumps
from minhos.market_data.validation.moves import moves
from tests.market_data.validation.made_bars import HOUR, flat_bars

COUNT = 60  # noise: 2 / 0.6745 = 2.97 price units


def zigzag(level: float = 1000.0) -> RawBars:
    return flat_bars(level + 2.0 * (np.arange(COUNT) % 2))


def moved(bars: RawBars, start: int, stop: int, *, by: float = 0.0, times: float = 1.0) -> RawBars:
    """The prices of rows start to stop on another base."""
    values = bars.values.copy()
    values[start:stop, :4] = values[start:stop, :4] * times + by
    return RawBars(bars.symbol, bars.timeframe_seconds, bars.bar_end, values)


def found(bars: RawBars) -> Bases:
    measured = moves(bars, tick_size=0.25)
    return find_bases(bars, measured, inside_limit=6.0, news_limit=25.0, across_limit=20.0)


def rows(flags: np.ndarray) -> list[int]:
    return np.flatnonzero(flags).tolist()


def test_one_level_has_no_bases() -> None:
    bases = found(zigzag())
    assert not bases.foreign.any()
    assert not bases.new_base.any()
    assert not bases.unexplained.any()
    assert not any(bases.words.values())


class TestOutAndBack:
    def test_by_one_amount_encloses_the_rows_between(self) -> None:
        bases = found(moved(zigzag(), 20, 30, by=100.0))
        assert rows(bases.foreign) == list(range(20, 30))
        assert not bases.new_base.any()
        assert bases.words["foreign"] == (
            "a jump of +100, +9.98% (34 times the noise) at 2025-11-20T16:40Z, undone 2025-11-20T17:30Z",
        )

    def test_inside_a_session_a_jump_back_is_as_large_to_a_tenth(self) -> None:
        assert rows(found(moved(moved(zigzag(), 20, 30, by=100.0), 30, COUNT, by=8.0)).foreign) == list(range(20, 30))
        further = found(moved(moved(zigzag(), 20, 30, by=100.0), 30, COUNT, by=20.0))
        assert not further.foreign.any()
        assert rows(further.new_base + further.unexplained) == [20, 30]

    def test_by_one_factor_may_be_another_amount_each_time(self) -> None:
        closes = zigzag().values[:, 3].copy()
        closes[22:] += 500.0  # the market itself: 1000 before, 1500 after, and every bar opens at the last close
        bases = found(moved(flat_bars(closes), 20, 30, times=100.0))
        assert rows(bases.foreign) == list(range(20, 30))
        assert not bases.new_base.any()

    def test_a_hundredfold_is_another_unit(self) -> None:
        (words,) = found(moved(zigzag(), 20, 30, times=100.0)).words["foreign"]
        assert words == "another unit from 2025-11-20T16:40Z on (x 100), undone 2025-11-20T17:30Z"

    def test_a_hundredth_is_one_too(self) -> None:
        (words,) = found(moved(zigzag(), 20, 30, times=0.01)).words["foreign"]
        assert words.startswith("another unit from 2025-11-20T16:40Z on (x 0.01)")

    def test_twofold_is_no_unit(self) -> None:
        (words,) = found(moved(zigzag(), 20, 30, times=2.0)).words["foreign"]
        assert words.startswith("a jump of +1002, +100.00%")

    def test_prices_under_zero_jump_by_amounts(self) -> None:
        bases = found(moved(zigzag(-38.0), 20, 30, by=100.0))
        assert rows(bases.foreign) == list(range(20, 30))
        assert bases.words["foreign"][0].startswith(
            "a jump of +100 (34 times the noise)"
        )  # a factor through zero says nothing

    @given(
        start=st.integers(2, 40),
        length=st.integers(1, 15),
        times_noise=st.one_of(st.floats(30, 1e4), st.floats(-1e4, -30)),
        level=st.sampled_from([-40.0, 0.0, 1000.0, 25_000.0]),
    )
    def test_any_stretch_on_any_other_level_is_found_and_nothing_else(
        self, start: int, length: int, times_noise: float, level: float
    ) -> None:
        bases = found(moved(zigzag(level), start, start + length, by=times_noise * 2 / 0.6745))
        assert rows(bases.foreign) == list(range(start, start + length))
        assert not bases.new_base.any()
        assert not bases.unexplained.any()


class TestNeverUndone:
    def test_far_over_what_is_strange_a_new_base_begins(self) -> None:
        bases = found(moved(zigzag(), 20, COUNT, by=100.0))
        assert rows(bases.new_base) == [20]
        assert not bases.foreign.any()
        assert not bases.unexplained.any()
        assert bases.words["new_base"][0].endswith("at 2025-11-20T16:40Z, never undone")

    def test_what_news_may_do_is_only_told(self) -> None:
        bases = found(moved(zigzag(), 20, COUNT, by=40.0))  # 13 times the noise
        assert rows(bases.unexplained) == [20]
        assert not bases.new_base.any()

    def test_news_explains_nothing_over_a_break(self) -> None:
        bars = moved(zigzag(), 20, COUNT, by=1000.0)
        ends = bars.bar_end + np.where(np.arange(COUNT) >= 20, HOUR, 0)  # 13 steps: 1000 / 2.97 / 3.6 = 93 > 20
        assert rows(found(RawBars(bars.symbol, 300, ends, bars.values)).new_base) == [20]

    def test_over_a_break_the_market_may_move_further(self) -> None:
        bars = moved(zigzag(), 20, COUNT, by=150.0)
        ends = bars.bar_end + np.where(np.arange(COUNT) >= 20, HOUR, 0)  # 150 / 2.97 / 3.6 = 14 < 20
        assert not any(found(RawBars(bars.symbol, 300, ends, bars.values)).words.values())

    def test_a_second_jump_in_the_same_direction_undoes_nothing(self) -> None:
        bases = found(moved(moved(zigzag(), 20, COUNT, by=100.0), 30, COUNT, by=100.0))
        assert rows(bases.new_base) == [20, 30]
        assert not bases.foreign.any()


class TestManyJumps:
    def test_a_stretch_within_a_stretch(self) -> None:
        bases = found(moved(moved(zigzag(), 10, 40, by=100.0), 20, 25, by=400.0))
        assert rows(bases.foreign) == list(range(10, 40))
        assert not bases.new_base.any()

    def test_stretches_that_overlap(self) -> None:
        bases = found(moved(moved(zigzag(), 10, 30, by=100.0), 20, 40, by=400.0))
        assert rows(bases.foreign) == list(range(10, 40))
        assert not bases.new_base.any()

    def test_every_second_bar_on_another_level(self) -> None:
        bars = zigzag()
        for row in range(20, 40, 2):
            bars = moved(bars, row, row + 1, by=200.0)
        assert rows(found(bars).foreign) == list(range(20, 40, 2))

    def test_each_kind_tells_its_own_and_the_largest_first(self) -> None:
        bars = moved(moved(moved(zigzag(), 10, 15, by=90.0), 20, 30, by=150.0), 40, COUNT, by=-700.0)
        words = found(bars).words
        assert [text.split(",")[0] for text in words["foreign"]] == ["a jump of +150", "a jump of +90"]
        assert [text.split(",")[0] for text in words["new_base"]] == ["a jump of -700"]
        assert words["unexplained"] == ()

    def test_prices_that_are_missing_start_nothing(self) -> None:
        bars = zigzag()
        bars.values[20:25, :4] = np.nan
        bases = found(bars)
        assert not bases.foreign.any()
        assert not bases.new_base.any()


@pytest.mark.parametrize("row", [1, COUNT - 1])
def test_a_jump_at_either_end_of_the_series_is_seen(row: int) -> None:
    assert rows(found(moved(zigzag(), row, COUNT, by=300.0)).new_base) == [row]


class TestOneWrongPrice:
    def test_a_wrong_open_is_a_fault_of_its_bar(self) -> None:
        bars = zigzag()
        bars.values[20, [0, 1]] = 1400.0
        bases = found(bars)
        assert rows(bases.foreign) == [20]
        assert bases.words["foreign"] == ("a wrong open or close in the bar that ends 2025-11-20T16:45Z",)

    def test_a_wrong_close_is_a_fault_of_its_bar_and_not_of_the_next(self) -> None:
        bars = zigzag()
        bars.values[20, [1, 3]] = 1400.0
        bases = found(bars)
        assert rows(bases.foreign) == [20]
        assert not bases.new_base.any()


class TestOwnJumps:
    """Jumps inside sessions that nothing undoes, each of another size: a market that does so is not full of faults."""

    @staticmethod
    def of(*sizes: float) -> float:
        bars = zigzag()
        for number, size in enumerate(sizes):
            bars = moved(bars, 8 + 8 * number, COUNT, by=size)
        measured = moves(bars, tick_size=0.25)
        return own_jumps(find_bases(bars, measured, inside_limit=6.0, news_limit=25.0, across_limit=20.0), measured)

    def test_two_are_no_habit(self) -> None:
        assert self.of(60.0, -100.0) == 0.0

    def test_of_three_or_more_the_third_largest_is(self) -> None:
        noise = moves(zigzag(), tick_size=0.25).noise[30]
        assert self.of(60.0, -100.0, 40.0) == pytest.approx(40.0 / noise, rel=0.1)
        assert self.of(60.0, -100.0, 40.0, 150.0) == pytest.approx(60.0 / noise, rel=0.1)
