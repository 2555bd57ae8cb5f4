"""The expiries of a future that the store has: under which names, and which of them can give a timeframe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.moment import Moment
from minhos.market_data.rolls.expiries import Contract, parse_contract
from minhos.market_data.timeframes import timeframe_name

__all__ = ["Expiries", "Stored", "find_expiries"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stored(Protocol):
    """What is asked of a store's history."""

    def timeframes(self, symbol: str) -> tuple[int, ...]: ...

    def newest_us(self, symbol: str) -> int: ...

    def count(self, symbol: str) -> int: ...

    def bars(self, symbol: str, timeframe_seconds: int, moment: Moment) -> BarSeries: ...


@dataclass(frozen=True)
class Expiries:
    """The stored contracts of an instrument in the order of their expiry.

    `names`: contract -> the symbols it is stored under, the one it goes by first. `words`: where that is more than one.
    """

    instrument: Instrument
    names: Mapping[str, tuple[str, ...]]
    words: tuple[str, ...]

    def of_timeframe(
        self, history: Stored, timeframe_seconds: int, moment: Moment
    ) -> tuple[dict[str, BarSeries], tuple[str, ...]]:
        """The bars of each contract that has bars of a timeframe or can be built into it, and words about the others.

        Raises `BadInputError` where there are none.
        """
        wanted = timeframe_name(timeframe_seconds)
        made: dict[str, BarSeries] = {}
        lacking: dict[str, str] = {}
        for code, names in self.names.items():
            able = [
                name for name in names if any(timeframe_seconds % seconds == 0 for seconds in history.timeframes(name))
            ]
            if not able:
                stored = ", ".join(timeframe_name(seconds) for seconds in self._timeframes(history, code))
                lacking[code] = f"the store has {stored} of it"
                continue
            try:
                made[code] = _merged([history.bars(name, timeframe_seconds, moment) for name in able], code)
            except BadInputError as error:
                lacking[code] = str(error)
        if not made:
            why = "; ".join(f"{code}: {reason}" for code, reason in lacking.items())
            raise BadInputError(
                f"{self.instrument.symbol}: no expiry has {wanted} bars or finer ones to build them from ({why}); ask for "
                "another timeframe, or take in finer files"
            )
        return made, tuple(
            f"{code} is left out of the {wanted} bars of {self.instrument.symbol}: {reason}"
            for code, reason in lacking.items()
        )

    def everything(self, history: Stored, code: str, moment: Moment) -> list[BarSeries]:
        """All that is stored of a contract, one series for each timeframe, finest first."""
        return [
            _merged(
                [
                    history.bars(name, seconds, moment)
                    for name in self.names[code]
                    if seconds in history.timeframes(name)
                ],
                code,
            )
            for seconds in self._timeframes(history, code)
        ]

    def _timeframes(self, history: Stored, code: str) -> list[int]:
        return sorted({seconds for name in self.names[code] for seconds in history.timeframes(name)})


def find_expiries(history: Stored, instrument: Instrument, symbols: Sequence[str]) -> Expiries:
    """The contracts that `symbols`, at least one, are of; without those of months that the instrument is not held in.

    Raises `BadInputError` where none is left.
    """
    by_contract: dict[tuple[int, int], list[str]] = {}
    for symbol in symbols:
        contract = _contract(history, symbol)
        if not instrument.contract_months or contract.month_code in instrument.contract_months:
            by_contract.setdefault(contract.delivery, []).append(symbol)
    if not by_contract:
        raise BadInputError(
            f"{', '.join(symbols)}: no bars of a month that {instrument.symbol} is held in ({instrument.contract_months}); "
            "take in bars of one, or correct contract_months in its definition"
        )
    names, words = {}, []
    for delivery in sorted(by_contract):
        first, *others = sorted(
            by_contract[delivery], key=lambda symbol: (-history.count(symbol), -len(symbol), symbol)
        )
        names[first] = (first, *others)
        words += [
            f"{other} and {first} are the same contract: {first}, which has more bars, counts; of {other} only what lies "
            f"before or after all bars of {first}"
            for other in others
        ]
    return Expiries(instrument=instrument, names=names, words=tuple(words))


def _contract(history: Stored, symbol: str) -> Contract:
    traded = (_EPOCH + timedelta(microseconds=history.newest_us(symbol))).date()
    return parse_contract(symbol, around=traded)


def _merged(series: Sequence[BarSeries], code: str) -> BarSeries:
    """One series of several names of one contract: what the earlier ones have, and before and after it the later ones.

    Bars of two sources are not mixed within one stretch: neither volumes nor open bars of the two agree there.
    """
    whole, *others = [one for one in series if len(one)] or series[:1]
    for other in others:
        before, after = (
            int(np.searchsorted(other.bar_end, whole.bar_end[0], side="left")),
            int(np.searchsorted(other.bar_end, whole.bar_end[-1], side="right")),
        )
        parts = [other.slice(0, before), whole, other.slice(after, len(other))]
        interests = [one.open_interest for one in parts]
        stated = [
            np.full(len(one), np.nan) if interest is None else interest
            for one, interest in zip(parts, interests, strict=True)
        ]
        whole = BarSeries(
            symbol=code,
            timeframe_seconds=whole.timeframe_seconds,
            bar_end=np.concatenate([one.bar_end for one in parts]),
            values=np.concatenate([one.values for one in parts]),
            open_interest=None if all(one is None for one in interests) else np.concatenate(stated),
        )
    return whole
