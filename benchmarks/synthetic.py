"""Ticks per second that the synthetic exchange writes, against writing the same records with NumPy alone.

    .venv/bin/python -m benchmarks.synthetic                       both markets, 240 sessions of two instruments
    .venv/bin/python -m benchmarks.synthetic --sessions 60 --rounds 1 --json synthetic.json

One core. Counted is a whole exchange: limits, path, trades, files, hashes, truth; the law is solved and the filters are
counted before, as it is once per process. Beside it stands what cannot be avoided, `tofile` of records that lie ready in the
memory, and the share that the files take. The best of the rounds counts. Compare ratios inside one run only.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from minhos.market_data.sierra.scid import HEADER, RECORD
from minhos.market_data.synthetic import Market, write_exchange

END = date(2026, 11, 20)
MARKETS: tuple[Market, ...] = ("planted", "placebo")
MIB = 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description="the synthetic exchange: ticks written per second")
    parser.add_argument("--sessions", type=int, default=240, help="of 276 steps (default: %(default)s)")
    parser.add_argument("--ticks", type=float, default=30.0, help="per step and symbol (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="exchanges of each market (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the files are made and removed (default: the system's)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args(arguments)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures = {}
    for market in MARKETS:
        figures[market] = measure(
            market, sessions=given.sessions, mean_ticks=given.ticks, rounds=given.rounds, folder=given.folder
        )
    print(render(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(market: Market, *, sessions: int, mean_ticks: float, rounds: int, folder: Path | None) -> dict[str, Any]:
    """Seconds of whole exchanges, and of plain writes of their records, alternating."""
    _say(f"{market}: computing the law")
    with tempfile.TemporaryDirectory(prefix="minhos-bench-", dir=folder) as name:
        root = Path(name)
        write_exchange(root / "law", seed=0, market=market, sessions=sessions, end=END, mean_ticks=2)
        ours, plain, ticks = [], [], 0
        for number in range(rounds):
            _say(f"{market}: round {number + 1} of {rounds}")
            started = time.perf_counter()
            done = write_exchange(
                root / f"{number}", seed=number, market=market, sessions=sessions, end=END, mean_ticks=mean_ticks
            )
            ours.append((time.perf_counter() - started) / done.truth.ticks)
            ticks = done.truth.ticks
            records = [np.fromfile(path, dtype=RECORD, offset=HEADER.size) for path in done.files]
            started = time.perf_counter()
            for index, one in enumerate(records):
                one.tofile(root / f"plain{index}")
            plain.append((time.perf_counter() - started) / ticks)
    return {
        "sessions": sessions,
        "ticks": ticks,
        "bytes": ticks * RECORD.itemsize,
        "ticks_per_second": 1 / min(ours),
        "plain_ticks_per_second": 1 / min(plain),
    }


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def render(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as a table of at most 100 columns."""
    first = next(iter(figures.values()))
    lines = [
        f"synthetic exchange, {first['sessions']} sessions of two instruments, one core",
        f"  {'':<12}{'ticks':>12}{'MiB':>8}{'million ticks/s':>18}{'plain tofile':>16}{'plain / ours':>16}",
    ]
    for market, one in figures.items():
        speed, plain = one["ticks_per_second"], one["plain_ticks_per_second"]
        lines.append(
            f"  {market:<12}{one['ticks']:>12,}{one['bytes'] / MIB:>8.0f}{speed / 1e6:>18.2f}{plain / 1e6:>16.1f}"
            f"{plain / speed:>16.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
