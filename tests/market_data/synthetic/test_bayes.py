"""The exact conditional law of the planted market: goldens by hand, and counts in drawn markets."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
import pytest
from drawn_market import accuracy_and_error, drawn, traded_closes

from minhos.errors import ConfigError
from minhos.market_data.synthetic.bayes import (
    accuracy_bound,
    accuracy_of,
    conditional_law,
    nodes,
    solve_edge,
    stationary,
)
from minhos.market_data.synthetic.filtering import filtered, predicted
from minhos.market_data.synthetic.law import FlowLaw, PlantedLaw
from minhos.market_data.synthetic.market import DrawnMarket
from minhos.market_data.synthetic.steps import windows_of

NEVER = (1e-15, 1e-15)
ONCE = np.ones(1)
HORIZON = 6


def flat(horizon: int) -> npt.NDArray[np.float64]:
    """No pattern of the day."""
    return np.ones((1, horizon))


class TestByHand:
    def test_one_step_ahead_it_is_the_arc_sine_of_the_edge(self) -> None:
        # P(up) = Phi(beta x / sqrt(1 - beta^2)), and E Phi(r |x|) = 1/2 + arctan(r) / pi: 1/2 + arcsin(|beta|) / pi
        law = PlantedLaw(edge_unit=0.2)
        expected = 0.5 + (np.arcsin(0.4) + np.arcsin(0.2)) / 2 / np.pi
        assert accuracy_of(law, flat(1), ONCE, 1) == pytest.approx(expected, abs=1e-6)

    def test_two_steps_ahead_when_no_regime_ever_changes(self) -> None:
        # phi 1/2, impact 0.3, beta 0.4 or -0.2: S = beta (x + x') + 0.3 u1 + 0.3 u2 + tau (e1 + e2), x' = x/2 + sqrt(3)/2 u1
        flow = FlowLaw(persistence=0.5, impact=0.3)
        law = PlantedLaw(edge_unit=0.2, edge_leave=NEVER, volatility_leave=NEVER, flow=flow)
        expected = []
        for beta in (0.4, -0.2):
            mean = 1.5 * beta
            variance = (0.3 + np.sqrt(0.75) * beta) ** 2 + 0.09 + 2 * (1 - beta**2 - 0.09)
            expected.append(0.5 + np.arctan(abs(mean) / np.sqrt(variance)) / np.pi)
        assert accuracy_of(law, flat(2), ONCE, 2) == pytest.approx(np.mean(expected), abs=1e-6)

    def test_a_step_that_hardly_moves_hardly_counts(self) -> None:
        # with w = (1, 0.001) the second step is nothing: the accuracy is that of one step
        law = PlantedLaw(edge_unit=0.2)
        two = accuracy_of(law, np.array([[1.0, 1e-3]]), ONCE, 2)
        assert two == pytest.approx(accuracy_of(law, flat(1), ONCE, 1), abs=1e-3)

    def test_a_regime_that_is_left_at_every_step_turns_the_edge_around(self) -> None:
        # from the strong state the second step surely follows the weak one: beta 0.4, then -0.2, phi 1/2
        flow = FlowLaw(persistence=0.5, impact=0.0)
        law = PlantedLaw(edge_unit=0.2, edge_leave=(1.0, 1.0), volatility_leave=NEVER, flow=flow)
        found = conditional_law(law, flat(2), 2)
        mean, noise = 0.4 - 0.1, 0.75 * 0.2**2 + (1 - 0.16) + (1 - 0.04)
        sigma = law.volatility[0]
        assert found.mean[0, 0, 0] == pytest.approx(sigma * mean, rel=1e-9)
        assert found.noise[0, 0, 0] == pytest.approx(sigma**2 * noise, rel=1e-9)

    def test_the_chain_stays_longer_where_it_leaves_less(self) -> None:
        np.testing.assert_allclose(stationary((0.01, 0.03)), [0.75, 0.25])

    def test_the_nodes_integrate_over_the_normal_law(self) -> None:
        x, weight = nodes()
        assert weight.sum() == pytest.approx(1.0, abs=1e-12)
        assert (weight @ x) == pytest.approx(np.sqrt(2 / np.pi), abs=1e-12)
        assert (weight @ x**2) == pytest.approx(1.0, abs=1e-12)


class TestTheLaw:
    def test_probabilities_add_up_and_are_symmetric_in_the_flow(self) -> None:
        found = conditional_law(solve_edge(0.68, regular=276, horizon=HORIZON), flat(HORIZON), HORIZON)
        np.testing.assert_allclose(found.mass.sum(axis=-1), 1.0, atol=1e-12)
        x = np.linspace(0, 4, 9)
        np.testing.assert_allclose(found.p_up(x) + found.p_up(-x), 1.0, atol=1e-12)

    def test_the_grid_of_ratios_moves_no_probability(self) -> None:
        from scipy.special import ndtr

        law, windows = PlantedLaw(edge_unit=0.3, edge_leave=(0.1, 0.2)), np.array([[1.0, 0.7, 1.4]])
        flow, step = law.flow, np.sqrt(1 - law.flow.persistence**2)
        up = 0.0  # from the weak regime and volatile steps, path by path, in plain Python
        for edge, vol in product(product((0, 1), repeat=2), repeat=2):
            edges, vols = (1, *edge), (1, *vol)
            chance = 1.0
            for states, leave in ((edges, law.edge_leave), (vols, law.volatility_leave)):
                for one, following in pairwise(states):
                    chance *= leave[one] if following != one else 1 - leave[one]
            a = [windows[0, j] * law.volatility[vols[j]] for j in range(3)]
            b = [a[j] * law.edge[edges[j]] for j in range(3)]
            mean = sum(b[j] * flow.persistence**j for j in range(3))
            variance = sum((a[j] * law.noise[edges[j]]) ** 2 for j in range(3))
            for i in range(3):
                later = sum(b[j] * flow.persistence ** (j - 1 - i) for j in range(i + 1, 3))
                variance += (flow.impact * a[i] + step * later) ** 2
            up += chance * ndtr(mean * 1.3 / np.sqrt(variance))
        found = conditional_law(law, windows, 3).p_up(np.array([1.3]))[0, 1, 1, 0]
        assert found == pytest.approx(up, abs=1e-6)

    @pytest.mark.parametrize("accuracy", [0.52, 0.6, 0.68, 0.73])
    def test_the_edge_is_solved_for_the_accuracy(self, accuracy: float) -> None:
        law = solve_edge(accuracy, regular=276, horizon=HORIZON)
        day = np.tile(drawn(0.68, sessions=1).steps.weight[:276], 3)
        assert accuracy_of(law, *windows_of(day, HORIZON), HORIZON) == pytest.approx(accuracy, abs=1e-4)

    @pytest.mark.parametrize("accuracy", [0.4, 0.5, 0.505, 0.75, 1.0, float("nan")])
    def test_an_accuracy_that_cannot_be_is_refused_with_the_range(self, accuracy: float) -> None:
        with pytest.raises(ConfigError, match=r"can be made for 0\.51 to 0\.74"):
            solve_edge(accuracy, regular=276, horizon=HORIZON)

    def test_the_accuracy_falls_with_the_horizon_from_four_steps_on(self) -> None:
        law = solve_edge(0.68, regular=276, horizon=HORIZON)
        by_horizon = [accuracy_of(law, flat(steps), ONCE, steps) for steps in range(4, 9)]
        assert by_horizon == sorted(by_horizon, reverse=True)

    def test_the_bound_within_steps_is_above_every_exact_accuracy(self) -> None:
        law = solve_edge(0.68, regular=276, horizon=HORIZON)
        for steps in range(1, 8):
            exact = accuracy_of(law, flat(steps), ONCE, steps)
            assert exact < accuracy_bound(law, (steps - 1) * 300 + 1) <= accuracy_bound(law, steps * 300) < 1
        assert accuracy_bound(replace(law, edge_unit=0.0, flow=FlowLaw(impact=0.0)), 300) == 0.5


@pytest.fixture(scope="module")
def market() -> DrawnMarket:
    """300 sessions of both instruments: 82 800 decisions each."""
    return drawn(0.68, sessions=300, seed=3)


@pytest.mark.thorough
class TestPredictorsOnTradedCloses:
    """Nobody is better than the one who knows the state, and that one is as good as was computed."""

    def known_state(self, market: DrawnMarket, index: int) -> npt.NDArray[np.float64]:
        runs = np.lib.stride_tricks.sliding_window_view(market.steps.weight[1:], HORIZON)
        windows, which = np.unique(runs, axis=0, return_inverse=True)
        flows = np.linspace(-6, 6, 241)
        assert not isinstance(market.law, type(None))
        table = conditional_law(market.law, windows, HORIZON).p_up(flows)  # type: ignore[arg-type]
        count = len(runs)
        nearest = np.clip(np.round((market.path.flow[:count, index] + 6) * 20).astype(int), 0, 240)
        edge, vol = market.path.edge_state[:count], market.path.volatility_state[:count]
        found: npt.NDArray[np.float64] = table[which.ravel(), edge, vol, nearest]
        return found

    @pytest.mark.parametrize("index", [0, 1])
    def test_the_true_state_reaches_the_limit_and_nothing_exceeds_it(self, market: DrawnMarket, index: int) -> None:
        law = market.law
        assert isinstance(law, PlantedLaw)
        limit = accuracy_of(law, *windows_of(market.steps.weight, HORIZON), HORIZON)
        closes = traded_closes(market, index)
        up = closes[HORIZON:] > closes[:-HORIZON]
        flow = market.path.flow[: len(up), index]
        last_move = np.diff(closes, prepend=closes[0])[: len(up)]
        scaled = market.path.log_return / market.steps.weight[:, None]
        one = filtered(law, market.path.flow[:, None, [index]], scaled[:, None, [index]], np.ones(len(scaled)))
        belief = one[: len(up), 0]
        from_bars = predicted(conditional_law(law, flat(HORIZON), HORIZON), 0, belief, flow)
        predictors = {
            "state": self.known_state(market, index)[: len(up)] > 0.5,
            "own bars": from_bars > 0.5,
            "flow": flow > 0,
            "trend": last_move > 0,
            "reversal": last_move < 0,
            "up": np.ones(len(up), dtype=bool),
        }
        found = {name: accuracy_and_error(guess == up) for name, guess in predictors.items()}
        accuracy, error = found["state"]
        assert abs(accuracy - limit) < 3 * error
        assert error < 0.004
        for name, (accuracy, error) in found.items():
            assert accuracy < limit + 3 * error, name
        assert 0.64 < found["own bars"][0] < found["state"][0]
        assert 0.5 < found["flow"][0] < 0.56, "the sign of the flow alone is far from all there is to know"

    def test_the_computed_probabilities_are_calibrated(self, market: DrawnMarket) -> None:
        p = self.known_state(market, 0)
        up = market.log_close[HORIZON:, 0] > market.log_close[:-HORIZON, 0]
        for low in np.arange(0.05, 0.95, 0.15):
            inside = (p[: len(up)] >= low) & (p[: len(up)] < low + 0.15)
            gap = up[inside].mean() - p[: len(up)][inside].mean()
            assert abs(gap) < 4 * 0.5 * np.sqrt(HORIZON / inside.sum())
