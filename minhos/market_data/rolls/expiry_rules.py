"""The exchanges' rules of the last trading day, from a contract's year and month.

They are those of the contract specifications in the CME, CBOT, NYMEX and COMEX rulebooks ("Termination of Trading").
They count *business days* of the exchange: its trading dates. On Juneteenth an index future trades until noon, but for
the next trading date, and so ESM26 ends on the day before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

from minhos.errors import BadInputError
from minhos.market_data.instruments import ExpiryRule, Instrument
from minhos.market_data.sessions import sessions_between

__all__ = ["EXPIRY_RULES", "business_day_before", "last_day"]

_LOOK_BACK_DAYS = 60  # calendar days that hold every business day a rule or a roll counts back to
_WEDNESDAY, _THURSDAY, _FRIDAY = 2, 3, 4
_WEEK = timedelta(days=7)

_Rule = Callable[[int, int, Instrument], date]


def business_day_before(day: date, count: int, instrument: Instrument) -> date:
    """`count` business days before the last business day up to `day`; 0: `day` itself where it is one.

    Business days are the trading dates of the instrument's calendar; without a calendar, the weekdays of its session.
    Raises `BadInputError` for a negative count and for one beyond two months.
    """
    days = sessions_between(instrument, day - timedelta(days=_LOOK_BACK_DAYS), day).date
    if not 0 <= count < len(days):
        raise BadInputError(
            f"{instrument.symbol}: {count} business days before {day} is out of range, allowed are 0 to {len(days) - 1}; "
            "correct the roll in its definition"
        )
    return days[-1 - count].item()  # type: ignore[no-any-return]


def last_day(year: int, month: int, *, months_earlier: int = 0) -> date:
    """The last calendar day of a month, or of one some months before it (negative: after it)."""
    return _first_day(year, month, months_earlier=months_earlier - 1) - timedelta(days=1)


def _first_day(year: int, month: int, *, months_earlier: int = 0) -> date:
    years, month_index = divmod(year * 12 + month - 1 - months_earlier, 12)
    return date(years, month_index + 1, 1)


def _nth(number: int, weekday: int, first_of_month: date) -> date:
    return first_of_month + timedelta(days=(weekday - first_of_month.weekday()) % 7) + (number - 1) * _WEEK


def _last(weekday: int, year: int, month: int) -> date:
    last = last_day(year, month)
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def _before(day_of: Callable[[int, int], date], business_days: int) -> _Rule:
    """So many business days before the last business day up to a day of the calendar."""
    return lambda year, month, instrument: business_day_before(day_of(year, month), business_days, instrument)


def _third_wednesday(year: int, month: int, *, months_later: int = 0) -> date:
    return _nth(3, _WEDNESDAY, _first_day(year, month, months_earlier=-months_later))


def _tenth_business_day(year: int, month: int, instrument: Instrument) -> date:
    days = sessions_between(instrument, date(year, month, 1), last_day(year, month)).date
    return days[9].item()  # type: ignore[no-any-return]


def _feeder_cattle(year: int, month: int, instrument: Instrument) -> date:
    thanksgiving = _nth(4, _THURSDAY, date(year, month, 1))
    thursday = thanksgiving - _WEEK if month == 11 else _last(_THURSDAY, year, month)
    while True:
        days = [thursday - timedelta(days=ahead) for ahead in (0, 1, 2, 3, 6)]  # to the Friday of the week before
        traded = sessions_between(instrument, days[-1], thursday).date.tolist()
        if all(day in traded for day in days):
            return thursday
        thursday -= _WEEK


EXPIRY_RULES: Final[Mapping[ExpiryRule, _Rule]] = {
    # index futures: the third Friday, or the business day before it
    "third_friday": _before(lambda year, month: _nth(3, _FRIDAY, date(year, month, 1)), 0),
    # GC, SI, HG, PL: the third last business day of the delivery month
    "third_last_business_day": _before(last_day, 2),
    # CL: three business days before the 25th of the month before delivery, or before the last business day that
    # precedes the 25th where that is none
    "crude_oil": _before(lambda year, month: _first_day(year, month, months_earlier=1).replace(day=25), 3),
    # MCL, QM, settled in cash: one business day before CL
    "crude_oil_cash": _before(lambda year, month: _first_day(year, month, months_earlier=1).replace(day=25), 4),
    # NG: the third last business day of the month before delivery
    "natural_gas": _before(lambda year, month: last_day(year, month, months_earlier=1), 2),
    # ZN, TN, ZB, UB: seven business days before the last one of the delivery month
    "seventh_last_business_day": _before(last_day, 7),
    # ZT, ZF, LE
    "last_business_day": _before(last_day, 0),
    # 6E and most currencies: the second business day before the third Wednesday
    "fx_third_wednesday": _before(lambda year, month: _third_wednesday(year, month) - timedelta(days=1), 1),
    # 6C: the business day before the third Wednesday
    "before_third_wednesday": _before(lambda year, month: _third_wednesday(year, month) - timedelta(days=1), 0),
    # SR3: the business day before the third Wednesday of the month three months after the contract's
    "sofr_quarter_end": _before(
        lambda year, month: _third_wednesday(year, month, months_later=3) - timedelta(days=1), 0
    ),
    # NKD: the business day before the second Friday
    "before_second_friday": _before(lambda year, month: _nth(2, _FRIDAY, date(year, month, 1)) - timedelta(days=1), 0),
    # ZC, ZS, ZW: the business day before the 15th
    "grains_mid_month": _before(lambda year, month: date(year, month, 14), 0),
    # RB, HO
    "last_business_day_prior_month": _before(lambda year, month: last_day(year, month, months_earlier=1), 0),
    # BTC, ETH: the last Friday, or the business day before it
    "last_friday": _before(lambda year, month: _last(_FRIDAY, year, month), 0),
    # HE
    "tenth_business_day": _tenth_business_day,
    # GF: the last Thursday, in November the Thursday before Thanksgiving; where that Thursday or one of the four weekdays
    # before it is a holiday, the Thursday before
    "feeder_cattle": _feeder_cattle,
}
