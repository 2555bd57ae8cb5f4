from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import EnsembleSettings, evaluate_last_fold, fit_ensemble
from minhos.capabilities.ensemble.runtime.calibration import Knots, WinTable
from minhos.capabilities.ensemble.runtime.fusion import Stacking, win_feature_names
from minhos.capabilities.position_sizing.api import WinSettings
from minhos.errors import ConfigError, NightError
from minhos.training.onnx_export import session
from minhos.training.samples import Samples
from minhos.training.splits import Fold, walk_forward
from minhos_client.contract import MEMBERS
from tests.training.market import BAR_US, planted_samples

SETTINGS = EnsembleSettings(win=WinSettings(trees=20, threads=1))
Members = dict[str, np.ndarray]


def members_of(samples: Samples, folds: list[Fold], *, skill: float = 1.5) -> Members:
    """The LSTM sees the flow, catboost sees it badly, the others see noise; NaN outside the test folds."""
    rng = np.random.default_rng(11)
    flow = samples.tabular[:, 0].astype(np.float64)
    tested = np.zeros(len(samples), dtype=bool)
    for fold in folds:
        tested[fold.test] = True
    views = {name: 0.4 * rng.normal(size=len(samples)) for name in MEMBERS}
    views["lstm"] = skill * flow + 0.3 * rng.normal(size=len(samples))
    views["catboost"] = 0.5 * skill * flow + rng.normal(size=len(samples))
    return {name: np.where(tested, 1 / (1 + np.exp(-view)), np.nan).astype(np.float32) for name, view in views.items()}


@pytest.fixture(scope="module")
def world() -> tuple[Samples, list[Fold], Members]:
    samples = planted_samples(bars=2500, edge=2.0)
    folds = walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)
    return samples, folds, members_of(samples, folds)


def test_the_sections_are_what_the_runtime_takes(world: tuple[Samples, list[Fold], Members]) -> None:
    samples, folds, members = world
    parameters = fit_ensemble(samples, members, folds, seed=1, settings=SETTINGS).parameters()
    assert set(parameters) == {"calibration", "stacking", "win"}
    assert set(parameters["calibration"]) == {*MEMBERS, "ensemble"}
    for table in parameters["calibration"].values():
        Knots(**table)
    Stacking(**parameters["stacking"])
    WinTable(**parameters["win"])
    assert set(parameters["win"]) == {"x", "low", "point", "high", "samples", "min_samples"}


def test_the_member_that_knows_gets_the_weight(world: tuple[Samples, list[Fold], Members]) -> None:
    samples, folds, members = world
    for weights in fit_ensemble(samples, members, folds, seed=1, settings=SETTINGS).stacking["weights"].values():
        assert max(weights, key=weights.get) == "lstm"
        assert weights["lstm"] > 3 * max(weights[name] for name in ("random_forest", "xgboost", "lightgbm"))


def test_the_release_gives_the_better_member_the_weight_in_its_regime() -> None:
    samples = planted_samples(seed=3, bars=4500, edge=2.0)
    folds = walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.2)
    volatile = samples.state[:, samples.state_names.index("regime_volatile")] > 0.5
    good, other = members_of(samples, folds, skill=1.5), members_of(samples, folds, skill=0.0)
    rng = np.random.default_rng(5)
    noise = 1 / (1 + np.exp(-1.5 * rng.normal(size=len(samples)))).astype(np.float32)
    untold = np.isnan(good["lstm"])
    members = {
        **other,
        "lstm": np.where(volatile, noise, good["lstm"]),
        "catboost": np.where(volatile, good["lstm"], noise),
    }
    members = {name: np.where(untold, np.nan, p).astype(np.float32) for name, p in members.items()}
    fit = fit_ensemble(samples, members, folds, seed=1, settings=SETTINGS)
    assert fit.metrics["regime_ridge"] is not None
    calm, loud = fit.stacking["weights"]["calm"], fit.stacking["weights"]["volatile"]
    assert calm["lstm"] > 3 * calm["catboost"] and loud["catboost"] > 3 * loud["lstm"]
    assert fit.metrics["weight_ranges"]["lstm"] > 0.3
    plain = EnsembleSettings(win=SETTINGS.win, regime_ridges=())
    still = fit_ensemble(samples, members, folds, seed=1, settings=plain)
    assert still.metrics["regime_ridge"] is None
    assert fit.metrics["ensemble"]["log_loss"] < still.metrics["ensemble"]["log_loss"] - 0.01


def test_the_ensemble_beats_its_base_rate_out_of_fold(world: tuple[Samples, list[Fold], Members]) -> None:
    samples, folds, members = world
    report = fit_ensemble(samples, members, folds, seed=1, settings=SETTINGS).metrics["ensemble"]
    assert report["accuracy_low"] > report["base_rate"]
    assert report["log_loss"] < report["base_log_loss"]


def test_stages_are_out_of_fold_in_nested_order(world: tuple[Samples, list[Fold], Members]) -> None:
    samples, folds, members = world
    oof = fit_ensemble(samples, members, folds, seed=1, settings=SETTINGS).oof
    never = np.setdiff1d(np.arange(len(samples)), np.concatenate([fold.test for fold in folds[1:]]))
    assert np.isnan(oof.p_up[never]).all() and not oof.side[never].any(), "fold 0 feeds the stacker only"
    assert np.isfinite(oof.p_up[folds[1].test]).all() and np.isnan(oof.win_raw[folds[1].test]).all()
    assert np.isfinite(oof.win_raw[folds[2].test]).all() and np.isnan(oof.p_win[folds[2].test]).all()
    assert np.isfinite(oof.p_win[folds[3].test]).all()


@pytest.mark.parametrize("changed", [1, 2, 3])
def test_later_labels_never_change_earlier_answers(world: tuple[Samples, list[Fold], Members], changed: int) -> None:
    samples, folds, members = world
    rows = np.concatenate([fold.test for fold in folds[changed:]])
    flipped = {}
    for name in ("up", "win_long", "win_short"):
        flipped[name] = getattr(samples, name).copy()
        flipped[name][rows] = 1 - flipped[name][rows]
    before = fit_ensemble(samples, members, folds, seed=1, settings=SETTINGS).oof
    after = fit_ensemble(replace(samples, **flipped), members, folds, seed=1, settings=SETTINGS).oof
    kept = np.concatenate([fold.test for fold in folds[: changed + 1]])
    for name, array in vars(before).items():
        assert np.array_equal(array[kept], getattr(after, name)[kept], equal_nan=True), name
    if changed < 3:
        assert not np.array_equal(before.p_up, after.p_up, equal_nan=True), "later answers do learn from them"


def test_labels_not_yet_known_when_a_fold_begins_play_no_part(
    world: tuple[Samples, list[Fold], Members],
) -> None:
    samples, folds, members = world
    start = folds[3].start_us
    late = np.flatnonzero((samples.t0 < start) & (samples.t1 + folds[3].embargo_us > start))
    assert late.size > 5
    up = samples.up.copy()
    up[late] = 1 - up[late]
    before = evaluate_last_fold(samples, members, folds, seed=1, settings=SETTINGS)
    after = evaluate_last_fold(replace(samples, up=up), members, folds, seed=1, settings=SETTINGS)
    assert np.array_equal(before.applied.p_up, after.applied.p_up)


def test_the_honest_evaluation_knows_nothing_of_the_last_fold(
    world: tuple[Samples, list[Fold], Members],
) -> None:
    samples, folds, members = world
    rows = folds[3].test
    changed = {
        name: getattr(samples, name).copy() for name in ("up", "win_long", "win_short", "exit_us_long", "exit_us_short")
    }
    for name, array in changed.items():
        array[rows] = samples.t1[rows] if name.startswith("exit") else 1 - array[rows]
    before = evaluate_last_fold(samples, members, folds, seed=1, settings=SETTINGS)
    after = evaluate_last_fold(replace(samples, **changed), members, folds, seed=1, settings=SETTINGS)
    assert np.array_equal(before.rows, rows)
    for name, array in vars(before.applied).items():
        assert np.array_equal(array, getattr(after.applied, name)), name
    assert np.isfinite(before.applied.p_win).all()
    assert (np.diff(before.applied.p_win, axis=1) >= 0).all()


def test_without_an_edge_the_ensemble_claims_none() -> None:
    samples = planted_samples(seed=5, bars=2500, edge=0.0)
    folds = walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)
    fit = fit_ensemble(samples, members_of(samples, folds), folds, seed=1, settings=SETTINGS)
    base = np.mean(samples.up[np.concatenate([fold.test for fold in folds[:3]])])
    assert fit.oof.p_up[folds[3].test] == pytest.approx(base, abs=0.06), "it knows the base rate and no more"
    assert fit.metrics["ensemble"]["accuracy_low"] < fit.metrics["ensemble"]["base_rate"]


def test_saved_win_model_and_arrays_answer_the_same(world: tuple[Samples, list[Fold], Members], tmp_path: Path) -> None:
    samples, folds, members = world
    fit = fit_ensemble(samples, members, folds, seed=1, settings=SETTINGS)
    assert fit.save(tmp_path) < 1e-5
    with np.load(tmp_path / "oof.npz") as stored:
        assert np.array_equal(stored["p_up"], fit.oof.p_up, equal_nan=True)
    width = len(win_feature_names(samples.tabular_names))
    x = np.random.default_rng(0).normal(size=(50, width)).astype(np.float32)
    served = session((tmp_path / "win_probability.onnx").read_bytes())(x)
    assert np.abs(served - fit.win_model.predict(x)).max() < 1e-5


def test_two_folds_are_too_few_and_a_missing_member_is_named(
    world: tuple[Samples, list[Fold], Members],
) -> None:
    samples, folds, members = world
    with pytest.raises(ConfigError, match="got 2 folds"):
        fit_ensemble(samples, members, folds[:2], seed=1, settings=SETTINGS)
    with pytest.raises(NightError, match="probabilities of catboost are missing"):
        fit_ensemble(samples, {**members, "catboost": np.zeros(3)}, folds, seed=1, settings=SETTINGS)
    holes = {**members, "lstm": np.full(len(samples), np.nan, np.float32)}
    with pytest.raises(NightError, match="lack a member's out-of-fold probability"):
        fit_ensemble(samples, holes, folds, seed=1, settings=SETTINGS)
