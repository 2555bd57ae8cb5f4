"""Correlation, volatility, caps, whole contracts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.position_sizing.runtime.portfolio import (
    cap,
    correlation_factor,
    volatility_factor,
    whole_contracts,
)

sizes = st.floats(0.0, 1.0)


def pair(rho: float) -> np.ndarray:
    return np.array([[1.0, rho], [rho, 1.0]])


def test_correlation_goldens_by_hand() -> None:
    same = np.array([0.1, 0.1])
    assert correlation_factor(same, pair(0.0)) == 1.0
    assert correlation_factor(same, pair(1.0)) == pytest.approx(np.sqrt(0.5))
    assert correlation_factor(same, pair(0.5)) == pytest.approx(np.sqrt(2 / 3))
    assert correlation_factor(np.array([0.1, -0.1]), pair(0.9)) == 1.0
    assert correlation_factor(np.zeros(2), pair(0.9)) == 1.0


@given(sizes, sizes, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_correlation_of_same_sided_bets_never_enlarges(f: float, g: float, rho: float, other: float) -> None:
    low, high = sorted((rho, other))
    bets = np.array([f, g])
    assert correlation_factor(bets, pair(high)) <= correlation_factor(bets, pair(low)) + 1e-12
    assert 0.0 < correlation_factor(bets, pair(high)) <= 1.0


def test_volatility_only_reduces() -> None:
    factor = volatility_factor(np.array([0.001, 0.001, 0.001, 0.001]), np.array([0.002, 0.001, 0.0005, 0.0]))
    assert factor.tolist() == [0.5, 1.0, 1.0, 1.0]


def test_each_cap_binds_and_says_so() -> None:
    capped = cap(
        np.array([0.5, 0.5, 0.5, 0.001]),
        contract_risk_fraction=np.array([0.001, 0.001, 0.001, 0.0005]),
        contract_notional_fraction=np.array([0.01, 1.0, 0.01, 0.01]),
        max_risk_fraction=0.02,
        max_notional_fraction=3.0,
        max_contracts=np.array([1000.0, 1000.0, 7.0, 1000.0]),
    )
    np.testing.assert_allclose(capped.fraction, [0.02, 0.003, 0.007, 0.001])
    assert capped.by_risk.tolist() == [True, True, True, False]
    assert capped.by_notional.tolist() == [True, True, True, False]
    assert capped.by_position.tolist() == [False, False, True, False]


@given(
    sizes,
    st.floats(1e-6, 1.0),
    st.floats(1e-6, 10.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 10.0),
    st.integers(0, 1000),
)
def test_whole_contracts_are_never_above_any_cap(
    fraction: float, risk: float, notional: float, most_risk: float, most_notional: float, most: int
) -> None:
    limits = {
        "contract_risk_fraction": np.array([risk]),
        "contract_notional_fraction": np.array([notional]),
        "max_risk_fraction": most_risk,
        "max_notional_fraction": most_notional,
        "max_contracts": np.array([float(most)]),
    }
    contracts = whole_contracts(cap(np.array([fraction]), **limits).fraction, **limits)[0]
    assert contracts == np.floor(contracts) >= 0.0
    assert contracts * risk <= most_risk
    assert contracts * notional <= most_notional
    assert contracts <= most
    assert contracts * risk <= fraction * (1 + 1e-8)


def test_rounding_is_toward_zero_but_not_for_a_rounding_error() -> None:
    limits = {
        "contract_risk_fraction": np.array([0.0003]),
        "contract_notional_fraction": np.array([0.01]),
        "max_risk_fraction": 1.0,
        "max_notional_fraction": 10.0,
        "max_contracts": np.array([100.0]),
    }
    assert whole_contracts(np.array([0.0003 * 2.99]), **limits)[0] == 2.0
    assert whole_contracts(np.array([0.0003 * 3 * (1 - 1e-14)]), **limits)[0] == 3.0
