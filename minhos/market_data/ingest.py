"""Taking in the data of a night: first a plan that says what and why, then the bars, up to the session's end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from minhos.errors import BadInputError
from minhos.market_data.bars import write_bars
from minhos.market_data.choices import choose_session, choose_symbols, choose_timeframe
from minhos.market_data.folder import read_folder
from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.plan import NightPlan, SourceFile
from minhos.market_data.plan_words import plan_words
from minhos.market_data.readers.scan import find_map, read_found, scan_folder
from minhos.market_data.readers.table import sha256_of
from minhos.market_data.sessions import through_session
from minhos.market_data.timeframes import parse_timeframe, timeframe_name

__all__ = ["NightPlan", "SourceFile", "ingest", "parse_timeframe", "plan_night", "timeframe_name"]


def plan_night(
    *,
    folder: Path,
    map_file: Path | None,
    instruments_file: Path | None,
    timeframe: str | None,
    session: date | None,
    universe: Sequence[str] | None,
    min_bars: int = 2000,
) -> NightPlan:
    """Decide what a night uses. The folder is only read.

    `timeframe`: default, the finest for which some symbol has `min_bars` bars. `session`: default, the last one in the
    data of that timeframe that is complete for the most symbols (`choose_session`). `universe`: the symbols wanted, as
    contracts or roots (None: all). A symbol that has no instrument definition, lacks the timeframe, has no bars in the
    session or too few up to it is excluded with its reason. Raises `BadInputError` for a bad folder or file and where no
    symbol is left, `InstrumentError` for a symbol of `universe` that has no definition, `ConfigError` for an unknown
    timeframe.
    """
    folder = folder.absolute()
    instruments = load_instruments(instruments_file)
    scan = scan_folder(folder, map_file)
    content = read_folder(folder, scan, instruments, universe)
    seconds = choose_timeframe(content, timeframe, min_bars=min_bars)
    day, chosen = (session, ()) if session else choose_session(content, seconds, min_bars=min_bars)
    symbols = choose_symbols(content, seconds, day, min_bars=min_bars)
    sources = tuple(
        SourceFile(
            path=bars.path,
            kind=bars.kind,
            symbol=symbol,
            timeframe=timeframe_name(file_seconds),
            rows=len(bars.series),
            sha256=bars.sha256,
            used=symbol in symbols and file_seconds == seconds,
        )
        for (symbol, file_seconds), bars in sorted(content.files.items())
    )
    chosen_map = find_map(folder, map_file)
    return NightPlan(
        folder=folder,
        session=day,
        timeframe_seconds=seconds,
        sources=sources,
        symbols=symbols,
        excluded=dict(sorted(content.excluded.items())),
        ignored=scan.ignored,
        map_file=chosen_map,
        instruments_file=instruments_file,
        synthetic=scan.synthetic,
        data_hash=_data_hash(sources, day, seconds, chosen_map, content.instruments),
        words=plan_words(content, scan, symbols, day, seconds, chosen=chosen),
    )


def _data_hash(
    sources: Sequence[SourceFile], day: date, seconds: int, map_file: Path | None, instruments: Mapping[str, Instrument]
) -> str:
    used = [source for source in sources if source.used]
    document = {
        "session": day.isoformat(),
        "timeframe_seconds": seconds,
        "sources": [[source.symbol, source.kind, source.sha256] for source in used],
        "map": None if map_file is None else sha256_of(map_file),
        "instruments": {source.symbol: instruments[source.symbol].model_dump(mode="json") for source in used},
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def ingest(plan: NightPlan, out: Path) -> list[Path]:
    """Write `<SYMBOL>.parquet` into `out` for each symbol of the plan, with its bars up to the session's end.

    The sources are read again and must still be what was planned: `BadInputError` where a file has changed since.
    """
    instruments = load_instruments(plan.instruments_file)
    column_scan = scan_folder(plan.folder, plan.map_file)
    found = {item.path: item for item in column_scan.found}
    definitions = {symbol: instruments.find(symbol) for symbol in plan.symbols}
    if plan.data_hash != _data_hash(plan.sources, plan.session, plan.timeframe_seconds, plan.map_file, definitions):
        raise BadInputError(
            f"{plan.folder}: the column map or the instruments have changed since the night was planned; plan it again"
        )
    ready = []  # every source is read before the first file is written
    for source in plan.used:
        if source.path not in found:
            raise BadInputError(f"{source.path}: the file of the plan is no longer there; plan the night again")
        bars = read_found(found[source.path])
        if bars.sha256 != source.sha256:
            raise BadInputError(
                f"{source.path}: the file has changed since the night was planned (an export still running?); "
                "plan the night again"
            )
        ready.append(through_session(bars.series, definitions[source.symbol], plan.session))
    return [write_bars(out / f"{series.symbol}.parquet", series) for series in ready]
