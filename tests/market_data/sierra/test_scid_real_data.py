"""Sierra Chart's own 5-minute bars, put into an intraday file, give its own 1-hour bars."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from minhos.market_data.anchors import bar_interval
from minhos.market_data.instruments import Instruments
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.sierra.scid_writer import ScidWriter, bar_records


def exported(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Starts (UTC us) and values of an export's complete rows, in the contract's column order; its times are UTC."""
    if not path.is_file():
        pytest.skip(f"no real data: {path} is absent (set MINHOS_REAL_DATA)")
    rows = [line.split(", ") for line in path.read_text().splitlines()[1:-1]]
    moments = [datetime.strptime(f"{row[0]} {row[1]}", "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC) for row in rows]
    numbers = np.array([row[2:] for row in rows], dtype=np.float64)
    return np.array([int(m.timestamp()) * 1_000_000 for m in moments]), numbers[:, [0, 1, 2, 3, 4, 6, 7, 5]]


@pytest.mark.parametrize(("symbol", "market", "tick"), [("MNQZ25", "CME", 0.25), ("CLX25", "NYMEX", 0.01)])
def test_hours_from_five_minutes_are_sierra_charts_own(
    real_data: Path, tmp_path: Path, instruments: Instruments, symbol: str, market: str, tick: float
) -> None:
    folder = real_data / "sierra_bardata"
    starts, values = exported(folder / f"{symbol}-{market}_5m.scid_BarData.txt")
    hour_starts, hour_values = exported(folder / f"{symbol}-{market}_1H.scid_BarData.txt")
    path = tmp_path / f"{symbol}.scid"
    with ScidWriter(path) as writer:
        writer.write(bar_records(starts, values))
    five = scid_bars(path, symbol=symbol, timeframe_seconds=300, tick_size=tick)
    assert five.series.values.tolist() == values[:-1].tolist()  # the last row is the open bar here
    assert not five.rejected

    grid = partial(bar_interval, instrument=instruments.find(symbol), timeframe_seconds=3600)
    hours = scid_bars(path, symbol=symbol, timeframe_seconds=3600, grid=grid, tick_size=tick).series
    both, ours, theirs = np.intersect1d(hours.bar_end, grid(hour_starts)[1], return_indices=True)
    assert len(both) == len(hours) >= len(hour_starts) - 2
    assert hours.values[ours][1:].tolist() == hour_values[theirs][1:].tolist()  # the first hour may begin in its middle
