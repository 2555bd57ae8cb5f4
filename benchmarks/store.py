"""The bar store at growing sizes: one day appended, the same day again, a month and a year read, beside pandas.

    .venv/bin/python -m benchmarks.store [--bars 1000000 10000000] [--folder FOLDER] [--json FILE]

Made-up 1-minute bars of several instruments, 1380 a day; 100 million of them take about 5 GB of disk and 10 minutes.
The pandas column reads one Parquet file with the same bars, sorted by instrument and time, with a filter. Times are
medians in one warm process; `nights` are 250 appends of one day of one instrument, one after the other, upkeep included.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from minhos.market_data.bars import BarSeries
from minhos.market_data.store import BarStore
from minhos_client.contract import BAR_COLUMNS

MINUTE = 60_000_000
DAY = 1440 * MINUTE
BARS_A_DAY = 1380
DAYS_A_YEAR = 260
NIGHTS = 250
REPEATS = 9
NAMES = [f"B{number:02d}Z26" for number in range(20)]


def day_ends(days: np.ndarray) -> np.ndarray:
    """`bar_end` of the 1-minute bars of whole days, int64 UTC us; `days` counts weekdays from 2012-01-02."""
    calendar = days + 2 * (days // 5)
    starts = int(np.datetime64("2012-01-02", "us").astype(np.int64)) + DAY * calendar
    return (starts[:, np.newaxis] + MINUTE * np.arange(1, BARS_A_DAY + 1)).ravel()


def made_up(symbol: str, first_day: int, days: int) -> BarSeries:
    """A random walk on a tick grid with whole volumes: it compresses as real bars do, more or less."""
    ends = day_ends(np.arange(first_day, first_day + days))
    rng = np.random.default_rng([NAMES.index(symbol), first_day])
    close = 5_000 + 0.25 * np.cumsum(rng.integers(-4, 5, len(ends)))
    opens = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(opens, close) + 0.25 * rng.integers(0, 5, len(ends))
    low = np.minimum(opens, close) - 0.25 * rng.integers(0, 5, len(ends))
    bid, ask = rng.integers(0, 900, len(ends)), rng.integers(0, 900, len(ends))
    values = np.column_stack((opens, high, low, close, bid + ask, bid, ask, (bid + ask) // 3)).astype(np.float64)
    return BarSeries(symbol, 60, ends, values)


def pieces(bars: int) -> Iterator[BarSeries]:
    """All the bars of a store of that size, a year of an instrument at a time."""
    count = min(len(NAMES), max(4, bars // 1_000_000))
    days = bars // count // BARS_A_DAY
    for symbol in NAMES[:count]:
        for first in range(0, days, DAYS_A_YEAR):
            yield made_up(symbol, first, min(DAYS_A_YEAR, days - first))


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def write_single(path: Path, bars: int) -> None:
    """The same bars in one file, as one would without a store."""
    schema = pa.schema(
        [("instrument", pa.string()), ("bar_end", pa.int64()), *((name, pa.float64()) for name in BAR_COLUMNS)]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for piece in pieces(bars):
            columns = [pa.repeat(piece.symbol, len(piece)), pa.array(piece.bar_end)]
            columns += [pa.array(piece.values[:, index]) for index in range(len(BAR_COLUMNS))]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def measure(folder: Path, bars: int) -> dict[str, float]:
    """The figures of one size, seconds unless the name says otherwise."""
    store, single = BarStore(folder / "bars"), folder / "single.parquet"
    found: dict[str, float] = {}
    found["fill"] = sum(seconds(partial(store.upsert, piece, source="fill", recorded_at=0)) for piece in pieces(bars))
    found["gigabytes"] = sum(entry.size_bytes for entry in store.catalog()) / 1e9
    symbol = NAMES[1]
    bar_end = store.read(symbol, 60).bar_end
    last_day = len(bar_end) // BARS_A_DAY
    days = [made_up(symbol, last_day + turn, 1) for turn in range(REPEATS)]
    appends = [seconds(partial(store.upsert, day, source="append", recorded_at=1)) for day in days]
    found["append a day"] = statistics.median(appends)
    found["the same day again"] = statistics.median(
        seconds(partial(store.upsert, day, source="append", recorded_at=2)) for day in days
    )
    end = int(bar_end[len(bar_end) * 3 // 4])

    def both(name: str, start: int) -> None:
        found[f"read {name}"] = statistics.median(
            seconds(lambda: store.read(symbol, 60, start=start, end=end)) for _ in range(REPEATS)
        )
        filters = [("instrument", "==", symbol), ("bar_end", ">=", start), ("bar_end", "<=", end)]
        found[f"pandas {name}"] = statistics.median(
            seconds(lambda: pd.read_parquet(single, filters=filters)) for _ in range(REPEATS)
        )
        expected = len(pd.read_parquet(single, filters=filters, columns=["bar_end"]))
        assert len(store.read(symbol, 60, start=start, end=end)) == expected

    write_single(single, bars)
    both("a month", end - 30 * DAY)
    both("a year", end - 365 * DAY)
    found["catalog"] = statistics.median(seconds(store.catalog) for _ in range(REPEATS))
    tonight = (made_up(NAMES[2], last_day + turn, 1) for turn in range(NIGHTS))
    nights = [seconds(partial(store.upsert, one, source="night", recorded_at=3)) for one in tonight]
    found["nights: first 25"] = statistics.median(nights[:25])
    found["nights: last 25"] = statistics.median(nights[-25:])
    found["nights: slowest"] = max(nights)
    found["nights: files"] = next(entry.files for entry in store.catalog() if entry.symbol == NAMES[2])
    found["read a month after the nights"] = statistics.median(
        seconds(lambda: store.read(NAMES[2], 60, start=int(days[0].bar_end[0]), end=int(days[0].bar_end[0]) + 30 * DAY))
        for _ in range(REPEATS)
    )
    found["peak RSS, gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path, help="where the stores are made and deleted; default the system's")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    figures: dict[int, dict[str, float]] = {}
    for bars in sorted(options.bars):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            figures[bars] = measure(Path(folder), bars)
    first = figures[min(figures)]
    print(f"{platform.machine()}, Python {platform.python_version()}; seconds, and times the smallest size")
    print(" " * 32 + "".join(f"{bars / 1e6:>17g} M" for bars in figures))
    for name in first:
        cells = "".join(f"{found[name]:>11.4f} x{found[name] / first[name]:<6.1f}" for found in figures.values())
        print(f"{name:<32}{cells}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
