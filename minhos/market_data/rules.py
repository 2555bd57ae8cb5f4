"""The rules that bars must keep, and the frame of measured columns that the rules look at.

Thresholds are in units of the instrument's own local noise: the median absolute change of the closes around a bar (201
bars, centred), as a standard deviation (median / 0.6745), at least one tick. On the clean real files at hand (CL, MNQ,
BTC, S&P 500, GBP; the crash of March 2020 included) the largest move is 82, the largest spike 23 and the largest wick
66: the pound's fall of 2016-10-07, 9 % and back within one hour. A wick may reach as far as a move.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import session_bounds, trading_dates
from minhos.market_data.timeframes import DAY_SECONDS
from minhos.market_data.validation import Severity
from minhos_client.contract import BAR_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PRICES", "Limit", "Rule", "measure", "rules_for"]

PRICES: Final = ("open", "high", "low", "close")
_FLOW: Final = ("volume", "bid_volume", "ask_volume", "trades")
_ABSURD_PRICE = 1e9
_NOISE_BARS = 201
_LEAST_NOISE_BARS = 10
_MOVE_SIGMAS, _SPIKE_SIGMAS, _WICK_SIGMAS = 100.0, 40.0, 100.0
_TICK_TOLERANCE = 1e-3
_FLOW_TOLERANCE = 1e-6
_NORMAL_TO_MEDIAN = 0.6745

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """One expectation: `kind` names it, the rest are its columns and bounds.

    Kinds: `present` (not null), `between`, `ordered` (column >= other), `increasing`, `unique`, `rows` (at least
    `least`), `sum` (of column, at least `least`).
    """

    kind: Literal["present", "between", "ordered", "increasing", "unique", "rows", "sum"]
    column: str = ""
    other: str = ""
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Rule:
    """A rule: its expectations, what breaking it is called (`3 of 900 rows <fault>`), and how grave that is."""

    name: str
    severity: Severity
    fault: str
    limits: tuple[Limit, ...]


def rules_for(
    series: BarSeries, instrument: Instrument, *, session: date, least_rows: int, least_session_share: float
) -> tuple[Rule, ...]:
    """The rules for these bars. A column that the source does not have at all has no rules."""
    daily = series.timeframe_seconds >= DAY_SECONDS
    # A daily bar closes at the settlement price, which may lie off the grid and outside the day's range.
    settlement: Severity = "warn" if daily else "fail"
    flow = tuple(name for name in _FLOW if series.has(name))
    start, end = session_bounds(session, instrument)
    expected = 1 if daily else max(1, (end - start) // (series.timeframe_seconds * 1_000_000))
    least = max(1, int(least_session_share * expected))
    rules = [
        Rule("times_increase", "fail", "have a time that is not after the row before",
             (Limit("increasing", "bar_end"), Limit("unique", "bar_end"))),
        Rule("enough_rows", "fail", f"bars, at least {least_rows} are needed", (Limit("rows", least=least_rows),)),
        Rule("finite_prices", "fail", "have a missing or infinite price",
             tuple(Limit("present", name) for name in PRICES)
             + tuple(Limit("between", name, least=-_ABSURD_PRICE, most=_ABSURD_PRICE) for name in PRICES)),
        Rule("high_above_low", "fail", "have high under low", (Limit("ordered", "high", "low"),)),
        Rule("open_in_range", "fail", "have the open outside low to high",
             (Limit("ordered", "high", "open"), Limit("ordered", "open", "low"))),
        Rule("close_in_range", settlement, "have the close outside low to high",
             (Limit("ordered", "high", "close"), Limit("ordered", "close", "low"))),
        Rule("on_tick_grid", settlement, f"have a price off the tick grid of {instrument.tick_size:g}",
             (Limit("between", "ticks_off_grid", least=0.0, most=_TICK_TOLERANCE),)),
        Rule("no_absurd_move", "fail", f"move more than {_MOVE_SIGMAS:g} times the local noise",
             (Limit("between", "move_sigmas", most=_MOVE_SIGMAS),)),
        Rule("no_spike", "fail", f"jump out and back by more than {_SPIKE_SIGMAS:g} times the local noise",
             (Limit("between", "spike_sigmas", most=_SPIKE_SIGMAS),)),
        Rule("no_absurd_wick", "fail", f"have a high or low more than {_WICK_SIGMAS:g} times the local noise away",
             (Limit("between", "wick_sigmas", most=_WICK_SIGMAS),)),
        Rule("session_has_bars", "fail", f"bars in the session of {session}, at least {least} are needed",
             (Limit("sum", "in_session", least=least),)),
        Rule("session_covered", "warn", f"bars in the session of {session}, {expected} is a full one (half expected)",
             (Limit("sum", "in_session", least=max(1, expected // 2)),)),
    ]  # fmt: skip
    if flow:
        rules.append(
            Rule("complete_columns", "fail", f"lack a value in {', '.join(flow)}",
                 tuple(Limit("present", name) for name in flow))
        )  # fmt: skip
        rules.append(
            Rule("no_negative_volume", "fail", f"have a negative or infinite {' or '.join(flow)}",
                 tuple(Limit("between", name, least=0.0, most=1e15) for name in flow))
        )  # fmt: skip
    if all(name in flow for name in ("volume", "bid_volume", "ask_volume")):
        rules.append(
            Rule("order_flow_adds_up", "fail", "have bid + ask volume unlike the volume",
                 (Limit("between", "flow_gap", most=_FLOW_TOLERANCE),))
        )  # fmt: skip
    return tuple(rules)


def measure(
    series: BarSeries, instrument: Instrument, *, session: date, traded: BarSeries | None = None
) -> pd.DataFrame:
    """The columns that the rules look at, one row per bar, indexed 0..T-1.

    `traded`: the same bars as they traded, where the prices of `series` are adjusted; the tick grid is theirs.

    A measure that cannot be computed (too few bars for the local noise) is left out, so that its rule is reported as
    not evaluated instead of passing on nothing.
    """
    import pandas as pd

    frame = pd.DataFrame({"bar_end": series.bar_end})
    for name in BAR_COLUMNS:
        if name in PRICES or series.has(name):
            frame[name] = series.column(name)
    with np.errstate(invalid="ignore", over="ignore"):
        ticks = (series if traded is None else traded).values[:, : len(PRICES)] / instrument.tick_size
        frame["ticks_off_grid"] = np.abs(ticks - np.round(ticks)).max(axis=1)
        volume, bid, ask = (series.column(name) for name in ("volume", "bid_volume", "ask_volume"))
        if series.has("bid_volume") and series.has("ask_volume") and series.has("volume"):
            frame["flow_gap"] = np.abs(bid + ask - volume) / np.maximum(np.abs(volume), 1.0)
        if len(series) >= _LEAST_NOISE_BARS:
            for name, values in _moves(series, instrument).items():
                frame[name] = values
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    frame["in_session"] = (dates == np.datetime64(session, "D")).astype(np.float64)
    return frame


def _moves(series: BarSeries, instrument: Instrument) -> dict[str, Floats]:
    """Moves, spikes and wicks of each bar in units of the local noise, float64 [T] each.

    Arithmetic changes, not logarithms: prices may be zero or negative (crude oil, 2020-04-20).
    """
    import pandas as pd

    prices = np.where(np.isfinite(series.values[:, : len(PRICES)]), series.values[:, : len(PRICES)], np.nan)
    opens, highs, lows, closes = prices.T
    change = np.concatenate(([0.0], np.diff(closes)))
    median = pd.Series(np.abs(change)).rolling(_NOISE_BARS, center=True, min_periods=_LEAST_NOISE_BARS // 2).median()
    noise = np.maximum(median.to_numpy(dtype=np.float64) / _NORMAL_TO_MEDIAN, instrument.tick_size)
    gap_bars = np.concatenate(([1.0], np.diff(series.bar_end) / (series.timeframe_seconds * 1e6)))
    previous = np.concatenate((closes[:1], closes[:-1]))
    reach = np.fmax(np.abs(change), np.fmax(np.abs(highs - previous), np.abs(lows - previous)))
    following = np.concatenate((change[1:], [0.0]))
    returned = np.where(change * following < 0, np.minimum(np.abs(change), np.abs(following)), 0.0)
    wick = np.maximum(highs - np.maximum(opens, closes), np.minimum(opens, closes) - lows)
    return {
        # over a weekend or a halt the price may move as far as the time that has passed allows
        "move_sigmas": reach / noise / np.sqrt(np.maximum(gap_bars, 1.0)),
        "spike_sigmas": returned / noise,
        "wick_sigmas": wick / noise,
    }
