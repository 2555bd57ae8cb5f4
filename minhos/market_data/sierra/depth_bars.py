"""Bars of a market depth file: what the top of the book was at each bar's end, and on average while it ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.depth_series import DEPTH_COLUMNS, DepthSeries
from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.sierra.depth import DAY_US, RECORD, depth_symbol, open_depth
from minhos.market_data.sierra.order_book import BookReplay
from minhos.market_data.sierra.top_of_book import TopOfBook
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = ["DepthBars", "depth_bars"]

_SILENCE_US: Final = 20 * 60 * 1_000_000
_LAST: Final = DEPTH_COLUMNS[:5]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DepthBars:
    """The complete bars of one market depth file, without gaps.

    `covers_until`: UTC us, how far the file reaches, None without records. `words`: what was assumed or met; `rejected`:
    records that cannot be used.
    """

    path: Path
    series: DepthSeries
    covers_until: int | None
    words: tuple[str, ...]
    rejected: tuple[Rejection, ...]


def depth_bars(
    path: Path,
    *,
    symbol: str | None = None,
    timeframe_seconds: int = 60,
    levels: int = 5,
    price_multiplier: float = 1.0,
    tick_size: float | None = None,
    covers_until: int | None = None,
    window_records: int = 1 << 18,
    progress: Callable[[int], None] | None = None,
) -> DepthBars:
    """The bars of one file, from that of its first known book on; quiet bars keep the book that stood.

    `symbol`: of the series; None: the one that the file's name says.
    Bars follow the UTC clock and hold [start, end): what is stamped with a bar's end belongs to the next one. A bar is
    complete when a record is stamped at its end or later, or by `covers_until`: UTC us, up to which the caller knows the
    file to be complete (the day is over: any later moment). But no book is said to stand for more than 20 minutes after the
    last record: Sierra Chart writes the whole book every 10, so it has stopped recording. Bars lie in the file's day alone:
    its book says nothing of the next one, and a record of a moment before the day only tells how it began. The last, open
    bar is left out. `progress`: told the bytes that are done after every window; other arguments as in `BookReplay`.
    Memory: a window of the file and the changes within one bar. Raises `ConfigError` for a timeframe that does not divide
    the day, `BadInputError` for a file that is none or names no symbol, and what `BookReplay` raises.
    """
    if timeframe_seconds <= 0 or DAY_SECONDS % timeframe_seconds:
        raise ConfigError(
            f"{path}: depth bars of {timeframe_seconds} s; a timeframe must divide the day (60, 300, 3600)"
        )
    symbol = symbol or depth_symbol(path)
    if not symbol:
        raise BadInputError(
            f"{path}: no symbol in the file's name; name it as Sierra Chart does (ESZ25-CME.2025-12-01.depth)"
        )
    file = open_depth(path)
    replay = BookReplay(
        file,
        levels=levels,
        price_multiplier=price_multiplier,
        tick_size=tick_size,
        window_records=window_records,
    )
    maker = _BarMaker(timeframe_seconds * 1_000_000, file.day_us or 0)
    for number, top in enumerate(replay.windows(), start=1):
        maker.take(top, until_us=replay.until_us)
        if progress is not None:
            progress(file.header_size + min(number * window_records, file.records) * RECORD.itemsize)
    if covers_until is not None and maker.until_us is not None:
        maker.take(TopOfBook.joined([]), until_us=min(covers_until, maker.until_us + _SILENCE_US))
    return DepthBars(
        path=path,
        series=DepthSeries(
            symbol=symbol,
            timeframe_seconds=timeframe_seconds,
            bar_end=np.concatenate([np.empty(0, dtype=np.int64), *(ends for ends, _ in maker.bars)]),
            values=np.concatenate([np.empty((0, len(DEPTH_COLUMNS))), *(values for _, values in maker.bars)]),
        ),
        covers_until=maker.until_us,
        words=replay.words(),
        rejected=replay.rejected,
    )


class _BarMaker:
    """Changes of the top to bars of `step` us of the day that begins at `day_us`. The changes of the open bar wait, so its
    sums do not depend on windows. `until_us`: how far the bars and the open one reach."""

    def __init__(self, step: int, day_us: int) -> None:
        self.bars: list[tuple[Integers, Floats]] = []
        self.until_us: int | None = None
        self._step = step
        self._day_us = day_us
        self._waiting: list[TopOfBook] = []
        self._start: int | None = None  # of the open bar

    def take(self, top: TopOfBook, *, until_us: int | None) -> None:
        """The next changes; `until_us`: all that happened before it has been given."""
        if until_us is None:
            return
        self.until_us = min(max(until_us, self.until_us or until_us), self._day_us + DAY_US)
        self._waiting.append(top)
        if self._start is None and len(top):
            self._start = max(int(top.time_us[0]) // self._step * self._step, self._day_us)
        if self._start is None or self.until_us < self._start + self._step:
            return
        waiting = TopOfBook.joined(self._waiting)
        edges = np.arange(self._start, self.until_us + 1, self._step, dtype=np.int64)
        self.bars.append((edges[1:], _bars(waiting, edges)))
        self._start = int(edges[-1])
        stood = int(np.searchsorted(waiting.time_us, self._start, side="left")) - 1
        self._waiting = [waiting.rows(slice(stood, None))]


def _bars(top: TopOfBook, edges: Integers) -> Floats:
    """`DEPTH_COLUMNS` float64 [T, 8] of the T bars between T + 1 edges. A change before the first edge stands at it; there
    is one, or one in the first bar."""
    count = len(edges) - 1
    within = top.time_us[(top.time_us >= edges[0]) & (top.time_us < edges[-1])]
    last = np.searchsorted(top.time_us, edges[1:], side="left") - 1
    moments = np.sort(np.concatenate((within, edges)))
    stood = np.searchsorted(top.time_us, moments[:-1], side="right") - 1
    bar = np.searchsorted(edges, moments[:-1], side="right") - 1
    length = np.diff(moments)
    values = np.empty((count, len(DEPTH_COLUMNS)))
    for index, name in enumerate(_LAST):
        values[:, index] = getattr(top, name)[last]
    for name, column in (("spread_mean", top.ask - top.bid), ("imbalance_mean", top.imbalance)):
        known = (stood >= 0) & ~np.isnan(column[stood])
        weighed = np.bincount(bar[known], weights=column[stood[known]] * length[known], minlength=count)
        time = np.bincount(bar[known], weights=length[known], minlength=count)
        values[:, DEPTH_COLUMNS.index(name)] = np.where(time > 0, weighed, np.nan) / np.maximum(time, 1)
    values[:, DEPTH_COLUMNS.index("updates")] = np.bincount(
        np.searchsorted(edges, within, side="right") - 1, minlength=count
    )
    return values
