"""The command line's verbs of data quality: validate what the store has, look into the quarantine and release from it."""

from __future__ import annotations

import getpass
import json
import os
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from minhos.cli_market import InstrumentsFile, Json
from minhos.config import Settings
from minhos.console import console
from minhos.errors import BadInputError

if TYPE_CHECKING:
    from minhos.market_data.history import History
    from minhos.market_data.quarantine import Finding, Quarantine
    from minhos.market_data.validation import ValidationResult

__all__ = ["quarantine", "validate"]

EXCLUDED = 1

quarantine = typer.Typer(
    no_args_is_help=True,
    help="What validation holds back, and why: list it, show one finding, release what is right. Nothing is ever deleted.",
)


def validate(
    symbols: Annotated[list[str] | None, typer.Argument(help="Symbols of the store. Default: all.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="5m, 1h ... Default: the finest that is stored.")] = None,
    session: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: the last complete one of each symbol.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge; hold nothing and write nothing.")] = False,
    instruments: InstrumentsFile = None,
    as_json: Json = False,
) -> None:
    """Judge the bars of the store as a night does, and hold what is wrong in quarantine.

    Writes a page per timeframe with every check in words (validation/<timeframe>/index.html), and Great Expectations' Data
    Docs beside it. Exit status 1 when an instrument would be excluded.

    Example: minhos validate MNQZ25 --timeframe 5m
    """
    from minhos.console_quality import print_validation
    from minhos.files import write_json
    from minhos.market_data.history import History
    from minhos.market_data.instruments import load_instruments
    from minhos.market_data.quarantine import Quarantine
    from minhos.market_data.store import BarStore
    from minhos.market_data.timeframes import parse_timeframe, timeframe_name
    from minhos.market_data.validation import write_page

    settings = Settings.from_environment(os.environ)
    history = History(BarStore(settings.bars), load_instruments(instruments))
    chosen = [history.stored_symbol(name) for name in symbols] if symbols else list(history.symbols)
    if not chosen:
        raise BadInputError(f"{settings.bars}: the store is empty; take files in with `minhos ingest PATH`")
    wanted = parse_timeframe(timeframe) if timeframe else None
    ledger = Quarantine(settings.quarantine)
    out = console(stderr=as_json)
    results: list[ValidationResult] = []
    findings: list[Finding] = []
    with out.status("loading Great Expectations (some seconds)") as status:
        for symbol in chosen:
            status.update(f"checking {symbol} ({len(results) + 1} of {len(chosen)})")
            seconds = wanted or history.finest(symbol)
            folder = None if dry_run else settings.validation / timeframe_name(seconds)
            day = session.date() if session else None
            result, found = _judged(history, symbol, seconds, day, folder=folder, ledger=ledger)
            results.append(result)
            findings += found
    if not dry_run:
        ledger.hold(findings, actor=getpass.getuser(), at_us=time.time_ns() // 1000)
        for seconds in sorted({result.timeframe_seconds for result in results}):
            folder = settings.validation / timeframe_name(seconds)
            mine = [result for result in results if result.timeframe_seconds == seconds]
            write_json(folder / "validation.json", [result.model_dump(mode="json") for result in mine])
            written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            page = write_page(folder, mine, title=f"{timeframe_name(seconds)} bars of the store", written=written)
            out.print(Text(f"the page with every check: {page}", style="dim"))
    if as_json:
        print(json.dumps([result.model_dump(mode="json") for result in results], indent=2))
    else:
        print_validation(out, results)
    if not all(result.passed for result in results):
        raise typer.Exit(EXCLUDED)


def _judged(
    history: History, symbol: str, seconds: int, day: date | None, *, folder: Path | None, ledger: Quarantine
) -> tuple[ValidationResult, tuple[Finding, ...]]:
    """One series judged as a night judges it: up to the session, with what was released and held before."""
    from minhos.market_data.quarantine import findings_of
    from minhos.market_data.sessions import last_complete_session, through_session
    from minhos.market_data.validation import validate as judge

    instrument = history.instrument(symbol)
    whole = history.bars(symbol, seconds)
    session = day or last_complete_session(whole, instrument, covers_until=history.covers_until(symbol, seconds))
    if session is None:
        raise BadInputError(f"{symbol}: no complete session in {len(whole)} bars; take more bars in, or give --session")
    series = through_session(whole, instrument, session)
    result = judge(
        series,
        instrument,
        session=session,
        docs_dir=folder,
        released=ledger.released(symbol, seconds),
        held_before=ledger.held_before(symbol, seconds, session),
    )
    return result, findings_of(result, series)


@quarantine.command("list")
def list_held(
    symbol: Annotated[str | None, typer.Argument(help="Only this one's. Default: all.")] = None,
    as_json: Json = False,
) -> None:
    """List what is held: rows, and whole series.

    Example: minhos quarantine list MNQZ25
    """
    from minhos.console_quality import print_held
    from minhos.market_data.quarantine import Quarantine

    held = Quarantine(Settings.from_environment(os.environ).quarantine).held(symbol)
    if as_json:
        print(json.dumps([event.to_dict() for event in held], indent=2))
    elif held:
        print_held(console(), held)
    else:
        console().print(f"nothing{'' if symbol is None else f' of {symbol}'} is held in quarantine")


@quarantine.command("show")
def show_finding(
    number: Annotated[int, typer.Argument(help="Of an entry in the list.")], as_json: Json = False
) -> None:
    """Show one finding: the bar as it was, the rule that it breaks, and everything that happened to it.

    Example: minhos quarantine show 12
    """
    from minhos.console_quality import print_finding
    from minhos.market_data.quarantine import Quarantine

    history = Quarantine(Settings.from_environment(os.environ).quarantine).history(number)
    if as_json:
        print(json.dumps([event.to_dict() for event in history], indent=2))
    else:
        print_finding(console(), history)


@quarantine.command("release")
def release(
    numbers: Annotated[list[int], typer.Argument(help="Of entries in the list.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept on record.")],
    whole_rows: Annotated[
        bool, typer.Option("--whole-rows", help="Release what other rules hold of the same rows as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Release findings: these bars are right. The next validation uses them; who released them when and why stays on record.

    Example: minhos quarantine release 12 13 --why "the pound's fall of 2016-10-07, real"
    """
    from minhos.market_data.quarantine import Quarantine

    ledger = Quarantine(Settings.from_environment(os.environ).quarantine)
    released = ledger.release(
        numbers, actor=getpass.getuser(), why=why, at_us=time.time_ns() // 1000, whole_rows=whole_rows
    )
    if as_json:
        print(json.dumps([event.to_dict() for event in released], indent=2))
        return
    out = console()
    for event in released:
        out.print(f"released: {event.series}, {event.bar}, {event.finding.rule}")
    if not released:
        out.print(Text("all of it had been released before", style="dim"))
