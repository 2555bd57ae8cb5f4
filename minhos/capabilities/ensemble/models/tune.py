"""Tuning one family: Optuna looks for settings with a lower log loss, on rows that the last fold's evaluation never uses.

What is chosen by looking at results must not be judged by them. So a study sees only samples whose labels were known when
the last fold of the profile began, in purged walk-forward folds of its own; the night's evaluation stays out of sample.
The best of many tries looks better than it is: the words say by how much luck alone would make it look so.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.models.registry import family
from minhos.capabilities.ensemble.models.train import fold_answers
from minhos.errors import ConfigError, SetupError
from minhos.files import write_npz
from minhos.training.families import Progress
from minhos.training.metrics import mean_overlap
from minhos.training.profiles import TrainingProfile
from minhos.training.samples import Samples
from minhos.training.splits import Fold, known_before, walk_forward

__all__ = ["TUNING_FOLDS", "Tuned", "tune_family"]

TUNING_FOLDS: Final = 3
_CLIP: Final = 1e-6
_HEARTBEAT_SECONDS: Final = 30

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tuned:
    """What a study has found so far. ``loss``, ``default_loss``: mean log loss in nats, of the best and of the defaults.

    ``gain_error``: standard error of their difference, over effective samples. ``luck``: by how much the best of so many
    ``trials`` would look better than the defaults if all were equally good. ``pruned``: trials that were given up early.
    """

    family: str
    study: str
    settings: dict[str, Any]
    loss: float
    default_loss: float
    gain_error: float
    luck: float
    trials: int
    pruned: int
    samples: int

    @property
    def gain(self) -> float:
        """By how much the log loss is lower than with the defaults, nats."""
        return self.default_loss - self.loss

    @property
    def worth_it(self) -> bool:
        """Whether the gain is more than luck explains."""
        return self.gain > self.luck

    @property
    def words(self) -> tuple[str, ...]:
        """For people."""
        chosen = ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                           for name, value in self.settings.items())  # fmt: skip
        verdict = "more than luck explains" if self.worth_it else "no more than luck explains: the defaults are as good"
        return (
            f"{self.family}: best of {self.trials} trials ({self.pruned} given up early): log loss {self.loss:.5f}, "
            f"defaults {self.default_loss:.5f}",
            f"gain {self.gain:.5f} nats (standard error {self.gain_error:.5f}); the best of {self.trials} equally good ones "
            f"would look {self.luck:.5f} better: {verdict}",
            f"settings: {chosen}" if chosen else "settings: the defaults",
        )


def tune_family(
    name: str,
    samples: Samples,
    folds: Sequence[Fold],
    *,
    profile: TrainingProfile,
    seed: int,
    trials: int,
    seconds: float | None,
    folder: Path,
    progress: Progress,
) -> Tuned:
    """Try settings of a family until ``trials`` are done in the study, or for ``seconds``; what was tried before counts.

    ``folds``: the profile's own; rows of the last one, and labels not known when it began, are left out. ``folder`` keeps
    the studies (one SQLite file, shared by processes that tune at once) and what each trial said of its rows. A study
    belongs to the samples, the profile and the seed, by their hash.

    Raises ConfigError for an unknown family or no trials, SetupError where the folder cannot be written.
    """
    import optuna

    if trials < 1:
        raise ConfigError(f"trials is {trials}; it must be at least 1")
    learner = family(name)
    known = known_before(samples.t1, folds[-1].start_us, folds[-1].embargo_us)
    seen = samples.take(np.flatnonzero(known))
    inner = walk_forward(
        seen.t0,
        seen.t1,
        folds=TUNING_FOLDS,
        embargo_us=folds[-1].embargo_us,
        min_train_fraction=profile.min_train_fraction,
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    where = f"{name}-{_study_hash(seen, profile, name, seed)}"
    defaults = _defaults(learner.settings(profile).model_dump(), learner)
    study = _study(folder, where, seed)
    if not study.trials and defaults:
        study.enqueue_trial(defaults, user_attrs={"defaults": True})
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)

    def objective(trial: Any) -> float:
        tried = profile.with_family(name, learner.suggest(trial))
        p, losses = np.full(len(seen), np.nan, dtype=np.float32), []
        for k, fold in enumerate(inner):
            p[fold.test] = fold_answers(
                learner, seen, fold, profile=tried, seed=seed + k, where=f"tuning {name}, fold {k + 1}", progress=_quiet
            )
            losses.append(float(_losses(p[fold.test], seen.up[fold.test]).mean()))
            trial.report(float(np.mean(losses)), k)
            if k + 1 < len(inner) and trial.should_prune():
                raise optuna.TrialPruned
        write_npz(folder / where / f"trial_{trial.number}.npz", {"p": p})
        return float(np.mean(losses))

    def told(study: Any, trial: Any) -> None:
        done = sum(one.state in states for one in study.trials)
        best = min((one.value for one in study.trials if one.state == states[0]), default=math.nan)
        said = "given up early" if trial.state == states[1] else f"log loss {trial.value:.5f}"
        took = [one.duration.total_seconds() for one in study.trials if one.state in states and one.duration]
        left = float(np.mean(took)) * max(0, trials - done)
        progress(f"{name}: trial {done}/{trials}: {said}, best {best:.5f}; about {left:.0f} s left")

    study.optimize(
        objective,
        timeout=seconds,
        callbacks=[told, optuna.study.MaxTrialsCallback(trials, states=states)],
        n_trials=None if _left(study, trials, states) else 0,
    )
    return _result(name, where, study, seen, inner, folder)


def _left(study: Any, trials: int, states: tuple[Any, ...]) -> int:
    return max(0, trials - sum(one.state in states for one in study.trials))


def _study(folder: Path, name: str, seed: int) -> Any:
    import optuna

    try:
        folder.mkdir(parents=True, exist_ok=True)
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{folder.absolute() / 'studies.db'}",
            engine_kwargs={"connect_args": {"timeout": 60}},
            heartbeat_interval=_HEARTBEAT_SECONDS,  # a trial whose process was killed is told apart from a running one
            grace_period=4 * _HEARTBEAT_SECONDS,
        )
        known = len(storage.get_all_trials(storage.get_study_id_from_name(name))) if _exists(storage, name) else 0
        return optuna.create_study(
            study_name=name,
            storage=storage,
            direction="minimize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed + known),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0),
        )
    except OSError as error:
        raise SetupError(f"{folder}: the studies cannot be kept there ({error.strerror or error})") from error


def _exists(storage: Any, name: str) -> bool:
    return name in {study.study_name for study in storage.get_all_studies()}


def _study_hash(samples: Samples, profile: TrainingProfile, name: str, seed: int) -> str:
    """Of what a study's results depend on: samples, profile, family and seed."""
    digest = hashlib.sha256(f"{name} {seed} {profile.model_dump_json()}".encode())
    for array in (samples.tabular, samples.sequence, samples.up, samples.t0, samples.t1):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def _quiet(_words: str) -> None:
    """A trial's own progress would drown the study's."""


class _Names:
    """Stands in for a trial to learn which settings a family lets vary."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def _note(self, name: str, *_given: object, **_more: object) -> None:
        self.names.append(name)

    suggest_int = suggest_float = suggest_categorical = _note


def _defaults(settings: Mapping[str, Any], learner: Any) -> dict[str, Any]:
    """The present values of the settings that vary, as the study's first trial; one without a value is left to Optuna."""
    names = _Names()
    learner.suggest(names)
    return {name: settings[name] for name in names.names if settings.get(name) is not None}


def _losses(p: npt.NDArray[Any], up: npt.NDArray[np.int8]) -> Floats:
    clipped = np.clip(p.astype(np.float64), _CLIP, 1 - _CLIP)
    return np.where(up > 0, -np.log(clipped), -np.log1p(-clipped))


def _result(name: str, where: str, study: Any, samples: Samples, folds: Sequence[Fold], folder: Path) -> Tuned:
    import optuna

    done = [one for one in study.trials if one.state == optuna.trial.TrialState.COMPLETE]
    pruned = sum(one.state == optuna.trial.TrialState.PRUNED for one in study.trials)
    if not done:
        raise ConfigError(f"{name}: no trial was finished in the time given; give it more time, or fewer samples")
    best = min(done, key=lambda one: (one.value, one.number))
    first = next((one for one in done if one.user_attrs.get("defaults")), done[0])
    rows = np.concatenate([fold.test for fold in folds])
    losses = {}
    for trial in (best, first):
        with np.load(folder / where / f"trial_{trial.number}.npz", allow_pickle=False) as stored:
            losses[trial.number] = _losses(stored["p"][rows], samples.up[rows])
    effective = len(rows) / mean_overlap(samples.t0[rows], samples.t1[rows], samples.instrument[rows])
    difference = losses[first.number] - losses[best.number]
    error = float(difference.std() / math.sqrt(max(effective, 1.0)))
    tried = len(done) + pruned
    return Tuned(
        family=name,
        study=where,
        settings=dict(best.params),
        loss=float(best.value),
        default_loss=float(first.value),
        gain_error=error,
        luck=error * _expected_best(tried),
        trials=tried,
        pruned=pruned,
        samples=len(samples),
    )


def _expected_best(count: int) -> float:
    """The expected largest of ``count`` standard normal draws (the False Strategy theorem's approximation, Bailey and Lopez
    de Prado 2014, "The deflated Sharpe ratio", eq. 1); 0 for one."""
    from scipy.special import ndtri

    if count <= 1:
        return 0.0
    gamma = 0.5772156649015329
    return float((1 - gamma) * ndtri(1 - 1 / count) + gamma * ndtri(1 - 1 / (count * math.e)))
