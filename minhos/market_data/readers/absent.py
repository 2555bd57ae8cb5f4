"""Columns that a source has in name only: zeros where it does not know the number become NaN, with a word about it.

Sierra Chart writes zeros for services without trades, bid and ask volume (`..., 7, 0, 0, 0`: seven contracts, and
nothing said about who was the aggressor), and a chart that was put together from two services has them in a part of it.
A zero that is not known is no zero: features learn from it, and bid + ask then contradicts the volume.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.bars import iso
from minhos_client.contract import BAR_COLUMNS

__all__ = ["without_absent"]

_LARGEST_ZERO_SHARE: Final = 0.01
_NAMES: Final = {"volume": "volume", "bid_volume": "bid volume", "ask_volume": "ask volume", "trades": "trades"}
_SIDES: Final = ("bid_volume", "ask_volume")

Floats = npt.NDArray[np.float64]


def without_absent(values: Floats, bar_end: npt.NDArray[np.int64], *, name: str) -> tuple[Floats, tuple[str, ...]]:
    """The values with unknown columns as NaN, float64 [T, 8] in the contract's order, and what was found, in words.

    - Each of volume, bid volume, ask volume and trades that is 0 in every row is absent.
    - Bid and ask volume need each other: where one is 0 in every row, nobody ever bought (or sold), the other is absent.
    - Trades, and bid and ask volume together, that are 0 in more than 1 % of the bars with volume are absent as a
      whole: a column that is right in a part of the history only would be learned as if it were one thing.
      Up to that share they stay as they are, and validation names the bars whose bid + ask is not their volume.

    `name`: the file's name, which opens the words. `bar_end` int64 [T], UTC us.
    """
    found = {column: values[:, BAR_COLUMNS.index(column)] for column in _NAMES}
    absent = [column for column, numbers in found.items() if not np.any(numbers)]  # NaN counts as something
    words = []
    if absent:
        words.append(
            f"{name}: {' and '.join(_NAMES[column] for column in absent)} 0 in every row: the source does not know "
            "it, it is not used"
        )
        other = [column for column in _SIDES if column not in absent and not np.all(np.isnan(found[column]))]
        if len(other) == 1 and len(set(_SIDES) & set(absent)) == 1:
            absent += other
            words.append(f"{name}: {_NAMES[other[0]]} is the whole volume then and says nothing, it is not used either")
    with np.errstate(invalid="ignore"):
        traded = found["volume"] > 0
        for columns in (_SIDES, ("trades",)):
            if any(column in absent for column in columns):
                continue
            unknown = traded & np.all([found[column] == 0 for column in columns], axis=0)
            share = int(np.count_nonzero(unknown)) / max(1, int(np.count_nonzero(traded)))
            if share > _LARGEST_ZERO_SHARE:
                rows = np.flatnonzero(unknown)
                words.append(
                    f"{name}: {' and '.join(_NAMES[column] for column in columns)} 0 in {share:.1%} of the bars that have "
                    f"volume ({len(rows)} bars, {iso(int(bar_end[rows[0]]))} to {iso(int(bar_end[rows[-1]]))}): the source "
                    "did not know it then, it is not used; export the part that has it to use it"
                )
                absent += columns
    if absent:
        values = values.copy()  # a copy of a long history is large: only where something changes
        values[:, [BAR_COLUMNS.index(column) for column in absent]] = np.nan
    return values, tuple(words)
