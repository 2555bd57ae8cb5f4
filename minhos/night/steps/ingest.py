"""Ingest: decide session, timeframe and instruments, and copy the bars known at the session's end into the run."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from minhos.capabilities.ensemble.api import FAMILIES, family
from minhos.config import Settings
from minhos.errors import MinhosError
from minhos.files import read_json, write_json
from minhos.market_data.ingest import NightPlan, plan_night, timeframe_name
from minhos.market_data.ingest import ingest as ingest_bars
from minhos.market_data.intake.take_in import is_synthetic
from minhos.market_data.quarantine import Quarantine
from minhos.market_data.readers.scan import SYNTHETIC_MARKER, SYNTHETIC_TRUTH
from minhos.market_data.store import BarStore
from minhos.market_data.synthetic import STEP_SECONDS, Truth, read_truth, write_exchange
from minhos.night.identity import run_key
from minhos.night.recipe import RECIPE
from minhos.night.request import NightRequest
from minhos.night.run import NOT_STARTED, Progress, Run, StepResult
from minhos.night.server import require_server
from minhos.training.profiles import TrainingProfile, training_profile

__all__ = ["Prepared", "begin", "ingest", "load_plan", "load_profile", "load_truth", "prepare"]

SYNTHETIC_SEED = 20


@dataclass(frozen=True)
class Prepared:
    """A night that can begin: what was asked, what the data allow, and the folder of the run.

    ``truth``: what is true of a synthetic market; None of a real one.
    """

    request: NightRequest
    plan: NightPlan
    profile: TrainingProfile
    run: Run
    truth: Truth | None


def prepare(request: NightRequest, settings: Settings, today: date) -> Prepared:
    """Take what is new in the source folder into the bar store, and decide the night.

    A synthetic market is ticks, and its law has steps: where no timeframe is asked for, its bars are those steps.

    Args:
        request: What was asked.
        settings: Where things are.
        today: The calendar day; only the synthetic exchange uses it, to end its data before it.

    Raises:
        MinhosError: The input cannot be used; the message says what, where and what to do.
    """
    profile = training_profile(request.profile)
    for name in FAMILIES:
        family(name).settings(profile)
    folder = request.data or settings.data or _synthetic(settings, today)
    store = _store(settings, folder)
    truth = read_truth(folder) if _made_up(folder, store) else None
    plan = plan_night(
        folder=folder,
        store=BarStore(store),
        map_file=request.map,
        instruments_file=request.instruments,
        timeframe=request.timeframe or (timeframe_name(STEP_SECONDS) if truth else None),
        session=request.session,
        universe=request.universe or None,
        min_bars=RECIPE.min_bars,
        now_us=time.time_ns() // 1000,
    )
    key = run_key(
        {
            "data": plan.data_hash,
            "symbols": list(plan.symbols),
            "synthetic": plan.synthetic,
            "profile": profile.model_dump(mode="json"),
            "recipe": RECIPE.model_dump(mode="json"),
            "instruments": request.instruments.read_text(encoding="utf-8") if request.instruments else None,
            "quarantine": Quarantine(settings.quarantine).state(plan.symbols, plan.timeframe_seconds, plan.session),
        }
    )
    name = f"{plan.session}_{timeframe_name(plan.timeframe_seconds)}_{profile.name}_{key}"
    return Prepared(request, plan, profile, Run(settings.runs / name), truth)


def ingest(params: Mapping[str, Any]) -> str:
    """The DAG's first task.

    Args:
        params: JSON: session, universe, profile, force, data, map, instruments, timeframe (all optional).

    Returns:
        The run folder's path.
    """
    settings = Settings.from_environment(os.environ)
    try:
        require_server(settings)
        prepared = prepare(NightRequest.from_params(params), settings, date.today())
    except MinhosError as error:
        Run(settings.runs / NOT_STARTED).say("ingest", "failed", str(error))
        raise
    return begin(prepared)


def begin(prepared: Prepared) -> str:
    """Write what was asked and planned into the run's folder, and copy its bars there; the folder's path.

    A forced request forgets what the run has done before.
    """
    request, plan, run = prepared.request, prepared.plan, prepared.run
    (run.folder / "outcome.json").unlink(missing_ok=True)
    asked = {"request": request.to_params(), "plan": plan.model_dump(mode="json")}
    write_json(run.folder / "request.json", {**asked, "profile": prepared.profile.model_dump(mode="json")})
    if prepared.truth is not None:
        write_json(run.folder / SYNTHETIC_TRUTH, prepared.truth.model_dump(mode="json"))
    if request.force:
        run.forget()

    def work(progress: Progress) -> StepResult:
        progress(f"reading {len(plan.symbols)} instruments from {plan.folder}")
        paths = ingest_bars(plan, run.folder / "bars")
        return StepResult(tuple(plan.words), {"bars": [str(path) for path in paths], "symbols": list(plan.symbols)})

    run.step("ingest", work)
    return str(run.folder)


def load_plan(run: Run) -> tuple[NightRequest, NightPlan]:
    """The request and the plan of a run that has been ingested."""
    content = read_json(run.folder / "request.json")
    return NightRequest.from_params(content["request"]), NightPlan.model_validate(content["plan"])


def load_profile(run: Run) -> TrainingProfile:
    """The training profile of a run that has been ingested, as it was then, whatever its file says now."""
    return TrainingProfile.model_validate(read_json(run.folder / "request.json")["profile"])


def load_truth(run: Run) -> Truth:
    """What is true of the synthetic market of a run, as it was when the run was planned.

    Raises:
        BadInputError: The run has none.
    """
    return read_truth(run.folder)


def _made_up(folder: Path, store: Path) -> bool:
    """Whether the bars are of a synthetic market: the folder's files, or, where it is the store itself, those in it."""
    same = folder.resolve() == store.resolve()
    return is_synthetic(store) if same else (folder / SYNTHETIC_MARKER).exists()


def _store(settings: Settings, folder: Path) -> Path:
    """The home's bar store; a folder of the synthetic exchange has one of its own: another such folder contradicts it."""
    if not (folder / SYNTHETIC_MARKER).exists():
        return settings.bars
    return settings.home / "synthetic" / "bars" / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]


def _synthetic(settings: Settings, today: date) -> Path:
    """The planted market's folder, written once per seed and day; its last session is yesterday or before."""
    end = today - timedelta(days=1)
    folder = settings.home / "synthetic" / f"planted-seed{SYNTHETIC_SEED}-{end}"
    if not (folder / SYNTHETIC_MARKER).exists():
        write_exchange(folder, seed=SYNTHETIC_SEED, end=end)
    return folder
