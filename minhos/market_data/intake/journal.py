"""How far each file has been taken in, so that the next time only what is new is read.

The journal lies inside the store's folder (a store that is deleted forgets its files) and is written after the rows:
a crash between the two reads a file once more and finds nothing new.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from minhos.errors import BadInputError
from minhos.files import write_text
from minhos.market_data.sierra.depth import KIND as DEPTH
from minhos.market_data.timeframes import timeframe_name

__all__ = ["FileEntry", "Journal", "SeriesEntry", "read_journal", "series_key", "write_journal"]

JOURNAL: Final = "_ingest.json"
"""Delta Lake leaves names with a leading underscore alone."""


def series_key(symbol: str, timeframe_seconds: int) -> str:
    """`MNQZ25/5m`: a series in the journal."""
    return f"{symbol}/{timeframe_name(timeframe_seconds)}"


class FileEntry(BaseModel):
    """One file as it was when it was taken in.

    `reading`: hash of everything that decides how its content becomes bars. `symbol`, `timeframe_seconds`: the series that
    it gave. `zone`, `words`: what its reader said. `next_record`, `fingerprint`: of a `.scid`, where the
    next reading begins and what stood before it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    mtime_ns: int
    reading: str
    kind: str
    symbol: str
    timeframe_seconds: int
    zone: str | None = None
    words: tuple[str, ...] = ()
    next_record: int | None = None
    fingerprint: str | None = None


class SeriesEntry(BaseModel):
    """What the files said of a series beyond its bars. `covers_until`: UTC us, as `BarFile` has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    covers_until: int


class Journal(BaseModel):
    """Files by absolute path, series by key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[str, FileEntry] = {}
    series: dict[str, SeriesEntry] = {}

    def with_file(self, path: Path, entry: FileEntry, covers_until: int | None) -> Journal:
        """The journal after `path` has been taken in."""
        series = dict(self.series)
        if covers_until is not None and entry.kind != DEPTH:
            key = series_key(entry.symbol, entry.timeframe_seconds)
            known = series.get(key)
            series[key] = SeriesEntry(covers_until=max(covers_until, known.covers_until if known else covers_until))
        return Journal(files=self.files | {str(path): entry}, series=series)

    def without_series(self, symbol: str, timeframe_seconds: int) -> Journal:
        """The journal after a series has been removed: its files are new again."""
        gone = (symbol, timeframe_seconds)
        return Journal(
            files={
                path: entry
                for path, entry in self.files.items()
                if entry.kind == DEPTH or (entry.symbol, entry.timeframe_seconds) != gone
            },
            series={key: entry for key, entry in self.series.items() if key != series_key(*gone)},
        )


def read_journal(store: Path) -> Journal:
    """The journal of a store; an empty one where there is none yet."""
    path = store / JOURNAL
    try:
        return Journal.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Journal()
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise BadInputError(
            f"{path}: cannot read the journal of the intake ({str(error).splitlines()[0]}); move it away: the files are "
            "then read again from their beginning, bars that are already there stay as they are"
        ) from error


def write_journal(store: Path, journal: Journal) -> None:
    """Replace the journal in one step."""
    write_text(store / JOURNAL, journal.model_dump_json(indent=1) + "\n")
