"""Bars judged with what people have said of them: a validation, its ledger before and after. For nights and by hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from minhos.errors import BadInputError
from minhos.market_data.bars import iso
from minhos.market_data.choices import complete_until
from minhos.market_data.history import History, Moment
from minhos.market_data.instruments import Instrument, Instruments
from minhos.market_data.night_bars import NightBars
from minhos.market_data.quarantine import Quarantine
from minhos.market_data.sessions import trading_dates
from minhos.market_data.store import BarStore
from minhos.market_data.supply import Supply, from_store, join
from minhos.market_data.timeframes import is_time, timeframe_name
from minhos.market_data.universe import Universe
from minhos.market_data.validation import ValidationResult, validate

__all__ = ["chosen_timeframe", "judge", "judge_stored", "stored_supply"]


def judge(
    bars: NightBars,
    instrument: Instrument,
    *,
    session: date,
    ledger: Quarantine,
    docs_dir: Path | None,
    actor: str | None,
) -> ValidationResult:
    """Validate the bars as `validate` does, without what a person has released, and hold what it finds.

    The ledger speaks of bars as they traded, so a row that is held in a continuous series is the same row after a later
    roll has moved its adjusted price. `actor`: who is on record; None: nothing is held and nothing lapses.
    """
    result = validate(
        bars.series,
        instrument,
        session=session,
        docs_dir=docs_dir,
        traded=bars.traded,
        released=ledger.released(bars.traded, session),
        held_before=ledger.held_before(bars.traded, session),
    )
    if actor is not None:
        ledger.settle(result, bars.traded, actor=actor, at_us=time.time_ns() // 1000)
    return result


def stored_supply(store: BarStore, instruments: Instruments, names: Sequence[str] | None) -> Supply:
    """What the store has of some names (contracts, roots, roots as one series `NQ[C]`; None: all), as a night sees it.

    Raises `BadInputError` for a name that the store does not have, and where it has nothing.
    """
    history = History(store, instruments)
    if not history.symbols:
        raise BadInputError(f"{store.root}: the store is empty; take files in with `minhos ingest PATH`")
    universe = Universe.of(names)
    moment = Moment(recorded_by=store.last_recorded_at() or 0)
    supply = from_store(store.root, history, instruments, moment, universe)
    join(supply, universe.continuous, instruments, keep=universe.kept(supply.symbols, instruments))
    return supply


def chosen_timeframe(supply: Supply, symbol: str, wanted: int | None) -> int:
    """The timeframe to judge a symbol's bars in, seconds: `wanted`, built where it is not stored, or the finest.

    Raises `BadInputError` for range, trade and volume bars, which no night uses, and for one that cannot be built.
    """
    if wanted is not None:
        supply.build(wanted)
    there = supply.timeframes(symbol)
    timed = [seconds for seconds in there if is_time(seconds)]
    seconds = wanted if wanted is not None else next(iter(timed), there[0])
    if not is_time(seconds):
        raise BadInputError(
            f"{symbol}: {timeframe_name(seconds)} bars are not validated, no night uses them; take time bars or ticks in"
        )
    if seconds not in there:
        raise BadInputError(
            f"{symbol}: no bars from which {timeframe_name(seconds)} can be built, the store has "
            f"{', '.join(map(timeframe_name, there))}; ask for one of these, or take in finer time bars or ticks"
        )
    return seconds


def judge_stored(
    supply: Supply,
    symbol: str,
    seconds: int,
    *,
    session: date | None,
    ledger: Quarantine,
    docs_dir: Path | None,
    actor: str | None,
) -> ValidationResult:
    """Judge one series of the store as a night would. `session`: default, the last complete one.

    Raises `BadInputError` for a session before the first or after the last stored bar, where there is no complete one, and
    where the series cannot be joined.
    """
    stored, instrument = supply.bars[(symbol, seconds)], supply.instruments[symbol]
    series = stored.series
    day = session or complete_until(supply, symbol, seconds)
    if day is None:
        raise BadInputError(
            f"{symbol}: no complete session among {len(series)} stored bars; take more bars in, or give --session"
        )
    bars = stored.through(instrument, day)
    newest = trading_dates(series.bar_end[-1:], instrument, timeframe_seconds=seconds).tolist() if len(series) else []
    if len(bars) == 0 or day > newest[0]:
        there = f"of {iso(int(series.bar_end[0]))} to {iso(int(series.bar_end[-1]))}" if len(series) else "none at all"
        raise BadInputError(f"{symbol}: no bars for the session of {day}; the stored ones are {there}")
    return judge(bars, instrument, session=day, ledger=ledger, docs_dir=docs_dir, actor=actor)
