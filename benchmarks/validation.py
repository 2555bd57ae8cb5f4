"""Does validation catch what it should, and only that? Every kind of dirt in clean real bars; false alarms on clean ones.

    .venv/bin/python -m benchmarks.validation                       print the tables
    .venv/bin/python -m benchmarks.validation --write docs/validation.md --json validation.json

Real series are cut into windows. Every window is validated as it is: what is held or excluded then is a false alarm (or a
fault of the source). One clean window of each series is corrupted in every way and strength that fits it, and validated
again, with everything that is learned learned from the dirty bars themselves. *Caught*: the wrong rows are held, or the
instrument is excluded; *warned*: only a warning is new; *missed*: nothing is new.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minhos.files import write_text
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.instruments import load_instruments
from minhos.market_data.readers.column_map import load_column_map
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.sessions import last_complete_session, through_session
from minhos.market_data.synthetic.dirt import CORRUPTIONS, STRENGTHS
from minhos.market_data.timeframes import timeframe_name
from minhos.market_data.validation import BarArrays, RawBars, ValidationResult, validate

REPOSITORY = Path(__file__).resolve().parents[1]
WINDOW_BARS = 4_000
MOST_WINDOWS = 8
SEED = 20
BEGIN, END = "<!-- proof: begin -->", "<!-- proof: end -->"
EXPORTS = (
    "MNQZ25-CME_5m.scid", "CLX25-NYMEX_5m.scid", "MNQZ25-CME_1H.scid", "CLX25-NYMEX_1H.scid", "CLX25-NYMEX.DAILY",
    "MNQZ25-CME.DAILY",
)  # fmt: skip
TABLES = (
    ("crypto_orderflow", "crypto_orderflow", "BTCUSDT_30m.csv"),
    ("indices_crypto", "indices_crypto", "USA500IDXUSD_H1.csv"),
    ("indices_crypto", "indices_crypto", "BTCUSD_M30.csv"),
    ("fx", "fx", "GBPUSDh1.csv"),
)


@dataclass(frozen=True)
class Trial:
    """One validation. `kind` None: the bars as they are. `found`: rules that hold or exclude; `warned`: those that warn.

    `wrong`: rows that are corrupted, `held`: rows that were held, `hit`: corrupted rows among them.
    """

    series: str
    window: str
    bars: int
    kind: str | None
    strength: int
    passed: bool
    found: tuple[str, ...]
    warned: tuple[str, ...]
    wrong: int
    held: int
    hit: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the proof and prints its tables; exit status 2 where there are no real data."""
    parser = argparse.ArgumentParser(description="what validation catches, and its false alarms, on real bars")
    parser.add_argument("--data", type=Path, help="folder of real files (default: $MINHOS_REAL_DATA, ../shared/data)")
    parser.add_argument("--seeds", type=int, default=1, help="corruptions of each kind and strength (default: 1)")
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
    text = report(clean, dirty, [window.symbol for window in chosen])
    print(text)
    if given.write:
        write_text(given.write, with_proof(given.write.read_text(encoding="utf-8"), text))
    if given.json:
        write_text(given.json, json.dumps([asdict(trial) for trial in (*clean, *dirty)], indent=1) + "\n")
    return 0


def real_series(folder: Path) -> list[BarSeries]:
    """The real series that are there."""
    found = [
        read_sierra_text(path, zone="UTC").series
        for name in EXPORTS
        if (path := folder / "sierra_bardata" / f"{name}_BarData.txt").is_file()
    ]
    for place, example, name in TABLES:
        path = folder / place / name
        rule = load_column_map(REPOSITORY / "examples" / f"{example}.toml").rule_for(path)
        if path.is_file() and rule is not None:
            found.append(read_mapped_table(path, rule).series)
    return found


def windows_of(series: BarSeries) -> list[BarSeries]:
    """At most eight windows of a series, spread over its whole length."""
    count = max(1, min(MOST_WINDOWS, len(series) // WINDOW_BARS))
    starts = np.linspace(0, max(0, len(series) - WINDOW_BARS), count).astype(int)
    return [_to_last_session(series.slice(int(start), int(start) + WINDOW_BARS)) for start in starts]


def _to_last_session(window: BarSeries) -> BarSeries:
    """The window up to the close of its last complete session, as a night sees it."""
    instrument = load_instruments(None).find(window.symbol)
    session = last_complete_session(window, instrument)
    assert session is not None
    return through_session(window, instrument, session)


def clean_windows(windows: Sequence[BarSeries], trials: Sequence[Trial]) -> list[BarSeries]:
    """The last window of each series in which nothing was found."""
    last: dict[str, BarSeries] = {}
    for window, trial in zip(windows, trials, strict=True):
        if not trial.found:
            last[trial.series] = window
    return list(last.values())


def try_clean(window: BarSeries) -> Trial:
    """A window as it is."""
    return _tried(window, window, None, 0, np.zeros(len(window), dtype=np.bool_))


def try_kind(task: tuple[BarSeries, str, int]) -> list[Trial]:
    """A window with one kind of dirt, at every strength."""
    window, kind, seed = task
    instrument, trials = load_instruments(None).find(window.symbol), []
    if CORRUPTIONS[kind].fits(window):
        for strength in (0, 1, 2):
            dirt = CORRUPTIONS[kind].apply(window, instrument, strength, np.random.default_rng([SEED, seed, strength]))
            bars = RawBars(window.symbol, window.timeframe_seconds, dirt.bar_end, dirt.values)
            trials.append(_tried(window, bars, kind, strength, dirt.rows))
    return trials


def _tried(
    window: BarSeries, bars: BarArrays, kind: str | None, strength: int, wrong: np.typing.NDArray[np.bool_]
) -> Trial:
    instrument = load_instruments(None).find(window.symbol)
    session = last_complete_session(window, instrument)
    assert session is not None
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = validate(bars, instrument, session=session, docs_dir=None)
    seconds = time.perf_counter() - started
    held = {row.bar_end for row in result.held}
    return Trial(
        series=f"{window.symbol} {timeframe_name(window.timeframe_seconds)}",
        window=f"{iso(int(window.bar_end[0]))} to {iso(int(window.bar_end[-1]))}",
        bars=len(window),
        kind=kind,
        strength=strength,
        passed=result.passed,
        found=_rules(result, warnings_only=False),
        warned=_rules(result, warnings_only=True),
        wrong=int(np.count_nonzero(wrong)),
        held=len(held),
        hit=sum(int(end) in held for end in bars.bar_end[wrong]),
        seconds=seconds,
    )


def _rules(result: ValidationResult, *, warnings_only: bool) -> tuple[str, ...]:
    return tuple(
        f"{check.rule} ({check.bad_count})" if warnings_only else check.rule
        for check in result.checks
        if check.status != "passed" and (check.severity == "warn") == warnings_only
    )


def _told(results: Iterable[Any], count: int, what: str) -> Iterable[Any]:
    started = time.monotonic()
    for number, result in enumerate(results, start=1):
        if number == count or number % 10 == 0:
            left = (time.monotonic() - started) / number * (count - number)
            print(f"{what}: {number} of {count}, {left:.0f} s left", file=sys.stderr)
        yield result


def report(clean: Sequence[Trial], dirty: Sequence[Trial], symbols: Sequence[str]) -> str:
    """The tables, as Markdown."""
    bars = sum(trial.bars for trial in clean)
    alarms = [trial for trial in clean if trial.found]
    seconds = sorted(trial.bars / trial.seconds for trial in clean)
    lines = [
        f"**Clean real bars.** {len(clean)} windows of {len({trial.series for trial in clean})} series, {bars:,} bars: "
        f"{len(alarms)} windows with a finding that holds rows or excludes ({len(alarms) / len(clean):.1%}), "
        f"{sum(trial.held for trial in clean)} rows held ({sum(trial.held for trial in clean) / bars:.4%}).",
        "",
        *(
            f"- {trial.series}, {trial.window}: {', '.join(trial.found)}"
            f"{'' if trial.passed else ' (excluded)'}, {trial.held} rows held"
            for trial in alarms
        ),
        "",
        f"**Corrupted.** One clean window of each of {len(symbols)} series. Each cell: caught / warned only / missed, of "
        "the series that the kind fits.",
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
                caught = bool(trial.found) or not trial.passed
                counts[0 if caught else 1 if set(trial.warned) - known[trial.series, trial.window] else 2] += 1
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
    lines += [
        "",
        f"**Speed.** {seconds[len(seconds) // 2]:,.0f} bars/s (median of the clean windows, Great Expectations' run "
        f"included; a window of {WINDOW_BARS:,} bars is mostly the library's fixed cost).",
    ]
    return "\n".join(lines)


def with_proof(document: str, proof: str) -> str:
    """The document with the proof between its marks."""
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{proof}\n\n{END}{tail}"


if __name__ == "__main__":
    sys.exit(main())
