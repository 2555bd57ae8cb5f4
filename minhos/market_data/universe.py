"""Which symbols a night is asked for: contracts, roots, and roots as one continuous series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.instruments import Instruments
from minhos.market_data.symbols import contract_code, root_of

__all__ = ["Universe"]

_CONTINUOUS: Final = "[C]"
"""As Sierra Chart marks its continuous charts."""


@dataclass(frozen=True)
class Universe:
    """`names`: contracts (`MNQZ25`) and roots (`MNQ`: every contract of it). `continuous`: roots whose contracts are one
    series (`MNQ[C]`). `everything`: none was named, so all there are."""

    names: tuple[str, ...] = ()
    continuous: tuple[str, ...] = ()
    everything: bool = False

    @classmethod
    def of(cls, names: Iterable[str] | None) -> Universe:
        """The universe that a user's names mean; None: everything."""
        if names is None:
            return cls(everything=True)
        given = [name.strip().upper() for name in names]
        joined = [contract_code(name) for name in given if name.endswith(_CONTINUOUS)]
        plain = [contract_code(name) for name in given if not name.endswith(_CONTINUOUS)]
        return cls(names=tuple(dict.fromkeys(plain)), continuous=tuple(dict.fromkeys(joined)))

    def among(self, where: Path, present: Sequence[str], instruments: Instruments) -> tuple[list[str], tuple[str, ...]]:
        """The symbols of `present` that are meant, and the words where a name was a root.

        Raises `BadInputError` for a name that matches nothing.
        """
        if self.everything:
            return list(present), ()
        wanted: list[str] = []
        words, absent = [], []
        for code in (*self.names, *self.continuous):
            symbols = [code] if code in present else [symbol for symbol in present if _is_of(symbol, code, instruments)]
            if not symbols:
                absent.append(code)
            elif symbols != [code] and code in self.names:
                words.append(f"{code} of the universe is {' and '.join(symbols)} here")
            wanted += symbols
        if absent:
            raise BadInputError(
                f"{where}: no bars of {', '.join(absent)}; there are those of {', '.join(present)}; "
                "name a contract, its root or its continuous series (NQ[C]), or add the files"
            )
        return list(dict.fromkeys(wanted)), tuple(words)

    def kept(self, present: Sequence[str], instruments: Instruments) -> set[str]:
        """The symbols of `present` that are wanted by themselves, beside the continuous series."""
        return {
            symbol
            for symbol in present
            if symbol in self.names or any(_is_of(symbol, code, instruments) for code in self.names)
        }


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
