"""What an intake did, file by file: for people in words and tables, for programs as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.depth_series import DepthSeries
from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.timeframes import timeframe_name

__all__ = ["FileOutcome", "IntakeOutcome"]

Status = Literal["taken", "unchanged", "refused"]


@dataclass(frozen=True)
class FileOutcome:
    """One file. Counts are of bars: `new` and `updated` went into the store, `same` were there already.

    `refused` with its reason in `error`: nothing of the file was written. `first`, `last`: `bar_end` of the bars read, UTC
    us, None without bars. `covers_until`: UTC us up to which the file is complete but for its open bar.
    """

    path: Path
    kind: str
    symbol: str
    status: Status
    timeframe_seconds: int | None = None
    new: int = 0
    updated: int = 0
    same: int = 0
    rejected: tuple[Rejection, ...] = ()
    first: int | None = None
    last: int | None = None
    covers_until: int | None = None
    zone: str | None = None
    words: tuple[str, ...] = ()
    error: str | None = None

    @classmethod
    def taken(
        cls,
        path: Path,
        kind: str,
        series: BarSeries | DepthSeries,
        counts: tuple[int, int, int],
        *,
        rejected: tuple[Rejection, ...],
        covers_until: int | None,
        zone: str | None,
        words: tuple[str, ...],
    ) -> FileOutcome:
        """A file whose bars were taken in; `counts`: new, updated, same."""
        new, updated, same = counts
        return cls(
            path=path,
            kind=kind,
            symbol=series.symbol,
            status="taken",
            timeframe_seconds=series.timeframe_seconds,
            new=new,
            updated=updated,
            same=same,
            rejected=rejected,
            first=int(series.bar_end[0]) if len(series) else None,
            last=int(series.bar_end[-1]) if len(series) else None,
            covers_until=covers_until,
            zone=zone,
            words=words,
        )

    @property
    def timeframe(self) -> str | None:
        """The timeframe's name."""
        return None if self.timeframe_seconds is None else timeframe_name(self.timeframe_seconds)

    @property
    def said(self) -> tuple[str, ...]:
        """All that there is to say of the file: its reader's words, and what was rejected."""
        return (*self.words, *(f"{self.path.name}: {one.words()}" for one in self.rejected))

    @property
    def rejected_rows(self) -> int:
        return sum(one.rows for one in self.rejected)

    def with_error(self, error: str) -> FileOutcome:
        """The same file, refused."""
        return replace(self, status="refused", error=error, new=0, updated=0)

    def to_dict(self) -> dict[str, Any]:
        """JSON: times as UTC text."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "status": self.status,
            "new": self.new,
            "updated": self.updated,
            "same": self.same,
            "rejected": [{"why": one.why, "rows": one.rows, "first": one.first} for one in self.rejected],
            "first_bar_end": None if self.first is None else iso(self.first),
            "last_bar_end": None if self.last is None else iso(self.last),
            "covers_until": None if self.covers_until is None else iso(self.covers_until),
            "zone": self.zone,
            "words": list(self.words),
            "error": self.error,
        }


@dataclass(frozen=True)
class IntakeOutcome:
    """All files of an intake. `ignored`: file name -> why it is no bar file. `dry_run`: nothing was written.

    `rolls`: the roll dates that were decided anew, in words.
    """

    files: tuple[FileOutcome, ...]
    ignored: dict[str, str]
    dry_run: bool
    rolls: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        return tuple(one for one in self.files if one.status == "refused")

    def total(self, count: Literal["new", "updated", "same", "rejected_rows"]) -> int:
        """A count over all files."""
        return sum(getattr(one, count) for one in self.files)

    def to_dict(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "files": [one.to_dict() for one in self.files],
            "not_read": self.ignored,
            "rolls": list(self.rolls),
            "new": self.total("new"),
            "updated": self.total("updated"),
            "same": self.total("same"),
            "rejected": self.total("rejected_rows"),
            "refused": len(self.refused),
        }
