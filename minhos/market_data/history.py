"""Bars out of the store, in any timeframe and as one continuous future: what nights, features and backtests ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, Instruments
from minhos.market_data.intake.journal import read_journal, series_key
from minhos.market_data.resample import resample
from minhos.market_data.rolls.continuous import Adjustment, ContinuousSeries, continuous
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.rolls.schedule import write_schedule
from minhos.market_data.store import BarStore
from minhos.market_data.symbols import root_of
from minhos.market_data.timeframes import DAY_SECONDS, finest_first, timeframe_name

__all__ = ["History", "Moment", "schedule_path"]

_DAY_US: Final = DAY_SECONDS * 1_000_000


@dataclass(frozen=True)
class Moment:
    """Which bars, as they were known when. All UTC us, None: no limit.

    `start`, `end`: range of `bar_end`, both included. `as_of`: bars complete by then, with the corrections made by then.
    `recorded_by`: only what this store had recorded by then.
    """

    start: int | None = None
    end: int | None = None
    as_of: int | None = None
    recorded_by: int | None = None


NOW: Final = Moment()


def schedule_path(store: Path, root: str) -> Path:
    """Where the roll dates of a root are recorded: JSON of `RollSchedule`, beside the bars."""
    return store / "_rolls" / f"{root}.json"


class History:
    """What a store has, seen through the instruments' definitions."""

    def __init__(self, store: BarStore, instruments: Instruments) -> None:
        self._store = store
        self._instruments = instruments
        self._stored: dict[str, list[int]] = {}
        for entry in store.catalog():
            self._stored.setdefault(entry.symbol, []).append(entry.timeframe_seconds)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted(self._stored))

    def instrument(self, symbol: str) -> Instrument:
        """The definition of a symbol or root."""
        return self._instruments.find(symbol)

    def timeframes(self, symbol: str) -> tuple[int, ...]:
        """The timeframes that are stored of a symbol, in seconds, finest first, time bars before others."""
        return tuple(sorted(self._stored.get(symbol, ()), key=finest_first))

    def finest(self, symbol: str) -> int:
        """The finest stored timeframe of a symbol, seconds; `BadInputError` where there is none."""
        return self.timeframes(symbol)[0] if symbol in self._stored else self.source_timeframe(symbol, 0)

    def source_timeframe(self, symbol: str, timeframe_seconds: int) -> int:
        """The stored timeframe that bars of `timeframe_seconds` come from: itself, else the longest that builds them.

        `BadInputError` where nothing is stored that does.
        """
        stored = self.timeframes(symbol)
        if not stored:
            raise BadInputError(
                f"{self._store.root}: no bars of {symbol}; there are {', '.join(self.symbols) or 'none at all'}; take its "
                "files in with `minhos ingest`"
            )
        fitting = [
            s for s in stored if s == timeframe_seconds or (0 < s < timeframe_seconds and timeframe_seconds % s == 0)
        ]
        if not fitting:
            raise BadInputError(
                f"{symbol}: no bars from which {timeframe_name(timeframe_seconds)} can be built, the store has "
                f"{', '.join(map(timeframe_name, stored))}; ask for one of these, or take in finer time bars or ticks"
            )
        return max(fitting)

    def covers_until(self, symbol: str, timeframe_seconds: int) -> int | None:
        """UTC us up to which the files of a stored series were complete, their open bar included; None where not known."""
        known = read_journal(self._store.root).series.get(series_key(symbol, timeframe_seconds))
        return None if known is None else known.covers_until

    def bars(self, symbol: str, timeframe_seconds: int, moment: Moment = NOW) -> BarSeries:
        """The bars of one symbol; a timeframe that is not stored is built from the longest finer one that fits.

        Built bars that begin before `start` are whole. Raises `BadInputError` where no stored timeframe fits.
        """
        source = self.source_timeframe(symbol, timeframe_seconds)
        start = moment.start
        if source != timeframe_seconds and start is not None:
            start -= 3 * _DAY_US  # the first bar asked for is built from all of its parts: a session and its break
        series = self._store.read(
            symbol, source, start=start, end=moment.end, as_of=moment.as_of, recorded_by=moment.recorded_by
        )
        if source == timeframe_seconds:
            return series
        limits = [limit for limit in (moment.end, moment.as_of) if limit is not None]
        covered = None if limits or moment.recorded_by is not None else self.covers_until(symbol, source)
        if covered is not None:
            covered -= source * 1_000_000  # what is not stored yet is the open bar at its end
        built = resample(series, self._instruments.find(symbol), timeframe_seconds, covers_until=covered)
        if limits:
            built = built.up_to(min(limits))
        if moment.start is None:
            return built
        first = int((built.bar_end < moment.start).sum())
        return built.slice(first, len(built))

    def contracts(self, root: str) -> tuple[str, ...]:
        """The stored expiries of a root (or of another name of the same instrument), in no particular order."""
        wanted = self._instruments.find(root)
        return tuple(symbol for symbol in self.symbols if root_of(symbol) is not None and self._is(symbol, wanted))

    def _is(self, symbol: str, wanted: Instrument) -> bool:
        known = root_of(symbol)
        return known is not None and known in (wanted.symbol, *wanted.aliases)

    def continuous(
        self, root: str, timeframe_seconds: int, *, adjustment: Adjustment, moment: Moment = NOW
    ) -> ContinuousSeries:
        """The continuous future of a root, rolled by its instrument's rule, from all of its expiries in the store.

        The roll dates are decided from the bars asked for, by open interest from daily bars, and recorded
        (`schedule_path`) unless an earlier moment is asked about. `moment.start` does not apply, `moment.end` is the moment
        to which it is joined: a roll after it moves no price. Raises `BadInputError` where the root has no expiries in
        the store.
        """
        instrument = self._instruments.find(root)
        codes = self.contracts(root)
        if not codes:
            raise BadInputError(
                f"{self._store.root}: no expiries of {root}; there are {', '.join(self.symbols) or 'no symbols'}; take in "
                f"its contracts ({root}Z25 ...)"
            )
        moment = replace(moment, start=None)
        limits = [limit for limit in (moment.end, moment.as_of) if limit is not None]
        until = min(limits) if limits else None
        wanted = {code: self.bars(code, timeframe_seconds, moment) for code in codes}
        schedule = build_schedule(self._deciding(codes, wanted, instrument, moment), instrument, as_of_us=until)
        joined = continuous(wanted, schedule, adjustment=adjustment, symbol=instrument.symbol, as_of_us=until)
        if moment == NOW:
            write_schedule(schedule_path(self._store.root, instrument.symbol), joined.schedule)
        return joined

    def _deciding(
        self, codes: Sequence[str], wanted: dict[str, BarSeries], instrument: Instrument, moment: Moment
    ) -> dict[str, BarSeries]:
        if instrument.roll is None or instrument.roll.by != "open_interest":
            return wanted
        if all(DAY_SECONDS in self.timeframes(code) for code in codes):
            return {code: self.bars(code, DAY_SECONDS, moment) for code in codes}
        return wanted
