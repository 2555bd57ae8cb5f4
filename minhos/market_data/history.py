"""Bars out of the store, in any timeframe and as one continuous future: what nights, features and backtests ask for."""

from __future__ import annotations

from dataclasses import replace

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.bars import BarSeries
from minhos.market_data.built_range import first_part, without_part_of_a_bar
from minhos.market_data.instruments import Instrument, Instruments
from minhos.market_data.intake.journal import read_journal, series_key
from minhos.market_data.moment import NOW, Moment
from minhos.market_data.resample import resample
from minhos.market_data.rolls.continuous import Adjustment, ContinuousSeries, continuous
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.rolls.schedule import RollSchedule
from minhos.market_data.store import BarStore, CatalogEntry
from minhos.market_data.stored_expiries import Expiries, find_expiries
from minhos.market_data.symbols import contract_code, root_of
from minhos.market_data.timeframes import finest_first, timeframe_name

__all__ = ["History", "Moment"]


class History:
    """What a store has, seen through the instruments' definitions."""

    def __init__(self, store: BarStore, instruments: Instruments) -> None:
        self._store = store
        self._instruments = instruments
        self._stored: dict[str, dict[int, CatalogEntry]] = {}
        self._schedules: dict[tuple[str, tuple[str, ...], Moment], RollSchedule] = {}
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
        """The timeframes that are stored of a symbol, in seconds, finest first, time bars before others."""
        return tuple(sorted(self._stored.get(symbol, ()), key=finest_first))

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
        if timeframe_seconds in stored:
            return timeframe_seconds
        fitting = [seconds for seconds in stored if seconds > 0 and timeframe_seconds % seconds == 0]
        if not fitting:
            raise BadInputError(
                f"{symbol}: no bars from which {timeframe_name(timeframe_seconds)} can be built, the store has "
                f"{', '.join(map(timeframe_name, stored))}; ask for one of these, or take in finer time bars or ticks"
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

    def newest_us(self, symbol: str) -> int:
        """The end of a stored symbol's newest bar of any timeframe, UTC us."""
        return max(entry.last_bar_end for entry in self._stored[symbol].values())

    def count(self, symbol: str) -> int:
        """How many bars of a symbol are stored, of all timeframes."""
        return sum(entry.bars for entry in self._stored[symbol].values())

    def contracts(self, root: str) -> tuple[str, ...]:
        """The stored expiries of a root (or of another name of the same instrument), in no particular order."""
        wanted = self._instruments.find(root)
        return tuple(symbol for symbol in self.symbols if root_of(symbol) in (wanted.symbol, *wanted.aliases))

    def continuous(
        self, root: str, timeframe_seconds: int, *, adjustment: Adjustment, moment: Moment = NOW
    ) -> ContinuousSeries:
        """The continuous future of a root, rolled by its instrument's rule, from its expiries in the store.

        `moment.start` does not apply, `moment.end` is the moment to which it is joined: a roll after it moves no price.
        The roll dates are those of `roll_schedule`, whatever the timeframe; but an expiry of which nothing is stored that
        the timeframe can be made from is left out, with words. Raises `BadInputError` where no expiry is left.
        """
        found = self._expiries(root)
        moment = replace(moment, start=None)
        contracts, words = found.of_timeframe(self, timeframe_seconds, moment)
        schedule = self._schedule(found, tuple(contracts), moment)
        limits = [limit for limit in (moment.end, moment.as_of) if limit is not None]
        joined = continuous(
            contracts,
            schedule,
            adjustment=adjustment,
            symbol=found.instrument.symbol,
            as_of_us=min(limits) if limits else None,
        )
        return replace(joined, words=(*found.words, *words))

    def roll_schedule(self, root: str, moment: Moment = NOW) -> RollSchedule:
        """The roll dates of a root, from all of its expiries and all that the store has of each.

        Raises `BadInputError` where the root has no expiries in the store, or where their bars cannot decide.
        """
        found = self._expiries(root)
        return self._schedule(found, tuple(found.names), moment)

    def _expiries(self, root: str) -> Expiries:
        codes = self.contracts(root)
        if not codes:
            raise BadInputError(
                f"{self._store.root}: no expiries of {root}; there are {', '.join(self.symbols) or 'no symbols'}; take in "
                f"its contracts ({root}Z25 ...)"
            )
        return find_expiries(self, self._instruments.find(root), codes)

    def _schedule(self, found: Expiries, codes: tuple[str, ...], moment: Moment) -> RollSchedule:
        """All rolls by the bars of a moment; `end` does not apply: an earlier schedule is the beginning of a later one."""
        moment = replace(moment, start=None, end=None)
        key = (found.instrument.symbol, codes, moment)
        if key in self._schedules:
            return self._schedules[key]
        deciding = {code: found.everything(self, code, moment) for code in codes}
        schedule = build_schedule(deciding, found.instrument, as_of_us=moment.as_of)
        if moment.recorded_by is not None:  # what was recorded by then does not change any more
            self._schedules[key] = schedule
        return schedule
