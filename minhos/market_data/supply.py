"""What bars there are for a night: those of a folder's files, taken into the store first, or those the store has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final

from minhos.errors import BadInputError, InstrumentError, MinhosError
from minhos.market_data.bars import BarSeries
from minhos.market_data.history import History, Moment
from minhos.market_data.instruments import Instrument, Instruments
from minhos.market_data.intake.outcome import FileOutcome
from minhos.market_data.night_bars import NightBars
from minhos.market_data.rolls.adjustment import why_no_ratio
from minhos.market_data.rolls.continuous import ContinuousSeries
from minhos.market_data.sessions import through_session
from minhos.market_data.timeframes import finest_first, is_time, timeframe_name
from minhos.market_data.universe import Universe

__all__ = ["CONTINUOUS", "Stored", "Supply", "from_files", "from_store", "join", "reasons", "require_some"]

CONTINUOUS: Final = "continuous"


@dataclass(frozen=True)
class Stored:
    """The bars of one symbol and timeframe, read from the store when they are first looked at.

    `source`, `kind`: the file that brought them, or the store itself. `zone`: IANA zone its times were read as. `words`:
    what its reader said. `covers_until`: UTC us up to which they are complete but for the open bar; None: not known.
    `kind` `CONTINUOUS`: all expiries of the symbol, a root, as one series.
    """

    history: History
    symbol: str
    timeframe_seconds: int
    moment: Moment
    source: Path
    kind: str
    zone: str | None = None
    words: tuple[str, ...] = ()
    covers_until: int | None = None

    @cached_property
    def series(self) -> BarSeries:
        """All its bars."""
        if self.kind == CONTINUOUS:
            return self.joined.series
        return self.history.bars(self.symbol, self.timeframe_seconds, self.moment)

    @cached_property
    def joined(self) -> ContinuousSeries:
        """All bars of a continuous series. Raises `BadInputError` where its expiries cannot be joined."""
        return self._join(self.moment)

    def through(self, instrument: Instrument, day: date) -> NightBars:
        """The bars up to the session of trading date `day`; a later roll moves no price."""
        whole = through_session(self.series, instrument, day)
        if self.kind != CONTINUOUS or len(whole) == 0:
            return NightBars.of(whole)
        return NightBars.of_continuous(self._join(replace(self.moment, end=int(whole.bar_end[-1]))))

    def _join(self, moment: Moment) -> ContinuousSeries:
        """By ratio, so that returns are right; by difference where a price at or below zero has no ratio."""
        traded = self.history.continuous(self.symbol, self.timeframe_seconds, adjustment="none", moment=moment)
        why = why_no_ratio(traded.unadjusted, traded.schedule.rolls) if traded.schedule.rolls else None
        if why is None:
            return traded.adjusted_by("ratio")
        joined = traded.adjusted_by("difference")
        words = (
            f"{self.symbol} is joined by difference, not by ratio: {why}; levels before a roll are shifted, and returns "
            "there are not exact"
        )
        return replace(joined, words=(*joined.words, words))


@dataclass
class Supply:
    """The bars by symbol and timeframe in seconds, and the symbols that fell out so far.

    `path`: the folder or the store. `excluded`: symbol -> why. `words`: what the universe's names mean here.
    """

    path: Path
    history: History
    moment: Moment
    bars: dict[tuple[str, int], Stored] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def symbols(self) -> list[str]:
        return sorted({symbol for symbol, _ in self.bars})

    def timeframes(self, symbol: str) -> list[int]:
        """Timeframes in seconds of one symbol, finest first, time bars before others."""
        return sorted((seconds for known, seconds in self.bars if known == symbol), key=finest_first)

    def of(self, seconds: int) -> dict[str, Stored]:
        """The bars of one timeframe, by symbol."""
        return {symbol: one for (symbol, known), one in sorted(self.bars.items()) if known == seconds}

    def build(self, seconds: int) -> None:
        """Add the bars of a timeframe that can be built from finer ones; range, trade and volume bars build none."""
        for symbol in self.symbols:
            finer = [known for known in self.timeframes(symbol) if is_time(known) and seconds % known == 0]
            if finer and seconds not in finer:
                stored = self.history.source_timeframe(symbol, seconds) if symbol in self.history.symbols else 0
                source = self.bars[(symbol, stored if stored in finer else max(finer))]
                self.bars[(symbol, seconds)] = Stored(
                    history=self.history,
                    symbol=symbol,
                    timeframe_seconds=seconds,
                    moment=self.moment,
                    source=source.source,
                    kind=source.kind,
                    zone=source.zone,
                    words=source.words,
                    covers_until=source.covers_until,
                )


def join(supply: Supply, roots: Sequence[str], instruments: Instruments, *, keep: Collection[str]) -> None:
    """Put one continuous series in the place of the expiries of each root; those in `keep` stay beside it.

    Expiries that the store has from earlier count too. A root that cannot be joined is excluded with the reason.
    """
    words: list[str] = []
    for root in roots:
        instrument = instruments.find(root)
        codes = supply.history.contracts(root)
        found = {seconds for code in codes for seconds in supply.history.timeframes(code) if is_time(seconds)}
        failed: dict[int, str] = {}
        sources = [supply.bars.pop(key) for key in sorted(supply.bars) if key[0] in codes and key[0] not in keep]
        for seconds in sorted(found):
            one = Stored(
                history=supply.history,
                symbol=instrument.symbol,
                timeframe_seconds=seconds,
                moment=supply.moment,
                source=supply.path,
                kind=CONTINUOUS,
                words=tuple(line for source in sources if source.timeframe_seconds == seconds for line in source.words),
                covers_until=max(
                    (until for code in codes if (until := supply.history.covers_until(code, seconds))), default=None
                ),
            )
            try:
                joined = one.joined
            except MinhosError as error:
                failed[seconds] = str(error)
                continue
            supply.bars[(instrument.symbol, seconds)] = one
            supply.instruments[instrument.symbol] = instrument
            words += [
                f"{instrument.symbol} is its expiries as one series, {timeframe_name(seconds)}, joined by "
                f"{joined.adjustment}: {'; '.join(joined.schedule.words)}",
                *joined.words,
            ]
        if instrument.symbol not in supply.instruments:
            why = next(iter(failed.values()), f"no expiry of {root} is there")
            supply.excluded[instrument.symbol] = why
    supply.words = (*supply.words, *dict.fromkeys(words))


def from_files(
    path: Path,
    files: Sequence[FileOutcome],
    history: History,
    instruments: Instruments,
    moment: Moment,
    *,
    excluded: Mapping[str, str],
) -> Supply:
    """The supply of the files that an intake has taken in; a symbol of which a file was refused is `excluded`."""
    supply = Supply(path=path, history=history, moment=moment, excluded=dict(excluded))
    for one in files:
        if one.status == "refused":
            supply.excluded[one.symbol] = one.error or "refused"
    for one in files:
        if one.symbol in supply.excluded or one.timeframe_seconds is None:
            continue
        supply.instruments[one.symbol] = instruments.find(one.symbol)
        supply.bars[(one.symbol, one.timeframe_seconds)] = Stored(
            history=history,
            symbol=one.symbol,
            timeframe_seconds=one.timeframe_seconds,
            moment=moment,
            source=one.path,
            kind=one.kind,
            zone=one.zone,
            words=one.said,
            covers_until=history.covers_until(one.symbol, one.timeframe_seconds),
        )
    return supply


def from_store(store: Path, history: History, instruments: Instruments, moment: Moment, universe: Universe) -> Supply:
    """The supply of what the store has of the universe."""
    supply = Supply(path=store, history=history, moment=moment)
    wanted, supply.words = universe.among(store, history.symbols, instruments)
    for symbol in wanted:
        try:
            supply.instruments[symbol] = instruments.find(symbol)
        except InstrumentError as error:
            if not universe.everything:
                raise
            supply.excluded[symbol] = str(error)
            continue
        for seconds in history.timeframes(symbol):
            supply.bars[(symbol, seconds)] = Stored(
                history=history,
                symbol=symbol,
                timeframe_seconds=seconds,
                moment=moment,
                source=store,
                kind="bar_store",
                covers_until=history.covers_until(symbol, seconds),
            )
    return supply


def require_some(supply: Supply) -> None:
    """`BadInputError` with the reasons where no symbol is left."""
    if not supply.bars:
        why = reasons(supply.excluded) or "no bars"
        raise BadInputError(f"{supply.path}: no symbol is left; {why}")


def reasons(excluded: Mapping[str, str]) -> str:
    """Why each symbol fell out, in one line."""
    return "; ".join(why if symbol in why else f"{symbol}: {why}" for symbol, why in sorted(excluded.items()))
