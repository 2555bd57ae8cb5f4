from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.isotonic import IsotonicRegression

from minhos.capabilities.ensemble.runtime.calibration import Knots, apply_isotonic
from minhos.training.isotonic import IDENTITY, bins_of, fit_knots, pooled, venn_abers
from minhos.training.metrics import calibration_error, classification, log_loss, mean_overlap, wilson

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
    knots = Knots(**table)
    assert (np.diff(apply_isotonic(np.linspace(0, 1, 50), knots)) >= 0).all()


def test_an_overconfident_score_is_pulled_back_to_what_it_is_worth() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.3, 0.7, 40_000)
    label = (rng.random(40_000) < truth).astype(int)
    claimed = np.clip(0.5 + 2.4 * (truth - 0.5), 0, 1)
    table = fit_knots(claimed, label, overlap=1.0, max_knots=10, rows_per_knot=50, prior_rows=20.0)
    served = apply_isotonic(claimed, Knots(**table))
    assert np.abs(served - truth).mean() < 0.015


def test_few_effective_samples_give_the_identity() -> None:
    score = np.linspace(0.2, 0.8, 300)
    table = fit_knots(score, score > 0.5, overlap=6.0, max_knots=8, rows_per_knot=40, prior_rows=20.0)
    assert table == IDENTITY


def refitted(score: np.ndarray, label: np.ndarray, weight: float, new: float) -> tuple[float, float]:
    """p0 and p1 by their definition: scikit-learn's isotonic fit with the new observation added, lost and won."""
    x = np.append(score, new)
    weights = np.append(np.full(len(score), weight), 1.0)
    return tuple(  # type: ignore[return-value]
        float(IsotonicRegression().fit(x, np.append(label, one), sample_weight=weights).predict([new])[0])
        for one in (0.0, 1.0)
    )


def grouped(score: np.ndarray, label: np.ndarray, weight: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    return values, np.bincount(inverse, weights=label) / counts, counts * weight


class TestVennAbers:
    def test_golden_by_hand(self) -> None:
        # Labels 0, 1 at scores 1, 2. At 1: with a 0, means (0, 1): 0. With a 1: (1/2, 1): 1/2. At 2 likewise 1/2 and 1.
        low, point, high = venn_abers(np.array([0.0, 1.0]), np.ones(2))
        assert low.tolist() == [0.0, 0.5] and high.tolist() == [0.5, 1.0]
        assert point == pytest.approx([0.5 / 1.5, 1.0 / 1.5])

    def test_it_is_that_of_the_package_venn_abers(self) -> None:
        from venn_abers.venn_abers import VennAbers

        rng = np.random.default_rng(0)
        score = np.round(rng.random(400), 2)
        label = (rng.random(400) < score).astype(int)
        values, rate, weight = grouped(score, label)
        peer = VennAbers()
        peer.fit(np.stack([1 - score, score], axis=1), label)
        probability, pair = peer.predict_proba(np.stack([1 - values, values], axis=1))
        low, point, high = venn_abers(rate, weight)
        assert low == pytest.approx(pair[:, 0], abs=1e-12) and high == pytest.approx(pair[:, 1], abs=1e-12)
        assert point == pytest.approx(probability[:, 1], abs=1e-12)

    @settings(max_examples=60, deadline=None)
    @given(seed=st.integers(0, 10**6), count=st.integers(2, 40), overlap=st.sampled_from([1.0, 3.0, 6.5]))
    def test_it_is_the_isotonic_fit_made_again_with_the_new_observation(
        self, seed: int, count: int, overlap: float
    ) -> None:
        rng = np.random.default_rng(seed)
        score = np.round(rng.random(count), 1)
        label = (rng.random(count) < score).astype(float)
        values, rate, weight = grouped(score, label, 1.0 / overlap)
        low, point, high = venn_abers(rate, weight)
        expected = np.array([refitted(score, label, 1.0 / overlap, value) for value in values])
        assert low == pytest.approx(expected[:, 0], abs=1e-9)
        assert high == pytest.approx(expected[:, 1], abs=1e-9)
        assert point == pytest.approx(expected[:, 1] / (1 - expected[:, 0] + expected[:, 1]), abs=1e-9)

    @given(
        rate=hnp.arrays(np.float64, 9, elements=st.floats(0, 1)),
        weight=hnp.arrays(np.float64, 9, elements=st.floats(0.1, 500)),
    )
    def test_the_pair_holds_the_point_and_none_of_them_falls(self, rate: np.ndarray, weight: np.ndarray) -> None:
        low, point, high = venn_abers(rate, weight)
        assert (low <= point).all() and (point <= high).all() and (low < high).all()
        assert all((np.diff(one) >= 0).all() for one in (low, point, high))

    def test_more_and_less_dependent_rows_make_it_narrower(self) -> None:
        rng = np.random.default_rng(1)
        score = rng.random(3000)
        label = (rng.random(3000) < score).astype(int)

        def width(rows: int, overlap: float) -> float:
            table = fit_knots(
                score[:rows], label[:rows], overlap=overlap, max_knots=8, rows_per_knot=5, prior_rows=20.0
            )
            return float(np.mean(np.subtract(table["high"], table["low"])))

        assert width(3000, 1.0) < width(3000, 6.0) < width(500, 6.0)
        assert width(3000, 1.0) == pytest.approx(1 / (3000 / 8), rel=0.2), "about one over a bin's count"

    def test_one_of_the_two_is_calibrated_over_many_new_observations(self) -> None:
        """Of the observations at a knot the share that is won lies within the mean pair (Vovk and Petej, theorem 1)."""
        rng = np.random.default_rng(2)
        pairs, won = [], []
        for _ in range(400):
            score = rng.integers(1, 4, 60) / 4
            _, rate, weight = grouped(score, (rng.random(60) < score**2).astype(float))
            low, _, high = venn_abers(rate, weight)
            new = int(rng.integers(0, 3))
            pairs.append((low[new], high[new]))
            won.append(float(rng.random() < ((new + 1) / 4) ** 2))
        low, high = np.mean(pairs, axis=0)
        error = 3 * 0.5 / np.sqrt(400)
        assert low - error < np.mean(won) < high + error
        assert high - low < 0.06


class TestCalibrationError:
    def test_golden_by_hand(self) -> None:
        # Two bins of ten: said 0.3, came 0.4; said 0.7, came 0.7. Plain: sqrt(0.01 / 2); chance: 0.24 / 9 and 0.21 / 9.
        p = np.repeat([0.3, 0.7], 10)
        y = np.concatenate([np.repeat([1, 0], [4, 6]), np.repeat([1, 0], [7, 3])])
        assert calibration_error(p, y, bins=2) == pytest.approx((0.0, np.sqrt(0.005)))
        many = calibration_error(np.tile(p, 100), np.tile(y, 100), bins=2)
        assert many == pytest.approx((np.sqrt(0.005 - (0.24 + 0.21) / 999 / 2), np.sqrt(0.005)))

    @staticmethod
    def mean_error(overlap: int, block: int) -> tuple[float, float]:
        """Of calibrated probabilities whose ``overlap`` neighbours are one outcome and nearly one probability."""
        rng = np.random.default_rng(0)
        found = []
        for _ in range(100):
            p = np.repeat(rng.uniform(0.3, 0.7, 1000), overlap)
            y = np.repeat(rng.random(1000) < p[::overlap], overlap)
            found.append(calibration_error(p, y, block=block) or (9.0, 9.0))
            assert found[-1][0] <= found[-1][1]
        debiased, plain = np.mean(found, axis=0)
        return float(debiased), float(plain)

    def test_a_calibrated_probability_shows_an_error_by_chance_and_none_debiased(self) -> None:
        debiased, plain = self.mean_error(1, 1)
        assert plain == pytest.approx(np.sqrt(0.24 / 100), rel=0.1), "what 100 rows per bin show"
        assert debiased < plain / 2.5

    def test_overlapping_labels_count_once(self) -> None:
        debiased, plain = self.mean_error(6, 12)
        assert plain == pytest.approx(np.sqrt(0.24 / 100), rel=0.1), "600 rows per bin that are 100"
        assert debiased < plain / 2.5
        assert self.mean_error(6, 1)[0] > 0.9 * plain, "rows taken for independent hide nothing"

    @pytest.mark.parametrize("rows", [2000, 50_000])
    def test_a_planted_error_is_found_whatever_the_sample_size(self, rows: int) -> None:
        rng = np.random.default_rng(1)
        p = rng.uniform(0.35, 0.65, rows)
        debiased, _ = calibration_error(p + 0.05, rng.random(rows) < p, block=10) or (9.0, 9.0)
        assert debiased == pytest.approx(0.05, abs=0.02)

    def test_too_few_rows_say_nothing(self) -> None:
        assert calibration_error([0.5] * 19, [1, 0] * 9 + [1]) is None
        assert calibration_error([0.5] * 60, [1, 0] * 30, block=60) is None


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
