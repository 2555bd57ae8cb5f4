from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.ensemble.runtime.calibration import WinTable, interval_of
from minhos.capabilities.position_sizing.api import WinSettings, fit_win_model, fit_win_table
from minhos.errors import NightError
from minhos.training.isotonic import bins_of, pooled, venn_abers
from minhos.training.metrics import wilson

SETTINGS = WinSettings(trees=30, threads=1)


def trades_of(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are the true win probability, and their outcomes."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.3, 0.7, count)
    return score, (rng.random(count) < score).astype(np.int8)


@given(count=st.integers(0, 400), overlap=st.floats(1.0, 20.0), seed=st.integers(0, 50))
def test_every_table_is_ordered_and_what_the_runtime_takes(count: int, overlap: float, seed: int) -> None:
    score, won = trades_of(count, seed=seed)
    table = WinTable(**fit_win_table(score, won, overlap=overlap, settings=SETTINGS))
    served = interval_of(np.linspace(0, 1, 40), table)
    assert (np.diff(served, axis=1) >= 0).all() and (np.diff(served, axis=0) >= 0).all()


def test_few_trades_give_a_wide_interval_and_many_a_narrow_one() -> None:
    widths = []
    for count in (0, 60, 600, 6000):
        table = fit_win_table(*trades_of(count), overlap=1.0, settings=SETTINGS)
        widths.append(float(np.mean(np.array(table["high"]) - np.array(table["low"]))))
        assert table["samples"] == count
    assert widths[0] == 1.0
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.12


@given(count=st.integers(1, 400), overlap=st.floats(1.0, 20.0), seed=st.integers(0, 50))
def test_the_interval_spans_the_venn_abers_pair_and_chance(count: int, overlap: float, seed: int) -> None:
    score, won = trades_of(count, seed=seed)
    table = fit_win_table(score, won, overlap=overlap, settings=SETTINGS)
    bins = bins_of(score, won, max(1, min(8, int(count / overlap // 40))))
    low, point, high = venn_abers(bins.rate, bins.rows / overlap)
    assert table["point"] == pytest.approx(point)
    assert (np.array(table["low"]) <= low).all() and (high <= np.array(table["high"])).all()
    chance_low, chance_high = wilson(*pooled(bins.rate, bins.rows / overlap), SETTINGS.interval_z)
    assert (np.array(table["low"]) <= chance_low).all() and (chance_high <= np.array(table["high"])).all()


def test_overlapping_labels_count_once() -> None:
    score, won = trades_of(1200)
    alone = fit_win_table(score, won, overlap=1.0, settings=SETTINGS)
    shared = fit_win_table(score, won, overlap=6.0, settings=SETTINGS)
    assert shared["samples"] == 200
    assert np.mean(np.subtract(shared["high"], shared["low"])) > np.mean(np.subtract(alone["high"], alone["low"]))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = []
    for seed in range(40):
        score, won = trades_of(1000, seed=seed)
        table = WinTable(**fit_win_table(score, won, overlap=1.0, settings=SETTINGS))
        truth = np.array([0.4, 0.5, 0.6])
        served = interval_of(truth, table)
        covered.extend((served[:, 0] <= truth) & (truth <= served[:, 2]))
    assert 0.80 <= np.mean(covered) <= 1.0


def test_the_win_model_ranks_planted_trades() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4000, 6)).astype(np.float32)
    won = (rng.random(4000) < 1 / (1 + np.exp(-x[:, 2]))).astype(np.int8)
    fitted = fit_win_model(x[:3000], won[:3000], seed=1, settings=SETTINGS)
    score = fitted.predict(x[3000:])
    assert won[3000:][score > np.median(score)].mean() > won[3000:][score <= np.median(score)].mean() + 0.2


def test_too_few_or_one_sided_trades_are_refused() -> None:
    x = np.zeros((60, 3), np.float32)
    with pytest.raises(NightError, match="60 out-of-fold trades, 0 of them won"):
        fit_win_model(x, np.zeros(60, np.int8), seed=1, settings=SETTINGS)
    with pytest.raises(NightError, match="at least 50"):
        fit_win_model(x[:10], np.arange(10, dtype=np.int8) % 2, seed=1, settings=SETTINGS)
