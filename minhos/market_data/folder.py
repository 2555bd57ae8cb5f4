"""The wanted files of a folder, read: which symbols a universe means, and their bars by timeframe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.instruments import Instrument, Instruments
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.scan import Scan, read_found
from minhos.market_data.symbols import contract_code, root_of
from minhos.market_data.timeframes import timeframe_name

__all__ = ["Folder", "read_folder", "reasons"]


@dataclass
class Folder:
    """What was read of a folder, by symbol and timeframe in seconds, and the symbols that fell out so far.

    `excluded`: symbol -> why. `words`: what the universe's names mean here.
    """

    path: Path
    files: dict[tuple[str, int], BarFile] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def symbols(self) -> list[str]:
        return sorted({symbol for symbol, _ in self.files})

    def timeframes(self, symbol: str) -> list[int]:
        """Timeframes in seconds of one symbol, finest first."""
        return sorted(seconds for known, seconds in self.files if known == symbol)

    def of(self, seconds: int) -> dict[str, BarFile]:
        """The files of one timeframe, by symbol."""
        return {symbol: bars for (symbol, file_seconds), bars in sorted(self.files.items()) if file_seconds == seconds}


def read_folder(path: Path, scan: Scan, instruments: Instruments, universe: Sequence[str] | None) -> Folder:
    """Read the files of the wanted symbols (`universe` None: of all).

    A symbol without an instrument definition is excluded, or an `InstrumentError` where it was asked for. Raises
    `BadInputError` for a name of the universe that matches nothing and for two files of one symbol and timeframe.
    """
    present = sorted({found.symbol for found in scan.found})
    content = Folder(path=path)
    wanted = present
    if universe is not None:
        wanted, content.words = _meant(path, universe, present, instruments)
    for found in scan.found:
        if found.symbol not in wanted:
            continue
        try:
            content.instruments[found.symbol] = instruments.find(found.symbol)
        except InstrumentError as error:
            if universe is not None:
                raise
            content.excluded[found.symbol] = str(error)
            continue
        bars = read_found(found)
        key = (found.symbol, bars.series.timeframe_seconds)
        if key in content.files:
            raise BadInputError(
                f"{path}: {found.symbol} has two {timeframe_name(key[1])} files, {content.files[key].path.name} and "
                f"{bars.path.name}; keep one of them"
            )
        content.files[key] = bars
    if not content.files:
        raise InstrumentError(f"{path}: no symbol is left; {reasons(content.excluded)}")
    return content


def reasons(excluded: Mapping[str, str]) -> str:
    """Why each symbol fell out, in one line."""
    return "; ".join(why if why.startswith(symbol) else f"{symbol}: {why}" for symbol, why in sorted(excluded.items()))


def _meant(
    path: Path, universe: Sequence[str], present: Sequence[str], instruments: Instruments
) -> tuple[list[str], tuple[str, ...]]:
    """The symbols of the folder that the universe's names mean, and the words where a name was a root."""
    wanted: list[str] = []
    words, absent = [], []
    for code in dict.fromkeys(contract_code(name) for name in universe):
        symbols = [code] if code in present else [symbol for symbol in present if _is_of(symbol, code, instruments)]
        if not symbols:
            absent.append(code)
        elif symbols != [code]:
            words.append(f"{code} of the universe is {' and '.join(symbols)} here")
        wanted += symbols
    if absent:
        raise BadInputError(
            f"{path}: the universe asks for {', '.join(absent)}, the folder has {', '.join(present)}; "
            "name a contract or its root, add the files or change the universe"
        )
    return list(dict.fromkeys(wanted)), tuple(words)


def _is_of(symbol: str, root: str, instruments: Instruments) -> bool:
    """Whether a contract has this root, by its own name or by another name of its instrument (CQG's EP is ES)."""
    if root_of(symbol) == root:
        return True
    known = [
        instrument for instrument in instruments.by_symbol.values() if root in (instrument.symbol, *instrument.aliases)
    ]
    try:
        return instruments.find(symbol) in known
    except InstrumentError:
        return False
