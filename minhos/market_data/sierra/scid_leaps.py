"""Ticks whose stamp lies far ahead of the ticks that follow: one damaged stamp must cost one tick, not the day.

A bar is over when a later trade is seen, and what goes back into it is late. A single stamp hours ahead would so make
everything late until the clock catches up. Such a tick is told by what follows: within the next three records the time
is back. A market that opens after a break leaps too, and does not come back.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.sierra.scid_trades import TradeReader, Trades

__all__ = ["LeapFilter"]

_LEAP_US: Final = 3_600_000_000
_FOLLOWING: Final = 3
"""Records after a leap that must not be back before it, until it counts as the market's own time."""


class LeapFilter:
    """Passes windows of trades on, without ticks that leap ahead; those are counted by the reader.

    What cannot be decided yet waits for the next window; what still waits at the end of the file (`undecided`) is left to
    the next reading, so that reading a growing file gives what reading it at once gives.
    """

    def __init__(self, reader: TradeReader) -> None:
        self._reader = reader
        self._before: int | None = None  # time of the record before the waiting ones
        self._waiting: Trades | None = None

    @property
    def undecided(self) -> int:
        """How many records wait."""
        return 0 if self._waiting is None else len(self._waiting.time)

    def take(self, trades: Trades) -> Trades:
        """The trades of this window, and of those that waited, that are the market's own."""
        if len(trades.time) == 0:
            return trades
        if self._waiting is not None:
            trades = _joined(self._waiting, trades)
            self._waiting = None
        steps = np.diff(trades.time, prepend=trades.time[0] if self._before is None else self._before)
        leaps = np.flatnonzero(steps > _LEAP_US)
        if len(leaps):
            trades = self._without(trades, leaps)
        if len(trades.time):
            self._before = int(trades.time[-1])
        return trades

    def _without(self, trades: Trades, leaps: npt.NDArray[np.intp]) -> Trades:
        """The trades without the leaps that are none of the market's; what cannot be decided yet is put aside."""
        kept = np.ones(len(trades.time), dtype=np.bool_)
        after_run = 0
        for leap in leaps.tolist():
            if leap < after_run or (trades.trades is not None and trades.trades[leap] > 1):
                continue  # of a run that has gone; a bar of a source is long, and its next one may be far
            following = trades.time[leap + 1 : leap + 1 + _FOLLOWING]
            back = np.flatnonzero(trades.time[leap] - following > _LEAP_US)
            if len(back):
                after_run = leap + 1 + int(back[0])
                kept[leap:after_run] = False
                self._reader.reject("its time lies hours ahead of the records after it", trades.number[leap:after_run])
            elif len(following) < _FOLLOWING:
                self._waiting = _rows(trades, slice(leap, None))
                kept[leap:] = False
                break
        return _rows(trades, kept)


def _rows(trades: Trades, rows: slice | npt.NDArray[np.bool_]) -> Trades:
    columns: dict[str, Any] = {field.name: getattr(trades, field.name) for field in fields(trades)}
    chosen: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
    return Trades(**chosen)


def _joined(first: Trades, second: Trades) -> Trades:
    counts = [np.ones(len(one.time)) if one.trades is None else one.trades for one in (first, second)]
    names = [field.name for field in fields(first) if field.name != "trades"]
    columns: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    return Trades(
        **columns,
        trades=None if first.trades is None and second.trades is None else np.concatenate(counts),
    )
