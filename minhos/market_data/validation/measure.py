"""The frame of measured columns that the rules look at, and the thresholds that were learned for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.instruments import Instrument
from minhos.market_data.rolls.expiries import expiry_date, parse_contract
from minhos.market_data.sessions import session_bounds
from minhos.market_data.timeframes import DAY_SECONDS
from minhos.market_data.validation import flow
from minhos.market_data.validation.alternation import alternating_runs
from minhos.market_data.validation.bar_arrays import BarArrays, column, has
from minhos.market_data.validation.bases import Bases, find_bases, own_jumps
from minhos.market_data.validation.clock import clock
from minhos.market_data.validation.day_pattern import DayPattern, day_pattern
from minhos.market_data.validation.hours import Hours, hours
from minhos.market_data.validation.moves import LEAST_BARS, moves
from minhos.market_data.validation.repeats import repeats
from minhos.market_data.validation.tails import Threshold, longest_run, upper_threshold
from minhos_client.contract import BAR_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FALSE_ALARMS", "FLOW", "PRICES", "Measured", "measure"]

PRICES: Final = ("open", "high", "low", "close")
FLOW: Final = ("volume", "bid_volume", "ask_volume", "trades")
FALSE_ALARMS: Final = 0.01
"""The chance that one learned rule holds a row, or excludes an instrument, of a whole clean series."""
_FLOORS: Final = {"inside": 6.0, "across": 20.0, "move": 25.0, "spike": 12.0, "wick": 15.0, "volume_surprise": 5.0}
_INSIDE_CEILING: Final = 12.0
_KNOWN_SECONDS: Final = 300  # the shortest bars whose jumps are known from real files
_OWN: Final = 1.5
_NEWS: Final = 2.5
_NEWS_FLOOR: Final = 25.0
"""How far a market may jump inside a session for good: the pound did by 21 times its noise, on election night 2017."""
_SHOWN: Final = 3
_STILL_FLOOR: Final = 6
_MISSING_SECONDS_FLOOR: Final = 3600
_OUTSIDE_FLOOR: Final = 3.0
_NO_LIMIT: Final = Threshold(np.inf, "")

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """`frame`: one row per bar, indexed 0..T-1. `thresholds`: by measured column. `notes`: what was found, in words.

    `usual_coverage`: bars that a session of this instrument has, as a share of a full one. A measure that cannot be
    computed (too few bars for the local noise) is left out, so that its rule is reported as not evaluated instead of passing
    on nothing.
    """

    frame: pd.DataFrame
    timeframe_seconds: int
    thresholds: Mapping[str, Threshold]
    notes: Mapping[str, str] = field(default_factory=dict)
    usual_coverage: float = 1.0

    def most(self, measure: str) -> float:
        """The largest value that is allowed of a learned measure."""
        return self.thresholds.get(measure, _NO_LIMIT).value

    def told(self, measure: str) -> dict[str, Any]:
        """Where that comes from, as a rule has it: `limit` in words, and whether it was `learned`."""
        threshold = self.thresholds.get(measure, _NO_LIMIT)
        return {"limit": threshold.words, "learned": threshold.learned}


def measure(bars: BarArrays, instrument: Instrument, *, session: date, traded: BarArrays | None = None) -> Measured:
    """Measure the bars; `traded`: as in `validate`.

    Thresholds are learned from rows before `session` whose facts are in order. Raises `BadInputError` where `session` is a
    day on which the instrument never trades.
    """
    import pandas as pd

    session_start, _ = session_bounds(session, instrument)
    frame = pd.DataFrame({"bar_end": bars.bar_end})
    for name in BAR_COLUMNS:
        if name in PRICES or has(bars, name):
            frame[name] = column(bars, name)
    thresholds: dict[str, Threshold] = {}
    notes: dict[str, str] = {}
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        ticks = (bars if traded is None else traded).values[:, :4] / instrument.tick_size
        frame["ticks_off_grid"] = np.abs(ticks - np.round(ticks)).max(axis=1)
        clean = _in_order(bars, frame["ticks_off_grid"].to_numpy())
        learn = clean & (bars.bar_end <= session_start) if np.any(bars.bar_end <= session_start) else clean
        ordered = len(bars.bar_end) > 0 and bool(np.all(np.diff(bars.bar_end) > 0))
        when = hours(bars, instrument) if ordered else None
        pattern = day_pattern(bars, instrument, when.dates, clean) if when is not None else None
        if len(bars.bar_end) >= LEAST_BARS:
            breaks = np.ones(len(bars.bar_end), dtype=np.bool_) if when is None else ~when.hole_inside
            _add_moves(frame, bars, instrument, learn, breaks, thresholds, notes)
            _add_repeats(frame, bars, thresholds)
        _add_flow(frame, bars, pattern, learn, thresholds)
    if when is not None:
        _add_hours(frame, bars, when, thresholds, dated=bool(instrument.contract_months))
        frame["in_session"] = (when.dates == np.datetime64(session, "D")).astype(np.float64)
        _add_expiry(frame, bars, instrument, when, notes)
    else:
        frame["in_session"] = 0.0
    if when is not None and pattern is not None:
        found = clock(pattern, when.dates, false_alarms=FALSE_ALARMS)
        if found is not None:
            frame["day_shift"], thresholds["day_shift"], notes["clock"] = found.better, found.allowed, found.words
    return Measured(frame, bars.timeframe_seconds, thresholds, notes, _usual_coverage(when))


def _in_order(bars: BarArrays, ticks_off_grid: Floats) -> Flags:
    """Rows whose own facts are in order: the only ones that anything is learned from."""
    opens, highs, lows, closes = bars.values[:, :4].T
    fine = np.isfinite(bars.values[:, :4]).all(axis=1) & (lows <= highs) & (ticks_off_grid < 0.5)
    in_range: Flags = fine & (np.minimum(opens, closes) >= lows) & (np.maximum(opens, closes) <= highs)
    return in_range


def _add_moves(
    frame: pd.DataFrame,
    bars: BarArrays,
    instrument: Instrument,
    learn: Flags,
    breaks: Flags,
    thresholds: dict[str, Threshold],
    notes: dict[str, str],
) -> None:
    """`breaks` bool [T]: the market was closed before this bar, if there is a gap: what a minute without a trade does
    says nothing of what a night does."""
    found = moves(bars, tick_size=instrument.tick_size)
    short = max(1.0, (_KNOWN_SECONDS / bars.timeframe_seconds) ** 0.5)  # news moves prices, however short the bars are
    for name in ("inside", "across", "move", "spike", "wick"):
        values = getattr(found, name)
        thresholds[name] = upper_threshold(
            values[learn & breaks if name == "across" else learn],
            tested=len(frame),
            false_alarms=FALSE_ALARMS,
            floor=_FLOORS[name],
            ceiling=_INSIDE_CEILING * short if name == "inside" else np.inf,
        )
        if name not in {"inside", "across"}:
            frame[name] = values
    inside = thresholds["inside"].value
    turns = alternating_runs(found.gap, tick_size=instrument.tick_size, false_alarms=FALSE_ALARMS)

    def bases_beyond(limit: float) -> Bases:
        return find_bases(
            bars,
            found,
            inside_limit=limit,
            news_limit=max(_NEWS * limit, _NEWS_FLOOR * short),
            across_limit=max(thresholds["across"].value, limit),
            turns=turns,
        )

    bases = bases_beyond(inside)
    own = own_jumps(bases, found)
    if own > inside:
        bases = bases_beyond(_OWN * own)
        thresholds["inside"] = Threshold(
            _OWN * own,
            f"at most {_OWN * own:.3g} (fixed: this market itself jumps by {own:.3g} times the noise inside sessions)",
        )
    frame["foreign"], frame["new_base"], frame["unexplained"] = bases.foreign, bases.new_base, bases.unexplained
    # a move onto another level and back is told once, by the rule of levels; the row that comes back is a good one
    back = np.concatenate(([False], bases.foreign[:-1] > 0))
    frame.loc[(bases.foreign > 0) | back | (bases.new_base > 0), ["move", "spike"]] = np.nan
    for kind, words in bases.words.items():
        notes[kind] = "; ".join(words[:_SHOWN]) + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")


def _add_repeats(frame: pd.DataFrame, bars: BarArrays, thresholds: dict[str, Threshold]) -> None:
    found = repeats(bars)
    frame["still"] = found.still
    if has(bars, "volume"):  # prices alone repeat by chance where they move by a tick or two
        frame["repeated"], frame["copied"] = found.repeated, found.copied
    thresholds["still"] = longest_run(found.runs, false_alarms=FALSE_ALARMS, floor=_STILL_FLOOR)


def _add_flow(
    frame: pd.DataFrame,
    bars: BarArrays,
    pattern: DayPattern | None,
    learn: Flags,
    thresholds: dict[str, Threshold],
) -> None:
    known = {name for name in FLOW if has(bars, name)}
    if {"volume", "bid_volume", "ask_volume"} <= known and flow.always(np.where(flow.flow_gap(bars) > 1e-6, 1.0, 0.0)):
        frame["flow_gap"] = flow.flow_gap(bars)
    if "volume" in known:
        frame["unmoved"] = flow.moved_without_volume(bars)
    if {"volume", "trades"} <= known and flow.always(flow.trades_over_volume(bars)):
        frame["excess_trades"] = flow.trades_over_volume(bars)
    if "volume" in known:
        surprise = flow.volume_surprise(bars, pattern)
        frame["volume_surprise"] = surprise
        thresholds["volume_surprise"] = upper_threshold(
            surprise[learn],
            tested=len(frame),
            false_alarms=FALSE_ALARMS,
            floor=_FLOORS["volume_surprise"],
            tail_index=0.0,
        )


def _add_hours(
    frame: pd.DataFrame, bars: BarArrays, when: Hours, thresholds: dict[str, Threshold], *, dated: bool
) -> None:
    frame["outside"] = when.outside
    frame["outside_in_week"] = np.where(when.outside > 0, when.in_week, 0.0)
    frame["missing"] = when.missing
    if flow.always(when.off_grid):
        frame["off_bar_grid"] = when.off_grid
    volume = np.nan_to_num(column(bars, "volume"))
    flat = column(bars, "high") == column(bars, "low")
    frame["closed_quote"] = ((when.outside > 0) & flat & (volume == 0)).astype(np.float64)
    busy = flow.busy(bars, when.slot, in_contracts=dated) if bars.timeframe_seconds < DAY_SECONDS else None
    if busy is not None:
        lost = np.where(busy, when.missing, 0.0)
        frame["lost"] = lost
        frame["torn"] = ((lost > 0) & when.hole_inside).mean()
    frame["sessions_missing"] = when.sessions_missing / max(1, when.sessions)
    thresholds["outside_in_week"] = upper_threshold(
        when.weeks, tested=len(when.weeks), false_alarms=FALSE_ALARMS, floor=_OUTSIDE_FLOOR, tail_index=0.0
    )
    gaps, daily = when.missing[when.missing > 0], bars.timeframe_seconds >= DAY_SECONDS
    thresholds["missing"] = upper_threshold(
        gaps,
        tested=max(1, len(gaps)),
        false_alarms=FALSE_ALARMS,
        floor=0.0 if daily else max(2.0, _MISSING_SECONDS_FLOOR / bars.timeframe_seconds),
    )


def _add_expiry(
    frame: pd.DataFrame, bars: BarArrays, instrument: Instrument, when: Hours, notes: dict[str, str]
) -> None:
    """Whether a dated contract trades after its last day; nothing is added where that day is not known."""
    try:
        last_day = expiry_date(parse_contract(bars.symbol, around=when.dates[-1].item()), instrument)
    except (BadInputError, InstrumentError):
        return
    frame["after_expiry"] = (when.dates > np.datetime64(last_day, "D")).astype(np.float64)
    notes["expiry"] = f"the last trading day of {bars.symbol} is {last_day}"


def _usual_coverage(when: Hours | None) -> float:
    """The median session's bars as a share of the fullest one's, 0 to 1."""
    if when is None:
        return 1.0
    _, counts = np.unique(when.dates, return_counts=True)
    return float(np.median(counts) / counts.max())
