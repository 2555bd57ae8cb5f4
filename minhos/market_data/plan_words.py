"""What a plan says to people: what is used and as what, what looks wrong, and what is left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from minhos.market_data.bars import iso
from minhos.market_data.choices import complete_until
from minhos.market_data.folder import Folder
from minhos.market_data.instruments import Instrument
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.scan import Scan, ignored_words
from minhos.market_data.readers.sierra_text import KIND as SIERRA_TEXT
from minhos.market_data.sessions import share_outside_sessions
from minhos.market_data.timeframes import timeframe_name

__all__ = ["LARGEST_SHARE_OUTSIDE", "plan_words", "zone_words"]

LARGEST_SHARE_OUTSIDE: Final = 0.01
"""Of the bars, outside the sessions, before a zone is called wrong.

Measured on the real CL and MNQ exports: 0 with the right zone, 4 to 12 % of the 5-minute bars with one that is one to nine
hours off.
"""


def plan_words(
    folder: Folder, scan: Scan, symbols: Sequence[str], day: date, seconds: int, *, chosen: Sequence[str]
) -> tuple[str, ...]:
    """The words of a plan, in the order in which people read them. `chosen`: what the choice of the session said."""
    words = ["SYNTHETIC DATA: these bars come from the synthetic exchange, not from a market"] if scan.synthetic else []
    words.append(f"session {day}, {timeframe_name(seconds)} bars of {', '.join(symbols)}")
    words += [*folder.words, *chosen]
    for symbol in symbols:
        bars = folder.files[(symbol, seconds)]
        words += [*bars.words, *zone_words(bars, folder.instruments[symbol])]
        complete = complete_until(folder, symbol, seconds)
        if complete is None or complete < day:
            words.append(
                f"{symbol}: the session of {day} is not complete in the data, it ends at "
                f"{iso(int(bars.series.bar_end[-1]))}"
            )
    words += [f"{symbol} is left out: {why}" for symbol, why in sorted(folder.excluded.items())]
    words += ignored_words(scan.ignored)
    return tuple(words)


def zone_words(bars: BarFile, instrument: Instrument) -> tuple[str, ...]:
    """A warning where a Sierra Chart export, which does not name its zone, seems to be read in the wrong one."""
    if bars.kind != SIERRA_TEXT:
        return ()
    share = share_outside_sessions(bars.series, instrument)
    if share <= LARGEST_SHARE_OUTSIDE:
        return ()
    session = instrument.session
    return (
        f"WARNING: {bars.path.name}: {share:.1%} of the bars lie in the daily break or the weekend of "
        f"{bars.series.symbol} by {bars.zone} (it trades {session.open} to {session.close} {session.zone}): the chart's "
        "time zone is probably another; say it in the map, [sierra_text] zone",
    )
