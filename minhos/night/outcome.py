"""What became of a night: one small file per run that the scorecard and ``minhos status`` read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from minhos.files import read_json, write_json

__all__ = ["Outcome", "read_outcome", "write_outcome"]

Decision = Literal["published", "published on paper", "held", "failed"]


@dataclass(frozen=True)
class Outcome:
    """The night's end. ``finished_at`` is ISO 8601 UTC; ``release`` is what serves because of this night, or None."""

    session: str
    decision: Decision
    release: str | None
    words: tuple[str, ...]
    finished_at: str
    synthetic: bool


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Replace the run's ``outcome.json``."""
    write_json(folder / "outcome.json", asdict(outcome))


def read_outcome(folder: Path) -> Outcome:
    """The run's outcome.

    Raises:
        NightError: The night has not ended, or the file is damaged.
    """
    fields = read_json(folder / "outcome.json")
    return Outcome(**{**fields, "words": tuple(fields["words"])})
