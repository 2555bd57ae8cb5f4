"""One file to bars, by the reader of its kind, with what the store must know to go on from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from minhos.market_data.anchors import bar_interval
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.intake.options import IntakeOptions
from minhos.market_data.intake.plan import Item
from minhos.market_data.outside import outside_words
from minhos.market_data.readers.rejections import Rejection
from minhos.market_data.readers.scan import SCID, read_found
from minhos.market_data.sierra.scid import Integers, prefix_fingerprint
from minhos.market_data.sierra.scid_bars import scid_bars

__all__ = ["Read", "read_item"]

_CLOCK_SLACK_US: Final = 3_600_000_000
"""By which this machine's clock may be behind the exchange's: a trade of that time is no mistake, and is read only once."""


@dataclass(frozen=True)
class Read:
    """The bars of one file. `covers_until`: UTC us, None without any row. `next_record`, `fingerprint`: `FileEntry`."""

    series: BarSeries
    covers_until: int | None
    zone: str | None
    words: tuple[str, ...]
    rejected: tuple[Rejection, ...]
    next_record: int | None = None
    fingerprint: str | None = None


def read_item(item: Item, options: IntakeOptions, *, now_us: int, progress: Callable[[int], None]) -> Read:
    """Read the bars of one file; bars whose end `now_us` has not reached are left out: nobody can know them yet.

    `progress`: told how many bytes of the file are done. Raises `BadInputError` as the readers do.
    """
    found = item.found
    if found.kind == SCID:
        read = _scid(item, options, now_us=now_us, progress=progress)
    else:
        file = read_found(found, item.instrument)
        progress(item.size)
        read = _known_by(Read(file.series, file.covers_until, file.zone, file.words, file.rejected), now_us)
    zone = None if found.kind == SCID else read.zone
    outside = outside_words(found.path.name, read.series, item.instrument, zone=zone)
    return replace(read, words=(*read.words, *outside))


def _scid(item: Item, options: IntakeOptions, *, now_us: int, progress: Callable[[int], None]) -> Read:
    found = item.found
    start = item.size - item.bytes_to_read
    bars = scid_bars(
        found.path,
        symbol=found.symbol,
        timeframe_seconds=options.timeframe_seconds,
        grid=_grid(item.instrument, options.timeframe_seconds),
        price_multiplier=found.price_multiplier or 1.0,
        tick_size=item.instrument.tick_size,
        combine_sub_trades=found.combine_sub_trades,
        first_record=item.first_record,
        not_after_us=now_us + _CLOCK_SLACK_US,
        progress=lambda done: progress(done - start),
    )
    return Read(
        series=bars.series,
        covers_until=bars.covers_until,
        zone="UTC",
        words=bars.words,
        rejected=bars.rejected,
        next_record=bars.resume_record,
        fingerprint=prefix_fingerprint(found.path, bars.resume_record),
    )


def _grid(instrument: Instrument, timeframe_seconds: int) -> Callable[[Integers], tuple[Integers, Integers]]:
    return lambda stamps: bar_interval(stamps, instrument, timeframe_seconds)


def _known_by(read: Read, now_us: int) -> Read:
    known = read.series.up_to(now_us)
    unknown = len(read.series) - len(known)
    if not unknown:
        return read
    first = f"bar {len(known) + 1}"
    why = "the bar ends in the future; is the time zone right, and this machine's clock?"
    return replace(
        read,
        series=known,
        covers_until=None if read.covers_until is None else min(read.covers_until, now_us),
        rejected=(*read.rejected, Rejection(why, unknown, first)),
    )
