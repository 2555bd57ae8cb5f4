"""Kelly and Baker-McHale: goldens by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.position_sizing.runtime.kelly_calculator import (
    baker_mchale_factor,
    interval_deviation,
    raw_kelly,
)

probability = st.floats(0.0, 1.0)
odds = st.floats(0.0, 20.0)


@pytest.mark.parametrize(
    ("p", "b", "fraction"),
    [
        (0.6, 1.0, 0.2),  # Thorp 2006: even money, p - q
        (0.5, 2.0, 0.25),  # (2 * .5 - .5) / 2: the fair coin that pays 2 to 1
        (0.53, 1.0, 0.06),
        (0.5, 1.0, 0.0),
        (0.3, 1.0, 0.0),
        (0.9, 0.0, 0.0),
        (1.0, 3.0, 1.0),
    ],
)
def test_textbook_fractions(p: float, b: float, fraction: float) -> None:
    assert raw_kelly(np.array([p]), np.array([b]))[0] == pytest.approx(fraction, abs=1e-15)


def test_kelly_maximises_the_expected_logarithm() -> None:
    p, b = 0.57, 1.4
    grid = np.linspace(0.0, 0.99, 100_000)
    growth = p * np.log1p(b * grid) + (1 - p) * np.log1p(-grid)
    assert raw_kelly(np.array([p]), np.array([b]))[0] == pytest.approx(grid[growth.argmax()], abs=1e-5)


def test_baker_mchale_by_hand() -> None:
    # b = 1, p = .6: edge .2, (b + 1) sigma = .1 -> .04 / (.04 + .01)
    assert baker_mchale_factor(np.array([0.6]), np.array([1.0]), np.array([0.05]))[0] == pytest.approx(0.8)
    assert baker_mchale_factor(np.array([0.6]), np.array([1.0]), np.array([0.0]))[0] == 1.0
    assert baker_mchale_factor(np.array([0.5]), np.array([1.0]), np.array([0.0]))[0] == 0.0


def test_baker_mchale_maximises_expected_growth_under_an_uncertain_probability() -> None:
    # The paper's problem: bet s * kelly(P) with P around p. To second order growth is (mean f) e - (mean f^2) v / 2.
    p, b, sigma = 0.6, 1.0, 0.03
    estimates = np.random.default_rng(0).normal(p, sigma, 400_000)
    bets = 2 * estimates - 1
    shrinks = np.linspace(0.5, 1.0, 501)
    growth = shrinks * bets.mean() * (2 * p - 1) - 0.5 * shrinks**2 * (bets**2).mean()
    formula = baker_mchale_factor(np.array([p]), np.array([b]), np.array([sigma]))[0]
    assert formula == pytest.approx(shrinks[growth.argmax()], abs=3e-3)


def test_the_wider_side_of_the_interval_counts() -> None:
    sigma = interval_deviation(np.array([0.5]), np.array([0.6]), np.array([0.62]), 1.645)
    assert sigma[0] == pytest.approx(0.1 / 1.645)


@given(probability, odds, probability)
def test_a_fraction_stays_in_bounds(p: float, b: float, sigma: float) -> None:
    arrays = np.array([p]), np.array([b])
    assert 0.0 <= raw_kelly(*arrays)[0] <= 1.0
    assert 0.0 <= baker_mchale_factor(*arrays, np.array([sigma]))[0] <= 1.0


@given(probability, probability, odds)
def test_more_chance_never_bets_less(p: float, other: float, b: float) -> None:
    less, more = raw_kelly(np.array(sorted((p, other))), np.array([b, b]))
    assert less <= more + 1e-15


@given(probability, odds, st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_more_doubt_never_bets_more(p: float, b: float, sigma: float, more: float) -> None:
    arrays = np.array([p]), np.array([b])
    doubt = baker_mchale_factor(*arrays, np.array([sigma + more]))[0]
    assert doubt <= baker_mchale_factor(*arrays, np.array([sigma]))[0] + 1e-15
