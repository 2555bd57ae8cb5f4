"""The forward filters: a textbook recursion, hmmlearn's own forward pass, causality, outliers, four named regimes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.capabilities.ensemble.runtime.regime import (
    Regime,
    States,
    efficiency,
    emission,
    filter_states,
    regime_of_history,
    regime_of_windows,
)

TWO = States(
    names=("calm", "volatile"),
    transition=np.array([[0.95, 0.05], [0.1, 0.9]]),
    means=np.array([0.0002, -0.0003]),
    stds=np.array([0.001, 0.004]),
    stationary=np.array([2 / 3, 1 / 3]),
)


TREND = States(
    names=("ranging", "trending"),
    transition=np.array([[0.95, 0.05], [0.1, 0.9]]),
    means=np.array([0.15, 0.5]),
    stds=np.array([0.1, 0.15]),
    stationary=np.array([2 / 3, 1 / 3]),
)
NAMES = ("calm_ranging", "calm_trending", "volatile_ranging", "volatile_trending")
FOUR = Regime(names=NAMES, volatility=TWO, trend=TREND, trend_bars=16)


def filtered(returns: np.ndarray) -> np.ndarray:
    return filter_states(emission(np.atleast_2d(returns), TWO), TWO)


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


def test_a_smoothed_probability_would_be_caught_by_truncation() -> None:
    """The leak that the truncation tests are there for: hmmlearn's own state probabilities change with later bars."""
    from hmmlearn.hmm import GaussianHMM

    peer = GaussianHMM(n_components=2, covariance_type="diag")
    peer.startprob_, peer.transmat_ = TWO.stationary, TWO.transition
    peer.means_, peer.covars_ = TWO.means[:, None], (TWO.stds**2)[:, None]
    peer.n_features = 1
    returns = np.random.default_rng(6).normal(0.0, 0.002, (60, 1))
    assert np.abs(peer.predict_proba(returns)[:40] - peer.predict_proba(returns[:40])).max() > 0.01


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
    np.testing.assert_allclose(filter_states(np.ones((3, 0, 2)), TWO), np.tile(TWO.stationary, (3, 1)))


def test_exact_zeros_of_a_fit_do_not_shut_a_state() -> None:
    shut = States(("a", "b"), np.eye(2), TWO.means, TWO.stds, np.array([1.0, 0.0]))
    volatile = np.full((1, 100), 0.03)
    result = filter_states(emission(volatile, shut), shut)
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
def test_impossible_states_are_refused(field: str, value: object, words: str) -> None:
    good = {name: getattr(TWO, name) for name in ("names", "transition", "means", "stds", "stationary")}
    with pytest.raises(ValueError, match=words):
        States(**{**good, field: value})


class TestEfficiency:
    def test_a_straight_way_is_one_a_way_there_and_back_is_nothing(self) -> None:
        straight, back = np.full(20, 0.01), np.tile([0.01, -0.01], 10)
        assert efficiency(straight, 16) == pytest.approx(np.ones(5))
        assert efficiency(back, 16) == pytest.approx(np.zeros(5), abs=1e-12)
        assert efficiency(np.zeros(20), 16).tolist() == [0.0] * 5

    def test_by_hand(self) -> None:
        assert efficiency(np.array([9.0, 3.0, -1.0, 2.0]), 3)[-1] == pytest.approx(4 / 6)

    def test_fewer_returns_than_bars_are_none(self) -> None:
        assert efficiency(np.ones((2, 15)), 16).shape == (2, 0)


class TestFourRegimes:
    @staticmethod
    def market(seed: int, drift: float, scale: float) -> np.ndarray:
        """With a drift it goes there; without, it takes back what it went."""
        noise = np.random.default_rng(seed).normal(size=(1, 68))
        return drift + scale * (noise if drift else np.abs(noise) * np.tile([1.0, -1.0], 34))

    @pytest.mark.parametrize(
        ("drift", "scale", "name"),
        [
            (0.0, 0.001, "calm_ranging"),
            (0.001, 0.001, "calm_trending"),
            (0.0, 0.005, "volatile_ranging"),
            (-0.005, 0.005, "volatile_trending"),
        ],
    )
    def test_each_is_named_for_the_market_that_it_is(self, drift: float, scale: float, name: str) -> None:
        p = regime_of_windows(self.market(0, drift, scale), FOUR)[0]
        assert NAMES[int(p.argmax())] == name

    def test_the_probabilities_are_products_of_the_two_chains(self) -> None:
        returns = self.market(3, 0.0005, 0.002)
        p = regime_of_windows(returns, FOUR).reshape(2, 2)
        assert p.sum() == pytest.approx(1.0)
        assert p.sum(axis=1) == pytest.approx(filtered(returns[0])[0])
        goes = filter_states(emission(efficiency(returns, 16), TREND), TREND)[0]
        assert p.sum(axis=0) == pytest.approx(goes)

    def test_before_a_trend_can_be_seen_its_chain_says_its_stationary_law(self) -> None:
        returns = self.market(4, 0.0, 0.002)[:, :15]
        assert regime_of_windows(returns, FOUR).reshape(2, 2).sum(axis=0) == pytest.approx(TREND.stationary)
        assert regime_of_history(returns[0], 10, FOUR).reshape(-1, 2, 2).sum(axis=1) == pytest.approx(
            np.tile(TREND.stationary, (6, 1))
        )

    @pytest.mark.parametrize("returns", [15, 16, 17, 68])
    def test_a_history_is_its_windows_bit_by_bit(self, returns: int) -> None:
        moves = np.random.default_rng(5).normal(0.0, 0.002, 200)
        whole = regime_of_history(moves, returns, FOUR)
        windows = np.lib.stride_tricks.sliding_window_view(moves, returns)
        assert whole.shape == (200 - returns + 1, 4)
        np.testing.assert_allclose(whole, regime_of_windows(windows, FOUR), rtol=1e-12)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(70, 159))
    def test_truncating_the_future_changes_no_earlier_regime(self, seed: int, cut: int) -> None:
        moves = np.random.default_rng(seed).normal(0.0, 0.002, 160)
        changed = moves.copy()
        changed[cut:] *= -9.0
        known = cut - 68 + 1
        early = regime_of_history(moves[:cut], 68, FOUR)
        assert len(early) == known
        assert np.array_equal(early, regime_of_history(moves, 68, FOUR)[:known])
        assert np.array_equal(early, regime_of_history(changed, 68, FOUR)[:known])

    def test_its_names_are_those_of_its_states(self) -> None:
        with pytest.raises(ValueError, match=r"names must be \['calm_ranging', .*volatility by trend"):
            Regime(names=("a", "b", "c", "d"), volatility=TWO, trend=TREND, trend_bars=16)
        with pytest.raises(ValueError, match="trend must be an object with exactly the keys"):
            Regime(names=NAMES, volatility=TWO, trend={"names": ["a"]}, trend_bars=16)  # type: ignore[arg-type]
