"""The ideal growth: goldens by hand, and what sizing is worth in the planted market."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.market_data.synthetic.bayes import accuracy_of, solve_edge
from minhos.market_data.synthetic.kelly import binary_growth, ideal_growth
from minhos.market_data.synthetic.law import PlantedLaw

ONCE = np.ones(1)


def test_growth_of_an_even_money_bet_by_hand() -> None:
    # p = 0.68: H = 0.68 x 0.385662 + 0.32 x 1.139434 = 0.626869, ln 2 = 0.693147
    assert binary_growth(np.array(0.68)) == pytest.approx(0.066278, abs=1e-6)
    np.testing.assert_allclose(binary_growth(np.array([0.0, 0.5, 1.0])), [np.log(2), 0.0, np.log(2)], atol=1e-15)


def test_growth_is_what_the_best_stake_earns() -> None:
    stakes = np.linspace(0, 0.99, 9_901)
    for p in (0.55, 0.68, 0.9):
        earned = p * np.log1p(stakes) + (1 - p) * np.log1p(-stakes)
        assert binary_growth(np.array(p)) == pytest.approx(earned.max(), abs=1e-7)
        assert stakes[earned.argmax()] == pytest.approx(2 * p - 1, abs=1e-4)


def test_growth_on_the_return_of_one_step_by_hand() -> None:
    # mean beta x, variance 1 - beta^2: E[x^2] beta^2 / (2 (1 - beta^2)), beta 0.4 or -0.2
    growth = ideal_growth(PlantedLaw(edge_unit=0.2), np.ones((1, 1)), ONCE, 1)
    assert growth.on_returns == pytest.approx((0.16 / 0.84 + 0.04 / 0.96) / 4, rel=1e-6)


def test_the_edge_is_dispersed_so_that_sizing_matters() -> None:
    law, windows = solve_edge(0.68, regular=276, horizon=6), np.ones((1, 6))
    growth = ideal_growth(law, windows, ONCE, 6)
    accuracy = accuracy_of(law, windows, ONCE, 6)
    assert growth.constant == pytest.approx(float(binary_growth(np.array(accuracy))), rel=1e-12)
    assert growth.ratio > 1.5
    low, _, middle, _, high = growth.win_quantiles
    assert (low < 0.52, 0.64 < middle < 0.68, high > 0.88) == (True, True, True)


def test_without_an_edge_nothing_grows() -> None:
    growth = ideal_growth(PlantedLaw(edge_unit=0.0), np.ones((1, 6)), ONCE, 6)
    assert (growth.sized, growth.on_returns) == pytest.approx((0.0, 0.0), abs=1e-12)
