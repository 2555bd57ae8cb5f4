"""Taking in the data of a night: the folder's new bars into the store, a plan that says what and why, then the bars."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.choices import choose_session, choose_symbols, choose_timeframe
from minhos.market_data.history import History, Moment
from minhos.market_data.instruments import Instrument, Instruments, load_instruments
from minhos.market_data.intake.journal import read_journal
from minhos.market_data.intake.options import IntakeOptions
from minhos.market_data.intake.plan import plan_files
from minhos.market_data.intake.take_in import is_synthetic, take_in
from minhos.market_data.night_bars import NightBars, write_night_bars
from minhos.market_data.plan import NightPlan, SourceFile
from minhos.market_data.plan_words import plan_words
from minhos.market_data.readers.scan import DEPTH, Scan, find_map, scan_folder
from minhos.market_data.store import BarStore
from minhos.market_data.supply import Stored, Supply, from_files, from_store, join, require_some
from minhos.market_data.timeframes import parse_time_bars, parse_timeframe, timeframe_name
from minhos.market_data.universe import Universe

__all__ = ["NightPlan", "SourceFile", "ingest", "parse_timeframe", "plan_night", "timeframe_name"]


def plan_night(
    *,
    folder: Path,
    store: BarStore,
    map_file: Path | None,
    instruments_file: Path | None,
    timeframe: str | None,
    session: date | None,
    universe: Sequence[str] | None,
    min_bars: int = 2000,
    now_us: int,
    waiting: Callable[[str], None] | None = None,
) -> NightPlan:
    """Take what is new in the folder into the store, and decide what a night uses. The folder is only read.

    `folder`: of bar files, or the store's own folder: then nothing is taken in and all that it has can be used.
    `timeframe`: default, the finest for which some symbol has `min_bars` bars. `session`: default, the last one in the
    data of that timeframe that is complete for the most symbols (`choose_session`). `universe`: the symbols wanted, as
    contracts, roots, or roots as one continuous series (`NQ[C]`); None: all. `now_us`: UTC us.
    The plan names the newest row of the store that it has seen: what is recorded later does not change the night.
    A symbol that has no instrument definition or a file that cannot be used, that lacks the timeframe, or has no bars in the
    session or too few up to it, is excluded with its reason. Raises `BadInputError` for a bad folder and where no symbol is
    left, `InstrumentError` for a symbol of `universe` that has no definition, `ConfigError` for an unknown timeframe.
    """
    folder = folder.absolute()
    instruments = load_instruments(instruments_file)
    wanted = Universe.of(universe)
    if folder.resolve() == store.root.resolve():
        scan = None
        supply = from_store(folder, History(store, instruments), instruments, _recorded(store), wanted)
    else:
        scan = scan_folder(folder, map_file)
        options = IntakeOptions(map_file=map_file, instruments_file=instruments_file)
        supply = _taken_in(folder, scan, store, instruments, options, wanted, now_us, waiting)
    join(supply, wanted.continuous, instruments, keep=wanted.kept(supply.symbols, instruments))
    require_some(supply)
    synthetic = scan.synthetic if scan else is_synthetic(store.root)
    if timeframe is not None:
        supply.build(parse_time_bars(timeframe, what="a night"))
    seconds = choose_timeframe(supply, timeframe, min_bars=min_bars)
    day, chosen = (session, ()) if session else choose_session(supply, seconds, min_bars=min_bars)
    symbols = choose_symbols(supply, seconds, day, min_bars=min_bars)
    sources = tuple(
        _source(one, supply, day, used=symbol in symbols and known == seconds)
        for (symbol, known), one in sorted(supply.bars.items())
    )
    return NightPlan(
        folder=folder,
        store=store.root,
        recorded_by=supply.moment.recorded_by or 0,
        session=day,
        timeframe_seconds=seconds,
        sources=sources,
        symbols=symbols,
        excluded=dict(sorted(supply.excluded.items())),
        ignored=scan.ignored if scan else {},
        map_file=find_map(folder, map_file) if scan else None,
        instruments_file=instruments_file,
        synthetic=synthetic,
        data_hash=_data_hash(sources, day, seconds, supply.instruments),
        words=plan_words(
            supply, symbols, day, seconds, chosen=chosen, synthetic=synthetic, ignored=scan.ignored if scan else {}
        ),
    )


def _taken_in(
    folder: Path,
    scan: Scan,
    store: BarStore,
    instruments: Instruments,
    options: IntakeOptions,
    universe: Universe,
    now_us: int,
    waiting: Callable[[str], None] | None,
) -> Supply:
    """Take the wanted files of a folder into the store; what the store then has of them."""
    files = [found for found in scan.found if found.kind != DEPTH]
    present = sorted({found.symbol for found in files})
    wanted, words = universe.among(folder, present, instruments)
    excluded: dict[str, str] = {}
    for symbol in wanted:
        try:
            instruments.find(symbol)
        except InstrumentError as error:
            if not universe.everything:
                raise
            excluded[symbol] = str(error)
    chosen = tuple(found for found in files if found.symbol in wanted and found.symbol not in excluded)
    plan = plan_files(replace(scan, found=chosen), options, instruments, read_journal(store.root))
    outcome = take_in(plan, store, options, now_us=now_us, waiting=waiting)
    history = History(store, instruments)
    supply = from_files(folder, outcome.files, history, instruments, _recorded(store), excluded=excluded)
    supply.words = words
    return supply


def _recorded(store: BarStore) -> Moment:
    """What the store has recorded by now, in its own order: a clock cannot say which commits a reader has seen."""
    return Moment(recorded_by=store.last_recorded_at() or 0)


def _source(one: Stored, supply: Supply, day: date, *, used: bool) -> SourceFile:
    bars = one.through(supply.instruments[one.symbol], day) if used else NightBars.of(one.series)
    return SourceFile(
        path=one.source,
        kind=one.kind,
        symbol=one.symbol,
        timeframe=timeframe_name(one.timeframe_seconds),
        rows=len(one.series),
        bars_sha256=_digest(bars),
        used=used,
    )


def _digest(bars: NightBars) -> str:
    """SHA-256 of what the models see of the bars, their ends and the eight columns, and of the prices as traded."""
    digest = hashlib.sha256(bars.series.bar_end.tobytes())
    digest.update(bars.series.values.tobytes())
    if bars.schedule is not None:
        for array in (bars.traded.values, bars.contract, bars.scale.ratio, bars.scale.shift):
            digest.update(array.tobytes())
    return digest.hexdigest()


def _data_hash(sources: Sequence[SourceFile], day: date, seconds: int, instruments: Mapping[str, Instrument]) -> str:
    used = [source for source in sources if source.used]
    document = {
        "session": day.isoformat(),
        "timeframe_seconds": seconds,
        "bars": [[source.symbol, source.bars_sha256] for source in used],
        "instruments": {source.symbol: instruments[source.symbol].model_dump(mode="json") for source in used},
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def ingest(plan: NightPlan, out: Path) -> list[Path]:
    """Write `<SYMBOL>.parquet` into `out` for each symbol of the plan, with its bars up to the session's end, and for one
    that is a continuous series its rolls and its prices as traded (`write_night_bars`).

    The store gives them as it had them when the night was planned, whatever was taken in since. `BadInputError` where they
    are no longer there, or the instruments have changed.
    """
    instruments = load_instruments(plan.instruments_file)
    definitions = {symbol: instruments.find(symbol) for symbol in plan.symbols}
    if plan.data_hash != _data_hash(plan.sources, plan.session, plan.timeframe_seconds, definitions):
        raise BadInputError(
            f"{plan.instruments_file or 'the built-in instruments'}: the instruments have changed since the night was "
            "planned; plan it again"
        )
    history = History(BarStore(plan.store), instruments)
    ready = []  # everything is read before the first file is written
    for source in plan.used:
        stored = Stored(
            history=history,
            symbol=source.symbol,
            timeframe_seconds=plan.timeframe_seconds,
            moment=Moment(recorded_by=plan.recorded_by),
            source=source.path,
            kind=source.kind,
        )
        bars = stored.through(definitions[source.symbol], plan.session)
        if _digest(bars) != source.bars_sha256:
            raise BadInputError(
                f"{plan.store}: the {source.timeframe} bars of {source.symbol} are not those that the night was planned "
                "with (removed from the store since?); plan the night again"
            )
        ready.append(bars)
    return [write_night_bars(out, bars) for bars in ready]
