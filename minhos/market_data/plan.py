"""What a night will use, decided once and written down: the files, the symbols, the session."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

__all__ = ["NightPlan", "SourceFile"]


class SourceFile(BaseModel):
    """One series that the folder's files (or the store) gave. `path`: the file, or the store. `rows`: complete bars of it;
    `used`: whether this night takes it; `bars_sha256`: of its bars, up to the session's end where it is used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    kind: str
    symbol: str
    timeframe: str
    rows: int
    bars_sha256: str
    used: bool


class NightPlan(BaseModel):
    """The plan of one night; JSON both ways by `model_dump_json` and `model_validate_json`.

    `store`: the bar store that has the bars; `recorded_by`: UTC us, what it recorded later is not used. `excluded`: symbol
    -> why, in words. `data_hash`: SHA-256 over the used bars, their instruments, session and timeframe. `words`: for
    people, unchanged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    store: Path
    recorded_by: int
    session: date
    timeframe_seconds: int
    sources: tuple[SourceFile, ...]
    symbols: tuple[str, ...]
    excluded: dict[str, str]
    ignored: dict[str, str]
    map_file: Path | None
    instruments_file: Path | None
    synthetic: bool
    data_hash: str
    words: tuple[str, ...]

    @property
    def used(self) -> tuple[SourceFile, ...]:
        """The sources of this night's symbols, in the order of `symbols`."""
        return tuple(source for source in self.sources if source.used)
