"""Fixtures of the market data tests: the real files where they are, and small files written on the spot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments, load_instruments

HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def real_data() -> Path:
    """The folder of real market data, read only; the test is skipped where it is absent."""
    folder = Path(os.environ.get("MINHOS_REAL_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real market data: {folder} is absent (set MINHOS_REAL_DATA)")
    return folder


@pytest.fixture
def examples() -> Path:
    return REPOSITORY / "examples"


@pytest.fixture
def instruments() -> Instruments:
    return load_instruments(None)


@pytest.fixture
def write_export(tmp_path: Path) -> Callable[..., Path]:
    """Writes an "Export Bar Data" file from its lines (default: four 5-minute bars and the open one)."""

    def write(
        name: str = "ESZ25-CME_5m.scid_BarData.txt", lines: list[str] | None = None, *, end: str = "\r\n"
    ) -> Path:
        rows = lines or [
            f"2025/12/{day}, {clock}, 6850.00, 6851.25, 6849.50, 6850.75, 10, 4, 6, 4"
            for day, clock in ((1, "23:00:00"), (1, "23:05:00"), (1, "23:10:00"), (1, "23:15:00"), (1, "23:20:00"))
        ]
        path = tmp_path / name
        path.write_bytes((end.join([HEADER, *rows]) + end).encode())
        return path

    return write


@pytest.fixture
def clean_series() -> Callable[..., BarSeries]:
    """Makes clean MNQ bars: 5 minutes, 400 of them, ending 2025-12-18T22:00Z, on the tick grid."""

    def make(rows: int = 400) -> BarSeries:
        rng = np.random.Generator(np.random.PCG64(5))
        close = 25_000 + 0.25 * np.cumsum(rng.integers(-12, 13, rows))
        opens = np.concatenate((close[:1], close[:-1]))
        high = np.maximum(opens, close) + 0.25 * rng.integers(0, 9, rows)
        low = np.minimum(opens, close) - 0.25 * rng.integers(0, 9, rows)
        bid, ask = rng.integers(10, 500, rows), rng.integers(10, 500, rows)
        values = np.stack([opens, high, low, close, bid + ask, bid, ask, (bid + ask) // 2], axis=1)
        last = int(np.datetime64("2025-12-18T22:00", "us").astype(np.int64))
        bar_end = last - 300_000_000 * np.arange(rows, dtype=np.int64)[::-1]
        return BarSeries(symbol="MNQZ25", timeframe_seconds=300, bar_end=bar_end, values=values.astype(np.float64))

    return make
