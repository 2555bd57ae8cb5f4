"""The instrument table as arrays, so that the rows of a request are looked up and not looped over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from minhos.capabilities.position_sizing.runtime.settings import Correlation, FloatArray, Instrument

__all__ = ["InstrumentTables"]


class InstrumentTables:
    """Columns [S] of the instruments of a release and their correlation [S, S], in one order."""

    def __init__(self, instruments: Mapping[str, Instrument], correlation: Correlation) -> None:
        self._index: dict[object, int] = {}
        for index, symbol in enumerate(instruments):
            self._index[symbol] = self._index[symbol.encode()] = index
        places = [correlation.symbols.index(symbol) for symbol in instruments]
        self._correlation = correlation.matrix[np.ix_(places, places)]
        self.tick_size = self._column(instruments, "tick_size")
        self.point_value = self._column(instruments, "point_value")
        self.cost_ticks_round_trip = self._column(instruments, "cost_ticks_round_trip")
        self.cost_fraction_round_trip = self._column(instruments, "cost_fraction_round_trip")
        self.max_contracts = self._column(instruments, "max_contracts")
        self.volatility_reference = self._column(instruments, "volatility_reference")

    @staticmethod
    def _column(instruments: Mapping[str, Instrument], name: str) -> FloatArray:
        return np.array([float(getattr(item, name)) for item in instruments.values()], dtype=np.float64)

    def rows(self, symbols: Iterable[object]) -> npt.NDArray[np.int64]:
        """Place of each symbol in the columns, int64 [B]; -1 for what the release does not know.

        Symbols are UTF-8 bytes or text; bytes that are no text are an unknown symbol, not an error of the request.
        """
        return np.array([self._index.get(symbol, -1) for symbol in symbols], dtype=np.int64)

    def correlation_of(self, rows: npt.NDArray[np.int64]) -> FloatArray:
        """Correlation of the rows of a request, [B, B]; the same instrument twice is 1."""
        return self._correlation[np.ix_(rows, rows)]
