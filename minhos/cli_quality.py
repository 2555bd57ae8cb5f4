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

from minhos.cli_options import Instruments, Json
from minhos.config import Settings
from minhos.console import console
from minhos.errors import BadInputError, MinhosError, SetupError

if TYPE_CHECKING:
    from minhos.market_data.quarantine import Quarantine
    from minhos.market_data.supply import Supply
    from minhos.market_data.validation import ValidationResult

__all__ = ["quarantine", "validate"]

EXCLUDED = 1

quarantine = typer.Typer(
    no_args_is_help=True,
    help="What validation holds back, and why: list it, show one finding, release what is right. Nothing is ever deleted.",
)


def validate(
    symbols: Annotated[
        list[str] | None,
        typer.Argument(
            help="Contracts of the store (MNQZ25), roots (MNQ: each of its contracts), or roots as one continuous series "
            "as a night joins it (MNQ[C]). Default: every symbol."
        ),
    ] = None,
    timeframe: Annotated[str | None, typer.Option(help="5m, 1h ... Default: the finest that is stored.")] = None,
    session: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: the last complete one of each symbol.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge; hold nothing and write nothing.")] = False,
    instruments: Instruments = None,
    as_json: Json = False,
) -> None:
    """Judge the bars of the store as a night does, and hold what is wrong in quarantine.

    Writes a page per timeframe with every check in words (validation/<timeframe>/index.html), and Great Expectations' Data
    Docs beside it. Exit status 1 when an instrument would be excluded.

    Example: minhos validate MNQZ25 'NQ[C]' --timeframe 5m
    """
    from minhos.console_quality import print_validation
    from minhos.market_data.instruments import load_instruments
    from minhos.market_data.judgement import stored_supply
    from minhos.market_data.quarantine import Quarantine
    from minhos.market_data.store import BarStore
    from minhos.market_data.supply import reasons
    from minhos.market_data.timeframes import parse_timeframe, timeframe_name

    settings = Settings.from_environment(os.environ)
    wanted = parse_timeframe(timeframe) if timeframe else None
    supply = stored_supply(BarStore(settings.bars), load_instruments(instruments), symbols)
    ledger = Quarantine(settings.quarantine)
    out, errors = console(stderr=as_json), console(stderr=True)
    for words in supply.words:
        out.print(Text(words, style="dim"))
    if not supply.symbols:
        raise BadInputError(f"{settings.bars}: nothing is left to judge; {reasons(supply.excluded)}")
    for symbol, why in sorted(supply.excluded.items()):
        errors.print(Text(f"{symbol} could not be judged: {why}", style="red"))
    results: list[ValidationResult] = []
    failed = len(supply.excluded)
    chosen = supply.symbols
    with out.status("loading Great Expectations (some seconds)") as status:
        for number, symbol in enumerate(chosen, start=1):
            status.update(f"checking {symbol} ({number} of {len(chosen)})")
            try:
                root = None if dry_run else settings.validation
                day = session.date() if session else None
                results.append(_judged(supply, symbol, wanted, day, root=root, ledger=ledger))
            except MinhosError as error:  # one that cannot be judged does not end the others' judgement
                if len(chosen) == 1:
                    raise
                failed += 1
                errors.print(Text(f"{symbol} could not be judged: {error}", style="red"))
    for folder in sorted({settings.validation / timeframe_name(one.timeframe_seconds) for one in results}):
        if not dry_run:
            out.print(Text(f"the page with every check: {_page(folder)}", style="dim"))
    if as_json:
        print(
            json.dumps([{**result.model_dump(mode="json"), "verdict": result.verdict} for result in results], indent=2)
        )
    else:
        print_validation(out, results)
    if failed or not all(result.passed for result in results):
        raise typer.Exit(EXCLUDED)


def _judged(
    supply: Supply, symbol: str, wanted: int | None, day: date | None, *, root: Path | None, ledger: Quarantine
) -> ValidationResult:
    """One series judged as a night judges it; with a `root` what is found is held, and written to its timeframe's folder."""
    from minhos.files import write_json
    from minhos.market_data.judgement import chosen_timeframe, judge_stored
    from minhos.market_data.timeframes import timeframe_name

    seconds = chosen_timeframe(supply, symbol, wanted)
    folder = None if root is None else root / timeframe_name(seconds)
    actor = None if root is None else _actor()
    try:
        result = judge_stored(supply, symbol, seconds, session=day, ledger=ledger, docs_dir=folder, actor=actor)
        if folder is not None:
            write_json(folder / f"{symbol}.json", result.model_dump(mode="json"))
    except OSError as error:
        raise SetupError(
            f"{folder}: cannot be written ({error.strerror}); look after the space on the disk and the permissions"
        ) from error
    return result


def _page(folder: Path) -> Path:
    """The page of a timeframe, from the last validation of each symbol."""
    from minhos.market_data.validation import ValidationResult, write_page

    results = [ValidationResult.model_validate_json(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return write_page(folder, results, title=f"{folder.name} bars of the store", written=written)


def _actor() -> str:
    """Who is on record: the user's name, or the number where the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@quarantine.command("list")
def list_held(
    symbol: Annotated[str | None, typer.Argument(help="Only this one's. Default: all.")] = None,
    every_row: Annotated[
        bool, typer.Option("--all", help="Every row of its own. Default: a line for each series and rule.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what is held, rows and whole series, with what was measured of each and the rule's threshold.

    --json has every row, whatever else is asked for.

    Example: minhos quarantine list MNQZ25 --all
    """
    from minhos.console_quality import print_held
    from minhos.market_data.quarantine import Quarantine

    settings = Settings.from_environment(os.environ)
    ledger = Quarantine(settings.quarantine)
    known = None if symbol is None else _known(symbol, ledger, settings)
    held = ledger.held(known)
    if as_json:
        print(json.dumps([event.to_dict() for event in held], indent=2))
    elif held:
        print_held(console(), held, every_row=every_row)
    else:
        console().print(f"nothing{'' if known is None else f' of {known}'} is held in quarantine")


def _known(name: str, ledger: Quarantine, settings: Settings) -> str:
    """The symbol in the ledger or the store that a name means (`mnqz25`, `MNQZ25-CME`, `NQ[C]`)."""
    from minhos.market_data.store import BarStore
    from minhos.market_data.symbols import contract_code, root_of

    there = {event.finding.symbol for event in ledger.held()} | {
        entry.symbol for entry in BarStore(settings.bars).catalog()
    }
    for symbol in (name.upper(), contract_code(name)):
        if symbol in there or symbol in map(root_of, there):
            return symbol
    raise BadInputError(
        f"no bars of {name}, in the quarantine or the store; there are those of {', '.join(sorted(there)) or 'nothing'}"
    )


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
    alike: Annotated[
        bool, typer.Option("--alike", help="Release the other rows of the series that the same rule holds as well.")
    ] = False,
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
        numbers, actor=_actor(), why=why, at_us=time.time_ns() // 1000, whole_rows=whole_rows, alike=alike
    )
    if as_json:
        print(json.dumps([event.to_dict() for event in released], indent=2))
        return
    out = console()
    for event in released:
        out.print(f"released: {event.series}, {event.bar}, {event.finding.rule}")
    if not released:
        out.print(Text("all of it had been released before", style="dim"))
