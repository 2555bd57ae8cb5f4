"""Which bets move together: the correlation of the universe's returns, shrunk (Ledoit and Wolf 2004)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["correlation_section"]

_FEWEST_ROWS = 200
_UNKNOWN = 0.5


def correlation_section(
    closes: Mapping[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]],
) -> dict[str, Any]:
    """The ``correlation`` section of ``parameters.json``: symbols and the matrix of their bars' log returns.

    ``closes`` maps a symbol to (bar_end int64 [T] UTC us, close float64 [T]), of the training span only. Returns are
    taken over bars that all instruments share, with positive closes, and standardised before shrinking. Fewer than 200
    shared returns say too little: every pair then counts as 0.5, which reduces bets on one side and never enlarges any.
    """
    symbols = list(closes)
    if len(symbols) < 2:
        return {"symbols": symbols, "matrix": [[1.0]] * len(symbols)}
    priced = {symbol: (bar_end[close > 0], close[close > 0]) for symbol, (bar_end, close) in closes.items()}
    shared = priced[symbols[0]][0]
    for symbol in symbols[1:]:
        shared = np.intersect1d(shared, priced[symbol][0], assume_unique=True)
    if len(shared) <= _FEWEST_ROWS:
        matrix = np.full((len(symbols), len(symbols)), _UNKNOWN)
    else:
        columns = [close[np.searchsorted(bar_end, shared)] for bar_end, close in priced.values()]
        matrix = _shrunk_correlation(np.diff(np.log(np.stack(columns, axis=1)), axis=0))
    np.fill_diagonal(matrix, 1.0)
    return {"symbols": symbols, "matrix": matrix.tolist()}


def _shrunk_correlation(returns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from sklearn.covariance import ledoit_wolf

    spread = returns.std(axis=0)
    scaled = (returns - returns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    covariance, _ = ledoit_wolf(scaled, assume_centered=True)
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    matrix: npt.NDArray[np.float64] = np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)
    return 0.5 * (matrix + matrix.T)
