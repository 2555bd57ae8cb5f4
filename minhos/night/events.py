"""What happens in a night, line by line: steps append, the command line and the dashboard follow.

Airflow runs the steps in other processes; an append-only JSON-lines file under the home is how their progress is seen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Event", "EventLog"]

Kind = Literal["started", "progress", "finished", "reused", "failed"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to one step (``label`` tells mapped tasks apart: ``train[lstm]``)."""

    run: str
    label: str
    kind: Kind
    words: tuple[str, ...] = ()
    seconds: float | None = None


class EventLog:
    """Appends events to a file and follows it; a line is written by one system call, so lines never interleave."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: Event) -> None:
        """Write one event."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = (json.dumps(asdict(event)) + "\n").encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def end(self) -> int:
        """The position after the last event so far: where a follower starts."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(self, position: int) -> tuple[list[Event], int]:
        """The whole events after ``position`` and the position behind them."""
        if not self.path.exists():
            return [], position
        with self.path.open("rb") as stream:
            stream.seek(position)
            data = stream.read()
        whole = data[: data.rfind(b"\n") + 1]
        return list(_parse(whole)), position + len(whole)


def _parse(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        fields = json.loads(line)
        yield Event(**{**fields, "words": tuple(fields["words"])})
