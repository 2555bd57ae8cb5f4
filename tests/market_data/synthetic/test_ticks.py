"""Trades of steps: every count adds up, every price is on bid or ask, and the bar shows the step's flow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market_data.sierra.scid import EPOCH_OFFSET_US, Records
from minhos.market_data.synthetic.ticks import (
    LEAST_VOLUME,
    StepTrades,
    flow_of_imbalance,
    step_records,
    step_trades,
)

TICK = 0.25
STEP_US = 300_000_000
START_US = 1_760_000_100_000_000 // STEP_US * STEP_US
Floats = npt.NDArray[np.float64]


def trade(
    seed: int, steps: int, *, mean_ticks: float = 30.0, flow: Floats | None = None, jump: Floats | None = None
) -> tuple[StepTrades, Records, Floats, npt.NDArray[np.int64]]:
    """Trades of a random walk: what trades, the records, the log closes, and the step of each record."""
    rng = np.random.Generator(np.random.PCG64(seed))
    flow = rng.standard_normal(steps) if flow is None else flow
    trades = step_trades(rng, flow, np.ones(steps), mean_ticks=mean_ticks)
    jump = np.zeros(steps) if jump is None else jump
    closes = np.log(5_000.0) + np.cumsum(0.0008 * rng.standard_normal(steps) + jump)
    start = START_US + STEP_US * np.arange(steps, dtype=np.int64)
    blocks = step_records(
        rng,
        start,
        closes,
        log_open=float(np.log(5_000.0)),
        noise=np.full(steps, 0.0007),
        jump=jump,
        trades=trades,
        tick_size=TICK,
    )
    records = np.concatenate(list(blocks))
    step = (records["time"] - EPOCH_OFFSET_US - START_US) // STEP_US
    return trades, records, closes, step


def sums(step: npt.NDArray[np.int64], values: npt.NDArray[np.integer], count: int) -> npt.NDArray[np.int64]:
    return np.bincount(step, values, count).astype(np.int64)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60), mean_ticks=st.floats(2, 60))
def test_every_count_adds_up_and_every_trade_is_possible(seed: int, steps: int, mean_ticks: float) -> None:
    trades, records, closes, step = trade(seed, steps, mean_ticks=mean_ticks)
    assert (np.diff(records["time"]) > 0).all(), "no stamp comes twice"
    assert (records["volume"] >= 1).all()
    np.testing.assert_array_equal(records["bid_volume"] + records["ask_volume"], records["volume"])
    np.testing.assert_array_equal(sums(step, records["volume"], steps), trades.volume)
    np.testing.assert_array_equal(sums(step, records["ask_volume"], steps), trades.ask_volume)
    np.testing.assert_array_equal(sums(step, records["trades"], steps), trades.bid_trades + trades.ask_trades)
    assert (trades.volume >= LEAST_VOLUME).all()
    at_ask = records["ask_volume"] > 0
    np.testing.assert_array_equal(records["close"], np.where(at_ask, records["high"], records["low"]))
    spread = (records["high"] - records["low"]) / TICK
    assert set(np.unique(spread).tolist()) <= {1.0, 2.0}
    assert not (records["close"] % TICK).any()
    last = np.flatnonzero(np.diff(step, append=steps))
    np.testing.assert_array_equal(at_ask[last], trades.last_at_ask)
    below = np.floor(np.exp(closes) / TICK)
    np.testing.assert_array_equal(records["close"][last] / TICK, below + trades.last_at_ask)


def test_the_imbalance_of_a_step_shows_its_flow() -> None:
    flow = np.linspace(-3.5, 3.5, 2_001)
    trades = step_trades(np.random.Generator(np.random.PCG64(1)), flow, np.ones(2_001), mean_ticks=30)
    imbalance = (2 * trades.ask_volume - trades.volume) / trades.volume
    # half a contract of 1200 moves the imbalance by 0.0008, and x by 0.003 / (1 - tanh^2)
    assert np.abs(flow_of_imbalance(imbalance) - flow).max() < 0.05
    assert np.median(np.abs(flow_of_imbalance(imbalance) - flow)) < 0.003


def test_the_side_of_the_last_trade_is_a_fair_coin_whatever_the_flow() -> None:
    trades, _, _, _ = trade(3, 20_000, mean_ticks=2, flow=np.full(20_000, 2.0))
    assert abs(trades.last_at_ask.mean() - 0.5) < 3 * 0.5 / np.sqrt(20_000)
    assert (trades.ask_volume / trades.volume).mean() == pytest.approx((1 + np.tanh(0.6)) / 2, abs=1e-3)


def test_within_a_step_the_price_is_a_bridge_of_the_noise_given() -> None:
    _, records, _, step = trade(7, 4_000, mean_ticks=60)
    path = np.log(records["close"])
    within = np.diff(path)[np.diff(step) == 0]
    variance = np.bincount(step[1:][np.diff(step) == 0], within**2, 4_000).mean()
    # bridge and line: noise^2 (1 - 1/n) + move^2 / n, and the bounce of each trade between bid and ask (1/2 tick^2 a move)
    bounce = 60 * 0.5 * (TICK / 5_000) ** 2
    assert variance == pytest.approx(0.0007**2 + bounce, rel=0.15)


def test_a_jump_comes_at_one_moment() -> None:
    jump = np.zeros(50)
    jump[20] = 0.05
    _, records, _, step = trade(9, 50, jump=jump)
    moves = np.abs(np.diff(np.log(records["close"][step == 20])))
    assert moves.max() > 0.045 or np.log(records["close"][step == 20][0] / records["close"][step == 19][-1]) > 0.045
    assert np.sort(moves)[-2] < 0.005


def test_records_are_the_same_for_the_same_generator() -> None:
    np.testing.assert_array_equal(trade(4, 30)[1], trade(4, 30)[1])
