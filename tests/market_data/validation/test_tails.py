"""Thresholds beyond everything that was seen: against laws whose quantiles are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.market_data.validation.tails import TAIL_INDEX, longest_run, run_beyond, upper_threshold

Floats = np.ndarray


def _levels(count: int) -> Floats:
    return (np.arange(count) + 0.5) / count


def gpd(count: int, tail_index: float = TAIL_INDEX) -> Floats:
    """The quantiles of a generalised Pareto law of scale 1 at evenly spaced levels: a sample without luck."""
    return ((1 - _levels(count)) ** -tail_index - 1) / tail_index


def gpd_quantile(probability: float) -> float:
    return float((probability**-TAIL_INDEX - 1) / TAIL_INDEX)


class TestOfAKnownLaw:
    @pytest.mark.parametrize(("tested", "false_alarms"), [(1000, 0.1), (20_000, 0.01), (1_000_000, 0.001)])
    def test_a_pareto_tail_is_continued_to_its_own_quantile(self, tested: int, false_alarms: float) -> None:
        found = upper_threshold(gpd(20_000), tested=tested, false_alarms=false_alarms, floor=0.0)
        assert found.learned
        assert found.value == pytest.approx(gpd_quantile(false_alarms / tested), rel=0.01)

    def test_an_exponential_tail_is_continued_to_its_own_quantile(self) -> None:
        values = -np.log(1 - _levels(20_000))
        found = upper_threshold(values, tested=10_000, false_alarms=0.01, floor=0.0, tail_index=0.0)
        assert found.value == pytest.approx(np.log(1e6), rel=0.01)

    def test_drawn_values_give_the_quantile_within_a_third(self) -> None:
        wanted = gpd_quantile(0.01 / 5000)
        for seed in range(20):
            drawn = np.random.Generator(np.random.PCG64(seed)).random(5000)
            values = (drawn**-TAIL_INDEX - 1) / TAIL_INDEX
            found = upper_threshold(values, tested=5000, false_alarms=0.01, floor=0.0).value
            assert 2 / 3 < found / wanted < 3 / 2, seed

    def test_the_scale_of_the_values_is_that_of_the_threshold(self) -> None:
        once, tenfold = (
            upper_threshold(factor * gpd(1000), tested=1000, false_alarms=0.01, floor=0.0).value for factor in (1, 10)
        )
        assert tenfold == pytest.approx(10 * once)


class TestDirt:
    def test_four_percent_of_dirt_raises_the_threshold_by_a_factor_and_not_to_the_dirt(self) -> None:
        clean = upper_threshold(gpd(5000), tested=5000, false_alarms=0.01, floor=0.0).value
        spoiled = gpd(5000)
        spoiled[::25] = 1e6
        found = upper_threshold(spoiled, tested=5000, false_alarms=0.01, floor=0.0).value
        assert clean < found < 5 * clean

    def test_values_that_are_not_finite_are_left_out(self) -> None:
        values = gpd(1000)
        dirty = np.concatenate((values, [np.nan, np.inf, -np.inf]))
        assert upper_threshold(dirty, tested=1000, false_alarms=0.01, floor=0.0) == upper_threshold(
            values, tested=1000, false_alarms=0.01, floor=0.0
        )


class TestBounds:
    def test_a_quiet_history_gives_the_floor_and_says_so(self) -> None:
        found = upper_threshold(0.01 * gpd(1000), tested=1000, false_alarms=0.01, floor=6.0)
        assert (found.value, found.learned) == (6.0, False)
        assert found.words == "at most 6 (fixed: this instrument's own 1000 values would allow less)"

    def test_a_wild_history_gives_the_ceiling_and_says_so(self) -> None:
        found = upper_threshold(100 * gpd(1000), tested=1000, false_alarms=0.01, floor=6.0, ceiling=15.0)
        assert (found.value, found.learned) == (15.0, False)
        assert found.words == "at most 15 (fixed: these 1000 values would allow what no market does)"

    def test_a_learned_threshold_says_from_what(self) -> None:
        found = upper_threshold(gpd(20_000), tested=20_000, false_alarms=0.01, floor=0.0)
        assert found.words.endswith("(learned from 20000 values, false alarms 1.0% a series)")

    @pytest.mark.parametrize("values", [np.array([]), np.full(5, np.nan), gpd(50)])
    def test_too_few_values_give_the_floor_and_say_so(self, values: Floats) -> None:
        found = upper_threshold(values, tested=100, false_alarms=0.01, floor=2.0)
        finite = np.count_nonzero(np.isfinite(values))
        assert found.value == 2.0
        assert found.words == f"at most 2 (fixed: {finite} values say too little to learn from)"

    def test_values_that_are_all_equal_have_no_tail(self) -> None:
        assert not upper_threshold(np.full(1000, 3.0), tested=1000, false_alarms=0.01, floor=2.0).learned


class TestCounts:
    def test_counts_are_taken_half_a_step_up(self) -> None:
        # The 90 % quantile is 1; 14 ones, 10 twos, 6 threes lie there or beyond: excesses 0.5, 1.5, 2.5, their median 1.5.
        # zeta = 30/200, p = 0.01/100, so 1 + 1.5 (1500^0.3 - 1) / (2^0.3 - 1) = 1 + 1.5 x 7.9707 / 0.23114 = 52.73
        values = np.repeat([0.0, 1.0, 2.0, 3.0], [170, 14, 10, 6])
        found = upper_threshold(values, tested=100, false_alarms=0.01, floor=0.0)
        assert found.value == pytest.approx(52.73, abs=0.01)

    def test_a_tail_of_one_value_is_no_tail_and_more_of_the_values_are_asked(self) -> None:
        # Beyond the 90 % quantile (1.1) there are twos only. Beyond the 75 % quantile, 0, lies everything: the median excess
        # is half a step, so 0 + 0.5 / ln 2 x ln(1 / (0.01 / 200)) = 0.7213 x 9.9035 = 7.144
        values = np.repeat([0.0, 1.0, 2.0], [160, 20, 20])
        found = upper_threshold(values, tested=200, false_alarms=0.01, floor=0.0, tail_index=0.0)
        assert found.value == pytest.approx(7.144, abs=0.001)

    @pytest.mark.parametrize("wild", [9.0, 60.0, 5000.0])
    def test_one_wild_count_is_no_step(self, wild: float) -> None:
        # Counts go up by one, however far the next one that was seen is: 0.5 / ln 2 x ln(180 / 0.01) = 0.7213 x 9.798 = 7.07
        values = np.append(np.zeros(179), wild)
        found = upper_threshold(values, tested=180, false_alarms=0.01, floor=3.0, tail_index=0.0)
        assert found.value == pytest.approx(7.07, abs=0.01)


@given(
    alarms=st.lists(st.floats(1e-4, 0.5), min_size=2, max_size=2),
    tested=st.lists(st.integers(1, 10**6), min_size=2, max_size=2),
    tail_index=st.sampled_from([0.0, 0.2, TAIL_INDEX]),
    seed=st.integers(0, 50),
)
def test_fewer_false_alarms_and_more_bars_need_a_threshold_that_is_not_lower(
    alarms: list[float], tested: list[int], tail_index: float, seed: int
) -> None:
    values = np.abs(np.random.Generator(np.random.PCG64(seed)).standard_t(4, 400))

    def threshold(false_alarms: float, count: int) -> float:
        return upper_threshold(
            values, tested=count, false_alarms=false_alarms, floor=0.5, ceiling=1e4, tail_index=tail_index
        ).value

    strict = threshold(min(alarms), max(tested))
    assert strict >= threshold(max(alarms), max(tested)) >= threshold(max(alarms), min(tested))
    assert 0.5 <= strict <= 1e4


@pytest.mark.parametrize("stated", [0.01, 0.05])
def test_the_false_alarms_of_clean_fat_tails_are_about_as_stated(stated: float) -> None:
    """Student's t with 4 degrees of freedom has the index 1/4: 0.3 is on the safe side of it, and not far."""
    series, bars, alarms = 300, 4000, 0
    tight = 0
    for seed in range(series):
        values = np.abs(np.random.Generator(np.random.PCG64(seed)).standard_t(4, bars))
        limit = upper_threshold(values, tested=bars, false_alarms=stated, floor=0.0).value
        alarms += bool(values.max() > limit)
        tight += bool(values.max() > limit / 4)
    assert alarms <= series * stated + 4 * np.sqrt(series * stated * (1 - stated))
    assert tight > series / 4  # a threshold that is much too high would be kept by everything


def lengths(*counts: tuple[int, int]) -> np.ndarray:
    """So many runs of such a length each."""
    return np.concatenate([np.full(many, length, dtype=np.int64) for length, many in counts] or [np.empty(0, np.int64)])


class TestLongestRun:
    def test_the_run_that_chance_allows_is_counted_by_hand(self) -> None:
        # 98 runs, 9 go on: p = 10 / 100; 98 x 0.1^(L - 1) <= 0.01 for L >= 1 + ln(9800) / ln(10) = 4.99
        found = longest_run(lengths((1, 89), (2, 9)), false_alarms=0.01, floor=2)
        assert found.value == 5.0
        assert found.words == "at most 5 (learned from 98 runs, one goes on with 10%, false alarms 1.0% a series)"

    def test_it_is_never_under_the_floor(self) -> None:
        found = longest_run(lengths((1, 89), (2, 9)), false_alarms=0.01, floor=6)
        assert (found.value, found.learned) == (6.0, False)
        assert found.words == "at most 6 (fixed: this instrument's own 98 runs would allow less)"

    def test_nothing_seen_says_a_half(self) -> None:
        # p = 1/2 and one run: 0.5^(L - 1) <= 0.01 for L >= 1 + 6.64
        found = longest_run(lengths(), false_alarms=0.01, floor=1)
        assert (found.value, found.learned) == (8.0, False)
        assert found.words == "at most 8 (fixed: 0 runs say too little to learn from)"

    def test_calm_that_comes_in_stretches_may_last_longer(self) -> None:
        # 1000 short runs, 50 long ones of which each goes on with 0.8: the same share of runs that go on at the start
        rng = np.random.default_rng(1)
        stretches = np.sort(1 + rng.geometric(0.2, 50))
        alike = longest_run(lengths((1, 1000), (2, 50)), false_alarms=0.01, floor=1).value
        clustered = longest_run(np.concatenate((lengths((1, 1000)), stretches)), false_alarms=0.01, floor=1).value
        assert clustered > 3 * alike

    @pytest.mark.parametrize(("chance", "runs"), [(0.1, 400), (0.5, 400), (0.5, 3000), (0.75, 100)])
    def test_a_clean_series_has_a_longer_run_as_seldom_as_stated(self, chance: float, runs: int) -> None:
        """Learned from one series and asked of the next, 400 times at 1 %: more than 12 have a probability of 1 in 10000."""
        longer = 0
        for seed in range(400):
            seen, following = np.random.default_rng(seed).geometric(1 - chance, (2, runs))
            longer += int(following.max() > longest_run(seen, false_alarms=0.01, floor=1).value)
        assert longer <= 12

    def test_what_is_beyond_is_counted_by_hand(self) -> None:
        # 100 x 0.5^L <= 0.01 for L >= ln(10000) / ln(2) = 13.3
        assert run_beyond(0.5, 100, false_alarms=0.01) == 14
