"""Fixtures of the store's tests: an empty store, and small series with values that say where they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minhos.market_data.bars import BarSeries
from minhos.market_data.store import BarStore

MINUTE = 60_000_000


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars")


@pytest.fixture
def bars() -> Callable[..., BarSeries]:
    """Makes 1-minute bars: those at `minutes` after 2023-12-31T23:00Z, every column with the value of `close`."""

    def make(
        minutes: list[int] | range,
        close: float | list[float] = 100.0,
        *,
        symbol: str = "ESH24",
        open_interest: list[float] | None = None,
    ) -> BarSeries:
        start = int(np.datetime64("2023-12-31T23:00", "us").astype(np.int64))
        values = np.repeat(np.broadcast_to(np.asarray(close, dtype=np.float64), len(minutes))[:, np.newaxis], 8, axis=1)
        return BarSeries(
            symbol=symbol,
            timeframe_seconds=60,
            bar_end=start + MINUTE * np.array(minutes, dtype=np.int64),
            values=values,
            open_interest=None if open_interest is None else np.array(open_interest),
        )

    return make


@pytest.fixture
def minute() -> Callable[[int], int]:
    """UTC us of a minute after 2023-12-31T23:00Z."""
    start = int(np.datetime64("2023-12-31T23:00", "us").astype(np.int64))
    return lambda count: start + MINUTE * count
