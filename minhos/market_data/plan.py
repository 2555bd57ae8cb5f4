"""What a night will use, decided once and written down: the files, the symbols, the session."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

__all__ = ["NightPlan", "SourceFile"]


class SourceFile(BaseModel):
    """One bar file of the folder. `rows`: complete bars in it; `used`: whether this night takes it in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    kind: str
    symbol: str
    timeframe: str
    rows: int
    sha256: str
    used: bool


class NightPlan(BaseModel):
    """The plan of one night; JSON both ways by `model_dump_json` and `model_validate_json`.

    `excluded`: symbol -> why, in words. `data_hash`: SHA-256 over what the bars depend on (the used files, the map,
    the instruments, session and timeframe): equal hashes give equal bars. `words`: for people, unchanged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
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
