"""Volumes: bars written out, and what each of them is called."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.market_data.validation import RawBars
from minhos.market_data.validation.day_pattern import day_pattern
from minhos.market_data.validation.flow import (
    always,
    busy,
    flow_gap,
    moved_without_volume,
    trades_over_volume,
    volume_surprise,
)
from tests.market_data.validation.made_bars import MNQ, TRADES, VOLUME, flat_bars, made_bars, with_cells

Row = tuple[float, float, float, float]  # volume, bid volume, ask volume, trades


def of(*rows: Row, reach: float = 1.0) -> RawBars:
    bars = flat_bars(np.full(len(rows), 100.0), reach=reach)
    bars.values[:, 4:] = np.array(rows)
    return bars


class TestSums:
    def test_bid_and_ask_are_the_volume(self) -> None:
        gap = flow_gap(of((100, 40, 60, 10), (100, 40, 61, 10), (100, 0, 0, 10), (0, 0, 0, 0)))
        assert gap.tolist() == pytest.approx([0.0, 0.01, 1.0, 0.0])

    def test_of_nothing_the_gap_is_counted_in_contracts(self) -> None:
        assert flow_gap(of((0, 1, 1, 0))).tolist() == [2.0]

    def test_trades_are_of_one_contract_at_least(self) -> None:
        assert trades_over_volume(of((10, 5, 5, 10), (10, 5, 5, 11), (0, 0, 0, 0))).tolist() == [0, 1, 0]

    def test_a_price_moves_with_a_trade_only(self) -> None:
        assert moved_without_volume(of((10, 5, 5, 1), (0, 0, 0, 0))).tolist() == [0, 1]
        assert moved_without_volume(of((0, 0, 0, 0), reach=0.0)).tolist() == [0]


class TestAlways:
    def test_what_is_kept_by_nine_in_ten_is_a_rule_of_the_source(self) -> None:
        assert always(np.repeat([0.0, 1.0], [90, 10]))
        assert not always(np.repeat([0.0, 1.0], [89, 11]))

    def test_what_is_not_known_counts_for_nothing(self) -> None:
        assert always(np.array([0.0, np.nan, np.nan]))
        assert not always(np.array([np.nan, np.nan]))
        assert not always(np.array([]))


def in_one_slot(bars: RawBars) -> np.ndarray:
    return np.zeros(len(bars.bar_end), dtype=np.int64)


class TestBusy:
    def test_thirty_trades_before_and_after(self) -> None:
        bars = of((99, 9, 90, 30), (99, 9, 90, 30), (99, 9, 90, 29), (99, 9, 90, 30))
        found = busy(bars, in_one_slot(bars), in_contracts=False)
        assert found is not None
        assert found.tolist() == [False, True, False, False]

    def test_a_source_without_trades_counts_the_contracts_of_a_future(self) -> None:
        bars = of((30, 9, 21, np.nan), (31, 9, 22, np.nan))
        found = busy(bars, in_one_slot(bars), in_contracts=True)
        assert found is not None
        assert found.tolist() == [False, True]
        assert busy(bars, in_one_slot(bars), in_contracts=False) is None  # units of an asset are no trades

    def test_few_bars_without_a_count_cannot_tell(self) -> None:
        bars = of((np.nan,) * 4, (np.nan,) * 4)
        assert busy(bars, in_one_slot(bars), in_contracts=True) is None


class TestNeverSingle:
    """A source that counts nothing: whether bars can be missing by chance is told by those of a single trade."""

    @staticmethod
    def poisson(mean: float, *, bars: int = 4000) -> tuple[RawBars, float]:
        """Bars of a market with `mean` trades a bar, those without a trade left out; and the share that is left out."""
        trades = np.random.default_rng(5).poisson(mean, bars)
        there = trades[trades > 0]
        made = flat_bars(np.full(len(there), 100.0), reach=1.0)
        single = there == 1
        made.values[single, 1:3] = made.values[single, 3:4]
        made.values[:, 4:] = np.nan
        return made, 1 - len(there) / bars

    def test_a_thin_market_is_known_by_its_single_trades(self) -> None:
        for mean in (0.5, 1.0, 3.0, 6.0):
            bars, _ = self.poisson(mean)
            assert busy(bars, in_one_slot(bars), in_contracts=False) is None, mean

    def test_where_none_is_single_none_is_missing_by_chance(self) -> None:
        bars, missing = self.poisson(10.0)
        found = busy(bars, in_one_slot(bars), in_contracts=False)
        assert missing < 0.001
        assert found is not None
        assert found[1:].all()

    def test_the_quiet_hours_of_a_busy_day_are_left_out(self) -> None:
        quiet, busy_part = self.poisson(1.0, bars=400)[0], self.poisson(20.0)[0]
        values = np.concatenate((quiet.values, busy_part.values))
        slot = np.repeat([0, 1], [len(quiet.values), len(busy_part.values)])
        found = busy(RawBars("MNQZ25", 300, np.arange(len(slot)), values), slot, in_contracts=False)
        assert found is not None
        assert not found[: len(quiet.values) + 1].any()
        assert found[len(quiet.values) + 1 :].all()


class TestSurprise:
    def test_without_a_day_it_is_the_power_of_e_beyond_the_neighbours(self) -> None:
        volume = np.full(50, 99.0)
        volume[20] = 100 * np.exp(6) - 1
        surprise = volume_surprise(of(*((one, 0.0, one, 1.0) for one in volume)), None)
        assert surprise[20] == pytest.approx(6.0)
        assert surprise[21] == pytest.approx(0.0)

    def test_a_bar_without_a_trade_is_no_surprise(self) -> None:
        surprise = volume_surprise(of((0, 0, 0, 0), (-5, 0, 0, 0), (9, 9, 0, 1)), None)
        assert np.isnan(surprise).tolist() == [True, True, False]

    def test_a_usual_afternoon_is_no_surprise_by_its_pattern_and_its_total_at_night_is(self) -> None:
        bars = made_bars(timeframe_seconds=1800)
        night = 4 * 46  # a bar at 23:30 UTC
        total = float(bars.values[:46, VOLUME].sum())
        bars = with_cells(bars, (night, VOLUME, total), (night, TRADES, total / 2))
        dates = np.repeat(np.arange(15).astype("datetime64[D]"), 46)
        pattern = day_pattern(bars, MNQ, dates, np.ones(len(dates), dtype=np.bool_))
        assert pattern is not None
        surprise = np.abs(volume_surprise(bars, pattern))
        assert int(surprise.argmax()) == night
        assert np.sort(surprise)[-2] < 2 < surprise[night]
