"""Ticks of an intraday file to 1-minute bars: against pandas on the same file, and a large file in little memory.

    .venv/bin/python -m benchmarks.scid                            20 million ticks against pandas, then a file of 4 GB
    .venv/bin/python -m benchmarks.scid --ticks 5000000 --large-ticks 0 --json scid.json

Everything runs on one core. Both sides read the file that has just been written (from the page cache), in turn, and must
give the same bars; the best of the rounds counts. The large file is read in a fresh process, whose peak resident memory
(mapped pages included) is asked of the kernel; then a thousand ticks are appended and reading goes on from the open bar.
Compare ratios inside one run only: a shared machine's speed changes from minute to minute.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minhos.market_data.bars import BarSeries
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US, HEADER, RECORD
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.sierra.scid_writer import ScidWriter, tick_records
from minhos_client.contract import BAR_COLUMNS

TICKS = 20_000_000
LARGE_TICKS = 107_374_182  # 4 GiB of records
APPENDED_TICKS = 1_000
BLOCK_TICKS = 1_000_000
TICK_SIZE = 0.25
START_US = 1_735_689_600_000_000  # 2025-01-01T00:00Z
MINUTE_US = 60_000_000
MIB = 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark and prints a table; exit status 1 where the two sides do not agree."""
    parser = argparse.ArgumentParser(description="ticks to 1-minute bars: speed against pandas, and peak memory")
    parser.add_argument(
        "--ticks", type=int, default=TICKS, help="of the file that pandas reads too (default: %(default)s)"
    )
    parser.add_argument("--large-ticks", type=int, default=LARGE_TICKS, help="of the large file; 0: leave it out")
    parser.add_argument("--rounds", type=int, default=3, help="readings of each side (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the files are made and removed (default: the system's)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if given.read:
        print(json.dumps(read_once(given.read)))
        return 0
    with tempfile.TemporaryDirectory(prefix="minhos-bench-", dir=given.folder) as folder:
        figures = {"against_pandas": against_pandas(Path(folder), ticks=given.ticks, rounds=given.rounds)}
        if given.large_ticks:
            figures["large"] = large_file(Path(folder), ticks=given.large_ticks)
    print(render(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["against_pandas"]["equal"] else 1


def against_pandas(folder: Path, *, ticks: int, rounds: int) -> dict[str, Any]:
    """Ticks per second of our reading and of pandas', alternating, and whether the bars are the same."""
    path = _written(folder / "NQH25.scid", ticks)
    seconds: dict[str, list[float]] = {"ours": [], "pandas": []}
    for number in range(rounds):
        _say(f"round {number + 1} of {rounds}: {ticks:,} ticks to bars, ours, then pandas")
        started = time.perf_counter()
        ours = scid_bars(path, symbol="NQH25", tick_size=TICK_SIZE).series
        between = time.perf_counter()
        theirs = pandas_bars(path)
        seconds["ours"].append(between - started)
        seconds["pandas"].append(time.perf_counter() - between)
    path.unlink()
    return {
        "ticks": ticks,
        "bars": len(ours),
        "equal": _equal(ours, theirs),
        "ticks_per_second": {side: ticks / min(times) for side, times in seconds.items()},
    }


def pandas_bars(path: Path) -> Any:
    """The same bars as a reader of this format would make them with pandas: a DataFrame, its index the minute."""
    import pandas as pd

    records = np.fromfile(path, dtype=RECORD, offset=HEADER.size)
    frame = pd.DataFrame({name: records[name] for name in ("close", "volume", "bid_volume", "ask_volume")})
    grouped = frame.groupby((records["time"] - EPOCH_OFFSET_US) // MINUTE_US, sort=False)
    bars = grouped["close"].agg(["first", "max", "min", "last"])
    for name in ("volume", "bid_volume", "ask_volume"):
        bars[name] = grouped[name].sum()
    bars["trades"] = grouped.size()
    return bars.iloc[:-1]  # the last minute is still open


def _equal(ours: BarSeries, theirs: Any) -> bool:
    ends = (theirs.index.to_numpy() + 1) * MINUTE_US
    columns = dict(zip(BAR_COLUMNS, theirs.to_numpy(dtype=np.float64).T, strict=True))
    return np.array_equal(ends, ours.bar_end) and all(
        np.array_equal(ours.column(name), numbers) for name, numbers in columns.items()
    )


def large_file(folder: Path, *, ticks: int) -> dict[str, Any]:
    """Time and peak memory of a fresh process that reads a large file; milliseconds to go on after an append."""
    path = _written(folder / "ESH25.scid", ticks)
    _say(f"reading {path.stat().st_size / 1e9:.1f} GB in a fresh process")
    child = [sys.executable, "-m", "benchmarks.scid", "--read", str(path)]
    figures: dict[str, Any] = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    bytes_read = path.stat().st_size
    with ScidWriter(path, append=True) as writer:
        for block in _blocks(APPENDED_TICKS, start_us=_last_stamp(path) + 1_000):
            writer.write(block)
    started = time.perf_counter()
    further = scid_bars(path, symbol="ESH25", first_record=figures["resume_record"])
    figures["append_milliseconds"] = (time.perf_counter() - started) * 1e3
    figures["append_ticks_read"] = further.ticks
    return figures | {"ticks": ticks, "bytes": bytes_read}


def read_once(path: Path) -> dict[str, Any]:
    """Read the file once: seconds, bars, and the peak resident memory of this process before and after."""
    before = _peak_bytes()
    started = time.perf_counter()
    found = scid_bars(path, symbol="ESH25", tick_size=TICK_SIZE)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "bars": len(found.series),
        "resume_record": found.resume_record,
        "peak_bytes": _peak_bytes(),
        "peak_bytes_before": before,
    }


def _peak_bytes() -> int:
    """The largest resident memory of this program so far; `ru_maxrss` would include what its parent had when it forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024


def _written(path: Path, ticks: int) -> Path:
    with ScidWriter(path) as writer:
        done = 0
        for block in _blocks(ticks):
            writer.write(block)
            done += len(block)
            _say(f"writing {path.name}: {done / ticks:4.0%}", end="\r")
    _say("")
    return path


def _last_stamp(path: Path) -> int:
    """UTC us of the last record."""
    last = np.fromfile(path, dtype=RECORD, offset=path.stat().st_size - RECORD.itemsize)
    return int(last["time"][0]) - EPOCH_OFFSET_US


def _blocks(ticks: int, *, start_us: int = START_US) -> Iterator[Any]:
    """A liquid future: about 400 trades a minute, often several in a millisecond, one to nine contracts each."""
    rng = np.random.default_rng(start_us % 1_000_000_007)
    time_us, price = start_us, 21_000.0
    for done in range(0, ticks, BLOCK_TICKS):
        count = min(BLOCK_TICKS, ticks - done)
        times = time_us + np.cumsum(np.where(rng.random(count) < 0.5, 0, rng.integers(0, 600_000, count)))
        bid = price + TICK_SIZE * np.cumsum(rng.integers(-1, 2, count))
        at_ask = rng.random(count) < 0.5
        ask = bid + TICK_SIZE
        volume = rng.integers(1, 10, count)
        yield tick_records(times, price=np.where(at_ask, ask, bid), bid=bid, ask=ask, volume=volume, at_ask=at_ask)
        time_us, price = int(times[-1]) + 1_000, float(bid[-1])


def _say(words: str, *, end: str = "\n") -> None:
    print(words, end=end, file=sys.stderr, flush=True)


def render(figures: Mapping[str, Any]) -> str:
    """The figures as a table of at most 100 columns."""
    both = figures["against_pandas"]
    speed = both["ticks_per_second"]
    lines = [
        f"{both['ticks']:,} ticks to {both['bars']:,} bars of a minute, one core, million ticks/s",
        f"  {'ours':<28}{speed['ours'] / 1e6:>8.1f}",
        f"  {'pandas (fromfile, groupby)':<28}{speed['pandas'] / 1e6:>8.1f}",
        f"  {'ours / pandas':<28}{speed['ours'] / speed['pandas']:>8.1f}",
        f"  the bars are {'the same in every number' if both['equal'] else 'NOT the same'}",
    ]
    if "large" in figures:
        large = figures["large"]
        lines += [
            f"{large['ticks']:,} ticks ({large['bytes'] / 1e9:.2f} GB) to {large['bars']:,} bars in a fresh process",
            f"  {'seconds':<28}{large['seconds']:>8.2f}",
            f"  {'million ticks/s':<28}{large['ticks'] / large['seconds'] / 1e6:>8.1f}",
            f"  {'peak memory, MiB':<28}{large['peak_bytes'] / MIB:>8.0f}"
            f"  ({large['peak_bytes_before'] / MIB:.0f} before reading)",
            f"  {'going on after an append, ms':<28}{large['append_milliseconds']:>8.2f}"
            f"  ({large['append_ticks_read']:,} ticks read)",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
