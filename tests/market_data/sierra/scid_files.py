"""Intraday files made by hand, byte by byte, and a slow reading of them that shares nothing with the reader's code."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import NamedTuple

MINUTE_US = 60_000_000
NOON_US = 1_764_590_400_000_000  # 2025-12-01T12:00Z
SIERRA_EPOCH_US = 2_209_161_600_000_000  # 1899-12-30 to 1970-01-01
FIRST_BITS, LAST_BITS = 0xFD709EF9, 0xFD709F01
HEADER = struct.pack("<4sIIHHI36s", b"SCID", 56, 40, 1, 0, 0, b"")


def from_bits(bits: int) -> float:
    """The float32 of these bits."""
    return struct.unpack("<f", struct.pack("<I", bits))[0]  # type: ignore[no-any-return]


FIRST, LAST = from_bits(FIRST_BITS), from_bits(LAST_BITS)


class Record(NamedTuple):
    """One record as the format has it; `time_us` UTC us. Without changes a tick of 2 contracts at the ask."""

    time_us: int
    close: float = 100.25
    high: float = 100.25
    low: float = 100.0
    open: float = 0.0
    trades: int = 1
    volume: int = 2
    bid_volume: int = 0
    ask_volume: int = 2

    def packed(self, *, double_dates: bool = False) -> bytes:
        since = self.time_us + SIERRA_EPOCH_US
        stamp = struct.pack("<d", since / 86_400e6) if double_dates else struct.pack("<q", since)
        counts = (self.trades, self.volume, self.bid_volume, self.ask_volume)
        return stamp + struct.pack("<4f4I", self.open, self.high, self.low, self.close, *counts)


def bar(time_us: int, open_: float, high: float, low: float, close: float, volume: int = 10, trades: int = 4) -> Record:
    return Record(time_us, close, high, low, open_, trades, volume, volume // 2, volume - volume // 2)


def quote(time_us: int) -> Record:
    return Record(time_us, 0.0, volume=0, ask_volume=0)


def write_file(path: Path, records: list[Record], *, tail: bytes = b"", double_dates: bool = False) -> Path:
    path.write_bytes(HEADER + b"".join(item.packed(double_dates=double_dates) for item in records) + tail)
    return path


def slow_bars(records: list[Record], *, timeframe_us: int = MINUTE_US, combine: bool = False) -> dict[int, list[float]]:
    """Bar start -> open, high, low, close, volume, bid, ask, trades, by the format's words, one record at a time.

    All bars, the open one too; records that go back before the newest bar are left out.
    """
    bars: dict[int, list[float]] = {}
    latest, since = -math.inf, None
    for item in records:
        bits = struct.unpack("<I", struct.pack("<f", item.open))[0]
        tick = item.trades == 1 and (item.open == 0 or bits in (FIRST_BITS, LAST_BITS))
        if tick and item.open == 0 and item.volume == 0 and item.high != 0 and item.low != 0:
            continue
        part = False
        if combine:
            if not tick or (since is not None and abs(item.time_us - since) > 1_000_000):
                since = None
            if bits == FIRST_BITS:
                since = item.time_us
            else:
                part = since is not None
        start = (since if part and since is not None else item.time_us) // timeframe_us * timeframe_us
        if bits == LAST_BITS:
            since = None
        if start < latest:
            continue
        latest = start
        prices = [item.close] * 4 if tick else [item.open, item.high, item.low, item.close]
        opened, high, low, close = (struct.unpack("<f", struct.pack("<f", price))[0] for price in prices)
        sums = [item.volume, item.bid_volume, item.ask_volume, 0 if part else item.trades]
        if start not in bars:
            bars[start] = [opened, high, low, close, *map(float, sums)]
            continue
        known = bars[start]
        known[1:4] = [max(known[1], high), min(known[2], low), close]
        known[4:] = [a + b for a, b in zip(known[4:], sums, strict=True)]
    return bars
