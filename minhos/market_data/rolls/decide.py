"""When to roll: by volume, by open interest or by date, from what was known at the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, RollRule
from minhos.market_data.rolls.activity import refuse_market_totals
from minhos.market_data.rolls.candidates import Candidate, candidates, newest_bar_us
from minhos.market_data.rolls.expiries import Contract
from minhos.market_data.rolls.schedule import Roll, RollSchedule
from minhos.market_data.sessions import next_session, session_bounds

__all__ = ["build_schedule"]

_ENDED_SESSIONS = 5
"""Sessions without bars after which a contract is taken to have ended, where no rule says when it does."""


def build_schedule(
    contracts: Mapping[str, BarSeries | Sequence[BarSeries]],
    instrument: Instrument,
    *,
    rule: RollRule | None = None,
    as_of_us: int | None = None,
) -> RollSchedule:
    """The rolls between the expiries in `contracts` (bars by contract code), as known at `as_of_us`.

    A contract's bars: one timeframe or several of it, not the same ones of every contract; which ones are not part of
    the answer but for what they lack. `rule` defaults to the instrument's; `as_of_us` (UTC us) to the end of the newest
    bar. Only bars with `bar_end <= as_of_us` are looked at, and a session counts once it is over: the schedule of an
    earlier moment is the part of this one that was decided by then.

    The first contract is the earliest one that may still be held when the first bars begin. A roll goes to the next
    expiry given, never back, and takes effect at the open of the next session:

    - by volume, open interest: after `confirm_sessions` sessions in a row in which the next expiry had more than the
      held one. A session in which the held contract has no bars is compared with its last known figure, so that a
      hole in a file is no reason to roll and a file that ends early does not end the series;
    - by date, and at the latest with every rule: after the session so many business days before the last trading day
      or first notice day (`latest_day_held`);
    - where the instrument has no expiry rule: after 5 sessions in a row in which only the next expiry has bars.

    Contracts of months that are not in the instrument's `contract_months` are left out (serial months of gold).
    Raises `BadInputError` for codes of another root, of no month or twice of one, for no bars and figures that cannot
    decide; `InstrumentError` for no rule, or no expiry where the rule needs one.
    """
    rule = rule or instrument.roll
    if rule is None:
        raise InstrumentError(
            f'{instrument.symbol}: no roll rule; write roll = {{ by = "volume" }} (or open_interest, date) into its '
            "definition, or give a rule"
        )
    as_of = newest_bar_us(contracts) if as_of_us is None else as_of_us
    known = candidates(contracts, instrument, rule, as_of)
    if rule.by != "date":
        figures = {one.code: one.figures for one in known}
        refuse_market_totals(figures, tuple(figures), rule.by)

    first_day = min(day for one in known if (day := one.first_date(instrument)) is not None)
    held = [one for one in known if one.last_day is None or one.last_day >= first_day]
    if not held:
        raise BadInputError(
            f"{instrument.symbol}: the first bars are of {first_day}, after the last day of every contract given "
            f"({', '.join(one.code for one in known)}); correct the names or the times of the files"
        )
    return RollSchedule(
        instrument=instrument.symbol,
        rule=rule,
        contracts=tuple(one.code for one in known),
        first_contract=held[0].code,
        rolls=tuple(
            _roll(old, new, day, reason, instrument)
            for old, new, day, reason in _decisions(held, instrument, rule, as_of)
        ),
        as_of_us=as_of,
        last_days={one.code: one.last_day for one in known if one.last_day is not None},
    )


def _decisions(
    held: Sequence[Candidate], instrument: Instrument, rule: RollRule, as_of_us: int
) -> Iterator[tuple[Candidate, Candidate, date, str]]:
    """Each roll: the contract left, the next one, the trading date after whose session, and why."""
    days = {day for one in held for day in (*one.figures, *one.sessions)}
    days |= {one.last_day for one in held if one.last_day is not None}
    front, in_a_row, alone, figure = 0, 0, 0, np.nan
    for day in sorted(days):
        if front + 1 == len(held):
            return
        old, new = held[front], held[front + 1]
        if _decided_us(old, new, day, instrument) > as_of_us:
            return
        figure = old.figures.get(day, figure)
        in_a_row = in_a_row + 1 if new.figures.get(day, np.nan) > figure else 0
        alone = 0 if day in old.sessions else alone + (day in new.sessions)
        if in_a_row == rule.confirm_sessions:
            reason = (
                f"{rule.by.replace('_', ' ')} as known after the session of {day}: {new.code} {new.figures[day]:,.0f}, "
                f"{old.code} {figure:,.0f}" + (f"; more for {in_a_row} sessions in a row" if in_a_row > 1 else "")
            )
        elif day == old.last_day:
            reason = _by_date(old, day, rule)
        elif old.last_day is None and alone == _ENDED_SESSIONS:
            reason = (
                f"{old.code} has ended, it seems: up to {day} {alone} sessions in a row have bars of {new.code} only, and "
                f"{instrument.symbol} has no expiry rule that says its last day"
            )
        else:
            continue
        yield old, new, day, reason + _skipped(old.contract, new.contract, instrument.contract_months)
        front, in_a_row, alone, figure = front + 1, 0, 0, new.figures.get(day, np.nan)


def _decided_us(old: Candidate, new: Candidate, day: date, instrument: Instrument) -> int:
    """UTC us at which the session of `day` is known of both."""
    return max(old.known_us(day, instrument), new.known_us(day, instrument))


def _by_date(old: Candidate, day: date, rule: RollRule) -> str:
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


def _roll(old: Candidate, new: Candidate, day: date, reason: str, instrument: Instrument) -> Roll:
    """The roll that the end of the session of `day` decides."""
    decided_us = _decided_us(old, new, day, instrument)
    first_session = next_session(instrument, day)
    return Roll(
        from_contract=old.code,
        to_contract=new.code,
        first_session=first_session,
        effective_us=max(session_bounds(first_session, instrument)[0], decided_us),
        decided_us=decided_us,
        reason=reason,
        prices=old.prices_with(new, decided_us),
    )
