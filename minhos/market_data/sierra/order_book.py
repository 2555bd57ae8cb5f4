"""The order book of a market depth file, replayed: top of the book and imbalance, as they were at each end of a batch.

The book is whole only at the ends of batches, and not known before the first snapshot (`CLEAR_BOOK`, all levels, end of
batch). Several batches may share one stamp: the file's order counts. The state that goes from window to window is the book
itself, so how the file is cut into windows changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import ConfigError
from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.sierra.book_side import BookSide, SideTop
from minhos.market_data.sierra.depth import (
    ADD_ASK,
    ADD_BID,
    CLEAR_BOOK,
    DAY_US,
    DELETE_ASK,
    DELETE_BID,
    END_OF_BATCH,
    MODIFY_ASK,
    MODIFY_BID,
    SLACK_US,
    DepthFile,
    Records,
    depth_day,
    open_depth,
)
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US
from minhos.market_data.sierra.tick_grid import market_prices
from minhos.market_data.sierra.top_of_book import TopOfBook

__all__ = ["BookReplay", "top_of_book"]

_WINDOW_RECORDS: Final = 1 << 18
_STRETCH_RECORDS: Final = 1 << 13
_LAST_COMMAND: Final = DELETE_ASK

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass
class BookReplay:
    """Replays one file, once, and counts what it meets.

    `levels`: best levels of each side that the imbalance weighs. `price_multiplier`, `tick_size`: see `market_prices`.
    `window_records`, `stretch_records`: how many are read and replayed at once. Counted as it goes: `until_us`, UTC us,
    the latest stamp so far, None before any: all that happened before it has been seen; `ends_of_batches`, of a known
    book; `before_snapshot`: records before the first snapshot; `crossed`: ends of batches with the bid above the ask;
    `steps_back`: records with an earlier stamp than one before them, they count at that one's time, when they were known;
    `off_grid`: best prices that are on no tick. Raises `ConfigError` for less than one level, `BadInputError` for a
    multiplier or tick size that is not positive.
    """

    file: DepthFile
    levels: int = 5
    price_multiplier: float = 1.0
    tick_size: float | None = None
    window_records: int = _WINDOW_RECORDS
    stretch_records: int = _STRETCH_RECORDS
    until_us: int | None = None
    ends_of_batches: int = 0
    before_snapshot: int = 0
    crossed: int = 0
    steps_back: int = 0
    off_grid: int = 0
    _known: bool = False
    _rejected: dict[str, Rejection] = field(default_factory=dict)
    _newest: TopOfBook = field(default_factory=lambda: TopOfBook.joined([]))

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ConfigError(f"{self.file.path}: imbalance over {self.levels} levels, at least 1 is needed")
        self._market_prices(np.empty(0))  # settings that cannot be are told before a long replay
        self._bids = BookSide(best_is_highest=True, levels=self.levels)
        self._asks = BookSide(best_is_highest=False, levels=self.levels)

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        """The records that cannot be used, by reason."""
        return tuple(self._rejected.values())

    def words(self) -> tuple[str, ...]:
        """What people should know of the file, after the replay."""
        name, named, day = self.file.path.name, depth_day(self.file.path), self.file.day_us
        facts = []
        if day is not None and named is not None and np.datetime64(named) != np.datetime64(day, "us"):
            content = np.datetime64(day, "us").astype("datetime64[D]")
            facts.append(f"its name says {named}, its records are of {content}; the records count")
        if not self.file.records:
            facts.append("a header and no record yet")
        elif not self._known:
            facts.append("no snapshot of the book in it yet, so nothing is known of the book")
        elif self.before_snapshot:
            facts.append(
                f"the book is not known before its first snapshot, {self.before_snapshot} records are before it"
            )
        if self._known and not self.ends_of_batches:
            facts.append("no end of a batch in it yet, so nothing is known of the book")
        if self.file.loose_bytes:
            facts.append(
                f"{self.file.loose_bytes} bytes of a record that is still being written are left for the next time"
            )
        counts = {
            "deletes of levels that were not there": self._bids.unknown_deletes + self._asks.unknown_deletes,
            "changes of levels that were not there": self._bids.unknown_modifies + self._asks.unknown_modifies,
            "ends of batches with the bid above the ask": self.crossed,
            "records stamped earlier than one before them": self.steps_back,
            f"best prices that are no multiple of the tick size {self.tick_size}": self.off_grid,
        }
        facts += [f"{what}: {count}" for what, count in counts.items() if count]
        return tuple(f"{name}: {fact}" for fact in facts)

    def windows(self) -> Iterator[TopOfBook]:
        """The changes of the top, window by window; `until_us` is then that of the window's end."""
        for first, window in self.file.windows(self.window_records):
            yield self._window(window, first)

    def _window(self, window: Records, first: int) -> TopOfBook:
        undated = self._undated(window)
        command, ends = self._usable(window, undated, first)
        time = self._known_at(window, undated)
        clears = np.flatnonzero(command == CLEAR_BOOK)
        begin = 0
        if not self._known:
            begin = int(clears[0]) if len(clears) else len(window)
            self.before_snapshot += begin
            self._known = bool(len(clears))
        with np.errstate(invalid="ignore"):  # a signalling NaN: its record is rejected
            prices = window["price"].astype(np.float64)
        quantities = np.where(command >= DELETE_BID, np.uint32(0), window["quantity"])
        cuts = np.unique(np.concatenate((np.arange(begin, len(window), self.stretch_records), clears, [len(window)])))
        changes = []
        for low, high in pairwise(cuts.tolist()):
            part = slice(low, high)
            changes.append(self._stretch(command[part], prices[part], quantities[part], ends[part], time[part]))
        top = TopOfBook.joined(changes)
        return replace(top, bid=self._market_prices(top.bid), ask=self._market_prices(top.ask))

    def _market_prices(self, stored: Floats) -> Floats:
        prices, off_grid = market_prices(stored, multiplier=self.price_multiplier, tick_size=self.tick_size)
        self.off_grid += int(np.count_nonzero(off_grid))
        return prices

    def _usable(self, window: Records, undated: Flags, first: int) -> tuple[npt.NDArray[np.uint8], Flags]:
        """The commands and the ends of batches; a record that cannot be used is counted and has neither."""
        command = window["command"].copy()
        ends = (window["flags"] & END_OF_BATCH) != 0
        unknown = (command > _LAST_COMMAND) & ~undated
        priceless = (command > CLEAR_BOOK) & ~np.isfinite(window["price"]) & ~undated & ~unknown
        for why, broken in (
            ("its date is not of the day of the file", undated),
            ("its command is not known", unknown),
            ("its price is not a number", priceless),
        ):
            rows = np.flatnonzero(broken)
            if rows.size:
                before = self._rejected.get(why, Rejection(why=why, rows=0, first=f"record {first + int(rows[0])}"))
                self._rejected[why] = Rejection(why=why, rows=before.rows + rows.size, first=before.first)
        command[undated | unknown | priceless] = 0
        ends[undated] = False
        return command, ends

    def _undated(self, window: Records) -> Flags:
        """Which stamps are not of the file's day: one that is broken must not move all that follows into the future."""
        day = (self.file.day_us or 0) + EPOCH_OFFSET_US
        undated: Flags = (window["time"] < day - SLACK_US) | (window["time"] >= day + DAY_US + SLACK_US)
        return undated

    def _known_at(self, window: Records, undated: Flags) -> Integers:
        """When each record was known, UTC us, int64 [n]: its stamp, or the latest one before it."""
        stamps = np.where(undated, np.int64(0), window["time"]) - EPOCH_OFFSET_US
        known = np.maximum.accumulate(np.append(self.until_us or 0, stamps))
        self.steps_back += int(np.count_nonzero((stamps < known[1:]) & ~undated))
        self.until_us = int(known[-1]) or None
        return known[1:]

    def _stretch(
        self,
        command: npt.NDArray[np.uint8],
        price: Floats,
        quantity: npt.NDArray[np.uint32],
        ends: Flags,
        time: Integers,
    ) -> TopOfBook:
        """The changes of the top in a few records, of which only the first may clear the book."""
        if command[0] == CLEAR_BOOK:
            self._bids.clear()
            self._asks.clear()
        count = int(np.count_nonzero(ends))
        self.ends_of_batches += count
        end: Integers = np.cumsum(ends) - ends
        tops = []
        for side, (add, modify, delete) in (
            (self._bids, (ADD_BID, MODIFY_BID, DELETE_BID)),
            (self._asks, (ADD_ASK, MODIFY_ASK, DELETE_ASK)),
        ):
            mine = (command == add) | (command == modify) | (command == delete)
            of_side = command[mine]
            tops.append(
                side.apply(
                    price[mine],
                    quantity[mine],
                    end[mine],
                    modifies=of_side == modify,
                    deletes=of_side == delete,
                    ends=count,
                )
            )
        return self._changes(time[ends], *tops)

    def _changes(self, time: Integers, bids: SideTop, asks: SideTop) -> TopOfBook:
        total = bids.quantity + asks.quantity
        found = TopOfBook(
            time_us=time,
            bid=bids.price,
            bid_size=np.where(bids.size > 0, bids.size, np.nan),
            ask=asks.price,
            ask_size=np.where(asks.size > 0, asks.size, np.nan),
            imbalance=np.where(total > 0, bids.quantity - asks.quantity, np.nan) / np.maximum(total, 1),
        )
        self.crossed += int(np.count_nonzero(found.bid > found.ask))
        since = TopOfBook.joined([self._newest, found])
        changed = since.changes()[len(self._newest) :]  # an empty book, too, was not known before the first end
        self._newest = since.rows(slice(-1, None))
        return found.rows(changed)


def top_of_book(
    path: Path, *, levels: int = 5, price_multiplier: float = 1.0, tick_size: float | None = None
) -> TopOfBook:
    """All changes of the top of the book in one file; 48 bytes of memory for each.

    Arguments and errors as in `BookReplay`; `BadInputError` for anything that is no depth file.
    """
    replay = BookReplay(open_depth(path), levels=levels, price_multiplier=price_multiplier, tick_size=tick_size)
    return TopOfBook.joined(list(replay.windows()))
