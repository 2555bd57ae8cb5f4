"""What a validation says: one check per rule, in words that people read unchanged."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from minhos.market_data.timeframes import timeframe_name

__all__ = ["BadRow", "Check", "HeldRow", "Severity", "Status", "ValidationResult"]

Severity = Literal["warn", "quarantine", "exclude"]
"""What breaking a rule costs: a word; the rows that break it; the instrument."""
Status = Literal["passed", "failed", "not_evaluated", "released"]
"""`released`: broken, and a person has said that these rows (or this instrument) are right."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BadRow(_Frozen):
    """A row that breaks a rule. `bar_end` ISO 8601 UTC; `values` the contract's columns and what the rule measured, None
    where missing."""

    bar_end: str
    values: dict[str, float | None]


class Check(_Frozen):
    """The outcome of one rule.

    `bad_count`: how many rows break it; `bad_rows`: the first five of them; `bad_bar_ends`: when all of them ended, UTC us.
    `bad_row_words`: of rows that are to be held, why each breaks it, in the same order (empty where the rule compares rows).
    `limit`: where the rule's threshold comes from, in words; empty for a rule that needs none. `learned`: from the
    instrument's own bars, with a false-alarm rate of its own.
    """

    rule: str
    severity: Severity
    status: Status
    words: str
    bad_count: int = 0
    bad_rows: tuple[BadRow, ...] = ()
    bad_bar_ends: tuple[int, ...] = ()
    bad_row_words: tuple[str, ...] = ()
    limit: str = ""
    learned: bool = False

    @property
    def told(self) -> str:
        """The words, and the threshold where the rule has one."""
        return f"{self.words}; {self.limit}" if self.limit else self.words

    @property
    def told_of_rows(self) -> dict[int, str]:
        """Why each bad row breaks the rule, by `bar_end`, and the threshold where the rule has one."""
        words = dict(zip(self.bad_bar_ends, self.bad_row_words, strict=False))
        own = {end: words.get(end) or self.words for end in self.bad_bar_ends}
        return {end: f"{why}; {self.limit}" if self.limit else why for end, why in own.items()}

    @property
    def excludes(self) -> bool:
        """Whether this outcome alone leaves the instrument out.

        A rule that failed and one that could not be evaluated both count: of rows that nobody could look at, nobody can
        say which are to be held.
        """
        if self.severity == "exclude":
            return self.status in {"failed", "not_evaluated"}
        return self.severity == "quarantine" and self.status == "not_evaluated"

    @property
    def holds(self) -> bool:
        """Whether the rows of this outcome are to be held in quarantine."""
        return self.severity == "quarantine" and self.status == "failed"


class HeldRow(_Frozen):
    """A row that is left out of the bars: `bar_end` UTC us, the rules that it breaks (or `earlier`: held before), and why,
    in the same order."""

    bar_end: int
    rules: tuple[str, ...]
    why: tuple[str, ...]


class ValidationResult(_Frozen):
    """The outcome for one instrument; JSON both ways by `model_dump_json` and `model_validate_json`.

    `passed`: the instrument may be used, without its `held` rows. `reasons`: why not, beyond the checks that say it.
    """

    symbol: str
    timeframe_seconds: int
    session: date
    rows: int
    passed: bool
    checks: tuple[Check, ...]
    held: tuple[HeldRow, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """`passed`, `passed without 3 rows`, `excluded`."""
        if not self.passed:
            return "excluded"
        return f"passed without {len(self.held)} rows" if self.held else "passed"

    @property
    def words(self) -> str:
        """One line: the symbol, whether it passed, and what every rule that did not pass says."""
        noted = [f"{check.told} [{check.severity}]" for check in self.checks if check.status != "passed"]
        bars = f"{self.rows} {timeframe_name(self.timeframe_seconds)} bars"
        head = f"{self.symbol}: {self.verdict}, {len(self.checks)} rules on {bars}"
        return "; ".join((head, *self.reasons, *noted))
