"""What a plan says to people: what is used and as what, what looks wrong, and what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.choices import complete_until
from minhos.market_data.instruments import Instrument
from minhos.market_data.readers.scan import ignored_words
from minhos.market_data.readers.sierra_text import KIND as SIERRA_TEXT
from minhos.market_data.sessions import share_outside_sessions
from minhos.market_data.supply import Supply
from minhos.market_data.timeframes import timeframe_name

__all__ = ["LARGEST_SHARE_OUTSIDE", "plan_words", "zone_words"]

LARGEST_SHARE_OUTSIDE: Final = 0.01
"""Of the bars, outside the sessions, before a zone is called wrong.

Measured on the real CL and MNQ exports: 0 with the right zone, 4 to 12 % of the 5-minute bars with one that is one to nine
hours off.
"""


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
        words += zone_words(bars.source.name, bars.kind, bars.zone, bars.series, supply.instruments[symbol])
        complete = complete_until(supply, symbol, seconds)
        if complete is None or complete < day:
            words.append(
                f"{symbol}: the session of {day} is not complete in the data, it ends at "
                f"{iso(int(bars.series.bar_end[-1]))}"
            )
    words += [f"{symbol} is left out: {why}" for symbol, why in sorted(supply.excluded.items())]
    words += ignored_words(ignored)
    return tuple(words)


def zone_words(name: str, kind: str, zone: str | None, series: BarSeries, instrument: Instrument) -> tuple[str, ...]:
    """A warning where a Sierra Chart export, which does not name its zone, seems to be read in the wrong one.

    `name`: of the file; `zone`: that its times were read as.
    """
    if kind != SIERRA_TEXT:
        return ()
    share = share_outside_sessions(series, instrument)
    if share <= LARGEST_SHARE_OUTSIDE:
        return ()
    session = instrument.session
    return (
        f"WARNING: {name}: {share:.1%} of the bars lie in the daily break or the weekend of {series.symbol} by {zone} (it "
        f"trades {session.open} to {session.close} {session.zone}): the chart's time zone is probably another; say it in "
        "the map, [sierra_text] zone",
    )
