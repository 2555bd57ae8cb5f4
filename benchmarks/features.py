"""Speed of the features: a year of 1-minute bars in one batch, and one served window of 64 instruments.

    .venv/bin/python -m benchmarks.features
    .venv/bin/python -m benchmarks.features --bars 700000 --rounds 20 --json features.json

All features with the recipe's lags, on made-up bars, on one core; the best of the rounds counts, and the slowest features
are named. The window is asked twice: the features alone, and the whole features step of a release's runtime (the checks of
the bars and the regime filter too). Its features must be those of the batch. Compare figures inside one run only: a shared
machine's speed changes from minute to minute.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.runtime.catalogue import CATALOGUE, Frame
from minhos.capabilities.prediction.runtime.features import compute, default_sequence, window, with_lags
from minhos.capabilities.prediction.runtime.surroundings import Places, SurroundingsTable
from minhos.capabilities.prediction.runtime.traditional import traditional
from minhos.chain import Chain, Parameters
from minhos.night.parameters import untrained
from minhos.night.recipe import RECIPE
from minhos_client.contract import BAR_COLUMNS, VERSION, encode_bytes

YEAR = 350_000
INSTRUMENTS = 64
SLOWEST = 5
MINUTE_US, DAY_SECONDS = 60_000_000, 86_400
END_US = 1_735_689_600_000_000  # 2025-01-01T00:00Z
SYMBOLS = [f"S{number:02}" for number in range(INSTRUMENTS)]

Floats = npt.NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description="speed of all features: a year in batch, and one served window")
    parser.add_argument("--bars", type=int, default=YEAR, help="of the batch (default: %(default)s, a year of minutes)")
    parser.add_argument("--rounds", type=int, default=5, help="of the batch; 40 times as many windows (default: 5)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args(arguments)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures = measure(bars=given.bars, rounds=given.rounds)
    print(render(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(*, bars: int, rounds: int) -> dict[str, Any]:
    """Seconds of the batch, milliseconds of the window, and of every feature alone in the batch."""
    names = with_lags(tuple(CATALOGUE), RECIPE.inputs.lags)
    width = window(names)
    history = made_up_bars(np.random.default_rng(1), bars)
    ends = END_US - MINUTE_US * np.arange(bars - 1, -1, -1, dtype=np.int64)
    surroundings = _surroundings(int(ends[0]))
    places = Places(SurroundingsTable(**surroundings), SYMBOLS, np.full(INSTRUMENTS, 0.25))
    served = np.stack([made_up_bars(np.random.default_rng(seed), width) for seed in range(INSTRUMENTS)])
    served_ends = np.repeat(ends[None, -width:], INSTRUMENTS, axis=0)
    rows = np.arange(INSTRUMENTS)
    chain = _chain(surroundings, names, width)
    ask = (served, served_ends, served_ends[:, -1:].copy(), encode_bytes(SYMBOLS))

    def batch() -> Floats:
        return compute(history, names, frame=Frame(history, places.of_history(SYMBOLS[0], ends)))

    def one_window() -> Floats:
        return compute(served, names, frame=Frame(served, places.of_windows(rows, served_ends)))

    _say(f"a batch of {bars:,} bars, {rounds} rounds")
    seconds = _best(batch, rounds)
    newest = slice(-width, None)
    alone = compute(history[newest], names, frame=Frame(history[newest], places.of_history(SYMBOLS[0], ends[newest])))
    np.testing.assert_allclose(alone[-1], batch()[-1], rtol=1e-9, atol=1e-9)
    _say(f"one window of {INSTRUMENTS} x {width} bars, {40 * rounds} rounds")
    frame = Frame(history, places.of_history(SYMBOLS[0], ends))
    return {
        "features": len(CATALOGUE),
        "inputs": len(names),
        "bars": bars,
        "window": width,
        "instruments": INSTRUMENTS,
        "batch_seconds": seconds,
        "window_ms": 1e3 * _best(one_window, 40 * rounds),
        "step_ms": 1e3 * _best(lambda: chain.features(*ask), 40 * rounds),
        "traditional_ms": 1e3 * _best(lambda: traditional(served), 40 * rounds),
        "feature_ms": {name: 1e3 * _best(lambda one=one: one.compute(frame), 2) for name, one in CATALOGUE.items()},
    }


def made_up_bars(rng: np.random.Generator, count: int) -> Floats:
    """A random walk with order flow and trades, float64 [count, 8]; some bars without trade."""
    close = 20_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0004, count)))
    opened = np.concatenate([[20_000.0], close[:-1]])
    wick = rng.exponential(2.0, (2, count))
    volume = rng.integers(0, 2000, count).astype(np.float64)
    ask = np.floor(volume * rng.uniform(0.2, 0.8, count))
    high, low = np.maximum(opened, close) + wick[0], np.minimum(opened, close) - wick[1]
    return np.stack([opened, high, low, close, volume, volume - ask, ask, np.ceil(volume / 3.0)], axis=1)


def _surroundings(first_us: int) -> dict[str, Any]:
    """Two markets of 23 and 6.5 hours, every day from before the first bar until a week after the last."""
    days = np.arange(first_us // 1_000_000 // DAY_SECONDS - 3, END_US // 1_000_000 // DAY_SECONDS + 7) * DAY_SECONDS
    hours = {"long": (0, 23 * 3600), "short": (52_200, 75_600)}
    return {
        "sessions": {
            name: {"open_seconds": (days + start).tolist(), "close_seconds": (days + end).tolist()}
            for name, (start, end) in hours.items()
        },
        "instruments": {
            symbol: {"session": ("long", "short")[number % 2], "code": (number + 0.5) / INSTRUMENTS}
            for number, symbol in enumerate(SYMBOLS)
        },
    }


def _chain(surroundings: Mapping[str, Any], names: Sequence[str], width: int) -> Chain:
    instrument = {
        "tick_size": 0.25,
        "point_value": 2.0,
        "currency": "USD",
        "cost_ticks_round_trip": 1.0,
        "cost_fraction_round_trip": 0.0,
        "max_contracts": 10,
        "volatility_reference": 0.001,
    }
    regime = {
        "names": ["calm", "volatile"],
        "transition": [[0.97, 0.03], [0.06, 0.94]],
        "means": [0.0, 0.0],
        "stds": [0.0003, 0.001],
        "stationary": [2 / 3, 1 / 3],
    }
    content = {
        "regime": regime,
        **untrained(SYMBOLS),
        "contract_version": VERSION,
        "timeframe_seconds": 60,
        "window": width,
        "data_through": END_US,
        "max_age_seconds": DAY_SECONDS,
        "max_staleness_seconds": 180,
        "columns": list(BAR_COLUMNS),
        "features": {"tabular": list(names), "sequence": list(default_sequence(BAR_COLUMNS))},
        "thresholds": RECIPE.thresholds.model_dump(),
        "barriers": {"stop_atr": 1.0, "target_atr": 1.0, "horizon_bars": 6},
        "sizing": RECIPE.sizing.model_dump(),
        "edge_proven": False,
        "instruments": dict.fromkeys(SYMBOLS, instrument),
        "surroundings": surroundings,
    }
    return Chain(Parameters.from_json(content), "benchmark")


def _best(call: Callable[[], object], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def _say(words: str) -> None:
    print(words, file=sys.stderr)


def render(figures: Mapping[str, Any]) -> str:
    """The table."""
    slowest = sorted(figures["feature_ms"].items(), key=lambda item: -item[1])[:SLOWEST]
    lines = {
        f"a batch of {figures['bars']:,} bars": 1e3 * figures["batch_seconds"],
        f"one window of {figures['instruments']} instruments x {figures['window']} bars": figures["window_ms"],
        "  the whole features step of the runtime": figures["step_ms"],
        "  the traditional signals": figures["traditional_ms"],
        **{f"of the batch, {name} alone": milliseconds for name, milliseconds in slowest},
    }
    head = (
        f"{figures['features']} features, {figures['inputs']} with lags, milliseconds on one core, best of the rounds"
    )
    return "\n".join([head, *(f"  {what:<50}{milliseconds:>10.2f}" for what, milliseconds in lines.items())])


if __name__ == "__main__":
    sys.exit(main())
