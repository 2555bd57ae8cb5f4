"""Does validation catch what it should, and only that? Every kind of dirt in clean real bars; false alarms on clean ones.

    .venv/bin/python -m benchmarks.validation                       print the tables
    .venv/bin/python -m benchmarks.validation --write docs/validation.md --json validation.json

Real series are cut into windows. Every window is validated as it is: what is held or excluded then is a false alarm (or a
fault of the source). One clean window of each series is corrupted in every way and strength that fits it, and validated
again, with everything that is learned learned from the dirty bars themselves. *Caught*: the wrong rows are held, or the
instrument is excluded; *warned*: only a warning is new; *missed*: nothing is new. Placebo markets are clean by construction:
what is found there is a false alarm, and its share is held against the budget of the learned rules together.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.validation_trials import (
    REPOSITORY,
    WINDOW_BARS,
    Trial,
    clean_windows,
    placebo_bars,
    real_series,
    try_clean,
    try_kind,
    try_placebo,
    windows_of,
)
from minhos.files import write_text
from minhos.market_data.bars import BarSeries
from minhos.market_data.synthetic.dirt import CORRUPTIONS, STRENGTHS
from minhos.market_data.validation import FALSE_ALARMS

PLACEBO_TIMEFRAMES = (300, 60)
BEGIN, END = "<!-- proof: begin -->", "<!-- proof: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the proof and prints its tables; exit status 2 where there are no real data."""
    parser = argparse.ArgumentParser(description="what validation catches, and its false alarms, on real bars")
    parser.add_argument("--data", type=Path, help="folder of real files (default: $MINHOS_REAL_DATA, ../shared/data)")
    parser.add_argument("--seeds", type=int, default=1, help="corruptions of each kind and strength (default: 1)")
    parser.add_argument("--placebos", type=int, default=60, help="seeds of the placebo, in 5m and 1m (default: 60)")
    parser.add_argument("--kinds", nargs="+", choices=sorted(CORRUPTIONS), help="only these kinds of dirt")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at once (default: the cores)")
    parser.add_argument("--write", type=Path, help="put the tables into this document, between its proof marks")
    parser.add_argument("--json", type=Path, help="write every trial to this file")
    given = parser.parse_args(arguments)
    folder = given.data or Path(os.environ.get("MINHOS_REAL_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        print(f"{folder}: no real data there; give their folder with --data", file=sys.stderr)
        return 2
    with ProcessPoolExecutor(given.processes) as pool:
        series = real_series(folder)
        windows = [window for one in series for window in windows_of(one)]
        clean = list(_told(pool.map(try_clean, windows), len(windows), "clean windows"))
        chosen = clean_windows(windows, clean)
        kinds = given.kinds or list(CORRUPTIONS)
        tasks = [(window, kind, seed) for window in chosen for kind in kinds for seed in range(given.seeds)]
        dirty = [trial for some in _told(pool.map(try_kind, tasks), len(tasks), "corruptions") for trial in some]
        asked = [(seed, seconds) for seconds in PLACEBO_TIMEFRAMES for seed in range(given.placebos)]
        made = _told(pool.map(try_placebo, asked), len(asked), "placebo markets")
        placebo = [trial for some in made for trial in some]
    text = report(clean, dirty, placebo, speeds(max(series, key=len)))
    print(text)
    if given.write:
        write_text(given.write, with_proof(given.write.read_text(encoding="utf-8"), text))
    if given.json:
        write_text(given.json, json.dumps([asdict(trial) for trial in (*clean, *dirty, *placebo)], indent=1) + "\n")
    return 0


def speeds(longest: BarSeries) -> list[tuple[str, int, float]]:
    """What, bars and bars/s of whole series, one process: the longest real one and a year of one-minute bars."""
    year = placebo_bars(1, sessions=254, timeframe_seconds=60)[0]
    found = []
    for what, series in (("the longest real series", longest), ("a year of one-minute bars (placebo)", year)):
        trials = [try_clean(series) for _ in range(3)]
        found.append((what, len(series), sorted(trial.bars / trial.seconds for trial in trials)[1]))
    return found


def _told(results: Iterable[Any], count: int, what: str) -> Iterable[Any]:
    started = time.monotonic()
    for number, result in enumerate(results, start=1):
        if number == count or number % 10 == 0:
            left = (time.monotonic() - started) / number * (count - number)
            print(f"{what}: {number} of {count}, {left:.0f} s left", file=sys.stderr)
        yield result


def report(
    clean: Sequence[Trial],
    dirty: Sequence[Trial],
    placebo: Sequence[Trial],
    measured: Sequence[tuple[str, int, float]],
) -> str:
    """The tables, as Markdown."""
    bars = sum(trial.bars for trial in clean)
    alarms = [trial for trial in clean if trial.found]
    seconds = sorted(trial.bars / trial.seconds for trial in clean)
    lines = [
        f"**Clean real bars.** {len(clean)} windows of {len({trial.series for trial in clean})} series, {bars:,} bars: "
        f"{len(alarms)} windows with a finding that holds rows or excludes ({len(alarms) / len(clean):.1%}, 90 % interval "
        f"{_interval(len(alarms), len(clean))}), "
        f"{sum(trial.held for trial in clean)} rows held ({sum(trial.held for trial in clean) / bars:.4%}).",
        "",
        *(
            f"- {trial.series}, {trial.window}: {', '.join(trial.found)}"
            f"{'' if trial.passed else ' (excluded)'}, {trial.held} rows held"
            for trial in alarms
        ),
        "",
        *_placebo_words(placebo),
        f"**Corrupted.** One clean window of each of {len({trial.series for trial in dirty})} series, "
        f"{len(dirty)} trials. Each cell: caught / warned only / missed, of the trials that the kind fits.",
        "",
        f"| kind of dirt | {' | '.join(STRENGTHS)} | caught by (strong) | rows found, of the wrong ones (weak) |",
        "|---|---|---|---|---|---|",
    ]
    by_kind: dict[str, dict[int, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    for trial in dirty:
        assert trial.kind is not None
        by_kind[trial.kind][trial.strength].append(trial)
    known = {(trial.series, trial.window): set(trial.warned) for trial in clean}
    total = {strength: [0, 0, 0] for strength in range(3)}
    for kind, strengths in by_kind.items():
        cells = []
        for strength in range(3):
            counts = [0, 0, 0]
            for trial in strengths[strength]:
                counts[0 if trial.caught else 1 if set(trial.warned) - known[trial.series, trial.window] else 2] += 1
            total[strength] = [a + b for a, b in zip(total[strength], counts, strict=True)]
            cells.append(" / ".join(map(str, counts)))
        names: dict[str, int] = defaultdict(int)
        for trial in strengths[2]:
            for rule in trial.found:
                names[rule] += 1
        by = ", ".join(sorted(names, key=lambda name: -names[name])[:2]) or "-"
        weak = [trial for trial in strengths[0] if trial.held]
        share = f"{sum(trial.hit for trial in weak)} of {sum(trial.wrong for trial in weak)}" if weak else "-"
        lines.append(f"| {CORRUPTIONS[kind].description} (`{kind}`) | {' | '.join(cells)} | {by} | {share} |")
    lines.append(
        f"| **all** | {' | '.join(f'**{sum(counts[:1])} of {sum(counts)}**' for counts in total.values())} | | |"
    )
    others = [trial for trial in dirty if trial.held_others_only]
    kinds = ", ".join(sorted({str(trial.kind) for trial in others}))
    lines += [
        "",
        f"In {len(others)} of {len(dirty)} trials rows were held and none of them was wrong"
        f"{f' ({kinds})' if others else ''}: they count as not caught.",
        "",
        f"**Speed.** {seconds[len(seconds) // 2]:,.0f} bars/s (median of the clean windows, {WINDOW_BARS:,} bars each: "
        "mostly the library's fixed cost); "
        + "; ".join(f"{what}, {count:,} bars: {rate:,.0f} bars/s" for what, count, rate in measured)
        + ". Great Expectations' run is included.",
    ]
    return "\n".join(lines)


def _interval(found: int, count: int) -> str:
    """Wilson's 90 % interval of a share."""
    from minhos.training.metrics import wilson

    low, high = wilson(found / count, count, 1.645)
    return f"{float(low):.1%} to {float(high):.1%}"


def _placebo_words(placebo: Sequence[Trial]) -> list[str]:
    """The false alarms on markets that are clean by construction, beside what the learned thresholds may have together."""
    from scipy.stats import beta

    lines = []
    for timeframe in dict.fromkeys(trial.series.split()[-1] for trial in placebo):
        mine = [trial for trial in placebo if trial.series.split()[-1] == timeframe]
        count, alarms = len(mine), [trial for trial in mine if trial.found]
        most = 1.0 if len(alarms) == count else float(beta.ppf(0.95, len(alarms) + 1, count - len(alarms)))
        learned = sum(trial.learned for trial in mine) / count
        rules: dict[str, int] = defaultdict(int)
        for trial in alarms:
            for rule in trial.found:
                rules[rule] += 1
        by = "".join(f"; {rule} {times}" for rule, times in sorted(rules.items(), key=lambda item: -item[1]))
        lines += [
            f"**Placebo, {timeframe}.** {count} series of {sum(trial.bars for trial in mine):,} bars, clean by "
            f"construction: {len(alarms)} with a finding that holds rows or excludes ({len(alarms) / count:.1%}, at most "
            f"{most:.1%} with 95 % confidence{by}), {sum(trial.held for trial in mine)} rows held. A series has "
            f"{learned:.1f} learned thresholds of {FALSE_ALARMS:.0%} each that hold or exclude: together they may have "
            f"{learned * FALSE_ALARMS:.1%}.",
            "",
        ]
    return lines


def with_proof(document: str, proof: str) -> str:
    """The document with the proof between its marks."""
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{proof}\n\n{END}{tail}"


if __name__ == "__main__":
    sys.exit(main())
