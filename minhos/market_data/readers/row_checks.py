"""What makes a row of a file impossible as a bar: its place in time, and its prices and volumes against each other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.bars import iso
from minhos.market_data.readers.rejections import RowFaults

__all__ = ["note_bad_order", "note_bad_values", "out_of_order"]

_ORDER_ADVICE: Final = "sort the file by time and remove duplicate rows, or export it again"
_COUNTS: Final = ("volume", "bid_volume", "ask_volume", "trades")

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def out_of_order(stamps: Integers) -> Flags:
    """The fewest rows without which the times strictly increase, bool [T]. `stamps` int64 [T], UTC us.

    One wrong time, early or late, is so one row, whatever it does to its neighbours. Where there is a choice the earlier row
    of the file stays: of two rows with one time the first, and of a step back the row before it. Where more than a tenth of
    the steps go back, the file has another order: then it is every row that is not after all rows before it.
    """
    highest_before = np.maximum.accumulate(stamps)
    not_after = np.zeros(len(stamps), dtype=np.bool_)
    not_after[1:] = stamps[1:] <= highest_before[:-1]
    backwards = int(np.count_nonzero(np.diff(stamps) <= 0))
    if backwards == 0 or backwards * 10 > len(stamps):
        return not_after
    lowest_after = np.minimum.accumulate(stamps[::-1])[::-1]
    disputed = not_after.copy()
    disputed[:-1] |= stamps[:-1] >= lowest_after[1:]
    rows = np.flatnonzero(disputed)  # all others are after everything before them and before everything after them
    kept = rows[_longest_increasing(stamps[rows].tolist())]
    disputed[kept] = False
    return disputed


def _longest_increasing(numbers: list[int]) -> list[int]:
    """The positions of a longest strictly increasing subsequence: patience sorting, from the end.

    From the end, because a later candidate replaces an equally good one: it is the earlier row then.
    """
    tops: list[int] = []  # negated last number of the best subsequence of each length
    top_positions: list[int] = []
    following: list[int] = [-1] * len(numbers)
    for position in range(len(numbers) - 1, -1, -1):
        length = bisect_left(tops, -numbers[position])
        following[position] = top_positions[length - 1] if length else -1
        tops[length : length + 1] = [-numbers[position]]
        top_positions[length : length + 1] = [position]
    chosen = []
    position = top_positions[-1] if top_positions else -1
    while position >= 0:
        chosen.append(position)
        position = following[position]
    return chosen


def note_bad_order(
    faults: RowFaults, stamps: Integers, dated: Flags, columns: Mapping[str, Floats], *, equal_allowed: bool = False
) -> Flags:
    """Note the rows whose time does not fit between those of their neighbours; the others as bool [T].

    `stamps` int64 [T], UTC us; `dated` bool [T], false where a row has no time; `columns` float64 [T] each.
    `equal_allowed`: rows with one time are different bars, in the order of the file.
    """
    wrong = np.zeros(len(stamps), dtype=np.bool_)
    wrong[dated] = out_of_order(_ranks(stamps[dated]) if equal_allowed else stamps[dated])
    in_order: Flags = dated & ~wrong
    if not np.any(wrong):
        return in_order
    rows = np.arange(len(stamps))
    before = np.maximum.accumulate(
        np.where(in_order, rows, -1)
    )  # the row that counts before (or at) each, -1 without one
    after = np.minimum.accumulate(np.where(in_order, rows, len(stamps))[::-1])[::-1]
    same_time = wrong & (before >= 0) & (stamps == stamps[before])
    same_values = np.ones(len(stamps), dtype=np.bool_)
    for numbers in columns.values():
        same_values &= (numbers == numbers[before]) | (np.isnan(numbers) & np.isnan(numbers[before]))
    early = wrong & ~same_time & (before >= 0) & (stamps < stamps[before])

    def not_after(row: int) -> str:
        return f"the time {iso(int(stamps[row]))} is not after the row before ({iso(int(stamps[before[row]]))})"

    def not_before(row: int) -> str:
        return f"the time {iso(int(stamps[row]))} is not before the rows below it ({iso(int(stamps[after[row]]))})"

    for bad, why, describe in (
        (same_time & same_values, "duplicate of the row before", not_after),
        (same_time & ~same_values, "the time of the row before again, with other values", not_after),
        (early, "the time goes back", not_after),
        (wrong & ~same_time & ~early, "the time is not before the rows below it", not_before),
    ):
        faults.add(bad, why, describe, advice=_ORDER_ADVICE)
    return in_order


def _ranks(stamps: Integers) -> Integers:
    """The place of each row by time, of equal times by the order of the file; int64 [T], all different."""
    ranks = np.empty(len(stamps), dtype=np.int64)
    ranks[np.argsort(stamps, kind="stable")] = np.arange(len(stamps))
    return ranks


def note_bad_values(faults: RowFaults, columns: Mapping[str, Floats], *, intraday: bool) -> None:
    """Note the rows whose values contradict each other. `columns`: by the contract's names, float64 [T] each.

    Open and close are held against low and high in intraday bars only: the close of a daily row is the settlement price,
    which may lie outside the day's trades.
    """

    def note(bad: Flags, name: str, fault: str, limit: Floats | None = None) -> None:
        def describe(row: int) -> str:
            return f"{name} {columns[name][row]:g} is {fault}" + (f" {limit[row]:g}" if limit is not None else "")

        faults.add(bad, f"{name.replace('_', ' ')} is {fault}", describe)

    high, low = columns["high"], columns["low"]
    note(high < low, "high", "under low", low)
    for name in ("open", "close") if intraday else ():
        note(columns[name] < low, name, "under low", low)
        note(columns[name] > high, name, "over high", high)
    for name in _COUNTS:
        if name in columns:
            note(columns[name] < 0, name, "negative")
