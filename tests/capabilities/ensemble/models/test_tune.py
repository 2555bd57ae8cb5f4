"""Tuning: what it may see, that it goes on where it was, and that luck is not taken for a gain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import FAMILIES, Tuned, tune_family
from minhos.errors import ConfigError
from minhos.training.families import FamilySettings, TrainingData
from minhos.training.profiles import PROFILES, TrainingProfile
from minhos.training.samples import Samples
from minhos.training.splits import Fold, known_before, walk_forward
from tests.training.market import BAR_US, planted_samples

PROFILE = PROFILES["quick"]

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


class Tilt(FamilySettings):
    """How much the flow is trusted: 1.5 is about right in the planted market, 0 says nothing."""

    tilt: float = 0.0


class Logit:
    """A family of one setting; it remembers which rows it has learned from and been asked about."""

    name = "logit"
    input = "tabular"

    def __init__(self) -> None:
        self.latest_us = 0
        self.fits = 0
        self.asked: set[bytes] = set()

    def settings(self, profile: TrainingProfile) -> Tilt:
        return Tilt.of(profile, self.name)

    def suggest(self, trial: Any) -> dict[str, Any]:
        return {"tilt": trial.suggest_float("tilt", -2.0, 3.0)}

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: object) -> Logit:
        self.fits += 1
        self.latest_us = max(self.latest_us, int(data.t1.max()))
        self.tilt = self.settings(profile).tilt
        self.seen = {"rows": data.seen}
        return self

    def predict_p_up(self, x: np.ndarray) -> np.ndarray:
        self.asked |= set(map(bytes, x))
        return (1 / (1 + np.exp(-self.tilt * x[:, 0]))).astype(np.float32)


@pytest.fixture(scope="module")
def samples() -> Samples:
    return planted_samples(seed=4, bars=1200, edge=2.0)


@pytest.fixture(scope="module")
def folds(samples: Samples) -> list[Fold]:
    return walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)


@pytest.fixture
def logit(monkeypatch: pytest.MonkeyPatch) -> Logit:
    family = Logit()
    monkeypatch.setitem(FAMILIES, "logit", family)  # type: ignore[arg-type]
    return family


def tuned(samples: Samples, folds: list[Fold], folder: Path, *, trials: int, words: list[str] | None = None) -> Tuned:
    told: list[str] = [] if words is None else words
    return tune_family(
        "logit",
        samples,
        folds,
        profile=PROFILE,
        seed=3,
        trials=trials,
        seconds=None,
        folder=folder,
        progress=told.append,
    )


def test_a_setting_that_helps_is_found_and_worth_it(
    samples: Samples, folds: list[Fold], tmp_path: Path, logit: Logit
) -> None:
    found = tuned(samples, folds, tmp_path, trials=15)
    assert found.default_loss == pytest.approx(np.log(2)), "the default says 1/2 of everything"
    assert found.settings["tilt"] > 0.5
    assert found.worth_it
    assert found.gain > 3 * found.gain_error
    assert "more than luck explains" in found.words[1]


def test_the_last_fold_and_what_was_not_known_when_it_began_are_never_looked_at(
    samples: Samples, folds: list[Fold], tmp_path: Path, logit: Logit
) -> None:
    tuned(samples, folds, tmp_path, trials=3)
    last = folds[-1]
    assert logit.latest_us + last.embargo_us <= last.start_us
    hidden = ~known_before(samples.t1, last.start_us, last.embargo_us)
    assert not logit.asked & set(map(bytes, samples.tabular[hidden]))


def test_what_happens_in_the_last_fold_changes_nothing(
    samples: Samples, folds: list[Fold], tmp_path: Path, logit: Logit
) -> None:
    up = samples.up.copy()
    up[folds[-1].test] = 1 - up[folds[-1].test]
    other = tuned(replace(samples, up=up), folds, tmp_path / "other", trials=4)
    assert tuned(samples, folds, tmp_path / "one", trials=4) == other


def test_nothing_to_find_is_not_worth_it(tmp_path: Path, logit: Logit) -> None:
    found = []
    for seed in range(6):
        samples = planted_samples(seed=30 + seed, bars=900, edge=0.0)
        folds = walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)
        found.append(tuned(samples, folds, tmp_path / str(seed), trials=10))
    assert sum(one.worth_it for one in found) <= 1
    assert "no more than luck explains" in next(one for one in found if not one.worth_it).words[1]


def test_a_study_goes_on_where_it_was_and_the_default_is_its_first_trial(
    samples: Samples, folds: list[Fold], tmp_path: Path, logit: Logit
) -> None:
    first = tuned(samples, folds, tmp_path, trials=3)
    fits = logit.fits
    words: list[str] = []
    second = tuned(samples, folds, tmp_path, trials=5, words=words)
    assert (first.trials, second.trials) == (3, 5)
    assert first.study == second.study
    assert first.default_loss == second.default_loss
    assert second.loss <= first.loss
    assert len(words) == 2
    assert words[0].startswith("logit: trial 4/5")
    assert logit.fits - fits <= 2 * 3
    assert tuned(samples, folds, tmp_path, trials=5) == second, "nothing is left to try"


def test_other_samples_are_another_study(samples: Samples, folds: list[Fold], tmp_path: Path, logit: Logit) -> None:
    tabular = samples.tabular.copy()
    tabular[10, 0] += 1.0
    one = tuned(samples, folds, tmp_path, trials=1)
    assert tuned(replace(samples, tabular=tabular), folds, tmp_path, trials=1).study != one.study


def test_no_trials_are_refused(samples: Samples, folds: list[Fold], tmp_path: Path, logit: Logit) -> None:
    with pytest.raises(ConfigError, match="trials is 0"):
        tuned(samples, folds, tmp_path, trials=0)


class Suggesting:
    """Stands in for a trial: the lowest or the highest of everything."""

    def __init__(self, place: int) -> None:
        self.place = place

    def suggest_int(self, _name: str, low: int, high: int, *, log: bool = False) -> int:
        return (low, high)[self.place]

    def suggest_float(self, _name: str, low: float, high: float, *, log: bool = False) -> float:
        return (low, high)[self.place]

    def suggest_categorical(self, _name: str, choices: list[Any]) -> Any:
        return choices[-self.place]


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("place", [0, 1])
def test_all_that_a_family_suggests_it_can_be_set_to(name: str, place: int) -> None:
    family = FAMILIES[name]
    settings = family.suggest(Suggesting(place))
    assert settings
    told = family.settings(PROFILE.with_family(name, settings)).model_dump()
    assert {key: told[key] for key in settings} == settings
