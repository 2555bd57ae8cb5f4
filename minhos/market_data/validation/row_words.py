"""Why one row breaks a rule, in words: what was measured of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from minhos.market_data.validation.rules import Limit, Rule

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["row_words"]

_MEASURES: Final[dict[str, Callable[[float], str]]] = {
    "ticks_off_grid": lambda value: f"a price {value:.3g} ticks off the grid",
    "move": lambda value: f"moves {value:.3g} times the local noise",
    "spike": lambda value: f"jumps out and back by {value:.3g} times the local noise",
    "wick": lambda value: f"a high or low {value:.3g} times the local noise away",
    "foreign": lambda _: "on another price level, between two jumps",
    "new_base": lambda _: "begins another price level that nothing undoes",
    "unexplained": lambda _: "opens far from the last close",
    "still": lambda value: f"bar {value:.0f} in a row at one price",
    "repeated": lambda _: "repeats the bar before in every column",
    "copied": lambda _: "a copy of a bar from before",
    "flow_gap": lambda value: f"bid + ask volume differ from the volume by {value:.1%}",
    "unmoved": lambda _: "a range and no volume",
    "excess_trades": lambda _: "more trades than volume",
    "volume_surprise": lambda value: f"{math.exp(value):.3g} times the volume that is usual then",
    "outside_in_week": lambda value: f"in a week with {value:.0f} bars where nobody trades",
    "closed_quote": lambda _: "lies where nobody trades and has no trade",
    "missing": lambda value: f"comes after {value:.0f} missing bars of trading time",
    "lost": lambda value: f"comes after {value:.0f} lost bars",
    "off_bar_grid": lambda _: "ends where no bar of this timeframe ends",
    "day_shift": lambda value: f"its week fits the usual day better some hours elsewhere (correlation {value:+.2f})",
    "after_expiry": lambda _: "later than the contract's last trading day",
}


def row_words(rule: Rule, frame: pd.DataFrame, row: int) -> str:
    """What the row `row` (its place in the frame) has that the rule forbids; empty where the rule compares rows."""
    return ", ".join(dict.fromkeys(words for limit in rule.limits if (words := _broken(limit, frame, row))))


def _broken(limit: Limit, frame: pd.DataFrame, row: int) -> str:
    if limit.column not in frame.columns:
        return ""
    value = float(frame[limit.column].iloc[row])
    broken, words = False, ""
    if limit.kind == "present":
        broken, words = math.isnan(value), f"no {limit.column}"
    elif limit.kind == "ordered":
        other = float(frame[limit.other].iloc[row])
        broken, words = value < other, f"{limit.column} {value:.10g} under {limit.other} {other:.10g}"
    elif limit.kind == "between":
        least, most = (
            -math.inf if limit.least is None else limit.least,
            math.inf if limit.most is None else limit.most,
        )
        broken = not math.isnan(value) and not least <= value <= most
        words = _measured(limit.column, value) if broken else ""
    return words if broken else ""


def _measured(column: str, value: float) -> str:
    return _MEASURES[column](value) if column in _MEASURES else f"{column} {value:.10g}"
