"""What `minhos status` says: what serves now, how old it is, what the last night decided, whether the features drift.

Reads the run folders' small JSON files; asking the server is the caller's ``probe``, so that this file imports no
client and no server.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from minhos.config import Settings
from minhos.night.events import EventLog
from minhos.night.run import NOT_STARTED

__all__ = ["LastNight", "Serving", "Status", "status"]

SECOND: Final = 1_000_000
FAILED: Final = "failed"
LAST_STEP: Final = "smoke_test"


@dataclass(frozen=True)
class Serving:
    """What the alias `trade` answers with: release id, the last bar it was trained on (UTC us)."""

    release: str
    data_through: int


@dataclass(frozen=True)
class LastNight:
    """A night that has ended, from its ``outcome.json``; ``drift`` is its drift step's words, when it got that far."""

    run: str
    session: str
    decision: str
    release: str | None
    words: str
    finished_at: str
    synthetic: bool
    drift: str | None


@dataclass(frozen=True)
class Status:
    """One answer for people (``lines``) and programs (``as_json``). Ages are in seconds."""

    url: str
    serving: Serving | None
    data_age_seconds: float | None
    last_night: LastNight | None
    unfinished_run: str | None
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"problems": list(self.problems)}

    def lines(self) -> list[str]:
        """A few lines of at most 100 columns, apart from the night's own words."""
        lines = []
        if self.serving is None:
            lines.append(f"serving     nothing answers at {self.url} (start it: minhos serve)")
        else:
            through = datetime.fromtimestamp(self.serving.data_through / SECOND, tz=UTC)
            lines.append(f"serving     {self.serving.release} at {self.url}")
            lines.append(f"data        through {through:%Y-%m-%d %H:%M} UTC, {_age(self.data_age_seconds or 0.0)} old")
        night = self.last_night
        if night is None:
            lines.append("last night  none yet (start one: make run)")
        else:
            synthetic = ", SYNTHETIC data" if night.synthetic else ""
            lines.append(
                f"last night  session {night.session}: {night.decision}{synthetic}, finished {night.finished_at}"
            )
            if night.decision != FAILED:  # else they stand among the problems
                lines.append(f"            {night.words}")
            lines.append(f"drift       {night.drift or 'not measured'}")
        if self.unfinished_run:
            lines.append(f"unfinished  {self.unfinished_run}: it runs now, or it stopped before its end")
        lines += [f"problem     {problem}" for problem in self.problems]
        return lines


def status(settings: Settings, probe: Callable[[], Serving | None], *, now_us: int) -> Status:
    """The platform's state now.

    Args:
        settings: where the runs are and where Triton listens.
        probe: asks the server what it serves; None when nothing answers or no release is loaded.
        now_us: the present, UTC microseconds since the epoch.

    ``problems`` are words: the last night failed, a night could not start since the last one that ended, a run's file cannot
    be read (its run is passed over). Nothing is raised for them.
    """
    serving = probe()
    problems: list[str] = []
    night, unfinished = _nights(settings.runs, problems)
    if night is not None and night.decision == FAILED:
        problems.append(
            f"the night of session {night.session} failed: {night.words} (remove the cause and run it again)"
        )
    _not_started(settings.runs, problems)
    return Status(
        url=settings.grpc_url,
        serving=serving,
        data_age_seconds=None if serving is None else max(0.0, (now_us - serving.data_through) / SECOND),
        last_night=night,
        unfinished_run=unfinished,
        problems=tuple(problems),
    )


def _nights(runs: Path, problems: list[str]) -> tuple[LastNight | None, str | None]:
    """The last finished night (newest ``outcome.json``), and the newest run that was started after it and has none."""
    outcomes = sorted(runs.glob("*/outcome.json"), key=_modified, reverse=True)
    finished_us, night = 0, None
    for file in outcomes:
        night = _last_night(file, problems)
        if night is not None:
            finished_us = _modified(file)
            break
    started = [file for file in runs.glob("*/request.json") if not (file.parent / "outcome.json").exists()]
    later = [file for file in started if _modified(file) > finished_us]
    return night, max(later, key=_modified).parent.name if later else None


def _not_started(runs: Path, problems: list[str]) -> None:
    """The newest failure that left no run to look at, when no night has reached its end after it."""
    log = EventLog(runs / "events.jsonl")
    try:
        events, _ = log.since(0)
    except (OSError, ValueError, TypeError, KeyError) as error:
        problems.append(f"{log.path} cannot be read ({error!r}): move it away, it holds the progress of nights only")
        return
    for event in reversed(events):
        if event.label == LAST_STEP and event.kind == "finished":
            return
        if event.kind == FAILED and event.label == "ingest":
            if event.run == NOT_STARTED or not (runs / event.run / "request.json").exists():
                problems.append(f"a night could not start: {' '.join(event.words)}")
            return


def _last_night(file: Path, problems: list[str]) -> LastNight | None:
    outcome = _read(file, problems)
    if outcome is None:
        return None
    drift_file = file.parent / "drift.json"
    drift = _read(drift_file, problems) if drift_file.exists() else None
    try:
        return LastNight(
            run=file.parent.name,
            session=str(outcome["session"]),
            decision=str(outcome["decision"]),
            release=None if outcome["release"] is None else str(outcome["release"]),
            words=_words(outcome["words"]),
            finished_at=str(outcome["finished_at"]),
            synthetic=bool(outcome["synthetic"]),
            drift=_words(drift["words"]) if drift and drift.get("words") else None,
        )
    except KeyError as error:
        problems.append(f"{file} has no {error}: run that session again with FORCE=1")
        return None


def _read(file: Path, problems: list[str]) -> dict[str, Any] | None:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{file} cannot be read ({error}): run that session again with FORCE=1")
        return None
    if not isinstance(value, dict):
        problems.append(f"{file} is not a JSON object: run that session again with FORCE=1")
        return None
    return value


def _words(value: object) -> str:
    """A step's words, which may be one sentence or a list of them."""
    return "; ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _modified(file: Path) -> int:
    """Nanoseconds; a night's files are written once, so their time is the night's. A folder removed meanwhile is old."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _age(seconds: float) -> str:
    """A duration in the unit that a person would use."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
