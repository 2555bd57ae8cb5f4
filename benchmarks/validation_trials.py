"""The trials behind the proof of validation: series cut into windows, as they are and with dirt in them."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.instruments import load_instruments
from minhos.market_data.readers.column_map import load_column_map
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.sessions import last_complete_session, through_session
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.synthetic import write_exchange
from minhos.market_data.synthetic.dirt import CORRUPTIONS
from minhos.market_data.timeframes import timeframe_name
from minhos.market_data.validation import BarArrays, RawBars, ValidationResult, validate

__all__ = [
    "REPOSITORY",
    "WINDOW_BARS",
    "Trial",
    "clean_windows",
    "placebo_bars",
    "real_series",
    "try_clean",
    "try_kind",
    "try_placebo",
    "windows_of",
]

REPOSITORY = Path(__file__).resolve().parents[1]
WINDOW_BARS = 4_000
MOST_WINDOWS = 8
SEED = 20
PLACEBO_SESSIONS = 15
PLACEBO_END = date(2026, 9, 18)
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
    `learned`: different thresholds that were learned, of rules that hold or exclude: each has a false-alarm rate.
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
    learned: int = 0

    @property
    def caught(self) -> bool:
        """The instrument is excluded, or a wrong row is held."""
        return not self.passed or self.hit > 0

    @property
    def held_others_only(self) -> bool:
        """Something was found, and none of it was wrong."""
        return self.passed and self.held > 0 and self.hit == 0


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


def placebo_bars(seed: int, *, sessions: int, timeframe_seconds: int) -> list[BarSeries]:
    """Two correlated markets of the placebo law, clean by construction, read from their ticks."""
    with tempfile.TemporaryDirectory() as folder:
        exchange = write_exchange(
            Path(folder) / "market", seed=seed, end=PLACEBO_END, market="placebo", sessions=sessions
        )
        return [
            scid_bars(path, symbol=path.name.split("-")[0], timeframe_seconds=timeframe_seconds, tick_size=0.25).series
            for path in exchange.files
        ]


def try_placebo(task: tuple[int, int]) -> list[Trial]:
    """Clean windows (seed, timeframe in seconds) of which nothing can be wrong: every finding is a false alarm."""
    seed, seconds = task
    made = placebo_bars(seed, sessions=PLACEBO_SESSIONS, timeframe_seconds=seconds)
    return [try_clean(_to_last_session(one)) for one in made]


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
        learned=len({check.limit for check in result.checks if check.learned and check.severity != "warn"}),
    )


def _rules(result: ValidationResult, *, warnings_only: bool) -> tuple[str, ...]:
    return tuple(
        f"{check.rule} ({check.bad_count})" if warnings_only else check.rule
        for check in result.checks
        if check.status != "passed" and (check.severity == "warn") == warnings_only
    )
