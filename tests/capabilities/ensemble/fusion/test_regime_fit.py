from __future__ import annotations

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import fit_regime
from minhos.capabilities.ensemble.runtime.regime import Regime, regime_of_history
from minhos.errors import NightError


def switching(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Closes that switch between 0.1 % and 0.3 % bars, staying 50 bars on average, and the true state."""
    rng = np.random.default_rng(seed)
    state = np.cumsum(rng.random(count) < 0.02) % 2
    return 50.0 * np.exp(np.cumsum(np.where(state, 0.003, 0.001) * rng.normal(size=count))), state


def trending(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Closes that go nowhere, and for 60 bars on average somewhere: one standard deviation per bar, and which it is."""
    rng = np.random.default_rng(seed)
    state = np.cumsum(rng.random(count) < 1 / 60) % 2
    way = np.where(np.cumsum(np.diff(state, prepend=0) > 0) % 2, 1.0, -1.0)
    noise = rng.normal(size=count)
    quiet = noise - np.concatenate([[0.0], noise[:-1]])  # what goes is taken back
    return 50.0 * np.exp(np.cumsum(0.001 * np.where(state, way + noise, quiet))), state


def test_planted_regimes_are_recovered_calm_first() -> None:
    section = fit_regime([switching(1, 4000)[0], switching(2, 4000)[0]], seed=0)
    assert section["names"] == ["calm_ranging", "calm_trending", "volatile_ranging", "volatile_trending"]
    chain = section["volatility"]
    assert chain["names"] == ["calm", "volatile"]
    assert chain["stds"] == pytest.approx([0.001, 0.003], rel=0.1)
    assert np.diag(chain["transition"]) == pytest.approx([0.98, 0.98], abs=0.01)
    assert chain["stationary"] == pytest.approx([0.5, 0.5], abs=0.15)


def test_the_section_feeds_the_runtimes_filter() -> None:
    close, state = switching(3, 4000)
    regime = Regime(**fit_regime([close], seed=0))
    p = regime_of_history(np.diff(np.log(close)), 40, regime)
    assert np.mean((p[:, 2:].sum(axis=1) > 0.5) == state[40:]) > 0.85


def test_a_planted_trend_is_seen_soon_after_it_began() -> None:
    close, state = trending(4, 6000)
    regime = Regime(**fit_regime([close], seed=0))
    assert regime.trend.means[1] > regime.trend.means[0] + 0.2
    seen = regime_of_history(np.diff(np.log(close)), 68, regime)[:, 1::2].sum(axis=1) > 0.5
    late = 8  # half the bars that the efficiency looks at
    assert np.mean(seen[late:] == state[68:-late]) > 0.85


def test_the_fit_is_reproducible_and_keeps_its_stationary_law() -> None:
    close, _ = switching(4, 2000)
    one, two = fit_regime([close], seed=0), fit_regime([close], seed=0)
    assert one == two
    for chain in ("volatility", "trend"):
        law, transition = np.array(one[chain]["stationary"]), np.array(one[chain]["transition"])
        assert law @ transition == pytest.approx(law, abs=1e-9)


def test_a_price_below_zero_takes_its_two_returns_away_and_nothing_else() -> None:
    close, _ = switching(5, 3000)
    below = close.copy()
    below[1500] = -37.63
    without = np.delete(np.diff(np.log(close)), [1499, 1500])
    joined = np.concatenate([[1.0], np.exp(np.cumsum(without))])
    one, two = fit_regime([below], seed=0), fit_regime([joined], seed=0)
    assert one["volatility"]["stds"] == pytest.approx(two["volatility"]["stds"], rel=1e-6)


def test_too_few_or_frozen_prices_are_refused() -> None:
    with pytest.raises(NightError, match="49 returns of 1 instruments"):
        fit_regime([np.linspace(1, 2, 50)], seed=0)
    with pytest.raises(NightError, match="returns that vary"):
        fit_regime([np.ones(500)], seed=0)
