"""The ledger: hold findings, let them lapse, release them, and say what of a series is held or released."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.bars import iso
from minhos.market_data.quarantine.events import EventFile, entry, no_entry
from minhos.market_data.quarantine.finding import WHOLE_SERIES, Event, Finding, Key, findings_of, row_of
from minhos.market_data.validation import BarArrays, Released, ValidationResult

__all__ = ["Quarantine"]


class Quarantine:
    """The ledger of a home. Several processes may use it at once; an entry is whole or not there.

    Raises `BadInputError` for a file that is no ledger, `SetupError` where it cannot be written.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 10.0) -> None:
        """`wait_seconds`: how long to wait for another process that is writing."""
        self.path = path
        self._file = EventFile(path, wait_seconds=wait_seconds)

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
            corrected = finding.bar_end in present and row_of(bars, finding.bar_end) != finding.bar
            return "the bar has other values since" if corrected else None

        return self._settle(list(findings_of(result, bars)), over, actor=actor, at_us=at_us)

    def _settle(
        self, findings: Sequence[Finding], over: Callable[[Event], str | None], *, actor: str, at_us: int
    ) -> int:
        if not findings and not self.path.exists():
            return 0
        with self._file.opened(write=True) as entries:
            newest = {event.key: event for event in entries.newest()}
            fresh: dict[Key, Finding] = {}
            for finding in findings:
                known = newest.get(finding.key)
                if known is None or known.action == "lapsed" or known.finding.bar != finding.bar:
                    fresh.setdefault(finding.key, finding)
            found = {finding.key for finding in findings}
            lapsed = [
                entry(event.finding, "lapsed", actor, at_us, why)
                for key, event in newest.items()
                if event.action == "held" and key not in found and (why := over(event)) is not None
            ]
            rows = [entry(finding, "held", actor, at_us) for finding in fresh.values()]
            entries.add(rows + lapsed)
        return len(rows) + len(lapsed)

    def release(
        self, ids: Sequence[int], *, actor: str, why: str, at_us: int, whole_rows: bool = False, alike: bool = False
    ) -> tuple[Event, ...]:
        """Release what the entries with these numbers hold; what is released already stays so.

        `alike`: and the other rows of the series that the same rule holds. `whole_rows`: and what other rules hold of the
        same rows (of the same series, for a series as a whole). `why`: for the record. Raises `ConfigError` without a
        reason, `BadInputError` for an unknown number, and where all that was asked for has lapsed.
        """
        if not why.strip():
            raise ConfigError("a release needs its reason (--why): it is kept on record")
        for number in ids:
            self._must_exist(number)
        with self._file.opened(write=True) as entries:
            newest = {event.key: event for event in entries.newest()}
            keys = list(dict.fromkeys(entries.numbered(number).key for number in ids))
            open_keys = [key for key, event in newest.items() if event.action == "held"]
            if alike:
                groups = {_group(key) for key in keys}
                keys = list(dict.fromkeys([*keys, *(key for key in open_keys if _group(key) in groups)]))
            if whole_rows:
                rows_asked = {key[:3] for key in keys}
                keys = [key for key in open_keys if key[:3] in rows_asked]
            chosen = [newest[key] for key in keys if newest[key].action == "held"]
            lapsed = [newest[key] for key in keys if newest[key].action == "lapsed"]
            if lapsed and not chosen:
                raise BadInputError(
                    f"{self.path}: entry {lapsed[0].id}: it lapsed on {iso(lapsed[0].at_us // 1_000_000 * 1_000_000)} "
                    f"({lapsed[0].finding.words}); there is nothing to release"
                )
            rows = [entry(event.finding, "released", actor, at_us, why.strip()) for event in chosen]
            entries.add(rows)
        return tuple(chosen)

    def held(self, symbol: str | None = None) -> tuple[Event, ...]:
        """What is held now, oldest bar first within a series."""
        return tuple(event for event in self._current(symbol) if event.action == "held")

    def history(self, number: int) -> tuple[Event, ...]:
        """Everything that ever happened to what an entry is about, oldest first."""
        self._must_exist(number)
        with self._file.opened() as entries:
            return entries.about(entries.numbered(number).key)

    def released(self, bars: BarArrays, session: date) -> Released:
        """What a person has said is right about these bars (as they traded), for a validation of `session`.

        A release of a row holds while the row is as it was then; one of a whole series for the rows that were bad then, or
        where the rule is about no rows, for the session that it was about.
        """
        rows: set[tuple[str, int]] = set()
        rules: set[str] = set()
        for finding in self._findings(bars, "released"):
            if finding.bar_end is not None:
                if row_of(bars, finding.bar_end) == finding.bar:
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
            and row_of(bars, finding.bar_end) == finding.bar
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
                    taken = [event.action, finding.rule, finding.bar_end, finding.session.isoformat(), finding.bar]
                    state.setdefault(symbol, []).append(taken)
        return state

    def _must_exist(self, number: int) -> None:
        """A look makes no file: where there is none, there is no entry."""
        if not self.path.exists():
            raise BadInputError(no_entry(self.path, number))

    def _current(self, symbol: str | None) -> list[Event]:
        if not self.path.exists():
            return []
        with self._file.opened() as entries:
            events = entries.newest()
        mine = [event for event in events if symbol is None or event.finding.symbol == symbol]
        return sorted(mine, key=lambda event: (*event.key[:3], event.id))


def _group(key: Key) -> tuple[str, int, bool, str]:
    """Series and rule; rows and a series as a whole are never one group."""
    symbol, seconds, end, rule = key
    return symbol, seconds, end == WHOLE_SERIES, rule
