"""Depth files into the depth store: bars of the top of the book, a day at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from minhos.market_data.depth_series import DepthSeries
from minhos.market_data.depth_store import DepthKept, DepthStore
from minhos.market_data.intake.options import IntakeOptions
from minhos.market_data.intake.outcome import FileOutcome
from minhos.market_data.intake.plan import Item
from minhos.market_data.sierra.depth_bars import depth_bars

__all__ = ["depth_store_of", "take_in_depth"]


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
        timeframe_seconds=options.timeframe_seconds,
        price_multiplier=item.found.price_multiplier or 1.0,
        tick_size=item.instrument.tick_size,
        covers_until=now_us,
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
