"""The rules that bars must keep: what each looks at, what breaking it costs, and what breaking it is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import session_bounds
from minhos.market_data.timeframes import DAY_SECONDS
from minhos.market_data.validation.measure import FLOW, PRICES, Measured
from minhos.market_data.validation.result import Severity

__all__ = ["Limit", "Rule", "rules_for"]

_ABSURD_PRICE: Final = 1e9
_TICK_TOLERANCE: Final = 1e-3
_FLOW_TOLERANCE: Final = 1e-6
_MOST_CONTRACTS: Final = 2**31 - 1  # beyond it a count was a negative number once
_MOST: Final = 1e15
_OUTSIDE_SHARE: Final = 0.01
_TORN_SHARE: Final = 0.01  # one hole, however long, is an outage (CME, 2025-11-28); many are a bad source
_SESSIONS_MISSING: Final = 0.2


@dataclass(frozen=True)
class Limit:
    """One expectation: `kind` names it, the rest are its columns and bounds.

    Kinds: `present` (not null), `between`, `ordered` (column >= other), `increasing`, `unique`, `rows` (at least
    `least`), `sum` (of column, at least `least`), `mean` (of column, at most `most`).
    """

    kind: Literal["present", "between", "ordered", "increasing", "unique", "rows", "sum", "mean"]
    column: str = ""
    other: str = ""
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Rule:
    """A rule: its expectations, what breaking it is called (`3 of 900 rows <fault>`), and how grave that is.

    `note`: what is added to the words where it is broken. `limit`: where its threshold comes from; `learned`: from the
    instrument's own bars, with a false-alarm rate of its own.
    """

    name: str
    severity: Severity
    fault: str
    limits: tuple[Limit, ...]
    note: str = ""
    limit: str = ""
    learned: bool = False


def rules_for(
    measured: Measured, instrument: Instrument, *, session: date, least_rows: int, least_share: float
) -> tuple[Rule, ...]:
    """The rules for measured bars. A column that the source does not have at all has no rules.

    `session`: the trading date that matters; at least `least_share` of its bars must be there.
    """
    return (
        *_shape_rules(least_rows),
        *_price_rules(measured, instrument),
        *_move_rules(measured),
        *_repeat_rules(measured),
        *_flow_rules(measured, dated=bool(instrument.contract_months)),
        *_hours_rules(measured),
        *_session_rules(measured, instrument, session, least_share),
    )


def _shape_rules(least_rows: int) -> tuple[Rule, ...]:
    return (
        Rule("times_increase", "exclude", "have a time that is not after the row before",
             (Limit("increasing", "bar_end"), Limit("unique", "bar_end"))),
        Rule("enough_rows", "exclude", f"bars, at least {least_rows} are needed", (Limit("rows", least=least_rows),)),
    )  # fmt: skip


def _price_rules(measured: Measured, instrument: Instrument) -> tuple[Rule, ...]:
    # A daily bar closes at the settlement price, which may lie off the grid and outside the day's range.
    settlement: Severity = "warn" if measured.timeframe_seconds >= DAY_SECONDS else "quarantine"
    return (
        Rule("finite_prices", "quarantine", "have a missing or infinite price",
             tuple(Limit("present", name) for name in PRICES)
             + tuple(Limit("between", name, least=-_ABSURD_PRICE, most=_ABSURD_PRICE) for name in PRICES)),
        Rule("high_above_low", "quarantine", "have high under low", (Limit("ordered", "high", "low"),)),
        Rule("open_in_range", "quarantine", "have the open outside low to high",
             (Limit("ordered", "high", "open"), Limit("ordered", "open", "low"))),
        Rule("close_in_range", settlement, "have the close outside low to high",
             (Limit("ordered", "high", "close"), Limit("ordered", "close", "low"))),
        Rule("on_tick_grid", settlement, f"have a price off the tick grid of {instrument.tick_size:g}",
             (Limit("between", "ticks_off_grid", least=0.0, most=_TICK_TOLERANCE),)),
    )  # fmt: skip


def _move_rules(measured: Measured) -> tuple[Rule, ...]:
    limit, words, notes = measured.most, measured.told, measured.notes
    return (
        Rule("one_price_base", "exclude", "begin another price level that nothing undoes (a roll, another unit?)",
             (Limit("between", "new_base", most=0.0),), note=notes.get("new_base", ""), **words("across")),
        Rule("no_foreign_stretch", "quarantine", "lie on another price level between two jumps",
             (Limit("between", "foreign", most=0.0),), note=notes.get("foreign", ""), **words("inside")),
        Rule("no_unexplained_jump", "warn", "open far from the last close inside a session, as news may do",
             (Limit("between", "unexplained", most=0.0),), note=notes.get("unexplained", ""), **words("inside")),
        Rule("no_absurd_move", "quarantine", f"move more than {limit('move'):.3g} times the local noise",
             (Limit("between", "move", most=limit("move")),), **words("move")),
        Rule("no_spike", "quarantine", f"jump out and back by more than {limit('spike'):.3g} times the local noise",
             (Limit("between", "spike", most=limit("spike")),), **words("spike")),
        Rule("no_absurd_wick", "quarantine", f"have a high or low more than {limit('wick'):.3g} times the local noise away",
             (Limit("between", "wick", most=limit("wick")),), **words("wick")),
    )  # fmt: skip


def _repeat_rules(measured: Measured) -> tuple[Rule, ...]:
    stale = (
        Rule("price_not_stale", "quarantine", f"stand still for more than {measured.most('still'):g} bars in a row",
             (Limit("between", "still", most=measured.most("still")),), **measured.told("still")),
    )  # fmt: skip
    if "repeated" not in measured.frame.columns:
        return stale
    return (
        *stale,
        Rule("no_repeated_bar", "quarantine", "repeat the bar before in every column",
             (Limit("between", "repeated", most=0.0),)),
        Rule("no_copied_bars", "quarantine", "are a copy of bars from before",
             (Limit("between", "copied", most=0.0),)),
    )  # fmt: skip


def _flow_rules(measured: Measured, *, dated: bool) -> tuple[Rule, ...]:
    flow = tuple(name for name in FLOW if name in measured.frame.columns)
    if not flow:
        return ()
    names = " or ".join(flow)
    rules = [
        Rule("complete_columns", "quarantine", f"lack a value in {names}", tuple(Limit("present", name) for name in flow)),
        Rule("no_negative_volume", "quarantine", f"have a negative or impossible {names}",
             tuple(Limit("between", name, least=0.0, most=_MOST_CONTRACTS if dated else _MOST) for name in flow)),
    ]  # fmt: skip
    told = {
        "flow_gap": ("order_flow_adds_up", "have bid + ask volume unlike the volume", _FLOW_TOLERANCE),
        "unmoved": ("no_move_without_volume", "have a range and no volume", 0.0),
        "excess_trades": ("trades_within_volume", "have more trades than volume", 0.0),
    }
    for column, (name, fault, most) in told.items():
        if column in measured.frame.columns:
            rules.append(Rule(name, "quarantine", fault, (Limit("between", column, most=most),)))
    if "volume_surprise" in measured.frame.columns:
        most = measured.most("volume_surprise")
        rules.append(
            Rule("volume_plausible", "quarantine", "have a volume far beyond what is usual at that time of the day",
                 (Limit("between", "volume_surprise", most=most),), **measured.told("volume_surprise"))
        )  # fmt: skip
    return tuple(rules)


def _hours_rules(measured: Measured) -> tuple[Rule, ...]:
    rules = [
        Rule("inside_sessions", "exclude", "of the bars lie where nobody trades: is the time zone right?",
             (Limit("mean", "outside", most=_OUTSIDE_SHARE),)),
        Rule("clock_kept", "exclude", "lie in a week with too many bars where nobody trades: was the clock changed?",
             (Limit("between", "outside_in_week", most=measured.most("outside_in_week")),),
             **measured.told("outside_in_week")),
        Rule("sessions_there", "exclude", "of the calendar's sessions have no bar",
             (Limit("mean", "sessions_missing", most=_SESSIONS_MISSING),)),
        Rule("no_quote_while_closed", "quarantine", "lie where nobody trades and have no trade",
             (Limit("between", "closed_quote", most=0.0),)),
        Rule("no_session_gap", "warn", f"come after more than {measured.most('missing'):.0f} missing bars of trading time",
             (Limit("between", "missing", most=measured.most("missing")),), **measured.told("missing")),
    ]  # fmt: skip
    if "off_bar_grid" in measured.frame.columns:
        rules.append(
            Rule("on_bar_grid", "quarantine", "end where no bar of this timeframe ends",
                 (Limit("between", "off_bar_grid", most=0.0),))
        )  # fmt: skip
    if "lost" in measured.frame.columns:
        rules += [
            Rule("no_lost_bars", "warn", "come after bars that must have been there: many traded before and after",
                 (Limit("between", "lost", most=0.0),)),
            Rule("bars_complete", "exclude", "of the bars come after such a hole: they are missing here and there",
                 (Limit("mean", "torn", most=_TORN_SHARE),)),
        ]  # fmt: skip
    if "day_shift" in measured.frame.columns:
        rules.append(
            Rule("day_keeps_its_hours", "exclude", "are of weeks that run beside the usual day: was the clock changed?",
                 (Limit("between", "day_shift", most=measured.most("day_shift")),),
                 note=measured.notes.get("clock", ""), **measured.told("day_shift"))
        )  # fmt: skip
    if "after_expiry" in measured.frame.columns:
        rules.append(
            Rule("before_expiry", "exclude", "are later than the contract's last trading day",
                 (Limit("between", "after_expiry", most=0.0),), note=measured.notes.get("expiry", ""))
        )  # fmt: skip
    return tuple(rules)


def _session_rules(measured: Measured, instrument: Instrument, session: date, least_share: float) -> tuple[Rule, ...]:
    daily = measured.timeframe_seconds >= DAY_SECONDS
    start, end = session_bounds(session, instrument)
    full = 1 if daily else max(1, (end - start) // (measured.timeframe_seconds * 1_000_000))
    usual = 1 if daily else max(1, round(measured.usual_coverage * full))
    least = max(1, int(least_share * full))
    return (
        Rule("session_has_bars", "exclude", f"bars in the session of {session}, at least {least} are needed",
             (Limit("sum", "in_session", least=least),)),
        Rule("session_covered", "warn", f"bars in the session of {session}, usual are {usual} (half expected)",
             (Limit("sum", "in_session", least=max(1, usual // 2)),)),
    )  # fmt: skip
