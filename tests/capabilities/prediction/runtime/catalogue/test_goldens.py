"""Features by hand: what a formula gives on bars that are simple enough to say so."""

import numpy as np
import numpy.typing as npt
import pytest

from minhos.capabilities.prediction.runtime.catalogue import realised_volatility
from minhos.capabilities.prediction.runtime.features import compute

Bars = npt.NDArray[np.float64]


def column(bars: Bars, name: str) -> Bars:
    return compute(bars, [name])[:, 0]


def test_order_flow_imbalance_sums_before_it_divides() -> None:
    bars = np.ones((12, 8))
    bars[:, 5], bars[:, 6] = 1.0, 3.0
    bars[-1, 5:7] = [10.0, 0.0]
    assert column(bars, "order_flow_imbalance_1")[-1] == -1.0
    assert column(bars, "order_flow_imbalance_6")[-1] == pytest.approx((5 * 2.0 - 10.0) / (5 * 4.0 + 10.0))


def test_parkinson_of_a_constant_range() -> None:
    bars = np.ones((14, 8))
    bars[:, 1], bars[:, 2] = np.e, 1.0
    assert column(bars, "parkinson_14")[-1] == pytest.approx(1 / np.sqrt(4 * np.log(2)))


def test_realised_volatility_of_alternating_moves() -> None:
    bars = np.ones((25, 8))
    bars[::2, 3] = np.exp(0.01)
    assert realised_volatility(bars)[-1] == pytest.approx(0.01)


def test_trade_size_ratio_weighs_trades() -> None:
    bars = np.ones((20, 8))
    bars[:, 4], bars[:, 7] = 2.0, 1.0
    bars[-1, [4, 7]] = [40.0, 2.0]
    assert column(bars, "trade_size_ratio_20")[-1] == pytest.approx(20.0 / ((19 * 2 + 40) / (19 + 2)))


def test_spread_of_a_price_that_bounces_between_bid_and_ask() -> None:
    # Closes at the ask and the bid in turn, mids at the middle: (s/2)(s/2) in every pair.
    spread, bars = 0.002, np.ones((60, 8))
    bars[:, 3] = np.exp(np.where(np.arange(60) % 2 == 0, spread / 2, -spread / 2))
    bars[:, 1], bars[:, 2] = np.exp(0.003), np.exp(-0.003)
    assert column(bars, "spread_20")[-1] == pytest.approx(spread)


def test_spread_is_found_in_trades_that_are_on_either_side_of_a_random_walk() -> None:
    rng, spread, steps = np.random.default_rng(5), 0.001, 200
    walk = np.cumsum(rng.normal(0.0, 0.00005, 21 * 400 * steps)).reshape(-1, steps)
    trades = np.exp(walk + spread / 2 * rng.choice([-1.0, 1.0], walk.shape))
    bars = np.ones((len(walk), 8))
    prices = [trades[:, 0], trades.max(axis=1), trades.min(axis=1), trades[:, -1]]
    bars[:, :4] = np.stack(prices, axis=1)
    squared = column(bars, "spread_20")[20::21] ** 2  # windows that do not overlap
    assert np.sqrt(squared.mean()) == pytest.approx(spread, rel=0.1)


def test_garman_klass_of_a_constant_bar() -> None:
    bars = np.ones((14, 8))
    bars[:, 1], bars[:, 3] = np.e, np.e
    assert column(bars, "garman_klass_14")[-1] == pytest.approx(np.sqrt(0.5 - (2 * np.log(2) - 1)))


def test_kyles_lambda_is_one_where_moves_are_flow_and_minus_one_where_they_are_its_opposite() -> None:
    rng, bars = np.random.default_rng(1), np.ones((30, 8))
    flow = rng.normal(size=30)
    bars[:, 3], bars[:, 5], bars[:, 6] = np.exp(0.001 * np.cumsum(flow)), np.maximum(-flow, 0), np.maximum(flow, 0)
    assert column(bars, "kyle_lambda_24")[-1] == pytest.approx(1.0)
    bars[:, [5, 6]] = bars[:, [6, 5]]
    assert column(bars, "kyle_lambda_24")[-1] == pytest.approx(-1.0)


def test_amihud_leaves_out_bars_without_trade() -> None:
    bars = np.ones((25, 8))
    bars[:, 3] = np.exp(np.where(np.arange(25) % 2 == 0, 0.01, 0.0))
    bars[-6:, 4] = [0.5, 0.0, 0.0, 0.5, 0.0, 0.5]
    # |r| is .01 throughout; 18 bars of volume 1, three of 1/2 in the last six: .02 against (18 x .01 + 3 x .02)/21.
    assert column(bars, "amihud_ratio_6_24")[-1] == pytest.approx(0.02 / ((18 * 0.01 + 3 * 0.02) / 21))


def test_direction_of_a_market_that_only_rises_is_one() -> None:
    bars = np.ones((40, 8))
    bars[:, :4] *= np.arange(1.0, 41.0)[:, None]
    assert column(bars, "direction_14")[-1] == column(bars, "adx_14")[-1] == 1.0


def test_flow_lead_pairs_the_flow_with_the_next_move() -> None:
    bars = np.ones((30, 8))
    moves = np.where(np.arange(30) % 2 == 0, 0.01, -0.01)
    bars[:, 3] = np.exp(np.cumsum(moves))
    bars[:, 5] = np.where(moves > 0, 2.0, 0.0)
    bars[:, 6] = np.where(moves > 0, 0.0, 2.0)
    # The flow of a bar is opposite to its own move and so always of the sign of the next one.
    assert column(bars, "flow_lead_12")[-1] == pytest.approx(1.0)
    assert column(bars, "flow_move_1")[-1] == pytest.approx(-1.0)
