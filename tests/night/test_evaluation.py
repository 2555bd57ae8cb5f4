"""The honest numbers: break-even belongs to its bet, a leak shows, later bars change nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import EnsembleSettings, LastFold, evaluate_last_fold
from minhos.night.evaluation import evaluation_of, parameters_before
from minhos.training.samples import Samples
from minhos.training.splits import Fold, walk_forward
from minhos_client.contract import MEMBERS
from tests.training.market import BAR_US, planted_samples

SETTINGS = EnsembleSettings()
Oof = dict[str, np.ndarray]


def _night(leak: float = 0.0) -> tuple[Samples, list[Fold], Oof, LastFold]:
    """Members that guess, or (``leak``) that know the label in that share of the rows."""
    samples = planted_samples(seed=4, bars=1500)
    folds = walk_forward(samples.t0, samples.t1, folds=4, embargo_us=6 * BAR_US, min_train_fraction=0.4)
    rng = np.random.default_rng(0)
    tested = np.concatenate([fold.test for fold in folds])
    oof: Oof = {}
    for name in MEMBERS:
        p = np.full(len(samples), np.nan, dtype=np.float32)
        knows = rng.random(len(tested)) < leak
        p[tested] = np.where(knows, 0.2 + 0.6 * samples.up[tested], rng.uniform(0.4, 0.6, len(tested)))
        oof[name] = p
    return samples, folds, oof, evaluate_last_fold(samples, oof, folds, seed=1, settings=SETTINGS)


def test_a_guess_is_a_guess_and_says_so() -> None:
    samples, _, oof, last = _night()
    evaluation = evaluation_of(samples, last, oof, seed=1)
    assert evaluation["accuracy_low"] < 0.5 < 0.5 + (evaluation["base_rate"] - 0.5) + 0.1
    assert [row["model"] for row in evaluation["table"]] == ["ensemble", *MEMBERS]
    assert "base rate" in evaluation["words"][0] and "break-even after costs" in evaluation["words"][1]


def test_every_model_says_how_calibrated_and_how_sure_it_is() -> None:
    samples, _, oof, last = _night()
    evaluation = evaluation_of(samples, last, oof, seed=1)
    for row in evaluation["table"]:
        assert 0.0 <= row["calibration_error"] <= row["calibration_error_plain"] < 0.3, row["model"]
        assert 0.0 < row["venn_abers_width"] <= 1.0, row["model"]
    assert evaluation["calibration_error"] == evaluation["table"][0]["calibration_error"]
    assert f"calibration error {evaluation['calibration_error']:.1%}" in evaluation["words"][0]


def test_a_leak_shows() -> None:
    samples, _, oof, last = _night(leak=0.6)
    assert evaluation_of(samples, last, oof, seed=1)["accuracy_low"] > 0.7


def test_the_win_rate_and_its_break_even_are_of_the_same_bet() -> None:
    samples, _, oof, last = _night()
    trades = evaluation_of(samples, last, oof, seed=1)["trades"]
    rows = last.rows
    won = np.where(last.applied.side > 0, samples.win_long[rows], samples.win_short[rows])
    stop, target, cost = samples.stop_ticks[rows], samples.target_ticks[rows], samples.cost_ticks[rows]
    assert trades["win_rate"] == pytest.approx(won.mean())
    assert trades["break_even"] == pytest.approx(((stop + cost) / (stop + target)).mean())
    assert trades["win_low"] < trades["win_rate"] < trades["win_high"]


def test_what_judges_the_last_fold_has_not_seen_it() -> None:
    samples, folds, _, last = _night()
    start = folds[-1].start_us
    base = {"instruments": {symbol: {"volatility_reference": 9.0} for symbol in samples.symbols}, "win": None}
    known = parameters_before(base, samples, last, start_us=start, correlation={}, regime={"names": ["then"]})
    state = samples.state.copy()
    state[samples.t0 >= start] *= 100.0
    changed = dataclasses.replace(samples, state=state)
    assert parameters_before(base, changed, last, start_us=start, correlation={}, regime={"names": ["then"]}) == known
    assert known["regime"] == {"names": ["then"]}, "the filter of that time, not of the release"
    assert all(row["volatility_reference"] < 1.0 for row in known["instruments"].values())
