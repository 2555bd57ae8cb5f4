"""The learning of a night by hand: from bars to a judged candidate, without Airflow and without a server.

The run is the one that a night of the same bars, recipe and code has: what is finished here is not done again there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from minhos.config import Settings
from minhos.errors import NightError
from minhos.files import read_json, write_json
from minhos.night.driver import night_lock
from minhos.night.events import Event
from minhos.night.following import Follower
from minhos.night.request import NightRequest
from minhos.night.run import Run, StepResult
from minhos.night.steps.backtest import backtest
from minhos.night.steps.features import features
from minhos.night.steps.ingest import Prepared, begin, prepare
from minhos.night.steps.judge import judge
from minhos.night.steps.publish import build_candidate
from minhos.night.steps.stack import stack
from minhos.night.steps.track import track
from minhos.night.steps.train import train
from minhos.night.steps.validate import validate
from minhos_client.contract import MEMBERS

__all__ = ["learn"]


def learn(
    request: NightRequest,
    settings: Settings,
    *,
    today: date,
    families: Sequence[str],
    announce: Callable[[Prepared], None],
    follow: Callable[[Event], None],
) -> Run:
    """Ingest, validate, make features, and train the families; with all of them, stack, backtest and judge them too.

    Args:
        request: What to learn from, as for a night.
        settings: Where things are.
        today: The calendar day (the synthetic exchange ends its data before it).
        families: Members to train; the others are left as they are.
        announce: Called once with the plan, before anything is done.
        follow: Called with each event, from another thread.

    Returns:
        The run; with all families its `gate.json` has the decision, and a sound candidate has its release's folder.

    Raises:
        MinhosError: Bad input, a night at the same time, a step that failed, or an interruption; finished steps are kept.
    """
    try:
        with night_lock(settings.home):
            prepared = prepare(request, settings, today)
            announce(prepared)
            with Follower(prepared.run.events, {prepared.run.name}, follow).meanwhile():
                _learn(prepared, settings, families)
    except KeyboardInterrupt as interrupt:
        raise NightError(
            "training was interrupted: finished steps and finished folds are kept; run it again to go on"
        ) from interrupt
    return prepared.run


def _learn(prepared: Prepared, settings: Settings, families: Sequence[str]) -> None:
    folder = features(validate(begin(prepared)))
    for family in families:
        train(folder, family)
    run = Run(Path(folder))
    if any(run.record(f"train[{member}]") is None for member in MEMBERS):
        return
    judge(backtest(stack(folder)))
    run.step("candidate", lambda _: _candidate(run, settings), repeat=True)
    track(folder)


def _candidate(run: Run, settings: Settings) -> StepResult:
    """The release that a night would publish; where the run has been published already, nothing changes."""
    gate = read_json(run.folder / "gate.json")
    if not gate["sound"]:
        return StepResult((gate["words"][0],))
    release = build_candidate(run, settings)
    told = run.folder / "release.json"
    if not told.exists() or read_json(told).get("release") is None:
        held = "trained by hand and not published: `minhos night` with the same options publishes it"
        write_json(told, {"release": None, "candidate": release.id, "held": [held]})
    return StepResult((f"{release.id} is built, not published", *gate["words"]), {"release": release.id})
