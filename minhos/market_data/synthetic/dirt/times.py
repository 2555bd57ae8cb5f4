"""Times that cannot be, and bars that are not there."""

from __future__ import annotations

import numpy as np

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import trading_dates
from minhos.market_data.synthetic.dirt.corruption import (
    COLUMN,
    PRICES,
    Corrupted,
    Corruption,
    Flags,
    Integers,
    Strength,
    changed,
    pick,
    start_of_stretch,
    to_grid,
)
from minhos_client.contract import BAR_COLUMNS

__all__ = ["CORRUPTIONS"]

_SHARES = (0.0, 0.002, 0.02)  # 0: one row
_HOUR_US = 3_600_000_000


def _retimed(series: BarSeries, bar_end: Integers, rows: Flags, words: str) -> Corrupted:
    return Corrupted(bar_end, series.values.copy(), rows, words)


def _without(series: BarSeries, gone: Flags, words: str) -> Corrupted:
    """The bars that are left; marked is the one after each hole, and the last one where the end is gone."""
    kept = np.flatnonzero(~gone)
    rows = np.diff(kept, prepend=kept[0] - 1 if not gone[0] else -1) > 1
    rows[-1] |= gone[-1]
    return Corrupted(series.bar_end[kept], series.values[kept], rows, words)


def _again(series: BarSeries, rows: Integers) -> tuple[Integers, Flags]:
    """Row numbers with each of `rows` twice, and which of them are the second ones."""
    order = np.sort(np.concatenate((np.arange(len(series)), rows)), kind="stable")
    return order, np.diff(order, prepend=-1) == 0


def _duplicate_rows(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    rows = pick(series, _SHARES[strength], rng)
    order, second = _again(series, rows)
    return Corrupted(series.bar_end[order], series.values[order], second, f"{len(rows)} bars are there twice")


def _conflicting_rows(
    series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    rows = pick(series, _SHARES[strength], rng)
    order, second = _again(series, rows)
    values = series.values[order]
    ticks = (1, 4, 40)[strength]
    values[second, PRICES] = to_grid(values[second, PRICES] + ticks * instrument.tick_size, instrument)
    return Corrupted(series.bar_end[order], values, second, f"{len(rows)} times come twice, {ticks} ticks apart")


def _unsorted(series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """Bars that stand before the bar that they follow; marked is the one whose time goes back."""
    rows = pick(series, _SHARES[strength], rng)
    order = np.arange(len(series))
    order[rows], order[rows + 1] = rows + 1, rows
    wrong = np.zeros(len(series), dtype=np.bool_)
    wrong[rows + 1] = True
    return Corrupted(series.bar_end[order], series.values[order], wrong, f"{len(rows)} bars stand behind the next one")


def _wrong_date(series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    days = (1, 31, 36_525)[strength]
    row = int(pick(series, 0.0, rng)[0])
    bar_end = series.bar_end.copy()
    bar_end[row] += days * 24 * _HOUR_US
    wrong = np.zeros(len(series), dtype=np.bool_)
    wrong[row] = True
    return _retimed(series, bar_end, wrong, f"one bar is dated {days} days late")


def _irregular_stamps(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    rows, seconds = pick(series, _SHARES[strength], rng), (1, 7, series.timeframe_seconds // 2)[strength]
    bar_end = series.bar_end.copy()
    bar_end[rows] += seconds * 1_000_000
    wrong = np.zeros(len(series), dtype=np.bool_)
    wrong[rows] = True
    return _retimed(series, bar_end, wrong, f"{len(rows)} stamps are {seconds} s off the grid of the bars")


def _clock_shift(series: BarSeries, instrument: Instrument, strength: Strength, _rng: np.random.Generator) -> Corrupted:
    """A change of the clocks that one side forgot: from one session on everything is an hour late."""
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    days = np.unique(dates)
    sessions = min((1, 5, len(days))[strength], max(1, len(days) // 2))
    wrong: Flags = dates >= days[-sessions]
    bar_end = series.bar_end + np.where(wrong, _HOUR_US, 0)
    return _retimed(series, bar_end, wrong, f"the last {sessions} sessions are an hour late (a clock change missed)")


def _wrong_zone(series: BarSeries, _instrument: Instrument, strength: Strength, _rng: np.random.Generator) -> Corrupted:
    hours = (-2, -5, 9)[strength]
    everything = np.ones(len(series), dtype=np.bool_)
    return _retimed(
        series, series.bar_end + hours * _HOUR_US, everything, f"every time is {hours:+d} h off: another time zone"
    )


def _stamped_at_start(
    series: BarSeries, _instrument: Instrument, strength: Strength, _rng: np.random.Generator
) -> Corrupted:
    """The bar is dated when it begins: a model would know it before it is over."""
    bars = (1, 2, 6)[strength]
    everything = np.ones(len(series), dtype=np.bool_)
    bar_end = series.bar_end - bars * series.timeframe_seconds * 1_000_000
    return _retimed(series, bar_end, everything, f"every bar is known {bars} bars before it is over")


def _session_gap(series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """The middle of a session, half of it, or all of it is missing; not of the first or last one where there are more."""
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    days = np.unique(dates)
    day = days[1:-1][rng.integers(len(days) - 2)] if len(days) > 2 else days[-1]
    rows = np.flatnonzero(dates == day)
    share = (0.1, 0.5, 1.0)[strength]
    count = min(max(1, round(share * len(rows))), len(series) - 2)
    first = (len(rows) - count) // 2
    gone = np.zeros(len(series), dtype=np.bool_)
    gone[rows[first : first + count]] = True
    return _without(series, gone, f"{count} of the {len(rows)} bars of the session of {day} are missing")


def _missing_coverage(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    share = (0.05, 0.2, 0.6)[strength]
    gone = rng.random(len(series)) < share
    gone[[0, -1]] = False
    return _without(series, gone, f"{share:.0%} of the bars are missing, here and there")


def _truncated(series: BarSeries, instrument: Instrument, strength: Strength, _rng: np.random.Generator) -> Corrupted:
    dates = trading_dates(series.bar_end, instrument, timeframe_seconds=series.timeframe_seconds)
    last = np.flatnonzero(dates == dates[-1])
    share = (0.1, 0.6, 0.95)[strength]
    count = min(max(1, round(share * len(last))), len(series) - 2)
    gone = np.arange(len(series)) >= len(series) - count
    return _without(series, gone, f"the file ends early: the last {count} bars of {dates[-1]} are missing")


def _mixed_timeframes(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    """A stretch where the source delivers longer bars: six in one, with the right prices and sums."""
    groups = min((1, 8, 46)[strength], len(series) // 18)
    start = start_of_stretch(series, 6 * groups, rng)
    values, gone = series.values.copy(), np.zeros(len(series), dtype=np.bool_)
    for first in range(start, start + 6 * groups, 6):
        block = series.values[first : first + 6]
        last = first + 5
        values[last, COLUMN["open"]] = block[0, COLUMN["open"]]
        values[last, COLUMN["high"]] = block[:, COLUMN["high"]].max()
        values[last, COLUMN["low"]] = block[:, COLUMN["low"]].min()
        values[last, 4 : len(BAR_COLUMNS)] = block[:, 4:].sum(axis=0)
        gone[first:last] = True
    longer = changed(series, values, np.arange(start + 5, start + 6 * groups, 6), "")
    kept = np.flatnonzero(~gone)
    return Corrupted(
        series.bar_end[kept], values[kept], longer.rows[kept], f"{groups} bars are six times as long as the others"
    )


def _bars_while_closed(
    series: BarSeries, _instrument: Instrument, strength: Strength, _rng: np.random.Generator
) -> Corrupted:
    """Holes filled with flat bars: quotes of a market that is closed, as some services deliver them."""
    step = series.timeframe_seconds * 1_000_000
    holes = np.flatnonzero(np.diff(series.bar_end) > step)
    chosen = holes[-(1, 3, len(holes))[strength] :] if len(holes) else np.array([len(series) - 1])
    each = (3, 12, 400)[strength]
    bar_end, values, added = [series.bar_end], [series.values], 0
    for row in chosen:
        room = int((series.bar_end[row + 1] - series.bar_end[row]) // step) - 1 if row + 1 < len(series) else each
        count = min(each, room)
        flat = np.where(np.isnan(series.values[row]), np.nan, 0.0)
        flat[PRICES] = series.values[row, COLUMN["close"]]
        bar_end.append(series.bar_end[row] + step * np.arange(1, count + 1))
        values.append(np.tile(flat, (count, 1)))
        added += count
    ends, rows = np.concatenate(bar_end), np.concatenate(values)
    order = np.argsort(ends, kind="stable")
    return Corrupted(ends[order], rows[order], order >= len(series), f"{added} flat bars while nobody trades")


CORRUPTIONS = (
    Corruption("duplicate_rows", "the same bar twice", _duplicate_rows),
    Corruption("conflicting_rows", "two bars of one time with other prices", _conflicting_rows),
    Corruption("unsorted_rows", "bars in the wrong order", _unsorted),
    Corruption("wrong_date", "a bar that is dated days late", _wrong_date),
    Corruption("irregular_stamps", "times off the grid of the bars", _irregular_stamps, intraday=True),
    Corruption("clock_shift", "an hour late from one session on: a clock change missed", _clock_shift, intraday=True),
    Corruption("wrong_zone", "all times in another time zone", _wrong_zone, intraday=True),
    Corruption("stamped_at_start", "bars dated before they are over", _stamped_at_start, intraday=True),
    Corruption("session_gap", "a part of a session, or all of it, is missing", _session_gap),
    Corruption("missing_coverage", "bars missing here and there", _missing_coverage),
    Corruption("truncated", "the file ends before the session does", _truncated),
    Corruption("mixed_timeframes", "longer bars among the others", _mixed_timeframes),
    Corruption("bars_while_closed", "flat bars in breaks and weekends", _bars_while_closed),
)
