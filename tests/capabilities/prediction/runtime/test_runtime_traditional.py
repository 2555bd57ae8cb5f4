"""Traditional signals: against pandas, by hand, bounded, causal, the same in batch and alone, free of units."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import talib
from builders import fake_bars, wild_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.capabilities.prediction.runtime.traditional import (
    TRADITIONAL,
    TRADITIONAL_LOOKBACK,
    traditional,
    traditional_history,
)
from minhos_client.contract import BAR_COLUMNS

Array = npt.NDArray[np.float64]
NAMES = [signal.name for signal in TRADITIONAL]
SEEDS = st.integers(0, 2**32 - 1)


def last(bars: Array) -> dict[str, float]:
    found = traditional(bars[None])
    return {**dict(zip(NAMES, found.scores[0].tolist(), strict=True)), "combined": float(found.combined[0])}


def trend(d: pd.DataFrame) -> pd.Series:
    atr = talib.SMA(np.nan_to_num(talib.TRANGE(d.high, d.low, d.close)), 14)
    return np.tanh((d.close.rolling(10).mean() - d.close.rolling(50).mean()) / (2 * atr))


def momentum(d: pd.DataFrame) -> pd.Series:
    move = pd.Series(np.log(d.close)).diff()
    return np.tanh(move.rolling(24).sum() / np.sqrt((move**2).rolling(24).sum()))


def mean_reversion(d: pd.DataFrame) -> pd.Series:
    return (-(d.close - d.close.rolling(20).mean()) / d.close.rolling(20).std(ddof=0) / 2).clip(-1, 1)


def breakout(d: pd.DataFrame) -> list[float]:
    up = (d.close > d.high.shift().rolling(20).max()).to_numpy()
    down = (d.close < d.low.shift().rolling(20).min()).to_numpy()

    def since(event: npt.NDArray[np.bool_], t: int) -> float:
        ages = [age for age in range(12) if t >= age and event[t - age]]
        return 1 - ages[0] / 12 if ages else 0.0

    return [since(up, t) - since(down, t) for t in range(len(d))]


@pytest.mark.parametrize("peer", [trend, momentum, mean_reversion, breakout])
def test_a_signal_is_what_its_peer_says(peer: Callable[[pd.DataFrame], object]) -> None:
    bars = fake_bars(np.random.default_rng(7), 300)
    expected = np.asarray(peer(pd.DataFrame(bars, columns=list(BAR_COLUMNS))))[TRADITIONAL_LOOKBACK - 1 :]
    ours = traditional_history(bars).scores[:, NAMES.index(peer.__name__)]
    assert len(np.unique(ours)) > 5
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def steady(step: float) -> Array:
    bars = np.ones((60, 8))
    bars[:, :4] = 100.0 * np.exp(step * np.arange(60))[:, None]
    return bars


def test_a_steady_rise_is_bought_and_a_steady_fall_is_sold() -> None:
    for sign in (1.0, -1.0):
        found = last(steady(sign * 0.01))
        assert sign * found["trend"] > 0.9
        assert sign * found["momentum"] > 0.9
        assert found["breakout"] == sign
        assert sign * found["mean_reversion"] < -0.5
        assert found["combined"] == pytest.approx((found["trend"] + found["momentum"] + sign) / 3)


def test_a_dip_in_a_market_without_direction_is_bought() -> None:
    bars = np.ones((60, 8))
    swing = 100.0 + 0.5 * np.where(np.arange(60) % 2 == 0, 1.0, -1.0)
    bars[:, :4] = swing[:, None]
    bars[:, 1], bars[:, 2] = 101.0, 98.0  # no directional movement at all
    bars[-1, [0, 3]] = [100.0, 98.5]
    found = last(bars)
    assert found["mean_reversion"] == 1.0
    assert found["combined"] == 1.0
    assert found["breakout"] == 0.0


def test_a_breakout_fades_over_twelve_bars() -> None:
    bars = np.ones((80, 8))
    bars[:, :4] = 100.0
    bars[60, [1, 3]] = 101.0  # closes above the channel once, and back
    found = traditional_history(bars).scores[60 - TRADITIONAL_LOOKBACK + 1 :, NAMES.index("breakout")]
    np.testing.assert_allclose(found[:12], 1.0 - np.arange(12) / 12)
    assert not found[12:].any()


def test_a_flat_market_says_nothing() -> None:
    assert set(last(steady(0.0)).values()) == {0.0}


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_every_score_lies_between_minus_one_and_one(seed: int) -> None:
    found = traditional_history(wild_bars(seed))
    for part in (found.scores, found.combined):
        assert np.isfinite(part).all()
        assert (np.abs(part) <= 1.0).all()


def test_signals_and_their_sum_take_either_side() -> None:
    found = [traditional_history(wild_bars(seed)) for seed in range(30)]
    for part in (*np.concatenate([one.scores for one in found]).T, np.concatenate([one.combined for one in found])):
        assert part.min() < -0.8
        assert part.max() > 0.8


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(TRADITIONAL_LOOKBACK, 128))
def test_a_window_of_any_length_gives_what_the_history_gives(seed: int, width: int) -> None:
    bars = wild_bars(seed, 160)
    windows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(bars, width, axis=0), -1, 1)
    whole, alone = traditional_history(bars), traditional(windows)
    np.testing.assert_array_equal(alone.scores, whole.scores[width - TRADITIONAL_LOOKBACK :])
    np.testing.assert_array_equal(alone.combined, whole.combined[width - TRADITIONAL_LOOKBACK :])


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(60, 119))
def test_a_truncated_history_gives_the_same_rows(seed: int, t: int) -> None:
    bars = wild_bars(seed, 120)
    early, late = traditional_history(bars[: t + 1]), traditional_history(bars)
    np.testing.assert_array_equal(early.scores, late.scores[: len(early.scores)])
    np.testing.assert_array_equal(early.combined, late.combined[: len(early.combined)])


@pytest.mark.parametrize("signal", TRADITIONAL, ids=NAMES)
def test_a_signal_reads_its_lookback_and_no_more(signal: object) -> None:
    index = [one is signal for one in TRADITIONAL].index(True)
    bars = fake_bars(np.random.default_rng(3), 120)
    whole = traditional_history(bars).scores[-1, index]
    other = bars.copy()
    other[: -TRADITIONAL[index].lookback] *= 1.7
    assert traditional_history(other).scores[-1, index] == whole


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(1e-3, 1e3))
def test_prices_in_other_units_change_nothing(seed: int, price: float) -> None:
    bars = fake_bars(np.random.default_rng(seed), 100)
    other = bars.copy()
    other[:, :4] *= price
    for field in ("scores", "combined"):
        ours, theirs = getattr(traditional_history(bars), field), getattr(traditional_history(other), field)
        np.testing.assert_allclose(theirs, ours, atol=1e-9)


def test_only_prices_are_read() -> None:
    bars = fake_bars(np.random.default_rng(3), 100)
    other = bars.copy()
    other[:, 4:] = np.nan
    np.testing.assert_array_equal(traditional_history(bars).scores, traditional_history(other).scores)


def test_too_short_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="traditional signals need 50 bars, got 49"):
        traditional(np.ones((2, 49, 8)))
