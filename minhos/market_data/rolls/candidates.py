"""The contracts that a continuous series may hold: their bars, their last day, and what was traded of them when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, RollRule
from minhos.market_data.rolls.activity import figures_by_session, known_us, sessions_with_bars
from minhos.market_data.rolls.expiries import Contract, latest_day_held, parse_contract
from minhos.market_data.rolls.schedule import RollPrices
from minhos.market_data.sessions import trading_dates
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = ["Candidate", "candidates", "common_prices", "newest_bar_us"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Candidate:
    """One contract that may be held: its bars known so far, and the latest trading date to hold it (None: not known).

    `series`: one timeframe or several, finest first. `figures`: what decides, by the trading date at whose end it is
    known. `sessions`: those with bars.
    """

    code: str
    contract: Contract
    series: tuple[BarSeries, ...]
    last_day: date | None
    figures: Mapping[date, float]
    sessions: frozenset[date]

    def known_us(self, day: date, instrument: Instrument) -> int:
        """UTC us at which the session of `day` is known from its finest bars."""
        return known_us(day, instrument, self.series[0].timeframe_seconds)

    def first_date(self, instrument: Instrument) -> date | None:
        """The trading date of its first bar; None without bars."""
        dates = [
            trading_dates(one.bar_end[:1], instrument, timeframe_seconds=one.timeframe_seconds)[0].item()
            for one in self.series
            if len(one)
        ]
        return min(dates, default=None)

    def prices_with(self, other: Candidate, until_us: int) -> RollPrices | None:
        """Both closes at the latest moment up to `until_us` at which both had a bar; None where they never had.

        A daily bar closes at the settlement, so daily bars are only compared with daily ones.
        """
        found = [
            prices
            for one in self.series
            for another in other.series
            if (one.timeframe_seconds < DAY_SECONDS) == (another.timeframe_seconds < DAY_SECONDS)
            and (prices := common_prices(one.up_to(until_us), another.up_to(until_us))) is not None
        ]
        return max(found, key=lambda prices: prices.at_us, default=None)


def newest_bar_us(contracts: Mapping[str, BarSeries | Sequence[BarSeries]]) -> int:
    """The end of the newest bar of all contracts, UTC us; `BadInputError` where there is no bar."""
    ends = [int(one.bar_end[-1]) for given in contracts.values() for one in _series(given) if len(one)]
    if not ends:
        raise BadInputError(f"no bars in {', '.join(contracts) or 'no contract'}; give the bars of at least one expiry")
    return max(ends)


def common_prices(old: BarSeries, new: BarSeries) -> RollPrices | None:
    """The closes of the last bar that both series have (same `bar_end`); None where they have none in common."""
    _, rows, new_rows = np.intersect1d(old.bar_end, new.bar_end, assume_unique=True, return_indices=True)
    if len(rows) == 0:
        return None
    return RollPrices(
        at_us=int(old.bar_end[rows[-1]]),
        price_from=float(old.column("close")[rows[-1]]),
        price_to=float(new.column("close")[new_rows[-1]]),
    )


def candidates(
    contracts: Mapping[str, BarSeries | Sequence[BarSeries]], instrument: Instrument, rule: RollRule, as_of_us: int
) -> tuple[Candidate, ...]:
    """The contracts that may be held, in the order of their expiry, from the bars with `bar_end <= as_of_us`.

    Those of months that are not held are left out. Raises `BadInputError` for codes of another root, of no month or
    twice of one, and where no bars are left.
    """
    known = {
        code: tuple(one.up_to(as_of_us) for one in sorted(_series(given), key=lambda one: one.timeframe_seconds))
        for code, given in contracts.items()
    }
    newest_bar_us(known)  # refuses a moment before the first bar
    by_delivery: dict[tuple[int, int], Candidate] = {}
    for code, series in known.items():
        newest = max((int(one.bar_end[-1]) for one in series if len(one)), default=as_of_us)
        contract = parse_contract(code, around=(_EPOCH + timedelta(microseconds=newest)).date())
        if contract.root not in (instrument.symbol, *instrument.aliases):
            raise BadInputError(
                f"{code} is no contract of {instrument.symbol}; give only expiries of "
                f"{' or '.join((instrument.symbol, *instrument.aliases))}"
            )
        if instrument.contract_months and contract.month_code not in instrument.contract_months:
            continue
        if contract.delivery in by_delivery:
            raise BadInputError(
                f"{code} and {by_delivery[contract.delivery].code} are the same contract; give one of them"
            )
        dated = instrument.expiry is not None or rule.by == "date"
        by_delivery[contract.delivery] = Candidate(
            code=code,
            contract=contract,
            series=series,
            last_day=latest_day_held(contract, instrument, rule) if dated else None,
            figures=_figures(series, instrument, rule),
            sessions=frozenset[date]().union(*(sessions_with_bars(one, instrument) for one in _alike(series))),
        )
    found = tuple(by_delivery[delivery] for delivery in sorted(by_delivery))
    if not any(len(one) for candidate in found for one in candidate.series):
        raise BadInputError(
            f"{', '.join(contracts)}: no bars of a month that {instrument.symbol} is held in "
            f"({instrument.contract_months}); give bars of one, or correct contract_months in its definition"
        )
    return found


def _series(given: BarSeries | Sequence[BarSeries]) -> Sequence[BarSeries]:
    return [given] if isinstance(given, BarSeries) else given


def _alike(series: Sequence[BarSeries]) -> list[BarSeries]:
    """Those whose sessions are known at the same moment as the finest one's: intraday bars, or else daily ones."""
    intraday = [one for one in series if one.timeframe_seconds < DAY_SECONDS]
    return intraday or list(series)


def _figures(series: Sequence[BarSeries], instrument: Instrument, rule: RollRule) -> dict[date, float]:
    """What decides, by session, from the bars that have it.

    Volume: the most that any intraday timeframe has of a session. Fine bars may begin in the middle of one, and of
    coarse ones the bar that runs over the close is not counted. Daily bars only where there is nothing else: Sierra
    Chart's carry the whole market's volume. Open interest: from the coarsest bars that have it, the exchange's own.
    """
    if rule.by == "date":
        return {}
    if rule.by == "open_interest":
        stated = [one for one in series if one.open_interest is not None]
        return figures_by_session((stated or list(series))[-1], instrument, "open_interest")
    alike = _alike(series)
    most: dict[date, float] = {}
    for one in [one for one in alike if one.has("volume")] or alike[:1]:
        for day, volume in figures_by_session(one, instrument, "volume").items():
            most[day] = max(volume, most.get(day, 0.0))
    return most
