"""The filter of the hidden regimes against Bayes' rule written out, and what it makes of drawn markets."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minhos.market_data.synthetic.bayes import accuracy_of, solve_edge, stationary
from minhos.market_data.synthetic.filtering import filtered, visible_accuracy
from minhos.market_data.synthetic.law import PlantedLaw


def test_one_step_is_bayes_rule_written_out() -> None:
    law = PlantedLaw(edge_unit=0.3, edge_leave=(0.1, 0.2))
    x, following, r = 1.5, 0.9, -0.0011
    u = (following - law.flow.persistence * x) / np.sqrt(1 - law.flow.persistence**2)
    posterior = np.zeros((2, 2))
    for s, v in product((0, 1), repeat=2):
        mean = law.volatility[v] * (law.edge[s] * x + law.flow.impact * u)
        deviation = law.volatility[v] * law.noise[s]
        density = np.exp(-(((r - mean) / deviation) ** 2) / 2) / deviation
        posterior[s, v] = stationary(law.edge_leave)[s] * stationary(law.volatility_leave)[v] * density
    posterior /= posterior.sum()
    pushed = np.zeros((2, 2))
    for s, v, a, b in product((0, 1), repeat=4):
        stay = (law.edge_leave[s] if a != s else 1 - law.edge_leave[s]) * (
            law.volatility_leave[v] if b != v else 1 - law.volatility_leave[v]
        )
        pushed[a, b] += posterior[s, v] * stay
    found = filtered(law, np.array([[[x]], [[following]]]), np.array([[[0.0]], [[r]]]), np.ones(2))
    np.testing.assert_allclose(found[1, 0], pushed, rtol=1e-12)


def test_the_day_s_pattern_and_a_scaled_return_say_the_same() -> None:
    law = PlantedLaw(edge_unit=0.3)
    rng = np.random.Generator(np.random.PCG64(1))
    flow, returns, weight = (
        rng.standard_normal((50, 3, 2)),
        rng.standard_normal((50, 3, 2)) / 1e3,
        rng.uniform(0.5, 2, 50),
    )
    once = filtered(law, flow, returns * weight[:, None, None], weight)
    np.testing.assert_allclose(once, filtered(law, flow, returns, np.ones(50)), rtol=1e-9)


def test_what_is_filtered_at_a_step_does_not_know_the_next() -> None:
    law = PlantedLaw(edge_unit=0.3)
    rng = np.random.Generator(np.random.PCG64(2))
    flow, returns = rng.standard_normal((40, 2, 1)), rng.standard_normal((40, 2, 1)) / 1e3
    whole = filtered(law, flow, returns, np.ones(40))
    np.testing.assert_array_equal(whole[:25], filtered(law, flow[:25], returns[:25], np.ones(25)))


def test_more_is_known_from_more_and_nothing_beats_the_state() -> None:
    law = solve_edge(0.68, regular=276, horizon=6)
    seen = visible_accuracy(law, horizon=6, instruments=2)
    exact = accuracy_of(law, np.ones((1, 6)), np.ones(1), 6)
    assert abs(seen.from_state.value - exact) < 3 * seen.from_state.error
    ordered = [seen.from_flow_sign, seen.from_own_bars, seen.from_bars, seen.from_state]
    assert [one.value for one in ordered] == sorted(one.value for one in ordered)
    assert seen.from_own_bars.value == pytest.approx(0.66, abs=0.01)
    assert seen.from_flow_sign.value < 0.55
    assert max(one.error for one in ordered) < 0.004
