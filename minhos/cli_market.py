"""The command line's verbs of market data: take files in, look at the bars that are there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from minhos.cli_options import Instruments, Json
from minhos.config import Settings
from minhos.console import console
from minhos.errors import BadInputError, ConfigError

if TYPE_CHECKING:
    from minhos.market_data.history import History, Moment

__all__ = ["bars", "depth", "ingest"]

CLOCKS = [
    f"%Y-%m-%d{clock}"
    for clock in ("", "T%H:%M", "T%H:%MZ", "T%H:%M:%S", "T%H:%M:%SZ", " %H:%M", " %H:%M:%S", " %H:%M UTC")
]  # as tables and words print them, too
REFUSED = 1


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with all that is under them.", metavar="PATH")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="TOML that says what files do not. Default: the one beside them.")
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="IANA time zone of Sierra Chart text files. Default: inferred, with its evidence."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Of the Sierra Chart files, where their names do not say it (ESZ25).")
    ] = None,
    instruments: Instruments = None,
    timeframe: Annotated[str, typer.Option(help="Of the bars that ticks and depth are made into.")] = "1m",
    multiplier: Annotated[
        list[str] | None,
        typer.Option(
            help="SYMBOL=FACTOR: price = number in a .scid x factor. Repeat for more.", metavar="SYMBOL=FACTOR"
        ),
    ] = None,
    combine_sub_trades: Annotated[
        bool, typer.Option("--combine-sub-trades", help="Count the parts of an unbundled trade as one trade.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Read every file from its beginning.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take files whose bars contradict those in the store.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and compare; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take bar and tick files into the bar store: .scid, .dly, .depth, text exports, CSV and Parquet.

    Kinds and symbols are found by content. What was taken in before is not read again.
    Exit status 1 when a file was refused.

    Example: minhos ingest ~/SierraChart/Data --dry-run
    """
    from minhos.console_market import IntakeProgress, print_intake, print_intake_plan
    from minhos.market_data.intake.options import IntakeOptions
    from minhos.market_data.intake.plan import plan_intake
    from minhos.market_data.intake.take_in import take_in
    from minhos.market_data.readers.scan import Statements
    from minhos.market_data.store import BarStore
    from minhos.market_data.timeframes import parse_time_bars

    settings = Settings.from_environment(os.environ)
    options = IntakeOptions(
        map_file=map_file.expanduser() if map_file else None,
        instruments_file=instruments.expanduser() if instruments else None,
        said=Statements(
            zone=zone,
            symbol=None if symbol is None else symbol.upper(),
            price_multipliers=_multipliers(multiplier or []),
            combine_sub_trades=combine_sub_trades,
        ),
        timeframe_seconds=parse_time_bars(timeframe, what="what ticks and depth are made into"),
        full=full,
        replace=replace,
    )
    out = console(stderr=as_json)
    plan = plan_intake([path.expanduser() for path in paths], options, settings.bars)
    print_intake_plan(out, plan)
    with IntakeProgress(out, plan.bytes_to_read) as progress:
        outcome = take_in(
            plan,
            BarStore(settings.bars),
            options,
            now_us=time.time_ns() // 1000,
            follower=progress,
            waiting=lambda holder: out.print(Text(f"waiting for another intake ({holder}) to end", style="yellow")),
            dry_run=dry_run,
        )
    if as_json:
        print(json.dumps(outcome.to_dict(), indent=2))
    else:
        print_intake(out, outcome)
        if not dry_run:
            out.print(Text(f"the store is {settings.bars}; `minhos bars` shows what is there", style="dim"))
    if outcome.refused:
        raise typer.Exit(REFUSED)


def _multipliers(given: list[str]) -> dict[str, float]:
    multipliers = {}
    for text in given:
        symbol, equals, factor = text.partition("=")
        try:
            number = float(factor)
        except ValueError:
            number = 0.0
        if not (symbol and equals and 0 < number < float("inf")):
            raise ConfigError(f"--multiplier {text!r}: write SYMBOL=FACTOR with a positive factor (ES=0.01)")
        multipliers[symbol.strip().upper()] = number
    return multipliers


def bars(
    symbol: Annotated[str | None, typer.Argument(help="Which bars to show. Default: list what there is.")] = None,
    timeframe: Annotated[
        str | None,
        typer.Option(
            help="5m, 1h ... built from finer bars where it is not stored; 8r, 500t, 1000v: range, trade and volume bars. "
            "Default: the finest."
        ),
    ] = None,
    start: Annotated[datetime | None, typer.Option("--from", formats=CLOCKS, help="First bar's end, UTC.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=CLOCKS, help="Last bar's end, UTC.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=CLOCKS, help="Bars as they were known at this UTC moment.")
    ] = None,
    recorded_by: Annotated[
        datetime | None, typer.Option(formats=CLOCKS, help="Only what this store had recorded by this UTC moment.")
    ] = None,
    continuous: Annotated[
        str | None,
        typer.Option(help="Join the expiries of the root SYMBOL: none, difference or ratio.", metavar="ADJUSTMENT"),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many of the last bars to show.")] = 20,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove SYMBOL's bars of --timeframe from the store, with their history.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    instruments: Instruments = None,
    as_json: Json = False,
) -> None:
    """List the bars of the store, or show those of one symbol.

    Example: minhos bars MNQZ25 --timeframe 1h --as-of 2025-12-18T14:30
    """
    from minhos.console import utc
    from minhos.console_market import bars_as_json, print_bars, print_catalog
    from minhos.market_data.history import History, Moment
    from minhos.market_data.instruments import load_instruments
    from minhos.market_data.intake.take_in import remove_series
    from minhos.market_data.store import BarStore
    from minhos.market_data.timeframes import parse_timeframe, timeframe_name

    settings = Settings.from_environment(os.environ)
    store = BarStore(settings.bars)
    out = console()
    moment = Moment(start=_us(start), end=_us(end), as_of=_us(as_of), recorded_by=_us(recorded_by))
    _check_request(symbol, timeframe, continuous, moment, remove=remove, as_json=as_json)
    if symbol is None:
        entries = store.catalog()
        if as_json:
            print(json.dumps([entry.to_dict() for entry in entries], indent=2))
        elif entries:
            print_catalog(out, entries)
        else:
            out.print(f"no bars in {settings.bars} yet; take some in with `minhos ingest PATH`")
        return
    history = History(store, load_instruments(instruments))
    if continuous is not None:
        _continuous(history, symbol, timeframe, continuous, moment, rows=rows, as_json=as_json)
        return
    symbol = history.stored_symbol(symbol)
    if remove:
        assert timeframe is not None
        if not yes:
            typer.confirm(
                f"Remove all {timeframe} bars of {symbol}, with their history, from {settings.bars}?", abort=True
            )
        count = remove_series(store, symbol, parse_timeframe(timeframe))
        out.print(f"{count:,} bars of {symbol} {timeframe} are removed")
        return
    seconds = parse_timeframe(timeframe) if timeframe else history.finest(symbol)
    series = history.bars(symbol, seconds, moment)
    if as_json:
        print(json.dumps(bars_as_json(series)))
        _say_left_out(history, (symbol,), seconds, moment)
        return
    source = history.source_timeframe(symbol, seconds)
    if len(series) == 0:
        first, last = history.span(symbol, source)
        out.print(
            f"no bars of {symbol} {timeframe_name(seconds)} in that range; there are bars from {utc(first)} to {utc(last)}"
        )
        return
    print_bars(out, series, rows=rows)
    _say_left_out(history, (symbol,), seconds, moment)
    if source != seconds:
        out.print(Text(f"built from {timeframe_name(source)} bars on the instrument's session anchors", style="dim"))


def _check_request(
    symbol: str | None, timeframe: str | None, continuous: str | None, moment: Moment, *, remove: bool, as_json: bool
) -> None:
    """Refuse what would be ignored in silence: `ConfigError`."""
    from minhos.market_data.bars import iso

    ranged = {"--from": moment.start, "--to": moment.end, "--as-of": moment.as_of, "--recorded-by": moment.recorded_by}
    given = [name for name, value in ranged.items() if value is not None]
    if continuous is not None:
        given.append("--continuous")
    if symbol is None:
        given += ["--timeframe"] * (timeframe is not None) + ["--remove"] * remove
        if given:
            raise ConfigError(
                f"{', '.join(given)}: say of which symbol (`minhos bars SYMBOL ...`); `minhos bars` lists them"
            )
        return
    if remove and timeframe is None:
        raise ConfigError("--remove needs --timeframe: which bars of the symbol are to be removed")
    if remove and (given or as_json):
        given += ["--json"] * as_json
        raise ConfigError(f"--remove removes a whole series, it cannot go with {', '.join(given)}")
    if moment.start is not None and moment.end is not None and moment.start > moment.end:
        raise ConfigError(f"--from {iso(moment.start)} is after --to {iso(moment.end)}; give the earlier moment first")


def depth(
    symbol: Annotated[str | None, typer.Argument(help="Which depth bars to show. Default: list what there is.")] = None,
    timeframe: Annotated[str, typer.Option(help="As it was taken in: 1m ...")] = "1m",
    start: Annotated[datetime | None, typer.Option("--from", formats=CLOCKS, help="First bar's end, UTC.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=CLOCKS, help="Last bar's end, UTC.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many of the last bars to show.")] = 20,
    as_json: Json = False,
) -> None:
    """List or show the bars of the top of the book that came from .depth files.

    Example: minhos depth ESZ25 --rows 5
    """
    import numpy as np

    from minhos.console_market import columns_as_json, print_depth, print_depth_days
    from minhos.market_data.intake.depth import depth_store_of
    from minhos.market_data.timeframes import parse_timeframe, timeframe_name

    settings = Settings.from_environment(os.environ)
    store = depth_store_of(settings.bars)
    out = console()
    if symbol is None:
        days = {key: store.days(*key) for key in store.series()}
        if as_json:
            print(json.dumps([{"symbol": name, "timeframe_seconds": s, "days": days[name, s]} for name, s in days]))
        elif days:
            print_depth_days(out, days)
        else:
            out.print(f"no depth bars in {store.root} yet; take .depth files in with `minhos ingest PATH`")
        return
    seconds = parse_timeframe(timeframe)
    if start is not None and end is not None and start > end:
        raise ConfigError(f"--from {start} is after --to {end}; give the earlier moment first")
    symbol = symbol.upper()
    series = store.read(symbol, seconds, start_us=_us(start), end_us=_us(end))
    if (symbol, seconds) not in store.series():
        known = ", ".join(f"{name} {timeframe_name(s)}" for name, s in store.series()) or "none"
        raise BadInputError(f"{store.root}: no {timeframe} depth bars of {symbol}; there are {known}")
    if as_json:
        print(json.dumps(columns_as_json(symbol, seconds, series.bar_end, series.columns())))
    elif len(series) == 0:
        edges = [str(np.datetime64(day, "D")) for day in store.days(symbol, seconds)]
        out.print(f"no depth bars of {symbol} {timeframe} in that range; there are days from {edges[0]} to {edges[-1]}")
    else:
        print_depth(out, series, rows=rows)


def _continuous(
    history: History, root: str, timeframe: str | None, adjustment: str, moment: Moment, *, rows: int, as_json: bool
) -> None:
    from minhos.console_market import bars_as_json, print_bars, print_rolls
    from minhos.market_data.rolls.continuous import ADJUSTMENTS
    from minhos.market_data.timeframes import parse_timeframe, timeframe_name

    chosen = next((known for known in ADJUSTMENTS if known == adjustment), None)
    if chosen is None:
        raise ConfigError(f"--continuous {adjustment!r}: write one of {', '.join(ADJUSTMENTS)}")
    contracts = history.contracts(root)
    seconds = parse_timeframe(timeframe) if timeframe else max(map(history.finest, contracts), default=60)
    joined = history.continuous(root, seconds, adjustment=chosen, moment=moment)
    first = 0 if moment.start is None else int((joined.series.bar_end < moment.start).sum())
    series, contract = joined.series.slice(first, len(joined.series)), joined.contract[first:]
    if as_json:
        schedule = joined.schedule.model_dump(mode="json")
        words = [*joined.words, *joined.schedule.words]
        print(json.dumps(bars_as_json(series) | {"adjustment": chosen, "schedule": schedule, "words": words}))
        _say_left_out(history, contracts, seconds, moment)
        return
    out = console()
    if len(series) == 0:
        out.print(f"no bars of {root} {timeframe_name(seconds)} in that range")
        return
    held = joined.schedule.held
    print_bars(out, series, rows=rows, marks=lambda row: held[int(contract[row])])
    print_rolls(out, joined.schedule)
    for line in joined.words:
        out.print(Text(line, style="yellow"))
    _say_left_out(history, contracts, seconds, moment)


def _say_left_out(history: History, symbols: Sequence[str], seconds: int, moment: Moment) -> None:
    """Say on standard error which of the bars that days are built from are in none of them."""
    from minhos.market_data.outside import left_out_words
    from minhos.market_data.timeframes import DAY_SECONDS

    if seconds != DAY_SECONDS:
        return
    for symbol in symbols:
        source = history.source_timeframe(symbol, seconds)
        if source != seconds:
            for words in left_out_words(history.bars(symbol, source, moment), history.instrument(symbol)):
                console(stderr=True).print(Text(words, style="yellow"))


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000
