"""What a night runs on: the timeframe, the session, and the symbols that have enough bars in both."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from minhos.errors import BadInputError
from minhos.market_data.sessions import last_complete_session, through_session, trading_dates
from minhos.market_data.supply import Supply, reasons
from minhos.market_data.timeframes import is_time, parse_time_bars, timeframe_name

__all__ = ["choose_session", "choose_symbols", "choose_timeframe", "complete_until"]

_STALE = timedelta(days=7)


def choose_timeframe(supply: Supply, timeframe: str | None, *, min_bars: int) -> int:
    """Seconds of the timeframe that was asked for; default: the finest for which some symbol has `min_bars` bars."""
    if timeframe is not None:
        return parse_time_bars(timeframe, what="a night")
    timed = {key: bars for key, bars in supply.bars.items() if is_time(key[1])}
    if not timed:
        known = ", ".join(f"{symbol} {timeframe_name(seconds)}" for symbol, seconds in sorted(supply.bars))
        raise BadInputError(
            f"{supply.path}: no time bars, there are only {known}; a night runs on time bars, which cannot be built from "
            "range, trade or volume bars: export 1m, 5m ... too"
        )
    enough = [seconds for (_, seconds), bars in timed.items() if len(bars.series) >= min_bars]
    if not enough:
        counts = ", ".join(
            f"{symbol} {timeframe_name(seconds)}: {len(bars.series)}"
            for (symbol, seconds), bars in sorted(timed.items())
        )
        raise BadInputError(
            f"{supply.path}: too little history, {min_bars} bars are needed and there are only {counts}; "
            "export more bars or a finer timeframe"
        )
    return min(enough)


def complete_until(supply: Supply, symbol: str, seconds: int) -> date | None:
    """The last complete session of a symbol in its file of this timeframe; None where there is none."""
    bars = supply.bars[(symbol, seconds)]
    return last_complete_session(bars.series, supply.instruments[symbol], covers_until=bars.covers_until)


def choose_session(supply: Supply, seconds: int, *, min_bars: int) -> tuple[date, tuple[str, ...]]:
    """The day that is complete for the most symbols, the later one of equals, and words where it is not the newest.

    A market that trades on Saturdays does not end the week of those that do not. Symbols with fewer than `min_bars`
    bars have no say (unless all are so), nor have days more than a week before the newest complete one: an expired
    contract in the folder must not take the night back to its last day.
    """
    files = supply.of(seconds)
    if not files:
        available = ", ".join(timeframe_name(found) for found in sorted({found for _, found in supply.bars}))
        raise BadInputError(
            f"{supply.path}: no {timeframe_name(seconds)} bars; the timeframes there are {available}; choose one of them"
        )
    long_enough = [symbol for symbol, bars in files.items() if len(bars.series) >= min_bars]
    last = {
        symbol: day for symbol in long_enough or files if (day := complete_until(supply, symbol, seconds)) is not None
    }
    if not last:
        raise BadInputError(
            f"{supply.path}: no complete session of {timeframe_name(seconds)} bars, the data end before the first close; "
            "export more bars or ask for the session"
        )
    newest = max(last.values())
    complete: dict[date, list[str]] = {}
    for symbol, until in last.items():
        series = files[symbol].series
        dates = trading_dates(series.bar_end, supply.instruments[symbol], timeframe_seconds=seconds)
        for day in np.unique(dates).tolist():
            if newest - _STALE <= day <= until:
                complete.setdefault(day, []).append(symbol)
    chosen = max(complete, key=lambda day: (len(complete[day]), day))
    if chosen == newest:
        return chosen, ()
    return chosen, (
        f"session {chosen} is the last one that is complete for {', '.join(complete[chosen])}; {newest} is complete for "
        f"{', '.join(complete[newest])} only (SESSION={newest} runs that one)",
    )


def choose_symbols(supply: Supply, seconds: int, day: date, *, min_bars: int) -> tuple[str, ...]:
    """The symbols that can be used; the others go to `supply.excluded` with their reason."""
    name = timeframe_name(seconds)
    symbols = []
    for symbol in supply.symbols:
        bars = supply.bars.get((symbol, seconds))
        if bars is None:
            available = ", ".join(map(timeframe_name, supply.timeframes(symbol)))
            supply.excluded[symbol] = f"no {name} bars, it has {available}"
            continue
        instrument = supply.instruments[symbol]
        known = through_session(bars.series, instrument, day)
        dates = trading_dates(bars.series.bar_end, instrument, timeframe_seconds=seconds).tolist()
        if day not in dates:
            supply.excluded[symbol] = (
                f"no bars in the session of {day}, its {name} bars are of {min(dates)} to {max(dates)}"
            )
        elif len(known) < min_bars:
            supply.excluded[symbol] = f"too little history, {len(known)} {name} bars up to {day}, {min_bars} are needed"
        else:
            symbols.append(symbol)
    if not symbols:
        raise BadInputError(
            f"{supply.path}: no symbol is left for the session of {day} in {name}; {reasons(supply.excluded)}; "
            "choose another session or timeframe, or add files"
        )
    return tuple(symbols)
