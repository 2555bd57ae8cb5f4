"""Bars of any timeframe from an intraday file, window by window: the file may be larger than the memory.

Ticks of one cell (a minute, or less) become one row; rows become bars. Only bars that a later trade has proven complete
are handed out, and the number of the record to go on from: reading on from there gives the bars that reading at once gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.sierra.scid import RECORD, Integers, ScidFile, open_scid
from minhos.market_data.sierra.scid_leaps import LeapFilter
from minhos.market_data.sierra.scid_trades import TradeReader, Trades
from minhos.market_data.sierra.tick_grid import market_prices
from minhos.market_data.timeframes import timeframe_name
from minhos_client.contract import BAR_COLUMNS

__all__ = ["Grid", "ScidBars", "scid_bars"]

Grid = Callable[[Integers], tuple[Integers, Integers]]
"""(stamps int64 [T], UTC us) -> start and end of the bar that each lies in, int64 [T] both."""

_WINDOW_RECORDS: Final = 32_768  # 1.3 MB: the passes over a window find it in the processor's cache
_PENDING_ROWS: Final = 262_144
_MINUTE_US: Final = 60_000_000
_LEAST_BAR_STEPS: Final = 8
_FEW_REJECTED: Final = 100
_MOST_REJECTED_SHARE: Final = 0.05
_LEAST_COMPARED: Final = 30
_SUSPICIOUS_TICKS: Final = 10
_ROW: Final = np.dtype(
    [("start", "<i8"), ("end", "<i8"), ("number", "<i8"), ("records", "<i8"), *((name, "<f8") for name in BAR_COLUMNS)]
)
_PRICES: Final = ("open", "high", "low", "close")
_SUMS: Final = ("volume", "bid_volume", "ask_volume", "trades")

Rows = npt.NDArray[np.void]


@dataclass(frozen=True)
class ScidBars:
    """The complete bars of an intraday file from one record on, and what else was found there.

    `series`: complete bars only; volume, bid and ask volume and trades are sums, NaN nowhere. `first_record`,
    `resume_record`: records are counted from 0; those from `resume_record` on belong to the bar that is still open (or to no
    bar yet): give it as `first_record` next time. `records`: whole records in the file. `ticks`, `bar_records`, `quotes`
    (bid or ask updates, no trades), `empty`: how many were read of each kind, those of the open bar included.
    `rejected`: records that cannot be used, by reason. `covers_until`: UTC us, the end of the open bar, as in `BarFile`;
    None without any trade. `words`: what people should know.
    """

    series: BarSeries
    first_record: int
    resume_record: int
    records: int
    ticks: int
    bar_records: int
    quotes: int
    empty: int
    rejected: tuple[Rejection, ...]
    covers_until: int | None
    words: tuple[str, ...]


def scid_bars(
    path: Path,
    *,
    symbol: str,
    timeframe_seconds: int = 60,
    grid: Grid | None = None,
    price_multiplier: float = 1.0,
    tick_size: float | None = None,
    combine_sub_trades: bool = False,
    first_record: int = 0,
    not_after_us: int | None = None,
    window_records: int = _WINDOW_RECORDS,
    progress: Callable[[int], None] | None = None,
) -> ScidBars:
    """Read the complete bars of an intraday file from record `first_record` on.

    `grid`: where bars start and end; None: the UTC clock. It is asked about the starts of whole minutes (of whole seconds
    below a timeframe of a minute), never about ticks, so its bars must start and end on those. `price_multiplier`,
    `tick_size`: see `market_prices`. `combine_sub_trades`: the parts of a summary trade that the feed gave unbundled count
    as one trade, with all their volume, in the bar of the first part. `not_after_us`: UTC us, records of a later date are
    rejected; give the clock, for one trade of the future makes all that follow it late. `window_records`: how many are in
    memory at once. `progress`: told the bytes that are done after every window.

    A record whose bar is before one that was already begun is rejected and counted: that bar may have been handed out.
    So is a tick hours ahead of those that follow (`LeapFilter`). Inside its bar a record may go back in time; open and
    close follow the file's order. Raises `BadInputError` for anything that is no intraday file, a `first_record` that the
    file does not reach, a source of bars that are longer than the timeframe, and where more than 5 % of the records (and
    more than 100) cannot be used.
    """
    file = open_scid(path)
    if not 0 <= first_record <= file.records:
        raise BadInputError(
            f"{path}: reading is to go on from record {first_record}, the file has {file.records}; "
            "it was written anew or cut: read it from the start"
        )
    reader = TradeReader(
        double_dates=file.double_dates, combine_sub_trades=combine_sub_trades, not_after_us=not_after_us
    )
    builder = _Builder(reader=reader, timeframe_us=timeframe_seconds * 1_000_000, grid=grid)
    leaps = LeapFilter(reader)
    for first, window in file.windows(first=first_record, size=window_records):
        builder.add(leaps.take(reader.read(window, first)))
        if progress is not None:
            progress(file.header_size + (first + len(window)) * RECORD.itemsize)
    rows = builder.rows()
    _check_bar_records(path, reader, timeframe_seconds)
    _refuse_too_many(path, reader, file.records - first_record)
    values = np.stack([rows[name] for name in BAR_COLUMNS], axis=1)
    values[:, :4], off_grid = market_prices(values[:, :4], multiplier=price_multiplier, tick_size=tick_size)
    words = _words(file, reader, rows, values, off_grid, tick_size)
    if leaps.undecided:
        words = (
            *words,
            f"{path.name}: the last {leaps.undecided} records lie over an hour after the others, left for next time",
        )
    return ScidBars(
        series=BarSeries(
            symbol=symbol, timeframe_seconds=timeframe_seconds, bar_end=rows["end"][:-1], values=values[:-1]
        ),
        first_record=first_record,
        resume_record=int(rows["number"][-1]) if len(rows) else first_record,
        records=file.records,
        ticks=reader.ticks,
        bar_records=reader.bars,
        quotes=reader.quotes,
        empty=reader.empty,
        rejected=reader.rejected,
        covers_until=int(rows["end"][-1]) if len(rows) else None,
        words=words,
    )


@dataclass
class _Builder:
    """Trades to bars. Rows of cells wait until there are many: the grid is then asked once for all of them."""

    reader: TradeReader
    timeframe_us: int
    grid: Grid | None
    _pending: list[Rows] = field(default_factory=list)
    _pending_rows: int = 0
    _bars: list[Rows] = field(default_factory=list)
    _latest_start: int = -(2**63)

    def add(self, trades: Trades) -> None:
        if len(trades.time) == 0:
            return
        cell_us = self.timeframe_us if self.grid is None else math.gcd(self.timeframe_us, _MINUTE_US)
        rows = _rows_of_cells(trades, cell_us)
        self._pending.append(rows)
        self._pending_rows += len(rows)
        if self._pending_rows >= _PENDING_ROWS:
            self._finish_pending()

    def rows(self) -> Rows:
        """All bars, oldest first; the last one is still open."""
        self._finish_pending()
        return _merged(np.concatenate(self._bars)) if self._bars else np.empty(0, dtype=_ROW)

    def _finish_pending(self) -> None:
        if not self._pending:
            return
        rows = np.concatenate(self._pending)
        self._pending, self._pending_rows = [], 0
        if self.grid is None:
            rows["end"] = rows["start"] + self.timeframe_us
        else:
            cells, where = np.unique(rows["start"], return_inverse=True)
            starts, ends = self.grid(cells)
            rows["start"], rows["end"] = starts[where], ends[where]
        latest = np.maximum.accumulate(np.concatenate(([self._latest_start], rows["start"])))
        self._latest_start = int(latest[-1])
        late = rows["start"] < latest[1:]
        if late.any():
            self.reader.reject(
                "its time goes back into a bar that is over",
                rows["number"][late],
                rows=int(rows["records"][late].sum()),
            )
            rows = rows[~late]
        self._bars.append(_merged(rows))


def _rows_of_cells(trades: Trades, cell_us: int) -> Rows:
    """One row for each run of trades in one cell of the clock; `start` is the cell's, `end` is not known yet."""
    cells = trades.time // cell_us
    at = np.concatenate(([0], np.flatnonzero(cells[1:] != cells[:-1]) + 1))
    last = np.append(at[1:], len(cells)) - 1
    rows = np.empty(len(at), dtype=_ROW)
    rows["start"] = cells[at] * cell_us
    rows["number"] = trades.number[at]
    rows["records"] = last - at + 1
    rows["open"] = trades.open[at]
    rows["high"] = np.maximum.reduceat(trades.high, at)
    rows["low"] = np.minimum.reduceat(trades.low, at)
    rows["close"] = trades.close[last]
    rows["volume"] = np.add.reduceat(trades.volume, at)
    rows["bid_volume"] = np.add.reduceat(trades.bid_volume, at)
    rows["ask_volume"] = np.add.reduceat(trades.ask_volume, at)
    rows["trades"] = rows["records"] if trades.trades is None else np.add.reduceat(trades.trades, at)
    return rows


def _merged(rows: Rows) -> Rows:
    """Neighbouring rows of the same bar as one."""
    if len(rows) == 0:
        return rows
    at = np.concatenate(([0], np.flatnonzero(rows["start"][1:] != rows["start"][:-1]) + 1))
    last = np.append(at[1:], len(rows)) - 1
    merged = rows[at]
    merged["high"] = np.maximum.reduceat(rows["high"], at)
    merged["low"] = np.minimum.reduceat(rows["low"], at)
    merged["close"] = rows["close"][last]
    for name in ("records", *_SUMS):
        merged[name] = np.add.reduceat(rows[name], at)
    return merged


def _check_bar_records(path: Path, reader: TradeReader, timeframe_seconds: int) -> None:
    """A bar says nothing of how it came about: shorter ones cannot be made of it."""
    if reader.bar_steps >= _LEAST_BAR_STEPS and reader.bar_step_us > timeframe_seconds * 1_000_000:
        held = timeframe_name(reader.bar_step_us // 1_000_000)
        raise BadInputError(
            f"{path}: the file has bars of {held}, bars of {timeframe_name(timeframe_seconds)} cannot be made of them; "
            f"ask for {held} or longer, or let Sierra Chart download shorter ones"
        )


def _common_ticks(closes: npt.NDArray[np.float64], tick_size: float | None) -> int:
    """The largest number of ticks that all prices are multiples of; 0 for few bars, without a tick size or off the grid.

    Feeds that store whole native prices give 404875 for 4048.75: on the tick grid, and yet a hundred times too large.
    """
    if tick_size is None or len(closes) < _LEAST_COMPARED:
        return 0
    ticks = np.round(closes / tick_size)
    if not np.allclose(closes, ticks * tick_size, rtol=0, atol=tick_size / 100) or np.ptp(ticks) == 0:
        return 0
    return int(np.gcd.reduce(ticks.astype(np.int64)))


def _refuse_too_many(path: Path, reader: TradeReader, records: int) -> None:
    """A few damaged records are an accident, many are a damaged file: half of a session is not the session."""
    rejected = sum(rejection.rows for rejection in reader.rejected)
    if rejected > max(_FEW_REJECTED, _MOST_REJECTED_SHARE * records):
        worst = max(reader.rejected, key=lambda rejection: rejection.rows)
        raise BadInputError(
            f"{path}: {rejected} of {records} records cannot be used, {_MOST_REJECTED_SHARE:.0%} at most would be left "
            f"out; {worst.words()}; the file is damaged: let Sierra Chart download it again"
        )


def _words(
    file: ScidFile,
    reader: TradeReader,
    rows: Rows,
    values: npt.NDArray[np.float64],
    off_grid: npt.NDArray[np.bool_],
    tick_size: float | None,
) -> tuple[str, ...]:
    name = file.path.name
    words = []
    if file.records == 0:
        words.append(f"{name}: the file has a header and no record yet")
    if file.double_dates:
        words.append(f"{name}: an old file, its dates are days and fractions; they are rounded to the millisecond")
    if file.loose_bytes:
        words.append(f"{name}: the last {file.loose_bytes} bytes are a record still being written, left for next time")
    if reader.empty:
        words.append(f"{name}: {reader.empty} empty records are skipped")
    if reader.quotes:
        words.append(f"{name}: {reader.quotes} bid and ask updates are no trades and skipped")
    if reader.zeroed_counts:
        words.append(f"{name}: {reader.zeroed_counts} counts above 2147483647 are read as 0, as Sierra Chart does")
    astray = off_grid.any(axis=1)
    if astray.any():
        row = int(np.flatnonzero(astray)[0])
        price = values[row, int(np.flatnonzero(off_grid[row])[0])]
        words.append(
            f"{name}: {int(astray.sum())} of {len(rows)} bars have prices that are no multiple of the tick size "
            f"{tick_size:g} (the first: {price:.10g}, in the bar that ends {iso(int(rows['end'][row]))}); they are left "
            "as they are: are price multiplier and tick size right?"
        )
    multiple = _common_ticks(values[:, 3], tick_size)
    if multiple >= _SUSPICIOUS_TICKS:
        words.append(
            f"{name}: all closes are multiples of {multiple} ticks (the last: {values[-1, 3]:.10g}); is the price "
            "multiplier right (--multiplier SYMBOL=0.01)?"
        )
    if len(rows):
        words.append(f"{name}: the bar that ends {iso(int(rows['end'][-1]))} is still open, it is left out")
    return tuple(words)
