"""What a plan says to people: what is used and as what, what looks wrong, and what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from minhos.market_data.bars import iso
from minhos.market_data.choices import complete_until
from minhos.market_data.outside import left_out_words, outside_words
from minhos.market_data.readers.scan import ignored_words
from minhos.market_data.supply import CONTINUOUS, Supply
from minhos.market_data.timeframes import DAY_SECONDS, timeframe_name

__all__ = ["plan_words"]

STORE: Final = "bar_store"
"""The kind of bars that no file of this night brought (`supply.from_store`)."""


def plan_words(
    supply: Supply,
    symbols: Sequence[str],
    day: date,
    seconds: int,
    *,
    chosen: Sequence[str],
    synthetic: bool,
    ignored: Mapping[str, str],
) -> tuple[str, ...]:
    """The words of a plan, in the order in which people read them. `chosen`: what the choice of the session said."""
    words = ["SYNTHETIC DATA: these bars come from the synthetic exchange, not from a market"] if synthetic else []
    words.append(f"session {day}, {timeframe_name(seconds)} bars of {', '.join(symbols)}")
    words += [*supply.words, *chosen]
    for symbol in symbols:
        bars = supply.bars[(symbol, seconds)]
        words += bars.words
        words += _hours_words(supply, symbol, seconds)
        complete = complete_until(supply, symbol, seconds)
        if complete is None or complete < day:
            words.append(
                f"{symbol}: the session of {day} is not complete in the data, it ends at "
                f"{iso(int(bars.series.bar_end[-1]))}"
            )
    words += [f"{symbol} is left out: {why}" for symbol, why in sorted(supply.excluded.items())]
    words += ignored_words(ignored)
    return tuple(words)


def _hours_words(supply: Supply, symbol: str, seconds: int) -> tuple[str, ...]:
    """What lies outside the sessions. Files were told of it as they were taken in; the store's bars are looked at here."""
    bars, instrument = supply.bars[(symbol, seconds)], supply.instruments[symbol]
    words: tuple[str, ...] = ()
    if bars.kind in (CONTINUOUS, STORE):
        words += outside_words(symbol, bars.series, instrument, zone=None)
    if seconds == DAY_SECONDS:
        codes = supply.history.contracts(symbol) if bars.kind == CONTINUOUS else (symbol,)
        for code in codes:
            source = supply.history.source_timeframe(code, seconds)
            if source != seconds:
                words += left_out_words(supply.history.bars(code, source, supply.moment), instrument)
    return words
