from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.isotonic import IsotonicRegression

from minhos.capabilities.ensemble.runtime.calibration import Knots, apply_isotonic
from minhos.training.isotonic import bins_of, fit_knots, pooled
from minhos.training.metrics import classification, log_loss, mean_overlap, wilson

scores = hnp.arrays(np.float64, st.integers(2, 80), elements=st.floats(0, 1))


@given(score=scores, count=st.integers(1, 12))
def test_bins_keep_order_and_count_every_row(score: np.ndarray, count: int) -> None:
    label = (np.arange(score.size) % 3 == 0).astype(float)
    bins = bins_of(score, label, count)
    assert (np.diff(bins.x) > 0).all()
    assert bins.rows.sum() == score.size and len(bins.x) <= count
    assert (bins.rate * bins.rows).sum() == pytest.approx(label.sum())


@given(
    rate=hnp.arrays(np.float64, 12, elements=st.floats(0, 1)),
    weight=hnp.arrays(np.float64, 12, elements=st.floats(0.5, 50)),
)
def test_pooling_is_scikit_learns_isotonic_regression(rate: np.ndarray, weight: np.ndarray) -> None:
    peer = IsotonicRegression().fit_transform(np.arange(12), rate, sample_weight=weight)
    ours, blocks = pooled(rate, weight)
    assert ours == pytest.approx(peer, abs=1e-9)
    assert (blocks >= weight - 1e-9).all()


def test_pooling_golden() -> None:
    rate, weight = pooled(np.array([0.1, 0.5, 0.3, 0.6]), np.array([1.0, 1.0, 3.0, 2.0]))
    assert rate == pytest.approx([0.1, 0.35, 0.35, 0.6])
    assert weight.tolist() == [1.0, 4.0, 4.0, 2.0]


@given(score=scores)
def test_fitted_knots_are_what_the_runtime_takes(score: np.ndarray) -> None:
    label = (score > 0.5).astype(int)
    table = fit_knots(score, label, overlap=1.0, max_knots=6, rows_per_knot=5, prior_rows=2.0)
    knots = Knots(np.array(table["x"]), np.array(table["y"]))
    assert (np.diff(apply_isotonic(np.linspace(0, 1, 50), knots)) >= 0).all()


def test_an_overconfident_score_is_pulled_back_to_what_it_is_worth() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.3, 0.7, 40_000)
    label = (rng.random(40_000) < truth).astype(int)
    claimed = np.clip(0.5 + 2.4 * (truth - 0.5), 0, 1)
    table = fit_knots(claimed, label, overlap=1.0, max_knots=10, rows_per_knot=50, prior_rows=20.0)
    served = apply_isotonic(claimed, Knots(np.array(table["x"]), np.array(table["y"])))
    assert np.abs(served - truth).mean() < 0.015


def test_few_effective_samples_give_the_identity() -> None:
    score = np.linspace(0.2, 0.8, 300)
    table = fit_knots(score, score > 0.5, overlap=6.0, max_knots=8, rows_per_knot=40, prior_rows=20.0)
    assert table == {"x": [0.0, 1.0], "y": [0.0, 1.0]}


def test_wilson_interval_golden() -> None:
    # 8 of 10 at 95 %: Wilson 1927, 0.490 to 0.943 (Newcombe 1998, table I)
    low, high = wilson(0.8, 10, 1.959964)
    assert (round(float(low), 3), round(float(high), 3)) == (0.490, 0.943)
    assert [float(bound) for bound in wilson(0.5, 0, 1.645)] == pytest.approx([0.0, 1.0], abs=1e-6)


def test_overlap_counts_labels_alive_at_once_per_instrument() -> None:
    t0 = np.repeat(np.arange(1000, dtype=np.int64), 2)
    instrument = np.tile([0, 1], 1000)
    assert mean_overlap(t0, t0 + 1, instrument) == 1.0
    assert mean_overlap(t0, t0 + 6, instrument) == pytest.approx(6.0, abs=0.05)


def test_golden_overlap_of_three_labels_by_hand() -> None:
    """Lives of bars (0, 2], (1, 2], (2, 4] with a cut at each of 0, 1, 2, 4: 2, 1 and 1 bars; one pair shares a bar.

    The sum of correlations is 3 + 2 x 1 / sqrt(2 x 1), over three labels.
    """
    t0, t1 = np.array([0, 1, 2]), np.array([2, 2, 4])
    assert mean_overlap(t0, t1, np.zeros(3)) == pytest.approx((3 + np.sqrt(2)) / 3)


def test_effective_rows_tell_how_much_the_mean_of_overlapping_labels_varies() -> None:
    """Signs of moves of random length over a random walk: the variance of their mean, over many walks, is 1 / effective."""
    rng = np.random.default_rng(5)
    t0 = np.arange(300, dtype=np.int64)
    means, rows = [], []
    for _ in range(1500):
        walk = np.concatenate([[0.0], rng.standard_normal(320).cumsum()])
        t1 = t0 + rng.choice([1, 2, 4, 8], 300)
        means.append(np.mean((walk[t1] - walk[t0]) / np.sqrt(t1 - t0)))
        rows.append(300 / mean_overlap(t0, t1, np.zeros(300)))
    assert 1 / np.var(means) == pytest.approx(np.mean(rows), rel=0.15)  # its own standard error is 4 %


def test_two_copies_of_one_instrument_are_one() -> None:
    t0 = np.repeat(np.arange(1000, dtype=np.int64), 2)
    instrument = np.tile([0, 1], 1000)
    alone = mean_overlap(t0[::2], t0[::2] + 6, instrument[::2])
    assert 2000 / mean_overlap(t0, t0 + 6, instrument, correlation=1.0) == pytest.approx(1000 / alone)
    assert 2000 / mean_overlap(t0, t0 + 6, instrument, correlation=0.0) == pytest.approx(2 * 1000 / alone)
    assert mean_overlap(t0, t0 + 6, instrument, correlation=-0.5) == pytest.approx(alone), "never a bonus"


def test_accuracy_comes_with_base_rate_and_interval() -> None:
    report = classification(np.array([0.9, 0.9, 0.1, 0.9]), np.array([1, 1, 0, 0]), overlap=2.0)
    assert report["accuracy"] == 0.75 and report["base_rate"] == 0.5 and report["effective_samples"] == 2.0
    assert report["accuracy_low"] < 0.4 and report["accuracy_high"] > 0.9
    assert log_loss([0.5, 0.5], [1, 0]) == pytest.approx(np.log(2))
