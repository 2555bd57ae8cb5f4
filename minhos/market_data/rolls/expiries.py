"""Dated futures contracts: their month from a code, their last trading day, and the latest day to hold them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.instruments import Instrument, RollRule
from minhos.market_data.rolls.expiry_rules import EXPIRY_RULES, business_day_before, last_day
from minhos.market_data.symbols import contract_code, root_of

__all__ = [
    "Contract",
    "business_day_before",
    "expiry_date",
    "first_notice_day",
    "latest_day_held",
    "parse_contract",
]

_MONTH_CODES = "FGHJKMNQUVXZ"


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


def expiry_date(contract: Contract, instrument: Instrument) -> date:
    """The last trading day of `contract`, a trading date, by the `expiry` rule of its instrument (`EXPIRY_RULES`).

    Raises `InstrumentError` where the instrument has no rule.
    """
    if instrument.expiry is None:
        raise InstrumentError(
            f"{instrument.symbol}: no expiry rule, so the last trading day of {contract} is not known; "
            f"write expiry = one of {', '.join(EXPIRY_RULES)} into its definition, or roll by volume"
        )
    return EXPIRY_RULES[instrument.expiry](contract.year, contract.month, instrument)


def first_notice_day(contract: Contract, instrument: Instrument) -> date:
    """The last business day of the month before delivery: that of Treasuries, metals and grains (CBOT, COMEX, NYMEX).

    Who is long at the close of the business day before it (first position day) may be given the goods.
    """
    return business_day_before(last_day(contract.year, contract.month, months_earlier=1), 0, instrument)


def latest_day_held(contract: Contract, instrument: Instrument, rule: RollRule) -> date:
    """The latest trading date on which a series that rolls by `rule` holds `contract`.

    Raises `InstrumentError` where the instrument has no expiry rule.
    """
    expiry = expiry_date(contract, instrument)
    if rule.business_days_before_first_notice is None:
        return business_day_before(expiry, rule.business_days_before_expiry, instrument)
    notice = first_notice_day(contract, instrument)
    return min(expiry, business_day_before(notice, rule.business_days_before_first_notice, instrument))
