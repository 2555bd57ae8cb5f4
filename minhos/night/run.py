"""The folder of one run, and the rule by which a step runs once.

The folder's name carries a key of everything that decides the result (source files, request, settings, code), so the
same session asked twice is the same folder: a finished step is recognised by its record and not repeated. A record is
written last, by rename: no record, no step. A step in progress holds a lock, so two runs never write the same files.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from minhos.errors import MinhosError, NightError
from minhos.files import read_json, write_json
from minhos.night.events import Event, EventLog, Kind
from minhos.night.outcome import Outcome, write_outcome

__all__ = ["NOT_STARTED", "VALIDATED", "Progress", "Run", "StepRecord", "StepResult"]

LOG = logging.getLogger(__name__)
NOT_STARTED = "not-started"
VALIDATED = "validated"
"""The folder of a run with the bars that passed validation, without those that are held: all that later steps read."""
Progress = Callable[[str], None]


@dataclass(frozen=True)
class StepResult:
    """What a step's work returns: words for people, values for the next steps (JSON)."""

    words: tuple[str, ...]
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepRecord:
    """A finished step as written beside its files."""

    label: str
    words: tuple[str, ...]
    outputs: dict[str, Any]
    seconds: float


class Run:
    """One run's folder and its event log.

    Args:
        folder: ``<home>/runs/<name>``; made by the ingest step.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = EventLog(folder.parent / "events.jsonl")

    @property
    def name(self) -> str:
        """The run's name: session, timeframe, profile and key."""
        return self.folder.name

    def record_path(self, label: str) -> Path:
        """Where the record of a step lies; a mapped task has one per item."""
        return self.folder / "records" / f"{label}.json"

    def record(self, label: str) -> StepRecord | None:
        """The record of a finished step, or None."""
        path = self.record_path(label)
        if not path.exists():
            return None
        fields = read_json(path)
        return StepRecord(**{**fields, "words": tuple(fields["words"])})

    def outputs(self, label: str) -> dict[str, Any]:
        """What a finished step left for the next ones.

        Raises:
            NightError: The step has not finished.
        """
        record = self.record(label)
        if record is None:
            raise NightError(f"step {label} of run {self.name} has not finished: run it first")
        return record.outputs

    def forget(self) -> None:
        """Drop every record and every unfinished training, so that all steps of this run are done again (``force``)."""
        for path in sorted((self.folder / "records").glob("*.json")):
            path.unlink()
        for pieces in self.folder.glob("models/*/pieces"):
            shutil.rmtree(pieces)

    def say(self, label: str, kind: Kind, *words: str, seconds: float | None = None) -> None:
        """Append an event of this run, and log it: the task's log in Airflow shows the same words."""
        for line in words or (kind,):
            LOG.info("%s %s: %s", label, kind, line)
        self.events.append(Event(run=self.name, label=label, kind=kind, words=words, seconds=seconds))

    def step(self, label: str, work: Callable[[Progress], StepResult], *, repeat: bool = False) -> StepRecord:
        """Do a step once: reuse its record, or work and write the record.

        Args:
            label: The step's name, with the item of a mapped task in brackets.
            work: Does the work; gets a function that reports progress in words.
            repeat: Work even if a record exists (steps that touch the running server are always done).

        Raises:
            MinhosError: What the work raised; it is also an event, so that people see it wherever they look.
        """
        with self._lock(label):
            done = self.record(label)
            if done is not None and not repeat:
                self.say(label, "reused", *done.words, seconds=0.0)
                return done
            self.say(label, "started")
            started = time.monotonic()
            try:
                result = work(lambda words: self.say(label, "progress", words))
            except MinhosError as error:
                self.say(label, "failed", str(error), seconds=time.monotonic() - started)
                self._failed(f"{label}: {error}")
                raise
            except Exception as error:  # a defect or a full disk: say it where people look, then fail loudly
                self.say(label, "failed", f"{type(error).__name__}: {error}")
                self._failed(f"{label}: {type(error).__name__}: {error}")
                raise
            record = StepRecord(
                label=label,
                words=result.words,
                outputs=result.outputs,
                seconds=round(time.monotonic() - started, 3),
            )
            write_json(self.record_path(label), asdict(record))
            self.say(label, "finished", *record.words, seconds=record.seconds)
            return record

    def _failed(self, words: str) -> None:
        """The night ends here: say so where `minhos status` looks."""
        request = self.folder / "request.json"
        if not request.exists():
            return
        plan = read_json(request)["plan"]
        write_outcome(
            self.folder,
            Outcome(
                session=plan["session"],
                decision="failed",
                release=None,
                words=(words,),
                finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
                synthetic=plan["synthetic"],
            ),
        )

    @contextmanager
    def _lock(self, label: str) -> Iterator[None]:
        path = self.folder / "records" / f".{label}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NightError(
                    f"step {label} of run {self.name} is being done by another process: wait for it to end"
                ) from error
            yield
