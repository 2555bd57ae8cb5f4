"""Bars that lie in no session, in words: a wrong time zone shows there first, and days are built without them."""

from __future__ import annotations

from typing import Final

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.resample import rows_in_no_day
from minhos.market_data.sessions import share_outside_sessions, trading_dates
from minhos.market_data.timeframes import timeframe_name

__all__ = ["LARGEST_SHARE_OUTSIDE", "left_out_words", "outside_words"]

LARGEST_SHARE_OUTSIDE: Final = 0.01
"""Of the bars, outside the sessions, before a zone is called wrong.

Measured on the real CL and MNQ exports: 0 with the right zone, 4 to 12 % of the 5-minute bars with one that is one to nine
hours off; on the ES minutes of 2013, 7 % as New York and 0 as UTC.
"""


def outside_words(name: str, series: BarSeries, instrument: Instrument, *, zone: str | None) -> tuple[str, ...]:
    """A warning where more of the bars than a few lie outside the sessions; nothing for daily and longer bars.

    `name`: of the file, or of whatever brought the bars; `zone`: that its times were read as, None where nobody has to
    say it (a `.scid`, times counted from the epoch, bars of the store).
    """
    share = share_outside_sessions(series, instrument)
    if share <= LARGEST_SHARE_OUTSIDE:
        return ()
    session = instrument.session
    last = trading_dates(series.bar_end[-1:], instrument, timeframe_seconds=series.timeframe_seconds)
    hours = session.hours_on(last[0].item())
    read_as, advice = "", "are its times UTC?"
    if zone is not None:
        read_as, advice = f" by {zone}", "is the time zone right? It is said with --zone, or in the map."
    return (
        f"WARNING: {name}: {share:.1%} of the bars lie in the daily break, the weekend or a holiday of "
        f"{series.symbol}{read_as} (it trades {hours.open} to {hours.close} {session.zone}): {advice} If so, "
        "the hours of the instrument's session are not those of these years (earlier, in docs/input.md). Days are built "
        "without these bars",
    )


def left_out_words(series: BarSeries, instrument: Instrument) -> tuple[str, ...]:
    """How many of the bars that days are built from are in none of them; nothing where all are."""
    rows = rows_in_no_day(series, instrument)
    if not rows:
        return ()
    return (
        f"{series.symbol}: {rows:,} of {len(series):,} {timeframe_name(series.timeframe_seconds)} bars lie between two "
        "sessions and are in no day: is their time zone right, and are the session's hours those of these years?",
    )
