"""Range, trade and volume bars of Sierra Chart: what kind they are by their rows, and when each of them was known.

Such a bar ends when enough has happened, not when a time is over: all range bars have the same high - low, all trade bars
the same number of trades, all volume bars a volume at a constant or a little over it. The last bar of a session may have
less. Equal starts are no duplicates: several bars may begin in one millisecond (the Sierra Chart reference, section 4a).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.timeframe_names import NamedBars
from minhos.market_data.timeframes import Kind, activity_bars

__all__ = ["activity_timeframe", "known_at"]

_LEAST_SHARE: Final = 0.8
_MOST_OVER: Final = 0.05
_EXCESS: Final[Mapping[Kind, float]] = {"range": 0.0, "trades": 0.0, "volume": 0.5}
_LEAST_AT_SIZE: Final = 0.05
_LEAST_ROWS: Final = 3
_TELL: Final[Mapping[Kind, str]] = {
    "range": "the same high - low ({size} ticks)",
    "trades": "the same number of trades ({size})",
    "volume": "a volume at or just over the same ({size})",
}
_ADVICE: Final = (
    "export time bars (1m, 5m, 1h ...), or name the file as its bars are (8t range, 500 Trades, 1000 Volume)"
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Fit:
    """`share` of the bars that fit `size`; `fits`: whether that makes them bars of this kind."""

    size: int
    share: float
    fits: bool


def activity_timeframe(
    path: Path, columns: Mapping[str, Floats], *, tick_size: float | None, stated: NamedBars | None
) -> tuple[int, str]:
    """The number (`timeframes`) of bars that are no time bars, and by what they are known, in words.

    `columns`: by the contract's names, float64 [T], the bars that are complete. `tick_size`: in price units, None where it
    is not known. `stated`: what the file's name or its map says. Raises `BadInputError` where the rows fit no kind or
    several, or contradict what is stated.
    """
    sizes = _sizes(columns, tick_size)
    kinds: tuple[Kind, ...] = stated.kinds if stated is not None else ("range", "trades", "volume")
    fits = {
        kind: _fit(sizes[kind], kind, stated.size if stated is not None else None) for kind in kinds if kind in sizes
    }
    right = [kind for kind, fit in fits.items() if fit is not None and fit.fits]
    if len(right) == 1:
        found = fits[right[0]]
        assert found is not None
        words = f"{found.share:.0%} of its bars have {_TELL[right[0]].format(size=found.size)}"
        return activity_bars(right[0], found.size), words
    if right:
        which = " and ".join(_TELL[kind].format(size=fits[kind].size) for kind in right)  # type: ignore[union-attr]
        raise BadInputError(
            f"{path}: no regular timeframe, and nearly all of its bars have {which}, so their kind cannot be told; {_ADVICE}"
        )
    seen = [
        f"{fit.share:.0%} of its bars have {_TELL[kind].format(size=fit.size)}"
        for kind, fit in fits.items()
        if fit is not None
    ]
    why = ", ".join(seen) or ("too few bars" if sizes else "no tick size, trades or volume is known")
    if stated is not None:
        raise BadInputError(
            f"{path}: {stated} is stated, but only {why}; correct what is stated, or export the file again"
        )
    raise BadInputError(
        f"{path}: no regular timeframe, its bars start on no grid of time, and they are no range, trade or volume bars "
        f"({why}; {_LEAST_SHARE:.0%} are needed); {_ADVICE}"
    )


def _sizes(columns: Mapping[str, Floats], tick_size: float | None) -> dict[Kind, Floats]:
    """What the kinds keep constant, float64 [T], whole numbers; of a source without a column the kind is left out."""
    sizes: dict[Kind, Floats] = {}
    if tick_size is not None:
        sizes["range"] = (columns["high"] - columns["low"]) / tick_size
    for kind, name in (("trades", "trades"), ("volume", "volume")):
        if name in columns and np.any(columns[name] > 0):
            sizes[kind] = columns[name]  # type: ignore[index]
    return sizes


def _fit(values: Floats, kind: Kind, stated: int | None) -> _Fit | None:
    """How the bars fit the size that is stated, or the most frequent one; None of too few bars."""
    whole = np.round(values[np.isfinite(values)]).astype(np.int64)
    if len(whole) < _LEAST_ROWS:
        return None
    different, counts = np.unique(whole, return_counts=True)
    size = int(different[np.argmax(counts)]) if stated is None else stated
    if size <= 0:
        return _Fit(size, 0.0, False)
    inside = float(np.mean((whole >= size) & (whole <= size * (1.0 + _EXCESS[kind]))))
    over = float(np.mean(whole > size * (1.0 + _EXCESS[kind])))
    at_size = float(np.mean(whole == size))
    fits = inside >= _LEAST_SHARE and over <= _MOST_OVER and (stated is not None or at_size >= _LEAST_AT_SIZE)
    return _Fit(size, inside, fits)


def known_at(stamps_us: Integers, *, stamped_at_end: bool) -> Integers:
    """When bars without a length were known, int64 [T], UTC us, strictly increasing: as the next one starts.

    `stamps_us` int64 [T], UTC us, not decreasing: their starts, or their ends. Bars that end in one microsecond are told
    apart by a counter of microseconds, as Sierra Chart counts the trades of one millisecond. Of starts the end of the last
    bar is not known: it must not be used.
    """
    ends = stamps_us if stamped_at_end else np.append(stamps_us[1:], stamps_us[-1:])
    rows = np.arange(len(ends), dtype=np.int64)
    return np.maximum.accumulate(ends - rows) + rows
