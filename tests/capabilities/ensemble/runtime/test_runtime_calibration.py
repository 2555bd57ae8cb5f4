"""Calibration tables."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.ensemble.runtime.calibration import (
    PROBABILITY_FLOOR,
    Knots,
    WinTable,
    apply_isotonic,
    interval_of,
)

WIN = WinTable(
    x=np.array([0.2, 0.8]),
    low=np.array([0.3, 0.5]),
    point=np.array([0.4, 0.6]),
    high=np.array([0.5, 0.7]),
    samples=100,
    min_samples=200,
)


def knots(x: npt.ArrayLike, point: npt.ArrayLike) -> Knots:
    """A table without an interval of its own."""
    return Knots(*(np.array(values) for values in (x, point, point, point)))


def test_isotonic_knots_are_joined_by_lines_and_flat_outside() -> None:
    table = knots([0.4, 0.6], [0.3, 0.7])
    np.testing.assert_allclose(apply_isotonic(np.array([0.0, 0.4, 0.5, 1.0]), table), [0.3, 0.3, 0.5, 0.7])


def test_it_agrees_with_scikit_learn() -> None:
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(2)
    x = rng.uniform(0, 1, 300)
    y = (rng.uniform(0, 1, 300) < 0.2 + 0.6 * x).astype(float)
    peer = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, y)
    new = rng.uniform(-0.2, 1.2, 200)
    expected = np.clip(peer.predict(new), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    np.testing.assert_allclose(apply_isotonic(new, knots(peer.X_thresholds_, peer.y_thresholds_)), expected, atol=1e-12)


def test_a_calibrated_probability_is_never_certain() -> None:
    table = knots([0.0, 1.0], [0.0, 1.0])
    assert apply_isotonic(np.array([0.0, 1.0]), table).tolist() == [PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR]


@given(st.floats(-1.0, 2.0))
def test_the_interval_of_is_in_order(raw: float) -> None:
    low, point, high = interval_of(np.array([raw]), WIN)[0]
    assert 0.0 <= low <= point <= high <= 1.0


def test_few_samples_are_said() -> None:
    assert WIN.few_samples


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([0.5, 0.5], [0.1, 0.2], "x must be strictly rising"),
        ([0.1, 0.5], [0.2, 0.1], "low must be monotone"),
        ([0.1, 0.5], [0.2, 1.1], "low must lie in"),
        ([0.1, float("nan")], [0.2, 0.3], "x must be a list of at least one finite number"),
        ([], [], "x must be a list of at least one"),
        ([0.1], [0.2, 0.3], "the same number of values"),
    ],
)
def test_impossible_knots_are_refused(x: list[float], y: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        knots(x, y)


def test_a_win_table_out_of_order_is_refused() -> None:
    half = np.array([0.5])
    with pytest.raises(ValueError, match="low <= point <= high"):
        WinTable(half, np.array([0.6]), half, half, 1, 1)
    with pytest.raises(ValueError, match="samples must be a whole number"):
        WinTable(half, half, half, half, -1, 1)
