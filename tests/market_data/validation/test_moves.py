"""How far bars move, by hand: closes that go up and down by 2, so that the noise is 2 / 0.6745."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.market_data.validation import RawBars
from minhos.market_data.validation.moves import Moves, local_noise, moves
from tests.market_data.validation.made_bars import CLOSE, HIGH, LOW, MINUTE, OPEN, flat_bars, us, with_cells

NOISE = 2 / 0.6745
ROW = 20


def zigzag(count: int = 60, level: float = 100.0) -> np.ndarray:
    """Even rows at the level, odd ones 2 over it."""
    return level + 2.0 * (np.arange(count) % 2)


def measured(bars: RawBars) -> Moves:
    return moves(bars, tick_size=0.25)


def at(bars: RawBars, name: str, row: int = ROW) -> float:
    return float(getattr(measured(bars), name)[row] * NOISE)  # in price units again


class TestLocalNoise:
    def test_it_is_the_median_change_as_a_deviation(self) -> None:
        np.testing.assert_allclose(measured(flat_bars(zigzag())).noise, NOISE)

    def test_it_is_one_tick_at_the_least(self) -> None:
        closes = np.full(30, 100.0)
        np.testing.assert_array_equal(local_noise(closes, closes, closes, tick_size=0.25), 0.25)

    def test_it_follows_the_volatility(self) -> None:
        closes = np.concatenate((zigzag(400), 100.0 + 20.0 * (np.arange(400) % 2)))
        noise = measured(flat_bars(closes, reach=5.0)).noise
        assert noise[50] == pytest.approx(NOISE)
        assert noise[750] == pytest.approx(10 * NOISE)

    def test_a_dirty_bar_in_ten_does_not_move_it(self) -> None:
        closes = zigzag(400)
        closes[::20] += 1000.0  # two changes each
        assert measured(flat_bars(closes)).noise[200] == pytest.approx(NOISE)

    def test_where_every_other_bar_is_on_another_level_the_ranges_say_how_much_is_noise(self) -> None:
        closes = 100.0 + 1000.0 * (np.arange(60) % 2)
        bars = flat_bars(closes, opens=closes, reach=2.0)
        # ranges of 4: 2 x 4 / 1.6 = 5 instead of 1000 / 0.6745
        np.testing.assert_allclose(measured(bars).noise, 5.0)

    def test_bars_without_a_range_cannot_say_it(self) -> None:
        closes = 100.0 + 1000.0 * (np.arange(60) % 2)
        bars = flat_bars(closes, opens=closes, reach=0.0)
        np.testing.assert_allclose(measured(bars).noise, 1000 / 0.6745)


class TestOpens:
    def test_an_open_beside_the_last_close_is_a_gap_inside_the_session(self) -> None:
        bars = with_cells(flat_bars(zigzag()), (ROW, OPEN, 102.0 + 30.0))
        assert measured(bars).gap[ROW] == 30.0
        assert at(bars, "inside") == pytest.approx(30.0)
        assert np.isnan(measured(bars).across[ROW])

    def test_a_gap_has_a_sign_and_the_first_bar_has_none(self) -> None:
        bars = with_cells(flat_bars(zigzag()), (ROW, OPEN, 102.0 - 30.0), (0, OPEN, 500.0))
        assert measured(bars).gap[[0, ROW]].tolist() == [0.0, -30.0]
        assert measured(bars).inside[0] == 0.0 or np.isnan(measured(bars).inside[0])

    def test_over_a_break_a_gap_may_be_larger_by_the_root_of_its_bars(self) -> None:
        bars = with_cells(flat_bars(zigzag()), (ROW, OPEN, 102.0 + 30.0))
        later = bars.bar_end + np.where(np.arange(60) >= ROW, 15 * MINUTE, 0)  # three bars of nothing: four steps
        bars = RawBars(bars.symbol, 300, later, bars.values)
        assert at(bars, "across") == pytest.approx(30.0 / 2)
        assert np.isnan(measured(bars).inside[ROW])

    def test_every_daily_bar_comes_after_a_break(self) -> None:
        found = measured(flat_bars(zigzag(), timeframe_seconds=86_400))
        assert np.isnan(found.inside).all()
        assert np.isfinite(found.across).all()


class TestMoves:
    def test_a_move_is_the_furthest_of_close_high_and_low_from_the_last_close(self) -> None:
        bars = flat_bars(zigzag())  # from 102 to 100, low 99
        assert at(bars, "move") == pytest.approx(3.0)
        assert at(with_cells(bars, (ROW, HIGH, 150.0)), "move") == pytest.approx(48.0)
        assert at(with_cells(bars, (ROW, LOW, 50.0)), "move") == pytest.approx(52.0)
        assert at(with_cells(bars, (ROW, CLOSE, 142.0)), "move") == pytest.approx(40.0)

    def test_a_spike_goes_out_and_back(self) -> None:
        assert at(with_cells(flat_bars(zigzag()), (ROW, CLOSE, 142.0)), "spike") == pytest.approx(40.0)

    def test_what_goes_on_in_one_direction_is_no_spike(self) -> None:
        closes = zigzag()
        closes[ROW:] += 40.0
        closes[ROW + 1 :] += 40.0
        assert at(flat_bars(closes), "spike") == 0.0

    def test_a_spike_is_as_large_as_the_smaller_of_both_ways(self) -> None:
        closes = zigzag()
        closes[ROW:] += 40.0  # 102 -> 140 -> 132
        closes[ROW + 1 :] -= 10.0
        assert at(flat_bars(closes), "spike") == pytest.approx(8.0)

    def test_a_wick_reaches_beyond_open_and_close(self) -> None:
        bars = flat_bars(zigzag())  # open 102, close 100
        assert at(bars, "wick") == pytest.approx(1.0)
        assert at(with_cells(bars, (ROW, HIGH, 112.0)), "wick") == pytest.approx(10.0)
        assert at(with_cells(bars, (ROW, LOW, 80.0)), "wick") == pytest.approx(20.0)

    def test_prices_under_zero_are_like_others(self) -> None:
        over, under = (measured(flat_bars(zigzag(level=level))) for level in (1000.0, -1.0))
        for name in ("noise", "gap", "inside", "move", "spike", "wick"):
            np.testing.assert_allclose(getattr(over, name), getattr(under, name))

    @pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
    def test_a_price_that_is_not_there_gives_no_number_and_spoils_no_noise(self, missing: float) -> None:
        found = measured(with_cells(flat_bars(zigzag()), (ROW, CLOSE, missing)))
        assert np.isnan(found.wick[ROW])
        assert np.isnan(found.inside[ROW + 1])
        np.testing.assert_allclose(found.noise, NOISE)
        assert np.isfinite(found.move[ROW + 2])

    def test_the_last_bar_is_no_spike_yet(self) -> None:
        assert at(with_cells(flat_bars(zigzag()), (59, CLOSE, 900.0)), "spike", 59) == 0.0


def test_times_of_the_helper_are_those_that_it_says() -> None:
    assert flat_bars(zigzag()).bar_end[0] == us("2025-11-20T15:05")
