"""What the command line prints of data quality: a validation's outcome, the quarantine's entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from minhos.console import utc

if TYPE_CHECKING:
    from minhos.market_data.quarantine import Event
    from minhos.market_data.validation import ValidationResult

__all__ = ["print_finding", "print_held", "print_validation"]

STYLES = {"warn": "yellow", "quarantine": "magenta", "exclude": "red", "released": "dim"}


def print_validation(out: Console, results: Sequence[ValidationResult]) -> None:
    """A line per instrument, and under it what every rule that did not pass says."""
    from minhos.market_data.timeframes import timeframe_name

    for result in results:
        style = "bold red" if not result.passed else "yellow" if result.held else "green"
        name = f"{result.symbol} {timeframe_name(result.timeframe_seconds)}"
        head = f"{name}: {result.verdict}, {len(result.checks)} rules on {result.rows:,} bars to {result.session}"
        out.print(Text(head, style=style))
        for reason in result.reasons:
            out.print(Padding(Text(reason, style="red"), (0, 0, 0, 2)))
        for check in result.checks:
            if check.status != "passed":
                tag = check.severity if check.status != "released" else "released"
                words = Text(f"[{tag}] ", style=STYLES[tag]).append(check.told, style="default")
                out.print(Padding(words, (0, 0, 0, 2)))


def print_held(out: Console, held: Sequence[Event], *, every_row: bool) -> None:
    """What is held now: an entry for each series and rule, or with `every_row` one for each row of them."""
    for events in [[event] for event in held] if every_row else _alike(held):
        first, last = events[0], events[-1]
        alone = len(events) == 1
        bars = first.bar if alone else f"{len(events)} rows, {first.bar} to {last.bar}"
        head = Text(f"{first.id:>6}  ", style="bold").append(f"{first.series}  ").append(first.finding.rule, "magenta")
        out.print(head.append(f"  {bars}", style="default"))
        out.print(Padding(Text(("" if alone else "the first: ") + first.finding.words), (0, 0, 0, 8)))
    if not every_row:
        out.print(Text("minhos quarantine list --all: every row of its own", style="dim"))
    out.print(
        Text("minhos quarantine show NUMBER; release NUMBER [--alike] --why ... where the bars are right", style="dim")
    )


def _alike(held: Sequence[Event]) -> list[list[Event]]:
    """The findings by series and rule, in the order in which each first comes; a series as a whole stands alone."""
    groups: dict[tuple[str, str, bool], list[Event]] = {}
    for event in held:
        groups.setdefault((event.series, event.finding.rule, event.finding.bar_end is None), []).append(event)
    return list(groups.values())


def print_finding(out: Console, history: Sequence[Event]) -> None:
    """One finding and what happened to it, oldest first."""
    first = history[0]
    out.print(Text(f"{first.series}, {first.bar}: {first.finding.rule}", style="bold"))
    evidence = _evidence(first.finding.bar)
    if evidence:
        out.print(Padding(Text(evidence), (0, 0, 0, 2)))
    for event in history:
        when = utc(event.at_us)
        out.print(Padding(Text(f"{when} {event.action} by {event.actor}: {event.finding.words}"), (0, 0, 0, 2)))


def _evidence(bar: Mapping[str, Any]) -> str:
    """The row as it was; of a whole series its bad rows, or the session that the finding is about."""
    from minhos.market_data.bars import iso

    if "bad_bar_ends" in bar:
        ends = sorted(bar["bad_bar_ends"])
        return f"{len(ends)} rows, {iso(ends[0])} to {iso(ends[-1])}" if len(ends) > 1 else f"1 row, {iso(ends[0])}"
    if "session" in bar:
        return f"session {bar['session']}"
    return ", ".join(f"{name} {value:.8g}" for name, value in bar.items() if value is not None)
