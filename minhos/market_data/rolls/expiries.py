"""Dated futures contracts: their month from a code, and their last trading day from the exchange's rule.

The rules are those of the contract specifications in the CME, CBOT, NYMEX and COMEX rulebooks ("Termination of
Trading"). They count *business days* of the exchange: its trading dates. On Juneteenth an index future trades until
noon, but for the next trading date, and so ESM26 ends on the day before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.instruments import ExpiryRule, Instrument
from minhos.market_data.sessions import sessions_between
from minhos.market_data.symbols import contract_code, root_of

__all__ = ["Contract", "business_day_before", "expiry_date", "parse_contract"]

_MONTH_CODES = "FGHJKMNQUVXZ"
_LOOK_BACK_DAYS = 60  # calendar days that hold every business day a rule or a roll counts back to
_WEDNESDAY, _FRIDAY = 2, 4


@dataclass(frozen=True)
class Contract:
    """One expiry of a future: `root` (`MNQ`), delivery `year` (four digits) and `month` (1 to 12)."""

    root: str
    year: int
    month: int

    @property
    def delivery(self) -> tuple[int, int]:
        """Year and month: contracts of a root in the order of their expiry."""
        return self.year, self.month

    @property
    def month_code(self) -> str:
        """The letter of the delivery month: F is January, Z December."""
        return _MONTH_CODES[self.month - 1]

    def following(self, months: str) -> Contract:
        """The next expiry of the root in a year of the month letters `months` (`HMUZ`)."""
        later = sorted((self.year + (letter <= self.month_code), letter) for letter in months)
        year, letter = later[0]
        return Contract(root=self.root, year=year, month=_MONTH_CODES.index(letter) + 1)

    def __str__(self) -> str:
        return f"{self.root}{self.month_code}{self.year % 100:02d}"


def parse_contract(code: str, around: date) -> Contract:
    """The contract of a code or chart name: `MNQZ25`, `ESH4`, `CLM4.NYM`, `F.US.EPZ20`, `ESZ2025`.

    A year of one or two digits is the nearest one to `around` (a day on which the contract traded): `CLM4` is of
    2014 in 2013 and of 2024 in 2023. At equal distance the later one: futures are listed years ahead.
    Raises `BadInputError` for a code without month and year.
    """
    short = contract_code(code)
    root = root_of(short)
    if root is None:
        raise BadInputError(
            f"{code}: no dated contract; a roll needs codes of root, month letter ({_MONTH_CODES}) and year, such as MNQZ25"
        )
    month, digits = short[len(root)], short[len(root) + 1 :]
    cycle = 10 ** len(digits)
    earliest = around.year - cycle // 2 + 1
    year = earliest + (int(digits) - earliest) % cycle
    return Contract(root=root, year=year, month=_MONTH_CODES.index(month) + 1)


def _first_day(year: int, month: int, *, months_earlier: int = 0) -> date:
    years, month_index = divmod(year * 12 + month - 1 - months_earlier, 12)
    return date(years, month_index + 1, 1)


def _last_day(year: int, month: int, *, months_earlier: int = 0) -> date:
    return _first_day(year, month, months_earlier=months_earlier - 1) - timedelta(days=1)


def _third(weekday: int, year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 14)


def _last_friday(year: int, month: int) -> date:
    last = _last_day(year, month)
    return last - timedelta(days=(last.weekday() - _FRIDAY) % 7)


_RULES: dict[ExpiryRule, tuple[Callable[[int, int], date], int]] = {
    # a day of the calendar, and how many business days before the last one up to it
    "third_friday": (lambda year, month: _third(_FRIDAY, year, month), 0),
    "third_last_business_day": (_last_day, 2),
    "crude_oil": (lambda year, month: _first_day(year, month, months_earlier=1).replace(day=25), 3),
    "natural_gas": (lambda year, month: _last_day(year, month, months_earlier=1), 2),
    "seventh_last_business_day": (_last_day, 7),
    "last_business_day": (_last_day, 0),
    "fx_third_wednesday": (lambda year, month: _third(_WEDNESDAY, year, month) - timedelta(days=1), 1),
    "grains_mid_month": (lambda year, month: date(year, month, 14), 0),
    "last_business_day_prior_month": (lambda year, month: _last_day(year, month, months_earlier=1), 0),
    "last_friday": (_last_friday, 0),
}


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


def expiry_date(contract: Contract, instrument: Instrument) -> date:
    """The last trading day of `contract`, a trading date, by the `expiry` rule of its instrument.

    - `third_friday` (index futures): the third Friday, or the business day before it.
    - `third_last_business_day` (GC, SI): of the delivery month.
    - `crude_oil` (CL): three business days before the 25th of the month before delivery, or before the last business
      day that precedes the 25th where that is none.
    - `natural_gas` (NG): the third last business day of the month before delivery.
    - `seventh_last_business_day` (ZN, ZB): seven business days before the last one of the delivery month.
    - `fx_third_wednesday` (6E): the second business day before the third Wednesday.
    - `grains_mid_month` (ZC, ZS, ZW): the business day before the 15th.
    - `last_business_day` (ZT, ZF), `last_business_day_prior_month` (RB, HO), `last_friday` (BTC): as they say.

    Raises `InstrumentError` where the instrument has no rule.
    """
    if instrument.expiry is None:
        raise InstrumentError(
            f"{instrument.symbol}: no expiry rule, so the last trading day of {contract} is not known; "
            f"write expiry = one of {', '.join(_RULES)} into its definition, or roll by volume"
        )
    anchor, business_days_earlier = _RULES[instrument.expiry]
    return business_day_before(anchor(contract.year, contract.month), business_days_earlier, instrument)
