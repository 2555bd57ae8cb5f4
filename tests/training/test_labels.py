from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import ConfigError, NightError
from minhos.training.labels import Barriers, barrier_ticks, better_long, direction_up, trades


def bars_of(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float64)


def one(bars: np.ndarray, side: int, *, stop: int = 4, target: int = 4, horizon: int = 2) -> tuple[int, float, int]:
    """Outcome of the decision at bar 0; tick size 0.25."""
    result = trades(
        bars,
        np.array([0]),
        side=side,
        stop_ticks=np.array([stop], np.int32),
        target_ticks=np.array([target], np.int32),
        tick_size=0.25,
        horizon_bars=horizon,
    )
    return int(result.won[0]), float(result.exit_ticks[0]), int(result.bars_held[0])


DECISION = (99.0, 99.5, 98.5, 99.0)  # the decision bar's own prices play no part: the fill is the next open, 100


def test_a_long_that_touches_its_target_first_wins_the_target() -> None:
    bars = bars_of(DECISION, (100, 101.0, 99.25, 100.5), (100.5, 100.5, 90.0, 95.0))
    assert one(bars, 1) == (1, 4.0, 1)


def test_the_same_bars_stop_out_a_short() -> None:
    bars = bars_of(DECISION, (100, 101.0, 99.25, 100.5), (100.5, 100.5, 90.0, 95.0))
    assert one(bars, -1) == (0, -4.0, 1)


def test_stop_comes_first_when_one_bar_touches_both() -> None:
    bars = bars_of(DECISION, (100, 101.0, 99.0, 100.5), (100.5, 101, 100, 100.5))
    assert one(bars, 1) == (0, -4.0, 1)
    assert one(bars, -1) == (0, -4.0, 1)


def test_a_gap_through_the_stop_fills_at_the_worse_open() -> None:
    bars = bars_of(DECISION, (100, 100.5, 99.5, 100.0), (98.0, 98.25, 97.5, 98.0))
    assert one(bars, 1) == (0, -8.0, 2)


def test_a_gap_through_the_target_pays_the_target_and_no_more() -> None:
    bars = bars_of(DECISION, (100, 100.5, 99.5, 100.0), (98.0, 98.25, 97.5, 98.0))
    assert one(bars, -1) == (1, 4.0, 2)


def test_neither_barrier_leaves_at_the_horizons_close_and_is_not_won() -> None:
    bars = bars_of(DECISION, (100, 100.5, 99.5, 100.25), (100.25, 100.75, 99.5, 100.5))
    assert one(bars, 1) == (0, 2.0, 2)
    assert one(bars, -1) == (0, -2.0, 2)


def test_prices_off_the_grid_still_touch_a_barrier_exactly_reached() -> None:
    bars = bars_of((1, 1, 1, 1), (100.1, 100.1 + 3 * 0.1, 100.05, 100.2), (100.2, 100.2, 100.2, 100.2))
    result = trades(
        bars,
        np.array([0]),
        side=1,
        stop_ticks=np.array([3], np.int32),
        target_ticks=np.array([3], np.int32),
        tick_size=0.1,
        horizon_bars=2,
    )
    assert result.won[0] == 1


def test_an_outcome_that_is_not_known_yet_is_refused() -> None:
    with pytest.raises(NightError, match="fewer than 2 bars after it"):
        one(bars_of(DECISION, (100, 101, 99, 100)), 1)


def test_barriers_are_whole_ticks_rounded_up_and_at_least_one() -> None:
    assert barrier_ticks([1.0, 1.01, 0.0, 5.1], 1.5, 0.25).tolist() == [6, 7, 1, 31]


def test_barriers_are_the_runtimes_formula() -> None:
    from minhos.capabilities.position_sizing.runtime import barriers as runtime

    atr = np.random.default_rng(0).lognormal(0, 2, 2000)
    served = runtime.barrier_ticks(atr, 1.3, np.full(2000, 0.25))
    assert np.array_equal(barrier_ticks(atr, 1.3, 0.25), served)


def test_a_tie_is_not_up_and_is_kept() -> None:
    close = np.array([1.0, 2.0, 1.0, 2.0, 0.5])
    assert direction_up(close, np.array([0, 1, 2]), 2).tolist() == [0, 0, 0]
    assert direction_up(close, np.array([0, 1, 2]), 1).tolist() == [1, 0, 1]


def up_first(bars: np.ndarray, *, stop: int = 4, target: int = 4) -> int:
    long, short = one(bars, 1, stop=stop, target=target), one(bars, -1, stop=stop, target=target)
    return int(better_long([long[1]], [short[1]], [long[2]], [short[2]])[0])


@pytest.mark.parametrize(
    ("first", "second", "stop", "target", "up"),
    [
        ((100, 101.0, 99.25, 100.5), (100.5, 100.5, 90.0, 95.0), 4, 4, 1),  # the upper barrier first, then the fall
        ((100, 100.5, 99.0, 99.5), (99.5, 103.0, 99.5, 103.0), 4, 4, 0),  # the lower one first, then the rise
        ((100, 100.5, 99.5, 100.25), (100.25, 100.75, 99.5, 100.5), 4, 4, 1),  # neither: the sign of the move
        ((100, 100.5, 99.5, 100.25), (100.25, 100.75, 99.5, 99.75), 4, 4, 0),
        ((100, 100.5, 99.5, 100.25), (100.25, 100.75, 99.5, 100.0), 4, 4, 0),  # no move at all: not up
        ((100, 101.0, 99.0, 100.5), (100.5, 101.0, 100.0, 100.5), 4, 4, 0),  # both within one bar: not up
        ((100, 101.0, 100.0, 100.5), (100.5, 100.5, 99.0, 99.0), 4, 8, 1),  # both stopped, the short first
        ((100, 100.0, 99.0, 99.5), (99.5, 101.0, 99.5, 101.0), 4, 8, 0),  # both stopped, the long first
    ],
)
def test_the_direction_of_a_triple_barrier_is_the_better_of_two_trades(
    first: tuple[float, ...], second: tuple[float, ...], stop: int, target: int, up: int
) -> None:
    assert up_first(np.array([DECISION, first, second]), stop=stop, target=target) == up


@given(
    st.lists(st.tuples(*[st.integers(-4, 4)] * 2, *[st.integers(0, 3)] * 2), min_size=8, max_size=30), st.integers(1, 6)
)
def test_mirrored_prices_turn_the_direction_unless_neither_side_is_better(
    steps: list[tuple[int, int, int, int]], barrier: int
) -> None:
    bars = walked(steps)
    mirrored = 200 - bars[:, [0, 2, 1, 3]]
    rows = np.arange(len(bars) - 4)
    ticks = np.full(len(rows), barrier, np.int32)

    def outcome(of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        long, short = (
            trades(of, rows, side=side, stop_ticks=ticks, target_ticks=ticks, tick_size=1.0, horizon_bars=4)
            for side in (1, -1)
        )
        up = better_long(long.exit_ticks, short.exit_ticks, long.bars_held, short.bars_held)
        return up, (long.exit_ticks == short.exit_ticks) & (long.bars_held == short.bars_held)

    (up, even), (turned, even_too) = outcome(bars), outcome(mirrored)
    assert np.array_equal(even, even_too)
    assert (up[~even] == 1 - turned[~even]).all() and not up[even].any()


def test_impossible_barriers_are_refused() -> None:
    with pytest.raises(ConfigError, match="horizon_bars=0"):
        Barriers(stop_atr=1.0, target_atr=1.0, horizon_bars=0)


def walked(steps: list[tuple[int, int, int, int]]) -> np.ndarray:
    """Bars in whole ticks of 1: the gap, the move, the reach above and below of each."""
    rows, last = [], 100
    for gap, move, above, below in steps:
        opened, closed = last + gap, last + gap + move
        rows.append((opened, max(opened, closed) + above, min(opened, closed) - below, closed))
        last = closed
    return np.array(rows, dtype=np.float64)


def slow_outcome(bars: np.ndarray, t: int, side: int, stop: int, target: int, horizon: int) -> tuple[int, float]:
    """The rules word by word, one bar after the other, in whole ticks of 1."""
    entry = bars[t + 1, 0]
    for row in bars[t + 1 : t + 1 + horizon]:
        opened, high, low = (side * (row[k] - entry) for k in range(3))
        worst, best = (low, high) if side > 0 else (high, low)
        if worst <= -stop:
            return 0, min(-stop, opened)
        if best >= target:
            return 1, target
    return 0, side * (bars[t + horizon, 3] - entry)


@given(
    steps=st.lists(st.tuples(*[st.integers(-4, 4)] * 2, *[st.integers(0, 3)] * 2), min_size=8, max_size=30),
    stop=st.integers(1, 6),
    target=st.integers(1, 6),
    horizon=st.integers(1, 5),
    side=st.sampled_from([1, -1]),
)
def test_vectorised_trades_follow_the_rules_bar_by_bar(
    steps: list[tuple[int, int, int, int]], stop: int, target: int, horizon: int, side: int
) -> None:
    bars = walked(steps)
    index = np.arange(len(bars) - horizon, dtype=np.int64)
    result = trades(
        bars,
        index,
        side=side,
        stop_ticks=np.full(index.size, stop, np.int32),
        target_ticks=np.full(index.size, target, np.int32),
        tick_size=1.0,
        horizon_bars=horizon,
    )
    expected = [slow_outcome(bars, int(t), side, stop, target, horizon) for t in index]
    assert result.won.tolist() == [won for won, _ in expected]
    assert result.exit_ticks.tolist() == [ticks for _, ticks in expected]
