"""The drawdown factor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.position_sizing.runtime.drawdown import drawdown_factor


@pytest.mark.parametrize(
    ("equity", "factor"), [(100.0, 1.0), (95.0, 0.75), (90.0, 0.5), (80.0, 0.0), (10.0, 0.0), (130.0, 1.0)]
)
def test_it_falls_in_a_straight_line_to_the_largest_drawdown(equity: float, factor: float) -> None:
    assert drawdown_factor(np.array([equity]), np.array([100.0]), 0.2)[0] == pytest.approx(factor, abs=1e-12)


@given(st.floats(0.01, 1e9), st.floats(0.01, 1e9), st.floats(1e-3, 1.0), st.floats(0.5, 2.0))
def test_it_stays_in_bounds_and_never_grows_with_the_drawdown(
    equity: float, peak: float, most: float, more: float
) -> None:
    now, deeper = drawdown_factor(np.array([equity]), np.array([peak, peak * max(more, 1.0)]), most)
    assert 0.0 <= deeper <= now <= 1.0
