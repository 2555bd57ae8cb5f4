"""What the tick gives a predictor of a martingale, against counting."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.market_data.synthetic.bounce import bounce_limit


def test_it_is_what_counting_says() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    count, d, s = 2_000_000, 8.0, 0.001
    place, coin = rng.random(count), rng.integers(0, 2, count)
    later = d / s * np.expm1(s * rng.standard_normal(count) - s**2 / 2) + place
    up = np.floor(later) + rng.integers(0, 2, count) > coin
    # the best guess at each place and coin: down, but for a close at the bid with the price in the tick's upper half
    best = np.where((coin == 0) & (place > 0.5), up, ~up)
    error = 0.5 / np.sqrt(count)
    assert bounce_limit(np.array([s**2]), np.array([d / s])) == pytest.approx(best.mean(), abs=4 * error)


def test_a_finer_tick_gives_less() -> None:
    limits = [bounce_limit(np.array([1e-6]), np.array([d / 1e-3])) for d in (5, 10, 25, 1_000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[2] == pytest.approx(0.5 + 0.25 / 25, abs=2e-3)
    assert limits[3] == pytest.approx(0.5, abs=5e-4)
