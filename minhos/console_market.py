"""What the command line prints of market data: the plan of an intake, its progress and summary, the store's content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import DownloadColumn
from rich.table import Table
from rich.text import Text

from minhos.console import WIDTH, utc
from minhos.console_progress import WorkProgress

if TYPE_CHECKING:
    from minhos.market_data.bars import BarSeries
    from minhos.market_data.depth_series import DepthSeries
    from minhos.market_data.intake.outcome import FileOutcome, IntakeOutcome
    from minhos.market_data.intake.plan import IntakePlan, Item
    from minhos.market_data.rolls.schedule import RollSchedule
    from minhos.market_data.store import CatalogEntry

__all__ = [
    "IntakeProgress",
    "bars_as_json",
    "columns_as_json",
    "print_bars",
    "print_catalog",
    "print_depth",
    "print_depth_days",
    "print_intake",
    "print_intake_plan",
    "print_rolls",
]

_PRICES = ("open", "high", "low", "close")
SHOWN_REJECTIONS = 5
STATES = {
    "new": "new",
    "grown": "appended to",
    "changed": "changed",
    "again": "read again",
    "unchanged": "as it was",
}


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.2f} GB"


def print_intake_plan(out: Console, plan: IntakePlan) -> None:
    """The files that will be read, how, and how much of each; then those that will not."""
    from minhos.market_data.readers.scan import ignored_words

    if plan.synthetic:
        out.print(Text("SYNTHETIC DATA: some of these files come from the synthetic exchange", style="bold red"))
    table = Table(title="Plan", box=box.SIMPLE_HEAVY, width=WIDTH)
    table.add_column("file", overflow="fold", ratio=1)
    for name in ("symbol", "kind", "read as", "state"):
        table.add_column(name, no_wrap=name != "read as")
    table.add_column("to read", justify="right", no_wrap=True)
    for item in plan.items:
        found = item.found
        table.add_row(
            Text(found.path.name),
            found.symbol,
            found.kind,
            Text(item.reading.how),
            STATES[item.state],
            _size(item.bytes_to_read),
        )
    out.print(table)
    for path, why in plan.refused.items():
        out.print(Text(f"{path.name} cannot be used: {why}", style="red"))
    for words in ignored_words(plan.ignored):
        out.print(Text(words, style="dim"))


class IntakeProgress(WorkProgress):
    """Over the bytes of an intake; a line per refused file."""

    def __init__(self, out: Console, total_bytes: int) -> None:
        super().__init__(out, DownloadColumn(), total=max(1, total_bytes))

    def progress(self, item: Item, bytes_done: int) -> None:
        """Show how far it is."""
        self.update(done=bytes_done, doing=item.found.path.name[:40])

    def finished(self, outcome: FileOutcome) -> None:
        """Say a refusal at once."""
        if outcome.status == "refused":
            self.out.print(Text(f"refused: {outcome.error}", style="red"))


def print_intake(out: Console, outcome: IntakeOutcome) -> None:
    """The summary: bars new, updated, rejected and why, file by file."""
    table = Table(title="Bars taken in" if not outcome.dry_run else "Dry run", box=box.SIMPLE_HEAVY, width=WIDTH)
    table.add_column("file", overflow="fold", ratio=1)
    table.add_column("series", no_wrap=True)
    for name in ("new", "updated", "same", "rejected"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last bar, UTC", no_wrap=True)
    for one in outcome.files:
        table.add_row(
            Text(one.path.name, style="red" if one.status == "refused" else ""),
            f"{one.symbol} {one.timeframe or ''}",
            *(
                ("refused", "", "", "")
                if one.status == "refused"
                else ("as it was", "", "", "")
                if one.status == "unchanged"
                else tuple(f"{count:,}" for count in (one.new, one.updated, one.same, one.rejected_rows))
            ),
            "" if one.last is None else utc(one.last).removesuffix(" UTC"),
        )
    table.add_section()
    totals = (f"{outcome.total(name):,}" for name in ("new", "updated", "same", "rejected_rows"))
    table.add_row("all files", "", *totals, "")
    out.print(table)
    for one in outcome.files:
        words = [*(rejection.words() for rejection in one.rejected[:SHOWN_REJECTIONS]), *one.words]
        if one.error is not None:
            words.append(one.error)
        if words and one.status != "unchanged":
            out.print(Text(one.path.name, style="bold"))
            for line in words:
                out.print(Padding(Text(line.removeprefix(f"{one.path.name}: ")), (0, 0, 0, 3)))
    for line in outcome.rolls:
        out.print(Text(line, style="yellow" if "WARNING" in line or "no roll dates" in line else ""))
    if outcome.dry_run:
        out.print(Text("a dry run: nothing was written", style="bold yellow"))


def print_catalog(out: Console, entries: Sequence[CatalogEntry]) -> None:
    """What the store has, a line per series."""
    from minhos.market_data.timeframes import timeframe_name

    table = Table(box=box.SIMPLE_HEAVY, width=WIDTH)
    for name in ("symbol", "of", "bars", "first", "last", "corrected", "recorded"):
        table.add_column(name, justify="right" if name in ("of", "bars", "corrected") else "left", no_wrap=True)
    for entry in entries:
        table.add_row(
            entry.symbol,
            timeframe_name(entry.timeframe_seconds),
            f"{entry.bars:,}",
            utc(entry.first_bar_end).removesuffix(" UTC"),
            utc(entry.last_bar_end).removesuffix(" UTC"),
            f"{entry.revisions:,}",
            utc(entry.recorded_at).removesuffix(" UTC"),
        )
    out.print(table)
    out.print(Text("times are UTC and ends of bars; `minhos bars SYMBOL` shows them", style="dim"))


def print_bars(out: Console, series: BarSeries, *, rows: int, marks: Callable[[int], str] | None = None) -> None:
    """The last `rows` bars. `marks`: a note on bar t, or nothing."""
    from minhos.market_data.timeframes import is_time, timeframe_name
    from minhos_client.contract import BAR_COLUMNS

    clock = utc if is_time(series.timeframe_seconds) else utc_to_milliseconds
    known = {name.removesuffix("_volume"): series.column(name) for name in BAR_COLUMNS if series.has(name)}
    if marks is not None:  # the contract needs the room
        known = {name: column for name, column in known.items() if name not in ("bid", "ask")}
    if series.open_interest is not None:
        known["interest"] = series.open_interest
    shown = range(max(0, len(series) - rows), len(series))
    title = f"{series.symbol} {timeframe_name(series.timeframe_seconds)}, {len(series):,} bars"
    table = Table(title=title if len(shown) == len(series) else f"{title}, the last {len(shown)}", box=box.SIMPLE_HEAVY)
    table.add_column("end, UTC", no_wrap=True)
    for name in known:
        table.add_column(name, justify="right", no_wrap=True)
    if marks is not None:
        table.add_column("contract", no_wrap=True)
    for row in shown:
        cells = [(_price if name in _PRICES else _count)(column[row]) for name, column in known.items()]
        table.add_row(
            clock(int(series.bar_end[row])).removesuffix(" UTC"), *cells, *([] if marks is None else [marks(row)])
        )
    out.print(table)


def utc_to_milliseconds(microseconds: int) -> str:
    """`2025-12-18 14:35:07.250` of UTC us; several range bars end in one minute."""
    return str(np.datetime64(microseconds, "us").astype("datetime64[ms]")).replace("T", " ")


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.8g}"


def _short(column: str) -> Callable[[float], str]:
    """How a column of depth is shown: averages and shares in four digits."""
    return "{:.4g}".format if "_mean" in column or column == "imbalance" else _number


def _price(value: float) -> str:
    """Seven digits: a price that was adjusted for rolls has many more, and none of them is a tick."""
    return "" if np.isnan(value) else f"{value:.7g}"


def _count(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0f}" if value == np.floor(value) else f"{value:.5g}"


def print_rolls(out: Console, schedule: RollSchedule) -> None:
    """The roll dates of a continuous future, and whether its last contract is held for too long."""
    if not schedule.rolls:
        for line in schedule.words:
            out.print(Text(line, style="yellow" if "WARNING" in line else "dim"))
        return
    table = Table(title=f"Rolls of {schedule.instrument}", box=box.SIMPLE_HEAVY, width=WIDTH)
    for name in ("from", "to", "in effect, UTC", "decided, UTC", "difference", "why"):
        table.add_column(name, justify="right" if name == "difference" else "left")
    for roll in schedule.rolls:
        table.add_row(
            roll.from_contract,
            roll.to_contract,
            utc(roll.effective_us).removesuffix(" UTC"),
            utc(roll.decided_us).removesuffix(" UTC"),
            "" if roll.prices is None else _number(round(roll.prices.difference, 10)),
            Text(roll.reason),
        )
    out.print(table)
    for line in schedule.words[1:]:
        out.print(Text(line, style="yellow"))


def print_depth_days(out: Console, days: Mapping[tuple[str, int], Sequence[int]]) -> None:
    """What the depth store has: the days (since 1970) of each symbol and timeframe."""
    from minhos.market_data.timeframes import timeframe_name

    table = Table(box=box.SIMPLE_HEAVY)
    for name in ("symbol", "of", "days", "first", "last"):
        table.add_column(name, justify="right" if name in ("of", "days") else "left", no_wrap=True)
    for (symbol, seconds), found in days.items():
        edges = [str(np.datetime64(day, "D")) for day in (found[0], found[-1])] if found else ["", ""]
        table.add_row(symbol, timeframe_name(seconds), str(len(found)), *edges)
    out.print(table)


def print_depth(out: Console, series: DepthSeries, *, rows: int) -> None:
    """The last `rows` bars of the top of the book."""
    from minhos.market_data.depth_series import DEPTH_COLUMNS
    from minhos.market_data.timeframes import timeframe_name

    shown = range(max(0, len(series) - rows), len(series))
    title = f"{series.symbol} {timeframe_name(series.timeframe_seconds)}, {len(series):,} bars of the top of the book"
    table = Table(title=title, box=box.SIMPLE_HEAVY)
    table.add_column("end, UTC", no_wrap=True)
    for name in DEPTH_COLUMNS:
        table.add_column(name.replace("_", " "), justify="right")
    for row in shown:
        cells = (
            f"{series.column(name)[row]:.4g}"
            if "_mean" in name or name == "imbalance"
            else _number(series.column(name)[row])
            for name in DEPTH_COLUMNS
        )
        table.add_row(utc(int(series.bar_end[row])).removesuffix(" UTC"), *cells)
    out.print(table)


def bars_as_json(series: BarSeries) -> dict[str, Any]:
    """A series for programs: `bar_end` in UTC us, a list per column, null where it is not known."""
    from minhos_client.contract import BAR_COLUMNS

    columns = {name: series.column(name) for name in BAR_COLUMNS}
    if series.open_interest is not None:
        columns["open_interest"] = series.open_interest
    return columns_as_json(series.symbol, series.timeframe_seconds, series.bar_end, columns)


def columns_as_json(
    symbol: str, timeframe_seconds: int, bar_end: npt.NDArray[np.int64], columns: Mapping[str, npt.NDArray[Any]]
) -> dict[str, Any]:
    """Columns for programs: `bar_end` in UTC us, a list per column, null where it is not known."""
    return {
        "symbol": symbol,
        "timeframe_seconds": timeframe_seconds,
        "bar_end": bar_end.tolist(),
        "columns": {
            name: [None if np.isnan(value) else float(value) for value in values]
            for name, values in columns.items()
            if name != "bar_end"
        },
    }
