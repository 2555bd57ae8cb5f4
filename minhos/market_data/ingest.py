"""Taking in the data of a night: first a plan that says what and why, then the bars, up to the session's end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.bars import iso, write_bars
from minhos.market_data.instruments import Instrument, Instruments, load_instruments
from minhos.market_data.plan import NightPlan, SourceFile
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.scan import Scan, find_map, read_found, scan_folder
from minhos.market_data.readers.table import sha256_of
from minhos.market_data.sessions import last_complete_session, through_session, trading_dates
from minhos.market_data.symbols import contract_code
from minhos.market_data.timeframes import parse_timeframe, timeframe_name

__all__ = ["NightPlan", "SourceFile", "ingest", "parse_timeframe", "plan_night", "timeframe_name"]


@dataclass
class _Folder:
    """What was read of a folder, by symbol and timeframe in seconds, and the symbols that fell out so far."""

    files: dict[tuple[str, int], BarFile] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)

    @property
    def symbols(self) -> list[str]:
        return sorted({symbol for symbol, _ in self.files})

    def timeframes(self, symbol: str) -> list[int]:
        """Timeframes in seconds of one symbol, finest first."""
        return sorted(seconds for known, seconds in self.files if known == symbol)


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

    `timeframe`: default, the finest for which some symbol has `min_bars` bars. `session`: default, the last complete
    one in the data of that timeframe. `universe`: the symbols wanted (None: all). A symbol that has no instrument
    definition, lacks the timeframe, has no bars in the session or too few up to it is excluded with its reason.
    Raises `BadInputError` for a bad folder or file and where no symbol is left, `InstrumentError` for a symbol of
    `universe` that has no definition, `ConfigError` for an unknown timeframe.
    """
    folder = folder.absolute()
    instruments = load_instruments(instruments_file)
    wanted = None if universe is None else tuple(dict.fromkeys(contract_code(name) for name in universe))
    scan = scan_folder(folder, map_file)
    content = _read_folder(folder, scan, instruments, wanted)
    seconds = _choose_timeframe(folder, content, timeframe, min_bars)
    day = session or _default_session(folder, content, seconds)
    symbols = _choose_symbols(folder, content, seconds, day, min_bars)
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
        words=_words(content, scan, symbols, day, seconds),
    )


def _read_folder(folder: Path, scan: Scan, instruments: Instruments, wanted: tuple[str, ...] | None) -> _Folder:
    """Read the wanted files; a symbol without a definition is excluded, or an error where it was asked for."""
    present = sorted({found.symbol for found in scan.found})
    absent = [symbol for symbol in wanted or () if symbol not in present]
    if absent:
        raise BadInputError(
            f"{folder}: the universe asks for {', '.join(absent)}, the folder has {', '.join(present)}; "
            "add the files or change the universe"
        )
    content = _Folder()
    for found in scan.found:
        if wanted is not None and found.symbol not in wanted:
            continue
        try:
            content.instruments[found.symbol] = instruments.find(found.symbol)
        except InstrumentError as error:
            if wanted is not None:
                raise
            content.excluded[found.symbol] = str(error)
            continue
        bars = read_found(found)
        key = (found.symbol, bars.series.timeframe_seconds)
        if key in content.files:
            raise BadInputError(
                f"{folder}: {found.symbol} has two {timeframe_name(key[1])} files, {content.files[key].path.name} and "
                f"{bars.path.name}; keep one of them"
            )
        content.files[key] = bars
    if not content.files:
        raise InstrumentError(f"{folder}: no symbol is left; {_reasons(content.excluded)}")
    return content


def _reasons(excluded: Mapping[str, str]) -> str:
    return "; ".join(why if why.startswith(symbol) else f"{symbol}: {why}" for symbol, why in sorted(excluded.items()))


def _choose_timeframe(folder: Path, content: _Folder, timeframe: str | None, min_bars: int) -> int:
    if timeframe is not None:
        return parse_timeframe(timeframe)
    enough = [seconds for (_, seconds), bars in content.files.items() if len(bars.series) >= min_bars]
    if not enough:
        counts = ", ".join(
            f"{symbol} {timeframe_name(seconds)}: {len(bars.series)}"
            for (symbol, seconds), bars in sorted(content.files.items())
        )
        raise BadInputError(
            f"{folder}: too little history, {min_bars} bars are needed and there are only {counts}; "
            "export more bars or a finer timeframe"
        )
    return min(enough)


def _default_session(folder: Path, content: _Folder, seconds: int) -> date:
    last = [
        day
        for (symbol, file_seconds), bars in content.files.items()
        if file_seconds == seconds
        and (day := last_complete_session(bars.series, content.instruments[symbol])) is not None
    ]
    if not last:
        if all(found != seconds for _, found in content.files):
            available = ", ".join(timeframe_name(found) for found in sorted({found for _, found in content.files}))
            raise BadInputError(
                f"{folder}: no {timeframe_name(seconds)} bars; the timeframes there are {available}; choose one of them"
            )
        raise BadInputError(
            f"{folder}: no complete session of {timeframe_name(seconds)} bars, the data end before the first close; "
            "export more bars or ask for the session"
        )
    return max(last)


def _choose_symbols(folder: Path, content: _Folder, seconds: int, day: date, min_bars: int) -> tuple[str, ...]:
    """The symbols that can be used; the others go to `content.excluded` with their reason."""
    name = timeframe_name(seconds)
    symbols = []
    for symbol in content.symbols:
        bars = content.files.get((symbol, seconds))
        if bars is None:
            available = ", ".join(map(timeframe_name, content.timeframes(symbol)))
            content.excluded[symbol] = f"no {name} bars, it has {available}"
            continue
        instrument = content.instruments[symbol]
        known = through_session(bars.series, instrument, day)
        dates = trading_dates(bars.series.bar_end, instrument, timeframe_seconds=seconds).tolist()
        if day not in dates:
            content.excluded[symbol] = (
                f"no bars in the session of {day}, its {name} bars are of {min(dates)} to {max(dates)}"
            )
        elif len(known) < min_bars:
            content.excluded[symbol] = (
                f"too little history, {len(known)} {name} bars up to {day}, {min_bars} are needed"
            )
        else:
            symbols.append(symbol)
    if not symbols:
        raise BadInputError(
            f"{folder}: no symbol is left for the session of {day} in {name}; {_reasons(content.excluded)}; "
            "choose another session or timeframe, or add files"
        )
    return tuple(symbols)


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


def _words(content: _Folder, scan: Scan, symbols: Sequence[str], day: date, seconds: int) -> tuple[str, ...]:
    words = ["SYNTHETIC DATA: these bars come from the synthetic exchange, not from a market"] if scan.synthetic else []
    words.append(f"session {day}, {timeframe_name(seconds)} bars of {', '.join(symbols)}")
    for symbol in symbols:
        words.extend(content.files[(symbol, seconds)].words)
        series = content.files[(symbol, seconds)].series
        complete = last_complete_session(series, content.instruments[symbol])
        if complete is None or complete < day:
            words.append(
                f"{symbol}: the session of {day} is not complete in the data, it ends at {iso(int(series.bar_end[-1]))}"
            )
    words.extend(f"{symbol} is left out: {why}" for symbol, why in sorted(content.excluded.items()))
    words.extend(f"{name} is not read: {why}" for name, why in scan.ignored.items())
    return tuple(words)


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
