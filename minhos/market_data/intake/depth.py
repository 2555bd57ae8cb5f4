"""Depth files into the depth store: bars of the top of the book, a day at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from minhos.market_data.depth_series import DepthSeries
from minhos.market_data.depth_store import DepthKept, DepthStore
from minhos.market_data.intake.options import IntakeOptions
from minhos.market_data.intake.outcome import FileOutcome
from minhos.market_data.intake.plan import Item
from minhos.market_data.sierra.depth import DAY_US, open_depth
from minhos.market_data.sierra.depth_bars import depth_bars

__all__ = ["depth_store_of", "take_in_depth"]

_FLUSH_US: Final = 60_000_000  # Sierra Chart writes every few seconds


def depth_store_of(store: Path) -> DepthStore:
    """The depth store beside a bar store."""
    return DepthStore(store.with_name("depth"))


def take_in_depth(
    item: Item, store: Path, options: IntakeOptions, *, now_us: int, progress: Callable[[int], None], dry_run: bool
) -> FileOutcome:
    """Read one depth file and keep its bars beside the bar `store`; a day that is over at `now_us` (UTC us) is complete.

    Raises `BadInputError` as the reader and the depth store do.
    """
    bars = depth_bars(
        item.found.path,
        symbol=item.found.symbol,
        timeframe_seconds=options.timeframe_seconds,
        price_multiplier=item.found.price_multiplier or 1.0,
        tick_size=item.instrument.tick_size,
        covers_until=now_us if _day_is_over(item, now_us) else None,
        progress=progress,
    )
    depth = depth_store_of(store)
    series = bars.series
    kept = _compare(depth, series) if dry_run else depth.put(series)
    return FileOutcome.taken(
        item.found.path,
        item.found.kind,
        series,
        (kept.new, kept.updated, kept.same),
        rejected=bars.rejected,
        covers_until=bars.covers_until,
        zone="UTC",
        words=bars.words,
    )


def _day_is_over(item: Item, now_us: int) -> bool:
    """Whether Sierra Chart has stopped writing the file: its UTC day is over. Until then what it has of the last seconds
    may still be on its way to the disk, and a bar that ends without a later record may change."""
    day_us = open_depth(item.found.path).day_us
    return day_us is not None and now_us >= day_us + DAY_US + _FLUSH_US


def _compare(depth: DepthStore, series: DepthSeries) -> DepthKept:
    """What putting `series` would do."""
    if len(series) == 0:
        return DepthKept(0, 0, 0)
    known = depth.read(
        series.symbol, series.timeframe_seconds, start_us=int(series.bar_end[0]), end_us=int(series.bar_end[-1])
    )
    _, place, before = np.intersect1d(series.bar_end, known.bar_end, assume_unique=True, return_indices=True)
    equal = (series.values[place] == known.values[before]) | (
        np.isnan(series.values[place]) & np.isnan(known.values[before])
    )
    same = int(np.count_nonzero(equal.all(axis=1)))
    return DepthKept(len(series) - len(place), len(place) - same, same)
