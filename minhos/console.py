"""What the command line prints: the plan, the progress, the scorecard, decisions. Tables fit 100 columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from minhos.night.events import Event
    from minhos.night.run import Run
    from minhos.night.steps.ingest import Prepared

__all__ = [
    "EventPrinter",
    "announce_plan",
    "console",
    "decision_table",
    "print_decisions",
    "print_smoke",
    "scorecard",
    "steps_table",
    "utc",
]

WIDTH = 100
STEPS = (
    "ingest", "validate", "features", "drift", "train", "stack", "backtest", "gate", "candidate", "publish", "smoke_test",
    "track",
)  # fmt: skip
MARKS = {
    "started": ("..", "cyan"),
    "progress": ("  ", "dim"),
    "finished": ("ok", "green"),
    "reused": ("==", "blue"),
    "failed": ("!!", "red"),
}
QUIET_SECONDS = 5.0
TABLE_COLUMNS = 3


def console(*, stderr: bool = False) -> Console:
    """Standard output (or error): the terminal's width up to 100 columns; 100 when it goes to a file."""
    out = Console(highlight=False, stderr=stderr)
    return Console(highlight=False, stderr=stderr, width=min(out.width, WIDTH) if out.is_terminal else WIDTH)


def utc(microseconds: int) -> str:
    """``YYYY-MM-DD HH:MM UTC`` of UTC microseconds since the epoch."""
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def announce_plan(out: Console, prepared: Prepared) -> None:
    """What this night will do; synthetic data are announced loudly."""
    plan = prepared.plan
    if plan.synthetic:
        out.rule("[bold red]SYNTHETIC DATA: a made-up exchange, not a market (DATA=<folder> reads real files)")
    out.print(Text(f"session {plan.session} from {plan.folder}, profile {prepared.request.profile}", style="bold"))
    for words in plan.words:
        out.print(Padding(Text(words), (0, 0, 0, 3)))
    out.print(Padding(Text(f"run {prepared.run.folder}"), (0, 0, 0, 3)))


class EventPrinter:
    """Prints a line for each event, with the seconds of finished steps; progress at most every few seconds."""

    def __init__(self, out: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._said = -QUIET_SECONDS
        self.reused: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Print one event."""
        if event.kind == "progress":
            if self._clock() - self._said < QUIET_SECONDS:
                return
            self._said = self._clock()
        mark, style = MARKS[event.kind]
        timed = event.kind in ("finished", "failed") and event.seconds is not None
        seconds = f"{event.seconds:.1f} s" if timed else ""
        words = event.words[:1] if event.label == "ingest" else event.words
        if event.kind == "reused":
            self.reused.add(event.label)
            words = ("done before", *words)
        line = Table.grid(padding=(0, 1))
        line.add_column(width=2)
        line.add_column(width=20, no_wrap=True)
        line.add_column(width=8, justify="right")
        line.add_column()
        plain = "dim" if event.kind == "progress" else style if event.kind == "failed" else ""
        line.add_row(
            Text(mark, style=style), Text(event.label, style=style), seconds, Text("\n".join(words), style=plain)
        )
        self._out.print(line)


def scorecard(out: Console, run: Run, reused: Collection[str] = ()) -> None:
    """The night in one table, the models out of sample, the decision. ``reused`` steps were done by an earlier night."""
    from minhos.night.outcome import read_outcome

    steps_table(out, run, reused)
    outcome = read_outcome(run.folder)
    style = {"published": "bold green", "published on paper": "bold yellow"}.get(outcome.decision, "bold red")
    out.print(Text(f"decision: {outcome.decision.upper()}", style=style))
    for words in outcome.words:
        out.print(Padding(Text(words), (0, 0, 0, 3)))
    if outcome.synthetic:
        out.print(Text("   SYNTHETIC DATA: nothing here says anything about a market", style="bold red"))


def steps_table(out: Console, run: Run, reused: Collection[str] = ()) -> None:
    """What each step found, and the models out of sample where they are known."""
    table = Table(title=f"Scorecard of {run.name}", width=WIDTH, box=box.SIMPLE_HEAVY)
    table.add_column("step", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("what it found")
    total = 0.0
    for step in STEPS:
        for label in sorted(path.stem for path in (run.folder / "records").glob(f"{step}*.json")):
            record = run.record(label)
            if record is not None:
                spent = 0.0 if label in reused else record.seconds
                total += spent
                seconds = "earlier" if label in reused else f"{spent:.1f}"
                table.add_row(Text(label), seconds, Text("\n".join(record.words)))
    table.add_section()
    table.add_row("all steps", f"{total:.1f}", "")
    out.print(table)
    _members(out, run)


def _members(out: Console, run: Run) -> None:
    from minhos.files import read_json

    path = run.folder / "evaluation.json"
    if not path.exists():
        return
    evaluation = read_json(path)
    table = Table(title="Out of sample, last fold", box=box.SIMPLE_HEAVY)
    for name in ("model", "accuracy", "90 % interval", "base rate", "log loss", "calibration error"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for row in evaluation["table"]:
        table.add_row(
            row["model"],
            f"{row['accuracy']:.1%}",
            f"{row['accuracy_low']:.1%} to {row['accuracy_high']:.1%}",
            f"{evaluation['base_rate']:.1%}",
            f"{row['log_loss']:.4f}",
            "" if row["calibration_error"] is None else f"{row['calibration_error']:.1%}",
        )
    out.print(table)


def print_smoke(out: Console, smoke: Mapping[str, Any]) -> None:
    """What the client was told at the newest bar, and the latest position of the replay."""
    out.print(Text("the client's call at the newest bar:", style="bold"))
    print_decisions(out, smoke["newest"])
    if smoke["sized"] and smoke["sized"] != smoke["newest"]:
        out.print(
            Text(
                f"the latest of {smoke['positions']} positions in the last {smoke['moments']} bars, at "
                f"{utc(smoke['sized_at'])} (a replay: training has seen these bars):",
                style="bold",
            )
        )
        print_decisions(out, smoke["sized"])


def print_decisions(out: Console, decisions: Sequence[Mapping[str, Any]]) -> None:
    """Decisions as tables of at most three instruments, so that nothing is cut."""
    for first in range(0, len(decisions), TABLE_COLUMNS):
        out.print(decision_table(decisions[first : first + TABLE_COLUMNS]))


def decision_table(decisions: Sequence[Mapping[str, Any]]) -> Table:
    """Decisions (``Decision.to_dict``) as a table: one column per instrument."""
    table = Table(box=box.SIMPLE_HEAVY, width=WIDTH)
    table.add_column("", no_wrap=True)
    for one in decisions:
        table.add_column(one["instrument"])
    sides = {-1: "short", 0: "flat", 1: "long"}

    def row(name: str, cell: Callable[[Mapping[str, Any]], object]) -> None:
        table.add_row(name, *(Text(str(cell(one))) for one in decisions))

    row("direction", lambda one: sides[one["direction"]])
    row("contracts", lambda one: one["contracts"])
    row("P(up)", lambda one: f"{one['p_up']:.3f}")
    row("confidence", lambda one: f"{one['confidence']:.3f}")
    row("agreement", lambda one: f"{one['agreement']:.2f}")
    for member in decisions[0]["member_p_up"]:
        row(f"  {member}", lambda one, member=member: f"{one['member_p_up'][member]:.3f}")  # type: ignore[misc]
    row("P(win)", lambda one: f"{one['p_win']:.3f} ({one['p_win_low']:.3f} to {one['p_win_high']:.3f})")
    row("stop, target", lambda one: f"{one['stop_ticks']} and {one['target_ticks']} ticks")
    row("horizon", lambda one: f"{one['horizon_bars']} bars")
    row("risk of equity", lambda one: f"{one['risk_fraction']:+.4f}")
    row("regime", lambda one: ", ".join(f"{name} {p:.2f}" for name, p in one["regime"].items()))
    row("reasons", lambda one: "\n".join(one["reason_words"]) or "none")
    row("valid until", lambda one: utc(one["valid_until"]) if one["valid_until"] else "refused")
    row("data through", lambda one: utc(one["data_through"]))
    row("release", lambda one: one["release"])
    return table
