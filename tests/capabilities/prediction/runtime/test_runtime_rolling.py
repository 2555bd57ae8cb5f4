"""Rolling forms against plain NumPy over each window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.prediction.runtime.rolling import (
    rolling_ema,
    rolling_max,
    rolling_min,
    rolling_std,
    rolling_sum,
)

windows = np.lib.stride_tricks.sliding_window_view


@given(st.integers(1, 40), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_every_rolling_form_equals_plain_numpy_over_each_window(n: int, extra: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(100.0, 3.0, (2, n + extra))
    each = windows(x, n, axis=-1)
    np.testing.assert_allclose(rolling_sum(x, n), each.sum(-1), rtol=1e-12)
    np.testing.assert_array_equal(rolling_max(x, n), each.max(-1))
    np.testing.assert_array_equal(rolling_min(x, n), each.min(-1))
    mean, deviation = rolling_std(x, n)
    np.testing.assert_allclose(mean, each.mean(-1), rtol=1e-12)
    np.testing.assert_allclose(deviation, each.std(-1), rtol=1e-9, atol=1e-12)
    weights = (1 - 2 / 13) ** np.arange(n - 1, -1, -1)
    np.testing.assert_allclose(rolling_ema(x, n, 12), each @ weights / weights.sum(), rtol=1e-12)


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_a_window_gives_the_same_bits_alone_and_inside_a_history(n: int, extra: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(20_000.0, 50.0, n + extra)
    for form in (rolling_sum, rolling_max, rolling_min, lambda v, k: rolling_std(v, k)[1]):
        assert form(x, n)[-1] == form(x[-n:].copy(), n)[0]


def test_a_constant_window_has_exactly_no_deviation() -> None:
    mean, deviation = rolling_std(np.full(50, 0.1), 20)
    assert (mean == 0.1).all()
    assert (deviation == 0.0).all()


@pytest.mark.parametrize("n", [0, 6])
def test_a_window_that_does_not_fit_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"a rolling window of {n} needs between 1 and 5 bars"):
        rolling_sum(np.ones(5), n)
