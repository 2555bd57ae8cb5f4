"""One side of an order book, replayed without a loop over records.

A stretch of records is sorted by price, so each level is one run of quantities, and each quantity holds from its record to
the level's next one. Written out for the ends of batches, the levels that can be among the best ones are a small matrix,
best level first, from which the best price and the quantity of the best levels follow for all ends at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["BookSide", "SideTop"]

_MATRIX_CELLS = 1 << 20

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Quantities = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class SideTop:
    """A side at K ends of batches. `price` float64 [K]: the best one, NaN where there is no level; `size` int64 [K]: the
    quantity there, `quantity` int64 [K]: of the best levels together, 0 where there is none."""

    price: Floats
    size: Integers
    quantity: Integers


@dataclass
class BookSide:
    """The levels of one side. `best_is_highest`: for bids. `levels`: how many of the best ones `SideTop.quantity` sums.

    `unknown_modifies`, `unknown_deletes`: commands so far for a level that was not there.
    """

    best_is_highest: bool
    levels: int
    unknown_modifies: int = 0
    unknown_deletes: int = 0
    _rank: Floats = field(
        default_factory=lambda: np.empty(0)
    )  # of the levels: the price, negative for bids; increasing
    _quantity: Quantities = field(default_factory=lambda: np.empty(0, dtype=np.uint32))

    def clear(self) -> None:
        """Drop all levels."""
        self._rank, self._quantity = self._rank[:0], self._quantity[:0]

    def apply(
        self, price: Floats, quantity: Quantities, end: Integers, *, modifies: Flags, deletes: Flags, ends: int
    ) -> SideTop:
        """Apply a stretch of n commands with K = `ends` ends of batches, and say what stood there at each.

        All [n], in the file's order: `price`, never NaN; `quantity` after the command, 0 takes the level away (deletes
        have 0); `end`, 0 to K, increasing: the first end of a batch that sees the command, K where none of the stretch does.
        """
        carried = len(self._rank)
        rank = np.concatenate((self._rank, -price if self.best_is_highest else price))
        order = np.argsort(rank, kind="stable")  # within a level the file's order stays
        rank = rank[order]
        quantity = np.concatenate((self._quantity, quantity))[order]
        end = np.concatenate((np.zeros(carried, dtype=np.int64), end))[order]
        first = np.concatenate((np.ones(1, dtype=np.bool_), rank[1:] != rank[:-1]))[: len(rank)]
        last = np.concatenate((first[1:], np.ones(1, dtype=np.bool_)))[: len(rank)]
        self._count_unknown(order - carried, first, quantity, modifies, deletes)
        stays = last & (quantity > 0)
        self._rank, self._quantity = rank[stays], quantity[stays]
        until = np.append(end[1:], ends)[: len(end)]
        until[last] = ends
        return self._top(rank, quantity, end, until, np.flatnonzero(first), ends)

    def _count_unknown(
        self, command: Integers, first: Flags, quantity: Quantities, modifies: Flags, deletes: Flags
    ) -> None:
        """`command` int64 [m]: the number of each row's command, negative for a level from before the stretch."""
        absent = np.append(True, quantity[:-1] == 0)[: len(quantity)] | first
        unknown = command[absent & (command >= 0)]
        self.unknown_modifies += int(np.count_nonzero(modifies[unknown]))
        self.unknown_deletes += int(np.count_nonzero(deletes[unknown]))

    def _top(
        self, rank: Floats, quantity: Quantities, end: Integers, until: Integers, starts: Integers, ends: int
    ) -> SideTop:
        top = SideTop(
            price=np.full(ends, np.nan), size=np.zeros(ends, dtype=np.int64), quantity=np.zeros(ends, dtype=np.int64)
        )
        if ends == 0 or len(starts) == 0:
            return top
        # Behind `levels` levels that are there at every end, no level counts.
        seen = np.where(until > end, quantity, np.iinfo(np.uint32).max)
        always = (np.minimum.reduceat(seen, starts) > 0) & (end[starts] == 0)
        count = min(len(starts), int(np.searchsorted(np.cumsum(always), self.levels)) + 1)
        rows = slice(0, starts[count] if count < len(starts) else len(rank))
        starts = starts[:count]
        # A row of zero quantity before each level, for the ends before its first command.
        quantity = np.insert(quantity[rows], starts, 0)
        begin = np.insert(end[rows], starts, 0)
        until = np.insert(until[rows], starts, end[starts])
        price = -rank[starts] if self.best_is_highest else rank[starts]
        step = max(1, _MATRIX_CELLS // count)
        for low in range(0, ends, step):
            high = min(low + step, ends)
            spans = np.clip(until, low, high) - np.clip(begin, low, high)
            matrix = np.repeat(quantity, spans).reshape(count, high - low)
            there = matrix > 0
            place = np.cumsum(there, axis=0, dtype=np.int32)
            best = there.argmax(axis=0)
            size = matrix[best, np.arange(high - low)]
            top.price[low:high] = np.where(size > 0, price[best], np.nan)
            top.size[low:high] = size
            top.quantity[low:high] = np.sum(matrix, axis=0, dtype=np.int64, where=place <= self.levels)
        return top
