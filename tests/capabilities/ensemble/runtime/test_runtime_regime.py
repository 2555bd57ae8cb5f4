"""The forward filter: a textbook recursion, hmmlearn's own forward pass, causality, outliers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.capabilities.ensemble.runtime.regime import Regime, emission, filter_regime

TWO = Regime(
    names=("calm", "volatile"),
    transition=np.array([[0.95, 0.05], [0.1, 0.9]]),
    means=np.array([0.0002, -0.0003]),
    stds=np.array([0.001, 0.004]),
    stationary=np.array([2 / 3, 1 / 3]),
)


def filtered(returns: np.ndarray) -> np.ndarray:
    return filter_regime(emission(np.atleast_2d(returns), TWO), TWO)


def by_hand(returns: np.ndarray) -> np.ndarray:
    weight = TWO.stationary
    for x in returns:
        density = np.exp(-0.5 * ((x - TWO.means) / TWO.stds) ** 2) / TWO.stds
        weight = (weight @ TWO.transition) * density
        weight = weight / weight.sum()
    return weight


@settings(deadline=None)
@given(st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=80))
def test_it_is_hamiltons_recursion(returns: list[float]) -> None:
    np.testing.assert_allclose(filtered(np.array(returns))[0], by_hand(np.array(returns)), atol=1e-9)


def test_it_is_the_forward_pass_of_hmmlearn_at_the_last_bar() -> None:
    from hmmlearn.hmm import GaussianHMM

    peer = GaussianHMM(n_components=2, covariance_type="diag")
    # The first return follows one transition from the window's first bar; the law is stationary, so it stays.
    peer.startprob_, peer.transmat_ = TWO.stationary @ TWO.transition, TWO.transition
    peer.means_, peer.covars_ = TWO.means[:, None], (TWO.stds**2)[:, None]
    peer.n_features = 1
    returns = np.random.default_rng(5).normal(0.0, 0.002, 60)
    # Smoothed equals filtered at the last observation and nowhere else: hence one call per length.
    for length in (1, 2, 17, 60):
        peer_last = peer.predict_proba(returns[:length, None])[-1]
        np.testing.assert_allclose(filtered(returns[:length])[0], peer_last, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 59))
def test_the_future_changes_nothing(seed: int, cut: int) -> None:
    returns = np.random.default_rng(seed).normal(0.0, 0.002, 60)
    changed = returns.copy()
    changed[cut:] *= -9.0
    assert (filtered(returns[:cut]) == filtered(changed[:cut])).all()


def test_rows_do_not_see_one_another() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(0.0, 0.002, (5, 68))
    other = rows.copy()
    other[2] = 0.5
    assert np.array_equal(np.delete(filtered(rows), 2, 0), np.delete(filtered(other), 2, 0))


@pytest.mark.parametrize("shock", [0.5, -40.0, 1e12])
def test_an_absurd_return_neither_breaks_the_filter_nor_stays_in_it(shock: float) -> None:
    returns = np.zeros(100)
    returns[20] = shock
    now = filtered(returns[:21])[0]
    assert np.isfinite(now).all()
    assert now[1] > 0.99
    np.testing.assert_allclose(filtered(returns)[0], filtered(np.zeros(100))[0], atol=1e-6)


def test_without_a_return_it_is_the_stationary_law() -> None:
    np.testing.assert_allclose(filter_regime(np.ones((3, 0, 2)), TWO), np.tile(TWO.stationary, (3, 1)))


def test_exact_zeros_of_a_fit_do_not_shut_a_state() -> None:
    shut = Regime(("a", "b"), np.eye(2), TWO.means, TWO.stds, np.array([1.0, 0.0]))
    volatile = np.full((1, 100), 0.03)
    result = filter_regime(emission(volatile, shut), shut)
    assert np.isfinite(result).all()
    assert result[0, 1] > 0.99


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("stds", [0.001, 0.0], "stds must be > 0"),
        ("transition", [[0.5, 0.6], [0.1, 0.9]], "transition must be probabilities that sum to 1"),
        ("means", [0.0], r"means must be finite of shape \(2,\)"),
        ("names", ["calm", "calm"], "names must be different"),
    ],
)
def test_an_impossible_regime_is_refused(field: str, value: object, words: str) -> None:
    good = {name: getattr(TWO, name) for name in ("names", "transition", "means", "stds", "stationary")}
    with pytest.raises(ValueError, match=words):
        Regime(**{**good, field: value})
