"""When to roll: by volume, by open interest or by date, from what was known at the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, RollRule
from minhos.market_data.rolls.activity import figures_by_session, known_us, refuse_market_totals
from minhos.market_data.rolls.expiries import Contract, latest_day_held, parse_contract
from minhos.market_data.rolls.schedule import Roll, RollPrices, RollSchedule
from minhos.market_data.sessions import next_session, session_bounds, trading_dates

__all__ = ["build_schedule", "common_prices", "newest_bar_us", "one_timeframe"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Expiry:
    """One contract that may be held: its bars known so far, and the last trading date on which it may be."""

    code: str
    contract: Contract
    series: BarSeries
    last_day: date | None
    figures: Mapping[date, float]


def newest_bar_us(contracts: Mapping[str, BarSeries]) -> int:
    """The end of the newest bar of all contracts, UTC us; `BadInputError` where there is no bar."""
    ends = [int(series.bar_end[-1]) for series in contracts.values() if len(series)]
    if not ends:
        raise BadInputError(f"no bars in {', '.join(contracts) or 'no contract'}; give the bars of at least one expiry")
    return max(ends)


def one_timeframe(contracts: Mapping[str, BarSeries]) -> int:
    """The timeframe of all contracts, seconds; `BadInputError` where they differ."""
    timeframes = {series.timeframe_seconds: code for code, series in contracts.items()}
    if len(timeframes) != 1:
        found = ", ".join(f"{code} {seconds} s" for seconds, code in sorted(timeframes.items()))
        raise BadInputError(f"contracts of different timeframes: {found}; give all expiries in one timeframe")
    return next(iter(timeframes))


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


def build_schedule(
    contracts: Mapping[str, BarSeries],
    instrument: Instrument,
    *,
    rule: RollRule | None = None,
    as_of_us: int | None = None,
) -> RollSchedule:
    """The rolls between the expiries in `contracts` (bars by contract code, one timeframe), as known at `as_of_us`.

    `rule` defaults to the instrument's; `as_of_us` (UTC us) to the end of the newest bar. Only bars with
    `bar_end <= as_of_us` are looked at, and a session counts once it is over: the schedule of an earlier moment is the
    part of this one that was decided by then.

    The first contract is the earliest one that may still be held when the first bars begin. A roll goes to the next
    expiry given, never back, and takes effect at the open of the next session:

    - by volume, open interest: after `confirm_sessions` sessions in a row in which the next expiry had more than the
      held one. A session in which the held contract has no bars is compared with its last known figure, so that a
      hole in a file is no reason to roll and a file that ends early does not end the series;
    - by date, and at the latest with every rule: after the session so many business days before the last trading day
      or first notice day (`latest_day_held`).

    Contracts of months that are not in the instrument's `contract_months` are left out (serial months of gold).
    Raises `BadInputError` for codes of another root, of no month or twice of one, for no bars, mixed timeframes, and
    figures that cannot decide; `InstrumentError` for no rule, or no expiry where the rule needs one.
    """
    rule = rule or instrument.roll
    if rule is None:
        raise InstrumentError(
            f'{instrument.symbol}: no roll rule; write roll = {{ by = "volume" }} (or open_interest, date) into its '
            "definition, or give a rule"
        )
    as_of = newest_bar_us(contracts) if as_of_us is None else as_of_us
    timeframe = one_timeframe(contracts)
    known = {code: series.up_to(as_of) for code, series in contracts.items()}
    newest_bar_us(known)  # refuses a moment before the first bar
    expiries = _expiries(known, instrument, rule, as_of)
    if rule.by != "date":
        figures = {expiry.code: expiry.figures for expiry in expiries}
        refuse_market_totals(figures, tuple(figures), rule.by)

    first_day = min(_first_date(expiry.series, instrument) for expiry in expiries if len(expiry.series))
    held = [expiry for expiry in expiries if expiry.last_day is None or expiry.last_day >= first_day]
    if not held:
        raise BadInputError(
            f"{instrument.symbol}: the first bars are of {first_day}, after the last day of every contract given "
            f"({', '.join(expiry.code for expiry in expiries)}); correct the names or the times of the files"
        )
    days = {day for expiry in held for day in expiry.figures} | {expiry.last_day for expiry in held if expiry.last_day}
    over = [day for day in sorted(days) if known_us(day, instrument, timeframe) <= as_of]
    return RollSchedule(
        instrument=instrument.symbol,
        rule=rule,
        contracts=tuple(expiry.code for expiry in expiries),
        first_contract=held[0].code,
        rolls=tuple(
            _roll(old, new, day, reason, instrument, timeframe)
            for old, new, day, reason in _decisions(held, over, rule, instrument.contract_months)
        ),
        as_of_us=as_of,
    )


def _first_date(series: BarSeries, instrument: Instrument) -> date:
    dates = trading_dates(series.bar_end[:1], instrument, timeframe_seconds=series.timeframe_seconds)
    return dates[0].item()  # type: ignore[no-any-return]


def _expiries(
    known: Mapping[str, BarSeries], instrument: Instrument, rule: RollRule, as_of_us: int
) -> tuple[_Expiry, ...]:
    """The contracts that may be held, in the order of their expiry."""
    by_delivery: dict[tuple[int, int], _Expiry] = {}
    for code, series in known.items():
        newest = int(series.bar_end[-1]) if len(series) else as_of_us
        contract = parse_contract(code, around=(_EPOCH + timedelta(microseconds=newest)).date())
        if contract.root not in (instrument.symbol, *instrument.aliases):
            raise BadInputError(
                f"{code} is no contract of {instrument.symbol}; give only expiries of "
                f"{' or '.join((instrument.symbol, *instrument.aliases))}"
            )
        if contract.delivery in by_delivery:
            raise BadInputError(
                f"{code} and {by_delivery[contract.delivery].code} are the same contract; give one of them"
            )
        if instrument.contract_months and contract.month_code not in instrument.contract_months:
            continue
        last_day = None
        if instrument.expiry is not None or rule.by == "date":
            last_day = latest_day_held(contract, instrument, rule)
        figures = {} if rule.by == "date" else figures_by_session(series, instrument, rule.by)
        by_delivery[contract.delivery] = _Expiry(code, contract, series, last_day, figures)
    if not any(len(expiry.series) for expiry in by_delivery.values()):
        raise BadInputError(
            f"{', '.join(known)}: no bars of a month that {instrument.symbol} is held in ({instrument.contract_months}); "
            "give bars of one, or correct contract_months in its definition"
        )
    return tuple(by_delivery[delivery] for delivery in sorted(by_delivery))


def _decisions(
    held: Sequence[_Expiry], days: Sequence[date], rule: RollRule, months: str
) -> Iterator[tuple[_Expiry, _Expiry, date, str]]:
    """Each roll: the contract left, the next one, the trading date after whose session, and why."""
    front, in_a_row, figure = 0, 0, np.nan
    for day in days:
        if front + 1 == len(held):
            return
        old, new = held[front], held[front + 1]
        figure = old.figures.get(day, figure)
        in_a_row = in_a_row + 1 if new.figures.get(day, np.nan) > figure else 0
        if in_a_row == rule.confirm_sessions:
            reason = (
                f"{rule.by.replace('_', ' ')} as known after the session of {day}: {new.code} {new.figures[day]:,.0f}, "
                f"{old.code} {figure:,.0f}" + (f"; more for {in_a_row} sessions in a row" if in_a_row > 1 else "")
            )
        elif day == old.last_day:
            reason = _by_date(old, day, rule)
        else:
            continue
        yield old, new, day, reason + _skipped(old.contract, new.contract, months)
        front, in_a_row, figure = front + 1, 0, new.figures.get(day, np.nan)


def _by_date(old: _Expiry, day: date, rule: RollRule) -> str:
    count, from_day = rule.business_days_before_expiry, "last trading day"
    if rule.business_days_before_first_notice is not None:
        count, from_day = rule.business_days_before_first_notice, "first notice day"
    days = "business day" if count == 1 else "business days"
    ahead = f"{count} {days} before the {from_day}" if count else f"the {from_day}"
    forced = "" if rule.by == "date" else f"; {rule.by.replace('_', ' ')} had not decided"
    return f"date: {day} is {ahead} of {old.code}{forced}"


def _skipped(old: Contract, new: Contract, months: str) -> str:
    """Words about an expiry in between of which no bars were given; empty where there is none, or no months known."""
    if not months or (following := old.following(months)).delivery == new.delivery:
        return ""
    return f"; {following}, the next expiry, was not given"


def _roll(old: _Expiry, new: _Expiry, day: date, reason: str, instrument: Instrument, timeframe_seconds: int) -> Roll:
    """The roll that the end of the session of `day` decides."""
    decided_us = known_us(day, instrument, timeframe_seconds)
    first_session = next_session(instrument, day)
    return Roll(
        from_contract=old.code,
        to_contract=new.code,
        first_session=first_session,
        effective_us=max(session_bounds(first_session, instrument)[0], decided_us),
        decided_us=decided_us,
        reason=reason,
        prices=common_prices(old.series.up_to(decided_us), new.series.up_to(decided_us)),
    )
