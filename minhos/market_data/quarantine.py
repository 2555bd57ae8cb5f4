"""The quarantine: findings of validations, held with their reason until a person releases them, all of it on record.

One SQLite file, `quarantine.sqlite`, that only ever grows: an event is a row, triggers refuse to change or delete one.
The bars themselves stay in the bar store; what is held is left out by whoever uses the bars. A finding is one row of one
series under one rule, or (`bar_end` None) a whole series under one rule.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from minhos.errors import BadInputError, ConfigError, SetupError
from minhos.market_data.bars import iso
from minhos.market_data.timeframes import timeframe_name
from minhos.market_data.validation import EARLIER, BarArrays, Released, ValidationResult
from minhos_client.contract import BAR_COLUMNS

__all__ = ["Event", "Finding", "Quarantine", "findings_of"]

WHOLE_SERIES: Final = -1
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


@dataclass(frozen=True)
class Finding:
    """What is to be held. `bar_end`: UTC us, None for the whole series. `session`: the trading date of the validation that
    found it. `words`: why. `bar`: the evidence: the row as it was (column -> value); of a whole series the ends of its bad
    rows (`bad_bar_ends`), or the session where the rule is about no rows. A release is of this evidence alone."""

    symbol: str
    timeframe_seconds: int
    bar_end: int | None
    rule: str
    session: date
    words: str
    bar: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One entry: a finding that was `held`, `released` by a person, or `lapsed` (the bar was corrected, the rule passes).

    `id`: its number. `at_us`: UTC us, when. `actor`: who (the run or the person); of a release `words` say why.
    """

    id: int
    at_us: int
    action: str
    finding: Finding
    actor: str

    @property
    def series(self) -> str:
        """`MNQZ25 5m`."""
        return f"{self.finding.symbol} {timeframe_name(self.finding.timeframe_seconds)}"

    @property
    def bar(self) -> str:
        """The bar's end as people read it, or `all bars`."""
        return "all bars" if self.finding.bar_end is None else iso(self.finding.bar_end)

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        finding = self.finding
        return {
            "id": self.id,
            "action": self.action,
            "at_us": self.at_us,
            "at": iso(self.at_us // 1_000_000 * 1_000_000),
            "actor": self.actor,
            "symbol": finding.symbol,
            "timeframe": timeframe_name(finding.timeframe_seconds),
            "bar_end_us": finding.bar_end,
            "bar_end": None if finding.bar_end is None else iso(finding.bar_end),
            "rule": finding.rule,
            "session": finding.session.isoformat(),
            "words": finding.words,
            "bar": finding.bar,
        }


class Quarantine:
    """The ledger of a home. Several processes may use it at once; an entry is whole or not there.

    Raises `BadInputError` for a file that is no ledger, `SetupError` where it cannot be written.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 10.0) -> None:
        """`wait_seconds`: how long to wait for another process that is writing."""
        self.path = path
        self.wait_seconds = wait_seconds

    def hold(self, findings: Iterable[Finding], *, actor: str, at_us: int) -> int:
        """Hold what is neither held nor released on this evidence; how many entries that made, in one transaction.

        A row that was released and has other values since, or a series with other bad rows, is held again.
        """
        return self._settle(list(findings), lambda _: None, actor=actor, at_us=at_us)

    def settle(self, result: ValidationResult, bars: BarArrays, *, actor: str, at_us: int) -> int:
        """Hold what a validation found, and let lapse what it shows to be over; how many entries that made.

        `bars`: those that were validated, as they traded. A held row lapses when the bar has other values since (it was
        corrected), a held series when its rule passes in that session or a later one.
        """
        passed = {check.rule for check in result.checks if check.status == "passed"}
        present = set(bars.bar_end.tolist())

        def over(event: Event) -> str | None:
            finding = event.finding
            if (finding.symbol, finding.timeframe_seconds) != (result.symbol, result.timeframe_seconds):
                return None
            if finding.bar_end is None:
                return "the rule passes" if finding.rule in passed and finding.session <= result.session else None
            corrected = finding.bar_end in present and _row_of(bars, finding.bar_end) != finding.bar
            return "the bar has other values since" if corrected else None

        return self._settle(list(findings_of(result, bars)), over, actor=actor, at_us=at_us)

    def _settle(
        self, findings: Sequence[Finding], over: Callable[[Event], str | None], *, actor: str, at_us: int
    ) -> int:
        if not findings and not self.path.exists():
            return 0
        with self._opened(write=True) as database:
            newest = {_key(event.finding): event for event in self._newest(database)}
            fresh: dict[tuple[str, int, int, str], Finding] = {}
            for finding in findings:
                known = newest.get(_key(finding))
                if known is None or known.action == "lapsed" or known.finding.bar != finding.bar:
                    fresh.setdefault(_key(finding), finding)
            found = {_key(finding) for finding in findings}
            lapsed = [
                _row(event.finding, "lapsed", actor, at_us, why)
                for key, event in newest.items()
                if event.action == "held" and key not in found and (why := over(event)) is not None
            ]
            rows = [_row(finding, "held", actor, at_us) for finding in fresh.values()]
            self._insert(database, rows + lapsed)
        return len(rows) + len(lapsed)

    def release(
        self, ids: Sequence[int], *, actor: str, why: str, at_us: int, whole_rows: bool = False
    ) -> tuple[Event, ...]:
        """Release what the entries with these numbers hold; what is released already stays so.

        `whole_rows`: and what other rules hold of the same rows (of the same series, for a series as a whole). `why`: for
        the record. Raises `ConfigError` without a reason, `BadInputError` for a number that holds nothing.
        """
        if not why.strip():
            raise ConfigError("a release needs its reason (--why): it is kept on record")
        with self._opened(write=True) as database:
            newest = {_key(event.finding): event for event in self._newest(database)}
            asked = [_key(self._event(database, number).finding) for number in dict.fromkeys(ids)]
            rows_asked = {key[:3] for key in asked}
            keys = [key for key in newest if key[:3] in rows_asked] if whole_rows else dict.fromkeys(asked)
            chosen = [newest[key] for key in keys if newest[key].action == "held"]
            rows = [_row(event.finding, "released", actor, at_us, why.strip()) for event in chosen]
            self._insert(database, rows)
        return tuple(chosen)

    def held(self, symbol: str | None = None) -> tuple[Event, ...]:
        """What is held now, oldest bar first within a series."""
        return tuple(event for event in self._current(symbol) if event.action == "held")

    def history(self, number: int) -> tuple[Event, ...]:
        """Everything that ever happened to what an entry is about, oldest first."""
        with self._opened() as database:
            finding = self._event(database, number).finding
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM events WHERE symbol = ? AND timeframe_seconds = ? AND bar_end = ? AND rule = ? "  # noqa: S608
                "ORDER BY id",
                _key(finding),
            ).fetchall()
        return tuple(map(_event, rows))

    def released(self, bars: BarArrays, session: date) -> Released:
        """What a person has said is right about these bars (as they traded), for a validation of `session`.

        A release of a row holds while the row is as it was then; one of a whole series for the rows that were bad then, or
        where the rule is about no rows, for the session that it was about.
        """
        rows: set[tuple[str, int]] = set()
        rules: set[str] = set()
        for finding in self._findings(bars, "released"):
            if finding.bar_end is not None:
                if _row_of(bars, finding.bar_end) == finding.bar:
                    rows.add((finding.rule, finding.bar_end))
            elif "bad_bar_ends" in finding.bar:
                rows |= {(finding.rule, end) for end in finding.bar["bad_bar_ends"]}
            elif finding.session == session:
                rules.add(finding.rule)
        return Released(rows=frozenset(rows), rules=frozenset(rules))

    def held_before(self, bars: BarArrays, session: date) -> tuple[int, ...]:
        """`bar_end` (UTC us) of the rows of `bars` that validations of earlier sessions hold, where they are as they were.

        Rows that the same session's validation found are not among them: that validation, done again, finds them again.
        """
        held = {
            finding.bar_end
            for finding in self._findings(bars, "held")
            if finding.bar_end is not None
            and finding.session < session
            and _row_of(bars, finding.bar_end) == finding.bar
        }
        return tuple(sorted(held))

    def _findings(self, bars: BarArrays, action: str) -> list[Finding]:
        return [
            event.finding
            for event in self._current(bars.symbol)
            if event.action == action and event.finding.timeframe_seconds == bars.timeframe_seconds
        ]

    def state(self, symbols: Sequence[str], timeframe_seconds: int, session: date) -> dict[str, Any]:
        """All that a validation of these series for `session` takes from here, fit for JSON: equal states, equal results."""
        state: dict[str, Any] = {}
        for symbol in sorted(symbols):
            for event in self._current(symbol):
                finding = event.finding
                matters = event.action == "released" or (event.action == "held" and finding.session < session)
                if matters and finding.timeframe_seconds == timeframe_seconds:
                    entry = [event.action, finding.rule, finding.bar_end, finding.session.isoformat(), finding.bar]
                    state.setdefault(symbol, []).append(entry)
        return state

    def _current(self, symbol: str | None) -> list[Event]:
        if not self.path.exists():
            return []
        with self._opened() as database:
            events = self._newest(database)
        mine = [event for event in events if symbol is None or event.finding.symbol == symbol]
        return sorted(mine, key=lambda event: (*_key(event.finding)[:3], event.id))

    def _newest(self, database: sqlite3.Connection) -> list[Event]:
        return [_event(row) for row in database.execute(_NEWEST).fetchall()]

    def _event(self, database: sqlite3.Connection, number: int) -> Event:
        row = database.execute(f"SELECT {_COLUMNS} FROM events WHERE id = ?", (number,)).fetchone()  # noqa: S608
        if row is None:
            raise BadInputError(
                f"{self.path}: there is no entry {number} in the quarantine; `minhos quarantine list` shows the numbers"
            )
        return _event(row)

    @contextmanager
    def _opened(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """The database; with `write` in one transaction from the first look on: nobody else writes in between."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=self.wait_seconds, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous=FULL")
                database.executescript(_SCHEMA)
                if write:
                    database.execute("BEGIN IMMEDIATE")
                yield database
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

    def _insert(self, database: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        database.executemany(
            "INSERT INTO events (at_us, action, symbol, timeframe_seconds, bar_end, rule, session, words, bar, actor) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )


def _key(finding: Finding) -> tuple[str, int, int, str]:
    end = WHOLE_SERIES if finding.bar_end is None else finding.bar_end
    return finding.symbol, finding.timeframe_seconds, end, finding.rule


def _row(finding: Finding, action: str, actor: str, at_us: int, words: str | None = None) -> tuple[Any, ...]:
    symbol, seconds, end, rule = _key(finding)
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


def findings_of(result: ValidationResult, bars: BarArrays) -> tuple[Finding, ...]:
    """What a validation's result asks to be held: its held rows, and the rules that exclude the whole series.

    `bars`: those that were validated, as they traded; a held row is kept with its finding. A rule that could not be
    evaluated is nothing that a person could release, and rows that are held from earlier are held already.
    """
    words = {check.rule: check.words for check in result.checks}
    rows = tuple(
        Finding(
            symbol=result.symbol,
            timeframe_seconds=result.timeframe_seconds,
            bar_end=row.bar_end,
            rule=rule,
            session=result.session,
            words=words[rule],
            bar=_row_of(bars, row.bar_end),
        )
        for row in result.held
        for rule in row.rules
        if rule != EARLIER
    )
    whole = tuple(
        Finding(
            symbol=result.symbol,
            timeframe_seconds=result.timeframe_seconds,
            bar_end=None,
            rule=check.rule,
            session=result.session,
            words=check.words,
            bar=(
                {"bad_bar_ends": list(check.bad_bar_ends)}
                if check.bad_bar_ends
                else {"session": result.session.isoformat()}
            ),
        )
        for check in result.checks
        if check.severity == "exclude" and check.status == "failed"
    )
    return rows + whole


def _row_of(bars: BarArrays, bar_end: int) -> dict[str, float | None]:
    rows = np.flatnonzero(bars.bar_end == bar_end)
    values = bars.values[rows[0]].tolist() if len(rows) else []
    return {name: value if math.isfinite(value) else None for name, value in zip(BAR_COLUMNS, values, strict=False)}
