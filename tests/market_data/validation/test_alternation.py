"""Bars of two sources taking turns."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.market_data.validation.alternation import alternating_runs
from minhos.market_data.validation.bases import Bases, find_bases
from minhos.market_data.validation.moves import moves
from tests.market_data.validation.made_bars import flat_bars

TICK = 0.25
FALSE_ALARMS = 0.01


def walk(seed: int, *, bars: int = 2000, step_ticks: int = 40, gap_ticks: int = 12) -> np.ndarray:
    """Opens and closes of a market with gaps of many ticks in both directions, float64 [T, 2]."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(-gap_ticks, gap_ticks + 1, bars)
    bodies = np.round(step_ticks * rng.standard_normal(bars)).astype(int)
    closes = 4000 + np.cumsum(gaps + bodies)
    return TICK * np.stack((closes - bodies, closes), axis=1)


def gap_of(prices: np.ndarray) -> np.ndarray:
    return np.concatenate(([0.0], prices[1:, 0] - prices[:-1, 1]))


def mixed(prices: np.ndarray, first: int, stop: int, *, by: float) -> np.ndarray:
    """Every second row of a stretch, the first one too, on another basis."""
    other = prices.copy()
    other[first:stop:2] += by
    return other


def test_the_order_of_a_market_alternates_by_chance_alone() -> None:
    """1 % of clean series may have a finding: of 200, more than 7 have a probability of 1 in 1000."""
    found = [alternating_runs(gap_of(walk(seed)), tick_size=TICK, false_alarms=FALSE_ALARMS) for seed in range(200)]
    assert sum(map(bool, found)) <= 7


def test_the_bounce_between_bid_and_ask_is_no_other_source() -> None:
    gap = TICK * np.tile([3.0, -3.0], 500)
    assert alternating_runs(gap, tick_size=TICK, false_alarms=FALSE_ALARMS) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_stretch_that_takes_turns_is_found_where_it_is(seed: int) -> None:
    prices = mixed(walk(seed), 700, 760, by=10.0)  # 40 ticks: no more than a bar moves
    ((first, stop),) = alternating_runs(gap_of(prices), tick_size=TICK, false_alarms=FALSE_ALARMS)
    assert first == pytest.approx(700, abs=6)
    assert stop == pytest.approx(760, abs=6)


def test_a_series_that_takes_turns_throughout_is_found_too() -> None:
    prices = mixed(walk(3), 0, 2000, by=25.0)
    assert alternating_runs(gap_of(prices), tick_size=TICK, false_alarms=FALSE_ALARMS)


class TestBases:
    @staticmethod
    def of(prices: np.ndarray) -> Bases:
        bars = flat_bars(prices[:, 1], reach=1.0)
        bars.values[:, 0] = prices[:, 0]
        bars.values[:, 1] = prices.max(axis=1) + 1.0
        bars.values[:, 2] = prices.min(axis=1) - 1.0
        measured = moves(bars, tick_size=TICK)
        turns = alternating_runs(measured.gap, tick_size=TICK, false_alarms=FALSE_ALARMS)
        return find_bases(bars, measured, inside_limit=6.0, news_limit=25.0, across_limit=20.0, turns=turns)

    def test_the_rows_away_from_the_bars_around_are_foreign(self) -> None:
        prices = mixed(walk(1, step_ticks=4, gap_ticks=6), 700, 760, by=40.0)
        found = self.of(prices)
        wrong = np.arange(700, 760, 2)
        assert np.isin(wrong, np.flatnonzero(found.foreign)).mean() > 0.9
        assert found.foreign.sum() <= len(wrong) + 4
        assert not found.new_base.any()
        assert "two bases take turns" in " ".join(found.words["foreign"])

    @pytest.mark.parametrize("seed", range(5))
    def test_where_the_market_moves_as_far_itself_all_are(self, seed: int) -> None:
        """60 bars of 40 ticks stray by 300 ticks: a basis of 40 cannot be told from the other, and none of it passes."""
        found = self.of(mixed(walk(seed), 700, 760, by=10.0))
        assert found.foreign[706:754].all()
