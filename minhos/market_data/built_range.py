"""Which fine bars a range of built bars needs, and which built bars of them are whole."""

from __future__ import annotations

import numpy as np

from minhos.market_data.anchors import bar_interval
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import sessions_around, trading_dates
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = ["first_part", "without_part_of_a_bar"]


def first_part(start_us: int, instrument: Instrument, timeframe_seconds: int) -> int:
    """From when on the fine bars are needed that make up every bar of `timeframe_seconds` with `bar_end >= start_us`.

    UTC us both. A `1d` bar begins at its session's open, which may be days before (a long weekend that trades for the
    next date), an intraday one on the grid of its anchors.
    """
    stamp = np.array([start_us], dtype=np.int64)
    if timeframe_seconds < DAY_SECONDS:
        return int(bar_interval(stamp - 1, instrument, timeframe_seconds)[0][0])
    sessions = sessions_around(stamp, instrument.session)
    midnights = (sessions.date + 1).astype("datetime64[us]").astype(np.int64)
    ends = np.maximum(midnights, sessions.close_us)
    return int(sessions.open_us[int(np.argmax(ends >= start_us))])


def without_part_of_a_bar(built: BarSeries, fine: BarSeries, instrument: Instrument) -> BarSeries:
    """The built bars without a first one of which `fine` has only the last part: it would look like a quiet bar.

    A first bar that began while nobody traded is whole: the hour of the open, a contract's first session.
    """
    if len(built) == 0 or built.timeframe_seconds == fine.timeframe_seconds:
        return built
    fine_start = int(fine.bar_end[0]) - fine.timeframe_seconds * 1_000_000
    sessions = sessions_around(fine.bar_end[:1], instrument.session)
    if built.timeframe_seconds < DAY_SECONDS:
        begin = int(bar_interval(fine.bar_end[:1] - 1, instrument, built.timeframe_seconds)[0][0])
    else:
        date = trading_dates(fine.bar_end[:1], instrument, timeframe_seconds=fine.timeframe_seconds)[0]
        begin = int(sessions.open_us[int(np.searchsorted(sessions.date, date))])
    opens, closes = sessions.stretches_us.T
    traded = np.minimum(closes, fine_start) - np.maximum(opens, begin)
    partial = bool(np.any(traded > 0)) and int(built.bar_end[0]) >= int(fine.bar_end[0])
    return built.slice(1, len(built)) if partial else built
