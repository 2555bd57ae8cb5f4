"""Findings and what happens to them: what a validation asks to be held, and the entries of the ledger."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from minhos.market_data.bars import iso
from minhos.market_data.timeframes import timeframe_name
from minhos.market_data.validation import EARLIER, BarArrays, ValidationResult
from minhos_client.contract import BAR_COLUMNS

__all__ = ["WHOLE_SERIES", "Event", "Finding", "Key", "findings_of", "row_of"]

Key = tuple[str, int, int, str]
"""What a finding is about: symbol, timeframe in seconds, `bar_end` (or `WHOLE_SERIES`) and rule."""
WHOLE_SERIES = -1


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

    @property
    def key(self) -> Key:
        """What it is about: two findings with one key are one finding."""
        end = WHOLE_SERIES if self.bar_end is None else self.bar_end
        return self.symbol, self.timeframe_seconds, end, self.rule


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

    @property
    def key(self) -> Key:
        """What the entry is about."""
        return self.finding.key

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


def findings_of(result: ValidationResult, bars: BarArrays) -> tuple[Finding, ...]:
    """What a validation's result asks to be held: its held rows, and the rules that exclude the whole series.

    `bars`: those that were validated, as they traded; a held row is kept with its finding. A rule that could not be
    evaluated is nothing that a person could release, and rows that are held from earlier are held already.
    """
    rows = tuple(
        Finding(
            symbol=result.symbol,
            timeframe_seconds=result.timeframe_seconds,
            bar_end=row.bar_end,
            rule=rule,
            session=result.session,
            words=why,
            bar=row_of(bars, row.bar_end),
        )
        for row in result.held
        for rule, why in zip(row.rules, row.why, strict=True)
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


def row_of(bars: BarArrays, bar_end: int) -> dict[str, float | None]:
    """The row of `bars` that ends at `bar_end`, column -> value; empty where there is none."""
    rows = np.flatnonzero(bars.bar_end == bar_end)
    values = bars.values[rows[0]].tolist() if len(rows) else []
    return {name: value if math.isfinite(value) else None for name, value in zip(BAR_COLUMNS, values, strict=False)}
