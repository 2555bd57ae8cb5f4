"""When bars that are stamped at their start are known, by the session times of the chart that they come from."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from minhos.market_data.anchors import anchors_of, dated_by_grid, with_anchors
from minhos.market_data.instruments import Instrument
from minhos.market_data.timeframes import DAY_SECONDS, timeframe_name
from minhos.market_data.trading_hours import Anchors

__all__ = ["dated_by_chart", "finer_bars_words"]

Integers = npt.NDArray[np.int64]
_SHOWS_ITS_TIMES: Final = 1_800
"""Seconds: shorter bars divide the session times of any chart (13:30, 20:15), and are the same in all."""


def dated_by_chart(
    starts: Integers, timeframe: int, instrument: Instrument | None, *, name: str, zone: str | None
) -> tuple[Integers, tuple[str, ...]]:
    """The ends of the bars, int64 [T], UTC us, and what is to be said of the chart.

    `starts` int64 [T], UTC us, increasing; `timeframe` in seconds; `name`, `zone`: of the file. By the grid of the
    instrument; off it by the grid of the chart's own session times, where the bars tell them; else one timeframe later, or
    when the next bar starts.
    """
    if instrument is not None and timeframe < DAY_SECONDS:
        ends = dated_by_grid(starts, instrument, timeframe)
        if ends is not None:
            return ends, ()
        zones = dict.fromkeys((zone or "UTC", instrument.session.zone, "UTC"))
        chart = anchors_of(starts, instrument, timeframe, zones=tuple(zones))
        if chart is not None:
            ends = dated_by_grid(starts, with_anchors(instrument, chart), timeframe)
            assert ends is not None  # the anchors were taken because all bars are on their grid
            return ends, (_chart_words(name, timeframe, instrument, chart),)
    ends = starts + timeframe * 1_000_000
    ends[:-1] = np.minimum(ends[:-1], starts[1:])
    return ends, ()


def _chart_words(name: str, timeframe: int, instrument: Instrument, chart: Anchors) -> str:
    return (
        f"{name}: its {timeframe_name(timeframe)} bars count from {chart.day_open} and {chart.day_close} {chart.zone}, and "
        f"are dated so; those that are built from finer bars count {_counted(instrument)} and will be others. "
        f"{_how_to_count(instrument, chart)}"
    )


def finer_bars_words(name: str, timeframe: int, instrument: Instrument, zone: str | None) -> tuple[str, ...]:
    """What is to be said of a chart whose bars are too short to show its session times, in another zone than those known.

    An index future's hours in a chart in Chicago are not those of a chart in UTC, and the file does not tell which it has.
    """
    known = instrument.bar_anchors
    if known is None or zone is None or zone == known.zone or timeframe >= _SHOWS_ITS_TIMES:
        return ()
    return (
        f"{name}: the chart stands in {zone}; hours and other bars that are built from these count {_counted(instrument)}. "
        f"Where the chart's session times are others, say them. {_how_to_count(instrument, _in_summer(known, zone))}",
    )


def _in_summer(anchors: Anchors, zone: str) -> Anchors:
    """The anchors as a clock in `zone` shows them in July: in UTC they were measured as Chicago's 08:30 and 15:15 then."""
    moments = (f"2025-07-01T{clock}" for clock in (anchors.day_open, anchors.day_close))
    shown = (
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(anchors.zone)).astimezone(ZoneInfo(zone))
        for text in moments
    )
    day_open, day_close = sorted(f"{moment:%H:%M}" for moment in shown)
    return Anchors(zone=zone, day_open=day_open, day_close=day_close)


def _counted(instrument: Instrument) -> str:
    known = instrument.bar_anchors
    return "by the clock" if known is None else f"from {known.day_open} and {known.day_close} {known.zone}"


def _how_to_count(instrument: Instrument, chart: Anchors) -> str:
    return (
        "To build them as the chart does, write into a file that you give with --instruments (a night: INSTRUMENTS=<file>): "
        f'instruments = [{{ symbol = "{instrument.symbol}", based_on = "{instrument.symbol}", session = {{ anchors = '
        f'{{ zone = "{chart.zone}", day_open = "{chart.day_open}", day_close = "{chart.day_close}" }} }} }}]'
    )
