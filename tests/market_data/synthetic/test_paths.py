"""Drawn markets have the facts of real ones: fat tails, clusters, a busy open and close; and the placebo no memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from drawn_market import accuracy_and_error, drawn, traded_closes

from minhos.market_data.synthetic.law import PlaceboLaw, PlantedLaw
from minhos.market_data.synthetic.market import DrawnMarket
from minhos.market_data.synthetic.paths import markov_chains, placebo_path, planted_path

Floats = npt.NDArray[np.float64]


def lagged(first: Floats, second: Floats, lag: int = 0) -> float:
    """The correlation of `first` now with `second` `lag` steps later."""
    end = len(first) - lag
    return float(np.corrcoef(first[:end], second[lag:])[0, 1])


def kurtosis(values: Floats) -> float:
    """3 for a normal law."""
    centred = values - values.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)


@pytest.fixture(scope="module")
def placebo() -> DrawnMarket:
    """400 sessions of both instruments."""
    return drawn(None, sessions=400, seed=2)


@pytest.fixture(scope="module")
def placebo_returns(placebo: DrawnMarket) -> Floats:
    """Log returns of the traded closes of the first instrument."""
    return np.diff(np.log(traded_closes(placebo, 0)))


class TestPlacebo:
    def test_its_returns_have_fat_tails(self, placebo: DrawnMarket, placebo_returns: Floats) -> None:
        assert kurtosis(placebo_returns) > 6
        without_pattern = placebo.path.log_return[:, 0] / placebo.steps.weight
        assert kurtosis(without_pattern) > 5, "not from the pattern of the day alone"

    def test_large_moves_come_in_clusters_and_the_memory_is_long(self, placebo: DrawnMarket) -> None:
        size = np.abs(placebo.path.log_return[:, 0] / placebo.steps.weight)
        assert lagged(size, size, 1) > 0.15
        assert lagged(size, size, 1) > lagged(size, size, 50) > 0.05

    def test_its_returns_have_no_memory(self, placebo: DrawnMarket, placebo_returns: Floats) -> None:
        # heteroskedastic returns: the error of a correlation is sqrt(E[a^2 b^2]) / (E[a^2] sqrt(n))
        for returns in (placebo.path.log_return[:, 0], placebo.path.log_return[:, 1], placebo_returns):
            for lag in range(1, 13):
                a, b = returns[:-lag], returns[lag:]
                error = np.sqrt(np.mean(a**2 * b**2) / len(a)) / np.mean(a**2)
                # two closes each bounce by up to a tick: -(1/3 tick^2) / variance, below 0.01 here
                allowed = 4 * error + (0.01 if returns is placebo_returns and lag == 1 else 0.0)
                assert abs(np.mean(a * b) / np.mean(a**2)) < allowed

    def test_the_price_is_a_martingale_and_not_only_its_logarithm(self) -> None:
        law = PlaceboLaw(volatility=0.05)  # so large that the correction of half the variance shows
        rng = np.random.Generator(np.random.PCG64(5))
        returns = np.concatenate([placebo_path(law, rng, np.ones(2_000), 1).log_return[:, 0] for _ in range(40)])
        growth = np.expm1(returns)
        error = growth.std() / np.sqrt(len(growth))
        assert abs(growth.mean()) < 3 * error
        assert returns.mean() < -5 * error, "the logarithm falls"

    def test_flow_moves_the_price_in_its_own_step_and_says_nothing_of_later_ones(self, placebo: DrawnMarket) -> None:
        for index in (0, 1):
            flow = placebo.path.flow[:, index]
            scaled = placebo.path.log_return[:, index] / placebo.path.volatility
            assert lagged(flow, scaled) > 0.1
            for lag in range(1, 13):
                assert abs(lagged(flow, scaled, lag)) < 4 / np.sqrt(len(flow))
            assert lagged(flow, flow, 1) == pytest.approx(0.85, abs=0.02)

    def test_instruments_move_together(self, placebo: DrawnMarket) -> None:
        first, second = (placebo.path.log_return[:, index] / placebo.path.volatility for index in (0, 1))
        assert lagged(first, second) == pytest.approx(0.3 * 0.09 + 0.6 * 0.91, abs=0.05)

    def test_the_open_and_the_close_are_busier_than_the_middle(self, placebo: DrawnMarket) -> None:
        size = np.abs(placebo.path.log_return[:-1, 0]).reshape(-1, 276).mean(axis=0)
        trades = np.concatenate([block["trades"] for block in placebo.records(0)]).sum()
        assert size[:24].mean() > 1.5 * size[126:150].mean() < size[-24:].mean()
        assert trades / len(placebo.steps.start) == pytest.approx(placebo.mean_ticks, rel=0.25)

    def test_jumps_are_rare_and_of_either_sign(self, placebo: DrawnMarket) -> None:
        jumps = placebo.path.jump[placebo.path.jump != 0]
        assert len(jumps) / placebo.path.jump.size == pytest.approx(1 / 400, rel=0.2)
        assert abs(np.mean(jumps > 0) - 0.5) < 3 * 0.5 / np.sqrt(len(jumps))

    @pytest.mark.parametrize("index", [0, 1])
    def test_what_bounce_and_ties_give_a_predictor_is_within_the_limit(self, placebo: DrawnMarket, index: int) -> None:
        limit = placebo.accuracies().limit
        assert 0.5 < limit < 0.53
        closes = traded_closes(placebo, index)
        up = closes[6:] > closes[:-6]
        ticks = np.exp(placebo.log_close[: len(up), index]) / placebo.instruments[index].tick_size
        over = closes[: len(up)] / placebo.instruments[index].tick_size - ticks  # the close over the price, in ticks
        flow, last = placebo.path.flow[: len(up), index], np.diff(closes, prepend=closes[0])[: len(up)]
        guesses = {"down": ticks < 0, "bounce": over < 0, "flow": flow > 0, "trend": last > 0, "reversal": last < 0}
        for name, guess in guesses.items():
            accuracy, error = accuracy_and_error(guess == up)
            assert accuracy < limit + 3 * error, name


class TestPlanted:
    def test_the_bracket_has_variance_one_in_every_state(self) -> None:
        market = drawn(0.68, sessions=400, seed=4)
        path = market.path
        scaled = path.log_return[1:, 0] / path.volatility[1:]
        for state in (0, 1):
            inside = scaled[path.edge_state[:-1] == state]
            assert inside.var() == pytest.approx(1.0, abs=0.05)

    def test_flow_leads_with_the_sign_and_size_of_the_regime(self) -> None:
        market = drawn(0.68, sessions=400, seed=4)
        law, path = market.law, market.path
        assert isinstance(law, PlantedLaw)
        scaled, flow, state = path.log_return[1:, 1] / path.volatility[1:], path.flow[:-1, 1], path.edge_state[:-1]
        for regime in (0, 1):
            inside = state == regime
            slope = np.mean(scaled[inside] * flow[inside]) / np.mean(flow[inside] ** 2)
            assert slope == pytest.approx(law.edge[regime], abs=0.03)
        assert law.edge[0] > 0 > law.edge[1]

    def test_regimes_last_as_long_as_the_law_says(self) -> None:
        rng = np.random.Generator(np.random.PCG64(1))
        states = markov_chains(rng, (0.01, 0.04), 2_000, 200)
        changes = np.diff(states, axis=0)
        assert np.mean(changes[states[:-1] == 0] != 0) == pytest.approx(0.01, abs=0.001)
        assert np.mean(changes[states[:-1] == 1] != 0) == pytest.approx(0.04, abs=0.003)
        assert states.mean() == pytest.approx(0.2, abs=0.01)
        assert states[0].mean() == pytest.approx(0.2, abs=0.1), "from the stationary law on"

    def test_the_same_generator_draws_the_same_path(self) -> None:
        law = PlantedLaw(edge_unit=0.2)
        once, again = (
            planted_path(law, np.random.Generator(np.random.PCG64(3)), np.ones(50), 2).log_return for _ in range(2)
        )
        np.testing.assert_array_equal(once, again)
