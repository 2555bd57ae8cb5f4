"""Bars that say nothing new: a price that stands still, a bar that comes twice, a stretch copied from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from minhos.market_data.validation.bar_arrays import BarArrays

__all__ = ["Repeats", "repeats"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Repeats:
    """`still` float64 [T]: how many bars in a row, this one included, have one price and it is the same. `repeated` float64
    [T]: 1 where a bar with a range equals the one before it in every column. `copied` float64 [T]: 1 where a bar and a
    neighbour of it, both with a range, equal two neighbours somewhere before.
    `runs` int64 [R]: the lengths of the runs of standing prices but the longest: if that is a fault, it is no evidence of
    what chance does.
    """

    still: Floats
    repeated: Floats
    copied: Floats
    runs: npt.NDArray[np.int64]


def repeats(bars: BarArrays) -> Repeats:
    """Measure the bars."""
    values = bars.values
    opens, highs, lows, closes = values[:, :4].T
    flat = (highs == lows) & (opens == closes) & (opens == highs)
    same_price = np.concatenate(([False], closes[1:] == closes[:-1]))
    goes_on = flat & same_price & np.concatenate(([False], flat[:-1]))
    position = np.arange(len(closes))
    begin = np.maximum.accumulate(np.where(goes_on, 0, position))
    still = np.where(flat, position - begin + 1.0, 0.0)
    ranged = highs > lows
    same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    repeated = np.concatenate(([False], same.all(axis=1))) & ranged
    ends = flat & ~np.concatenate((goes_on[1:], [False]))
    return Repeats(
        still=still,
        repeated=repeated.astype(np.float64),
        copied=_copied(values, ranged).astype(np.float64),
        runs=np.sort(still[ends].astype(np.int64))[:-1],
    )


def _copied(values: Floats, ranged: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Rows of a pair of neighbours that stands somewhere before; a pair of one bar twice is `repeated`, not copied."""
    if len(values) < 3:
        return np.zeros(len(values), dtype=np.bool_)
    rows = np.ascontiguousarray(np.nan_to_num(values, nan=-1.0))
    _, code = np.unique(rows, axis=0, return_inverse=True)
    pairs = code.ravel()[:-1].astype(np.int64) * (int(code.max()) + 1) + code.ravel()[1:]
    _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    usable = ranged[:-1] & ranged[1:] & (code.ravel()[:-1] != code.ravel()[1:])
    again = usable & (first[inverse] < np.arange(len(pairs)))
    copied = np.zeros(len(values), dtype=np.bool_)
    copied[:-1] |= again
    copied[1:] |= again
    return copied
