"""What a validation says: one check per rule, in words that people read unchanged."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["BadRow", "Check", "Severity", "Status", "ValidationResult"]

Severity = Literal["warn", "fail"]
Status = Literal["passed", "failed", "not_evaluated"]


class BadRow(BaseModel):
    """A row that breaks a rule. `bar_end` ISO 8601 UTC; `values` the contract's columns, None where missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bar_end: str
    values: dict[str, float | None]


class Check(BaseModel):
    """The outcome of one rule.

    `bad_count`: how many rows break it; `bad_rows`: the first five of them; `bad_bar_ends`: when all of them ended, ISO
    8601 UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    severity: Severity
    status: Status
    words: str
    bad_count: int = 0
    bad_rows: tuple[BadRow, ...] = ()
    bad_bar_ends: tuple[str, ...] = ()

    @property
    def gates(self) -> bool:
        """Whether this outcome excludes the instrument: a `fail` rule that failed or could not be evaluated."""
        return self.severity == "fail" and self.status != "passed"


class ValidationResult(BaseModel):
    """The outcome for one instrument; JSON both ways by `model_dump_json` and `model_validate_json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str
    session: date
    rows: int
    passed: bool
    checks: tuple[Check, ...]

    @property
    def words(self) -> str:
        """One line: the symbol, whether it passed, and what every rule that did not pass says."""
        noted = [f"{check.words} [{check.severity}]" for check in self.checks if check.status != "passed"]
        verdict = "passed" if self.passed else "excluded"
        head = f"{self.symbol}: {verdict}, {len(self.checks)} rules on {self.rows} bars"
        return f"{head}; {'; '.join(noted)}" if noted else head
