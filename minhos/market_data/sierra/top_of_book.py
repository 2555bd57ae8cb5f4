"""The top of an order book over time: best prices, what stands there, and which side is heavier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["TopOfBook"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TopOfBook:
    """The top of the book at the M ends of batches that changed it, oldest first; each row holds until the next one.

    `time_us`: int64 [M], UTC us, never decreasing; rows of one stamp are in the file's order. All others float64 [M]:
    `bid`, `ask` the best prices; `bid_size`, `ask_size` the quantities there; all NaN on a side without levels.
    `imbalance`: (b - a) / (b + a) of the quantities of the best levels of each side, from -1 (only asks) to 1 (only
    bids); NaN where both sides are empty. A book may be crossed (bid above ask): it is told as it is.
    """

    time_us: Integers
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    imbalance: Floats

    def __len__(self) -> int:
        return len(self.time_us)

    def rows(self, chosen: slice | Flags) -> TopOfBook:
        """Some of the rows."""
        return TopOfBook(*(column[chosen] for column in vars(self).values()))

    @staticmethod
    def joined(parts: list[TopOfBook]) -> TopOfBook:
        """The rows of all parts, one after the other."""
        names = TopOfBook.__dataclass_fields__
        empty = {name: np.empty(0, dtype=np.int64 if name == "time_us" else np.float64) for name in names}
        return TopOfBook(*(np.concatenate([empty[name], *(getattr(part, name) for part in parts)]) for name in names))

    def changes(self) -> Flags:
        """Whether a row says anything but its time anew, bool [M]; the first row does."""
        changed = np.zeros(len(self), dtype=np.bool_)
        changed[:1] = True
        for column in (self.bid, self.bid_size, self.ask, self.ask_size, self.imbalance):
            changed[1:] |= (column[1:] != column[:-1]) & ~(np.isnan(column[1:]) & np.isnan(column[:-1]))
        return changed
