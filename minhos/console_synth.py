"""What the command line prints of a synthetic exchange: its files, what can be known of it, its faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import TextColumn
from rich.table import Table
from rich.text import Text

from minhos.console import WIDTH, utc
from minhos.console_progress import WorkProgress

if TYPE_CHECKING:
    from minhos.market_data.synthetic import Exchange, Truth

__all__ = ["WritingProgress", "print_exchange"]


class WritingProgress(WorkProgress):
    """Over the ticks of an exchange."""

    def __init__(self, out: Console) -> None:
        super().__init__(out, TextColumn("{task.completed:,.0f} ticks"), doing="computing the law")

    def show(self, done: int, total: int) -> None:
        """Show how many ticks are written, of about how many."""
        self.update(done=done, total=total, doing="writing")


def print_exchange(out: Console, exchange: Exchange) -> None:
    """The summary of a written exchange."""
    truth = exchange.truth
    out.print(Text("SYNTHETIC DATA: nothing learned or earned here says anything about trading", style="bold red"))
    table = Table(
        title=f"{truth.market} market, seed {truth.seed}, {truth.sessions} sessions to {truth.last_session}",
        box=box.SIMPLE_HEAVY,
        width=WIDTH,
    )
    table.add_column("file", overflow="fold", ratio=1)
    table.add_column("symbol", no_wrap=True)
    table.add_column("ticks or rows", justify="right", no_wrap=True)
    for name, file in truth.files.items():
        table.add_row(Text(name), file.symbol, f"{file.records:,}")
    out.print(table)
    for line in _knowable(truth):
        out.print(Text(line))
    if truth.faults:
        _print_faults(out, truth)
    words = "was there already, nothing was written" if exchange.existed else f"{truth.ticks:,} ticks written"
    out.print(Text(f"{exchange.folder}: {words}; truth.json says all of this to programs", style="dim"))


def _knowable(truth: Truth) -> list[str]:
    """How well the direction can be told, and what a perfect bettor would earn, in words."""
    seen = truth.accuracies
    ahead = f"the direction of the next {truth.horizon_steps} steps of {truth.step_seconds} s"
    if seen.exact is None:
        return [f"nobody names {ahead} more often than {seen.limit:.2%}: what the tick and its bounce give, no more"]
    lines = [f"Bayes limit: whoever knows the true state names {ahead} in {seen.exact:.2%}"]
    for words, share in (
        ("the bars of all instruments", seen.from_bars),
        ("the bars of its instrument", seen.from_own_bars),
        ("the sign of the last imbalance", seen.from_flow_sign),
    ):
        if share is not None:
            lines.append(f"  from {words}: {share.value:.2%} +- {share.error:.2%} (standard error)")
    if truth.growth is not None:
        growth = truth.growth
        spread = ", ".join(f"{value:.0%}" for value in growth.win_quantiles.values())
        lines += [
            f"ideal Kelly growth per even-money decision: {growth.sized:.4f} nats sized by the true probability, "
            f"{growth.constant:.4f} at one size ({growth.ratio:.2f} times more)",
            f"  the best guess is right with {spread} (quantiles {', '.join(growth.win_quantiles)})",
        ]
    return lines


def _print_faults(out: Console, truth: Truth) -> None:
    table = Table(title=f"{len(truth.faults)} planted faults", box=box.SIMPLE_HEAVY, width=WIDTH)
    for name in ("kind", "symbol", "from, UTC", "strength"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", ratio=1)
    for fault in truth.faults:
        start = utc(fault.start_us).removesuffix(" UTC")
        table.add_row(fault.kind, fault.symbol, start, fault.strength, Text(fault.words))
    out.print(table)
