"""Tuning by hand: the samples of a night's bars, a study of one family, and a profile file with what was found."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from minhos.capabilities.ensemble.api import Tuned, tune_family
from minhos.config import Settings
from minhos.errors import ConfigError, NightError
from minhos.files import write_text
from minhos.night.events import Event
from minhos.night.learn import learn
from minhos.night.recipe import RECIPE
from minhos.night.request import NightRequest
from minhos.night.run import Run
from minhos.night.steps.ingest import Prepared, load_plan, load_profile
from minhos.night.steps.train import folds_of
from minhos.training.profiles import PROFILES, profile_toml
from minhos.training.samples import Samples
from minhos.training.tracking import Record, Tracking

__all__ = ["TuningOutcome", "tune"]


@dataclass(frozen=True)
class TuningOutcome:
    """What was found, and the profile file that has it; None where the defaults are as good."""

    run: Run
    tuned: Tuned
    profile: Path | None


def tune(
    request: NightRequest,
    settings: Settings,
    *,
    today: date,
    family: str,
    trials: int,
    seconds: float | None,
    out: Path | None,
    announce: Callable[[Prepared], None],
    follow: Callable[[Event], None],
    progress: Callable[[str], None],
) -> TuningOutcome:
    """Make the samples as a night does, tune one family on them, record the study, and write what is worth it.

    Args:
        request: The bars, as for a night; its profile says which settings are the defaults.
        settings: Where things are.
        today: The calendar day (the synthetic exchange ends its data before it).
        family: Which member.
        trials: How many settings to have tried in all; those of an earlier call on the same samples count.
        seconds: Stop after so long; None: when the trials are done.
        out: The profile file to write; None: `profiles/<base>-tuned.toml` of the home. Other families in it stay.
        announce: Called once with the plan.
        follow: Called with each event of the steps that make the samples.
        progress: Called with a line for each trial.

    Raises:
        MinhosError: Bad input, a file that cannot be written, or an interruption; finished trials are kept.
    """
    run = learn(request, settings, today=today, families=(), announce=announce, follow=follow)
    profile = load_profile(run)
    samples = Samples.load(run.folder / "features.npz")
    path = out or settings.home / "profiles" / f"{profile.name.removesuffix('-tuned')}-tuned.toml"
    kept = _kept(path)
    try:
        tuned = tune_family(
            family,
            samples,
            folds_of(samples, profile),
            profile=profile,
            seed=RECIPE.seed,
            trials=trials,
            seconds=seconds,
            folder=settings.home / "tuning",
            progress=progress,
        )
    except KeyboardInterrupt as interrupt:
        raise NightError("tuning was interrupted: finished trials are kept; run it again to go on") from interrupt
    _record(run, settings, tuned, profile.model_dump(mode="json"))
    if not tuned.worth_it:
        return TuningOutcome(run, tuned, None)
    base = profile.name if profile.name in PROFILES else kept.get("base", "quick")
    families = {**kept.get("families", {}), family: {**profile.families.get(family, {}), **tuned.settings}}
    _, plan = load_plan(run)
    comment = {family: f"minhos tune {family}, session {plan.session}, {', '.join(plan.symbols)}: {tuned.words[1]}"}
    write_text(path, profile_toml(base, families, comment=comment))
    return TuningOutcome(run, tuned, path)


def _kept(path: Path) -> dict[str, Any]:
    """What the file has already; nothing where there is none. Raises ConfigError for one that is no profile."""
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path}: is there and is no profile ({error}); nothing was tuned, name another --out"
        ) from error


def _record(run: Run, settings: Settings, tuned: Tuned, profile: dict[str, object]) -> None:
    Tracking(settings.tracking).record(
        "tuning",
        Record(
            name=f"{run.name} {tuned.family}",
            key=f"{tuned.study} {tuned.trials}",
            params={"family": tuned.family, "profile": profile["name"], **tuned.settings},
            metrics={
                "log_loss": tuned.loss,
                "default_log_loss": tuned.default_loss,
                "gain": tuned.gain,
                "gain_error": tuned.gain_error,
                "luck": tuned.luck,
                "trials": tuned.trials,
                "pruned": tuned.pruned,
            },
            tags={"run": run.name, "study": tuned.study},
        ),
    )
