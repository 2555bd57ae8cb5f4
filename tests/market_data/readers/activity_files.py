"""Range, trade and volume bars as Sierra Chart exports them, made up: irregular starts, some in one millisecond."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
CHICAGO = ZoneInfo("America/Chicago")


def starts(days: int, *, seed: int = 0, mean_seconds: float = 300.0, first: date = date(2024, 1, 15)) -> list[datetime]:
    """Starts of bars over the Globex sessions of some days; the last two of each session are at one time."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found: list[datetime] = []
    for day in (first + timedelta(days=number) for number in range(days)):
        if day.weekday() > 4:
            continue
        moment = datetime.combine(day - timedelta(days=1), time(17), CHICAGO).astimezone(UTC)
        close = datetime.combine(day, time(16), CHICAGO).astimezone(UTC)
        while moment < close:
            found.append(moment)
            moment += timedelta(milliseconds=int(rng.exponential(mean_seconds * 1000.0)))
        found.append(found[-1])
    return found


def row(moment: datetime, zone: str, cells: str) -> str:
    """A line of the file; milliseconds stand there only where they are not zero."""
    local = moment.astimezone(ZoneInfo(zone))
    part = f".{local.microsecond // 1000:03d}" if local.microsecond else ""
    return f"{local.year}/{local.month}/{local.day}, {local:%H:%M:%S}{part}, {cells}"


def range_cells(count: int, *, ticks: int = 8, tick: float = 0.01, seed: int = 1) -> list[str]:
    """Bars of one range; those before a close (one in fifty) are not complete. Volumes and trades are any."""
    rng = np.random.Generator(np.random.PCG64(seed))
    cells = []
    for number in range(count):
        low = 70 + tick * int(rng.integers(0, 500))
        high = low + tick * (ticks if number % 50 else int(rng.integers(0, ticks)))
        bid, ask = rng.integers(1, 300, 2)
        cells.append(f"{low:.2f}, {high:.2f}, {low:.2f}, {high:.2f}, {bid + ask}, {(bid + ask) // 2 + 1}, {bid}, {ask}")
    return cells


def activity_cells(count: int, *, trades: int | None = None, volume: int | None = None, seed: int = 2) -> list[str]:
    """Bars of any range, with as many trades each, or a volume at or a little over a constant."""
    rng = np.random.Generator(np.random.PCG64(seed))
    cells = []
    for _ in range(count):
        low = 70 + 0.01 * int(rng.integers(0, 500))
        high = low + 0.01 * int(rng.integers(1, 40))
        bars_trades = trades or int(rng.integers(20, 400))
        bars_volume = volume + int(rng.geometric(0.3)) - 1 if volume else int(rng.integers(20, 4000))
        bid = int(rng.integers(0, bars_volume + 1))
        cells.append(
            f"{low:.2f}, {high:.2f}, {low:.2f}, {high:.2f}, {bars_volume}, {bars_trades}, {bid}, {bars_volume - bid}"
        )
    return cells


def write(path: Path, lines: list[str], *, end: str = "\r\n") -> Path:
    path.write_bytes("".join(line + end for line in (HEADER, *lines)).encode())
    return path


def write_range(path: Path, *, days: int = 33, zone: str = "Etc/GMT+9", end: str = "\r\n", ticks: int = 8) -> Path:
    """A whole file of range bars of CL."""
    moments = starts(days)
    cells = range_cells(len(moments), ticks=ticks)
    return write(path, [row(moment, zone, cell) for moment, cell in zip(moments, cells, strict=True)], end=end)
