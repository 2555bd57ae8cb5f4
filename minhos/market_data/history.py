"""Bars out of the store, in any timeframe and as one continuous future: what nights, features and backtests ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.bars import BarSeries
from minhos.market_data.built_range import first_part, without_part_of_a_bar
from minhos.market_data.instruments import Instrument, Instruments
from minhos.market_data.intake.journal import read_journal, series_key
from minhos.market_data.resample import resample
from minhos.market_data.rolls.continuous import Adjustment, ContinuousSeries, continuous
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.rolls.schedule import write_schedule
from minhos.market_data.store import BarStore, CatalogEntry
from minhos.market_data.symbols import contract_code, root_of
from minhos.market_data.timeframes import DAY_SECONDS, timeframe_name

__all__ = ["History", "Moment", "schedule_path"]


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
        self._stored: dict[str, dict[int, CatalogEntry]] = {}
        for entry in store.catalog():
            self._stored.setdefault(entry.symbol, {})[entry.timeframe_seconds] = entry

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted(self._stored))

    def stored_symbol(self, name: str) -> str:
        """The stored symbol that a name means: itself, or what a file or chart of that name is (`mnqz25`, `MNQZ25-CME`).

        `BadInputError` for one that is not there, with the expiries where it is a root.
        """
        for symbol in (name, contract_code(name)):
            if symbol in self._stored:
                return symbol
        try:
            expiries = self.contracts(contract_code(name))
        except InstrumentError:
            expiries = ()
        if expiries:
            raise BadInputError(
                f"{self._store.root}: {name} has expiries, {', '.join(expiries)}: name one of them, or join them with "
                f"--continuous ratio"
            )
        raise BadInputError(self._no_bars(name))

    def span(self, symbol: str, timeframe_seconds: int) -> tuple[int, int]:
        """`bar_end` of the first and the last bar of a stored series, UTC us."""
        entry = self._stored[symbol][timeframe_seconds]
        return entry.first_bar_end, entry.last_bar_end

    def _no_bars(self, symbol: str) -> str:
        return (
            f"{self._store.root}: no bars of {symbol}; there are {', '.join(self.symbols) or 'none at all'}; take its files "
            "in with `minhos ingest`"
        )

    def instrument(self, symbol: str) -> Instrument:
        """The definition of a symbol or root."""
        return self._instruments.find(symbol)

    def timeframes(self, symbol: str) -> tuple[int, ...]:
        """The timeframes that are stored of a symbol, in seconds, finest first; none of an unknown symbol."""
        return tuple(sorted(self._stored.get(symbol, ())))

    def finest(self, symbol: str) -> int:
        """The finest stored timeframe of a symbol, seconds; `BadInputError` where there is none."""
        return self.timeframes(symbol)[0] if symbol in self._stored else self.source_timeframe(symbol, 0)

    def source_timeframe(self, symbol: str, timeframe_seconds: int) -> int:
        """The stored timeframe that bars of `timeframe_seconds` come from: itself, else the longest that builds them.

        One that ends more than a bar earlier than another is passed over: an hourly file of last month must not hide the
        five-minute bars of today. `BadInputError` where nothing is stored that does.
        """
        stored = self.timeframes(symbol)
        if not stored:
            raise BadInputError(self._no_bars(symbol))
        fitting = [seconds for seconds in stored if timeframe_seconds % seconds == 0]
        if not fitting:
            raise BadInputError(
                f"{symbol}: no bars from which {timeframe_name(timeframe_seconds)} can be built, the store has "
                f"{', '.join(map(timeframe_name, stored))}; ask for one of these, or take in a finer file"
            )
        entries = self._stored[symbol]
        newest = max(entries[seconds].last_bar_end for seconds in fitting) - timeframe_seconds * 1_000_000
        return max(seconds for seconds in fitting if entries[seconds].last_bar_end >= newest)

    def covers_until(self, symbol: str, timeframe_seconds: int) -> int | None:
        """UTC us up to which the files of a stored series were complete, their open bar included; None where not known."""
        known = read_journal(self._store.root).series.get(series_key(symbol, timeframe_seconds))
        return None if known is None else known.covers_until

    def bars(self, symbol: str, timeframe_seconds: int, moment: Moment = NOW) -> BarSeries:
        """The bars of one symbol; a timeframe that is not stored is built from the longest finer one that fits.

        Built bars are whole: those that begin before `start` too, and one of which the store has only the last part (the
        first of a file that begins in its middle) is left out. Raises `BadInputError` where no stored timeframe fits.
        """
        source = self.source_timeframe(symbol, timeframe_seconds)
        instrument = self._instruments.find(symbol) if source != timeframe_seconds else None
        start = moment.start
        if instrument is not None and start is not None:
            start = first_part(start, instrument, timeframe_seconds)
        series = self._store.read(
            symbol, source, start=start, end=moment.end, as_of=moment.as_of, recorded_by=moment.recorded_by
        )
        if instrument is None:
            return series
        limits = [limit for limit in (moment.end, moment.as_of) if limit is not None]
        covered = None if limits or moment.recorded_by is not None else self.covers_until(symbol, source)
        if covered is not None:
            covered -= source * 1_000_000  # what is not stored yet is the open bar at its end
        built = resample(series, instrument, timeframe_seconds, covers_until=covered)
        built = without_part_of_a_bar(built, series, instrument)
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
