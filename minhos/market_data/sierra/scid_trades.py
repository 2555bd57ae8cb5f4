"""What the records of an intraday file mean: trades, bars, quotes, empty ones, and those that cannot be.

One file may hold all of them: bars of a second or a minute where Sierra Chart downloaded history, then ticks. Each record
is told by itself, as Sierra Chart's own helpers do (`IntradayRecord.h`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.sierra.scid import (
    EARLIEST_US,
    FIRST_SUB_TRADE,
    LAST_SUB_TRADE,
    LATEST_US,
    Integers,
    Records,
    unix_microseconds,
)

__all__ = ["TradeReader", "Trades"]

_FIRST_BITS: Final = FIRST_SUB_TRADE.view(np.uint32)
_LAST_BITS: Final = LAST_SUB_TRADE.view(np.uint32)
_INT_MAX: Final = 2**31 - 1
_MEASURED_STEPS: Final = 10_000  # between bar records; more would only cost time
_SUMMARY_US: Final = 1_000_000  # parts of one summary trade are simultaneous; a lost last mark must not swallow a day

Floats = npt.NDArray[np.float64]
Prices = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Trades:
    """What was traded, in the file's order: ticks, and bars of a source as if each were one wide tick. All arrays [n].

    `time`: int64, UTC us, of the record (of its summary trade's first part, where those are combined). `number`: int64,
    the record's number in the file. Prices: float32 as in the file; a tick's four are the same. Volumes: float64.
    `trades`: float64; None where every record is one trade.
    """

    time: Integers
    number: Integers
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Floats
    bid_volume: Floats
    ask_volume: Floats
    trades: Floats | None


@dataclass
class TradeReader:
    """Reads windows of records one after the other, and counts what it leaves out.

    `double_dates`: as in `ScidFile`. `combine_sub_trades`: count the parts of a summary trade as one trade, at the time of
    its first part; their volumes all count. `not_after_us`: UTC us, later stamps are rejected; None: 2102.
    `bar_step_us`: the largest interval that all steps between neighbouring bar records are multiples of, 0 without.
    """

    double_dates: bool
    combine_sub_trades: bool
    not_after_us: int | None = None
    ticks: int = 0
    bars: int = 0
    quotes: int = 0
    empty: int = 0
    zeroed_counts: int = 0
    bar_step_us: int = 0
    bar_steps: int = 0
    _rejected: dict[str, Rejection] = field(default_factory=dict)
    _summary_since: int | None = None  # time of the first part of the summary trade that is not over

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        """The records that cannot be used, by reason."""
        return tuple(self._rejected.values())

    def reject(self, why: str, numbers: Integers, *, rows: int | None = None) -> None:
        """Count records as rejected: the first of `numbers` int64 [n] is named, n (or `rows`) are counted."""
        if numbers.size:
            before = self._rejected.get(why, Rejection(why=why, rows=0, first=f"record {int(numbers[0])}"))
            count = numbers.size if rows is None else rows
            self._rejected[why] = Rejection(why=why, rows=before.rows + count, first=before.first)

    def read(self, window: Records, first: int) -> Trades:
        """The trades of one window, which follows the last one; `first` is the number of its first record."""
        number = np.arange(first, first + len(window), dtype=np.int64)
        time = unix_microseconds(window, double_dates=self.double_dates)
        kept = self._dated(window, time, number)
        if kept is not None:
            window, time, number = window.take(kept), time[kept], number[kept]
        single, marks = _single_trades(window)
        close = np.ascontiguousarray(window["close"])
        kept = self._usable(window, close, single, number)
        if kept is not None:
            window, time, number, close = window.take(kept), time[kept], number[kept], close[kept]
            single, marks = single[kept], None if marks is None else marks[kept]
        only_ticks = bool(single.all())
        self.ticks += int(np.count_nonzero(single))
        self.bars += len(single) - int(np.count_nonzero(single))
        trades = None if only_ticks else self._counts(window, "trades")
        if not only_ticks:
            self._measure_bars(time[~single])
        if self.combine_sub_trades and (marks is not None or self._summary_since is not None):
            time, further = self._combine(time, single, marks)
            trades = np.where(further, 0.0, 1.0 if trades is None else trades)
        return Trades(
            time=time,
            number=number,
            open=close if only_ticks else np.where(single, close, window["open"]),
            high=close if only_ticks else np.where(single, close, window["high"]),
            low=close if only_ticks else np.where(single, close, window["low"]),
            close=close,
            volume=self._counts(window, "volume"),
            bid_volume=self._counts(window, "bid_volume"),
            ask_volume=self._counts(window, "ask_volume"),
            trades=trades,
        )

    def _dated(self, window: Records, time: Integers, number: Integers) -> Integers | None:
        """The rows whose date can be; None where all can. The others are counted."""
        latest = LATEST_US if self.not_after_us is None else min(self.not_after_us, LATEST_US)
        if len(time) == 0 or (time.min() >= EARLIEST_US and time.max() <= latest):
            return None
        empty = ~np.ascontiguousarray(window).view(np.uint8).reshape(len(window), -1).any(axis=1)
        self.empty += int(np.count_nonzero(empty))
        impossible = (time < EARLIEST_US) | (time > LATEST_US)
        ahead = (time > latest) & ~impossible
        self.reject("its date cannot be (before 1979 or after 2102)", number[impossible & ~empty])
        self.reject("its date lies in the future", number[ahead])
        return np.flatnonzero(~(impossible | ahead))

    def _usable(self, window: Records, close: Prices, single: Flags, number: Integers) -> Integers | None:
        """The rows that are trades or bars; None where all are. Quotes, which are no trades, and broken ones are counted."""
        volume = np.ascontiguousarray(window["volume"])
        if single.all() and volume.all() and np.isfinite(close).all():
            return None
        opens, high, low = (np.ascontiguousarray(window[name]) for name in ("open", "high", "low"))
        quote = single & (opens == 0) & (volume == 0) & (high != 0) & (low != 0)
        finite = np.isfinite(close) & (single | (np.isfinite(opens) & np.isfinite(high) & np.isfinite(low)))
        ordered = single | ((low <= opens) & (low <= close) & (opens <= high) & (close <= high))
        nothing = single & (volume == 0) & (close == 0) & (high == 0) & (low == 0)  # dated, and all else is zero
        usable = ~quote & ~nothing & finite & ordered
        if usable.all():
            return None
        self.quotes += int(np.count_nonzero(quote))
        self.empty += int(np.count_nonzero(nothing))
        self.reject("a price is not a number", number[~quote & ~finite])
        self.reject("open or close lies outside low to high", number[finite & ~ordered])
        return np.flatnonzero(usable)

    def _counts(self, window: Records, name: str) -> Floats:
        """A column of counts; one above 2^31-1 was a negative number once, and is 0, as Sierra Chart reads it."""
        counts = window[name].astype(np.float64)
        if len(counts) and counts.max() > _INT_MAX:
            broken = counts > _INT_MAX
            self.zeroed_counts += int(np.count_nonzero(broken))
            counts[broken] = 0.0
        return counts

    def _measure_bars(self, time: Integers) -> None:
        if self.bar_steps < _MEASURED_STEPS:
            steps = np.diff(time)
            steps = steps[steps > 0]
            self.bar_steps += len(steps)
            self.bar_step_us = int(np.gcd.reduce(steps, initial=self.bar_step_us))

    def _combine(self, time: Integers, single: Flags, marks: npt.NDArray[np.uint32] | None) -> tuple[Integers, Flags]:
        """The times with all parts of a summary trade at its first part's, and which records are further parts.

        A summary trade runs from its first mark to its last one; the records between have no mark. A bar, the next first
        mark, or more than a second ends it as well.
        """
        position = np.arange(1, len(time) + 1)  # 0 stands for what came before this window
        bits = np.zeros(len(time), dtype=np.uint32) if marks is None else marks
        carried = self._summary_since is not None
        first_part = bits == _FIRST_BITS
        firsts = np.maximum.accumulate(np.where(first_part, position, 0))
        started: Integers = np.insert(time, 0, self._summary_since or 0)[firsts]
        simultaneous = np.abs(time - started) <= _SUMMARY_US
        ends = (bits == _LAST_BITS) | ~single | ~simultaneous
        ended = np.full(len(time) + 1, -1)  # the last end before each record, and at last that before the next window
        ended[1:] = np.maximum.accumulate(np.where(ends, position, -1))
        under_way = (firsts > 0) | carried
        further = under_way & (firsts > ended[:-1]) & single & ~first_part & simultaneous
        if len(time):
            still = under_way[-1] and firsts[-1] > ended[-1]
            self._summary_since = int(started[-1]) if still else None
        return np.where(further, started, time), further


def _single_trades(window: Records) -> tuple[Flags, npt.NDArray[np.uint32] | None]:
    """Which records are one trade with bid and ask, and the bits of their Open; None where those are all zero.

    One trade: `NumTrades` is 1 and Open is 0.0 or a sub-trade's mark. Zero is a legal price: a bar may open at it.
    """
    single: Flags = window["trades"] == 1
    marks = np.ascontiguousarray(window["open"]).view(np.uint32)
    if not marks.any():
        return single, None
    return single & ((marks.view(np.float32) == 0.0) | (marks == _FIRST_BITS) | (marks == _LAST_BITS)), marks
