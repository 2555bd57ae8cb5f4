"""The file of entries: one SQLite table that only ever grows, however many processes write at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

from minhos.errors import BadInputError, SetupError
from minhos.market_data.quarantine.finding import WHOLE_SERIES, Event, Finding, Key

__all__ = ["Entries", "EventFile", "Row", "entry", "no_entry"]

Row = tuple[Any, ...]
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('held', 'released', 'lapsed')),
    symbol TEXT NOT NULL,
    timeframe_seconds INTEGER NOT NULL,
    bar_end INTEGER NOT NULL,
    rule TEXT NOT NULL,
    session TEXT NOT NULL,
    words TEXT NOT NULL,
    bar TEXT NOT NULL,
    actor TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_finding ON events (symbol, timeframe_seconds, bar_end, rule, id);
CREATE TRIGGER IF NOT EXISTS events_are_final BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the quarantine is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_are_kept BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the quarantine is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_are_new BEFORE INSERT ON events WHEN NEW.id IN (SELECT id FROM events)
    BEGIN SELECT RAISE(ABORT, 'the quarantine is append-only'); END;
"""
_DAMAGED: Final = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_COLUMNS: Final = "id, at_us, action, symbol, timeframe_seconds, bar_end, rule, session, words, bar, actor"
_NEWEST: Final = f"""
SELECT {_COLUMNS} FROM events WHERE id IN
    (SELECT max(id) FROM events GROUP BY symbol, timeframe_seconds, bar_end, rule)
"""  # noqa: S608


class EventFile:
    """`quarantine.sqlite` of a home.

    Raises `BadInputError` for a file that is no ledger, `SetupError` where it cannot be read or written.
    """

    def __init__(self, path: Path, *, wait_seconds: float) -> None:
        self.path, self.wait_seconds = path, wait_seconds

    @contextmanager
    def opened(self, *, write: bool = False) -> Iterator[Entries]:
        """Its entries; with `write` in one transaction from the first look on: nobody else writes in between."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=self.wait_seconds, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous=FULL")
                database.executescript(_SCHEMA)
                if write:
                    database.execute("BEGIN IMMEDIATE")
                yield Entries(self.path, database)
                if write:
                    database.execute("COMMIT")  # without it, closing takes everything back
        except OSError as error:
            raise SetupError(f"{self.path}: the quarantine cannot be opened ({error})") from error
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                raise BadInputError(
                    f"{self.path}: not a quarantine of this platform, or damaged ({error}); move it away or restore it from "
                    "a backup: without it every release is forgotten"
                ) from error
            raise SetupError(
                f"{self.path}: the quarantine cannot be read or written ({error}); it is as it was; look after the space on "
                "the disk, the permissions and other processes that use it, then run it again"
            ) from error


class Entries:
    """The entries of an opened file."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path, self._database = path, database

    def newest(self) -> list[Event]:
        """The last entry about each finding."""
        return [_event(row) for row in self._database.execute(_NEWEST).fetchall()]

    def numbered(self, number: int) -> Event:
        """One entry; `BadInputError` where there is none."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM events WHERE id = ?", (number,)).fetchone()  # noqa: S608
        if row is None:
            raise BadInputError(no_entry(self._path, number))
        return _event(row)

    def about(self, key: Key) -> tuple[Event, ...]:
        """Every entry about one finding, oldest first."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM events WHERE symbol = ? AND timeframe_seconds = ? AND bar_end = ? AND rule = ? "  # noqa: S608
            "ORDER BY id",
            key,
        ).fetchall()
        return tuple(map(_event, rows))

    def add(self, rows: Sequence[Row]) -> None:
        """Add entries made by `entry`."""
        self._database.executemany(
            "INSERT INTO events (at_us, action, symbol, timeframe_seconds, bar_end, rule, session, words, bar, actor) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )


def no_entry(path: Path, number: int) -> str:
    """What there is to say of a number that no entry has."""
    return f"{path}: there is no entry {number} in the quarantine; `minhos quarantine list` shows the numbers"


def entry(finding: Finding, action: str, actor: str, at_us: int, words: str | None = None) -> Row:
    """A new entry about a finding; `words`: why, of a release or a lapse."""
    symbol, seconds, end, rule = finding.key
    session, bar = finding.session.isoformat(), json.dumps(finding.bar, allow_nan=False)
    return at_us, action, symbol, seconds, end, rule, session, words or finding.words, bar, actor


def _event(row: Sequence[Any]) -> Event:
    number, at_us, action, symbol, seconds, end, rule, session, words, bar, actor = row
    return Event(
        id=number,
        at_us=at_us,
        action=action,
        finding=Finding(
            symbol=symbol,
            timeframe_seconds=seconds,
            bar_end=None if end == WHOLE_SERIES else end,
            rule=rule,
            session=date.fromisoformat(session),
            words=words,
            bar=json.loads(bar),
        ),
        actor=actor,
    )
