from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.instruments import ExpiryRule, Instruments
from minhos.market_data.rolls.expiries import (
    Contract,
    business_day_before,
    expiry_date,
    first_notice_day,
    latest_day_held,
    parse_contract,
)
from tests.market_data.rolls.expiring_market import NQ

RULES: tuple[ExpiryRule, ...] = get_args(ExpiryRule)


@pytest.mark.parametrize(
    ("code", "around", "contract"),
    [
        ("MNQZ25", date(2025, 12, 1), Contract("MNQ", 2025, 12)),
        ("MNQZ25-CME", date(2025, 12, 1), Contract("MNQ", 2025, 12)),
        ("ESU24_FUT_CME", date(2024, 9, 1), Contract("ES", 2024, 9)),
        ("F.US.EPZ20", date(2020, 12, 1), Contract("EP", 2020, 12)),
        ("6EH26", date(2026, 1, 5), Contract("6E", 2026, 3)),
        ("ESZ2025", date(2013, 1, 1), Contract("ES", 2025, 12)),
        ("CLM4.NYM", date(2014, 5, 19), Contract("CL", 2014, 6)),
        ("CLM4.NYM", date(2023, 6, 1), Contract("CL", 2024, 6)),
        ("CLM4.NYM", date(2019, 1, 2), Contract("CL", 2024, 6)),  # five years either way: listed ahead
        ("ESZ9", date(2010, 1, 4), Contract("ES", 2009, 12)),
        ("ESZ98", date(1998, 10, 1), Contract("ES", 1998, 12)),
    ],
)
def test_a_code_gives_root_month_and_the_year_nearest_to_its_bars(code: str, around: date, contract: Contract) -> None:
    assert parse_contract(code, around) == contract


@pytest.mark.parametrize("code", ["BTCUSDT", "SPY", "NQ", ""])
def test_a_code_without_month_and_year_is_refused(code: str) -> None:
    with pytest.raises(BadInputError, match="no dated contract; a roll needs codes of root, month letter"):
        parse_contract(code, date(2025, 1, 1))


# Last trading days of CME Group's product calendars; for past and future months with a holiday, of its rules
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ESZ25", date(2025, 12, 19)),
        ("NQH26", date(2026, 3, 20)),
        ("ESM26", date(2026, 6, 18)),  # the third Friday is Juneteenth
        ("ESH08", date(2008, 3, 20)),  # the third Friday was Good Friday
        ("CLX25", date(2025, 10, 21)),  # the 25th is a Saturday
        ("CLZ25", date(2025, 11, 20)),
        ("CLF26", date(2025, 12, 19)),  # the 25th is Christmas, in the year before
        ("CLG26", date(2026, 1, 20)),
        ("CLK26", date(2026, 4, 21)),
        ("CLK20", date(2020, 4, 21)),
        ("NGZ25", date(2025, 11, 25)),  # Thanksgiving is no business day, the day after is
        ("NGF26", date(2025, 12, 29)),
        ("NGJ24", date(2024, 3, 26)),  # Good Friday was the 29th
        ("GCZ25", date(2025, 12, 29)),
        ("GCJ26", date(2026, 4, 28)),
        ("SIK26", date(2026, 5, 27)),
        ("ZNZ25", date(2025, 12, 19)),
        ("ZNM26", date(2026, 6, 18)),  # counted over Juneteenth
        ("ZFZ25", date(2025, 12, 31)),
        ("6EZ25", date(2025, 12, 15)),
        ("6EM23", date(2023, 6, 16)),  # Monday is Juneteenth
        ("ZCZ25", date(2025, 12, 12)),
        ("ZCN26", date(2026, 7, 14)),
        ("RBF26", date(2025, 12, 31)),
        ("BTCH24", date(2024, 3, 28)),  # the last Friday was Good Friday
        ("MCLX25", date(2025, 10, 20)),  # a business day before CLX25
        ("QMK20", date(2020, 4, 20)),  # the day on which it settled at -37.63
        ("QMF26", date(2025, 12, 18)),
        ("6CH25", date(2025, 3, 18)),
        ("6CM25", date(2025, 6, 17)),
        ("6CZ25", date(2025, 12, 16)),
        ("HEZ25", date(2025, 12, 12)),
        ("HEJ24", date(2024, 4, 12)),
        ("HEN25", date(2025, 7, 15)),  # counted over Independence Day
        ("GFF15", date(2015, 1, 29)),
        ("GFH24", date(2024, 3, 28)),
        ("GFK24", date(2024, 5, 23)),  # Memorial Day is among the four weekdays before the last Thursday
        ("GFX25", date(2025, 11, 20)),  # the Thursday before Thanksgiving
        ("GFX24", date(2024, 11, 21)),
        ("NKDH25", date(2025, 3, 13)),
        ("NKDZ25", date(2025, 12, 11)),
        ("SR3Z24", date(2025, 3, 18)),  # at the end of its quarter, in the year after
        ("SR3H25", date(2025, 6, 17)),
        ("SR3Z25", date(2026, 3, 17)),
    ],
)
def test_the_last_trading_day_is_the_exchanges(instruments: Instruments, code: str, expected: date) -> None:
    assert expiry_date(parse_contract(code, around=expected), instruments.find(code)) == expected


@given(rule=st.sampled_from(RULES), year=st.integers(1998, 2035), month=st.integers(1, 12))
def test_every_rule_gives_a_business_day_near_the_delivery_month(rule: ExpiryRule, year: int, month: int) -> None:
    expiry = expiry_date(Contract("X", year, month), NQ.model_copy(update={"expiry": rule}))
    assert expiry.weekday() < 5
    assert -40 < (expiry - date(year, month, 1)).days < (112 if rule == "sofr_quarter_end" else 31)


@given(rule=st.sampled_from(RULES), year=st.integers(1998, 2035), months=st.text("FGHJKMNQUVXZ", min_size=1))
def test_later_months_expire_later_and_every_year_has_all_of_them(rule: ExpiryRule, year: int, months: str) -> None:
    instrument = NQ.model_copy(update={"expiry": rule})
    contract = Contract("X", year, 1)
    for _ in set(months):
        following = contract.following(months)
        assert following.delivery > contract.delivery
        assert expiry_date(following, instrument) > expiry_date(contract, instrument)
        contract = following
    assert contract.year in (year, year + 1)


@pytest.mark.parametrize(
    "symbol", ["ZN", "TN", "ZB", "UB", "ZF", "ZT", "GC", "SI", "HG", "PL", "ZC", "ZW", "ZS", "ZM", "ZL"]
)
def test_what_is_delivered_is_never_held_on_its_first_position_day(instruments: Instruments, symbol: str) -> None:
    instrument = instruments.find(symbol)
    assert instrument.roll is not None
    for year in range(2000, 2036):
        for letter in instrument.contract_months:
            contract = Contract(symbol, year, "FGHJKMNQUVXZ".index(letter) + 1)
            notice = first_notice_day(contract, instrument)
            assert 1 <= (date(year, contract.month, 1) - notice).days <= 5
            assert latest_day_held(contract, instrument, instrument.roll) <= business_day_before(notice, 2, instrument)


@pytest.mark.parametrize(
    ("code", "notice", "held_until"),
    [  # CME Group's delivery calendar: first position day, first notice day, first delivery day follow one another
        ("ZNH23", date(2023, 2, 28), date(2023, 2, 24)),
        ("ZFH23", date(2023, 2, 28), date(2023, 2, 24)),
        ("ZNZ25", date(2025, 11, 28), date(2025, 11, 25)),  # Thanksgiving is no business day
        ("UBM26", date(2026, 5, 29), date(2026, 5, 27)),
    ],
)
def test_a_treasury_is_left_two_business_days_before_first_notice(
    instruments: Instruments, code: str, notice: date, held_until: date
) -> None:
    instrument = instruments.find(code)
    contract = parse_contract(code, around=notice)
    assert instrument.roll is not None
    assert first_notice_day(contract, instrument) == notice
    assert latest_day_held(contract, instrument, instrument.roll) == held_until


# their exchange's rule has no name here yet: they roll by volume, or when the bars of one expiry have ended
WITHOUT_A_RULE = {"BZ", "QG", "MNG", "QO", "1OZ", "MTN", "MWN", "10Y"}


def test_every_built_in_future_but_a_few_knows_its_last_trading_day(instruments: Instruments) -> None:
    rolled = [one for one in instruments.by_symbol.values() if one.roll is not None]
    assert {one.symbol for one in rolled if one.expiry is None} == WITHOUT_A_RULE
    assert [one.symbol for one in rolled if not one.contract_months] == []


def test_a_contract_reads_as_its_code() -> None:
    assert str(Contract("MNQ", 2025, 12)) == "MNQZ25"
    assert str(Contract("CL", 2005, 1)) == "CLF05"


def test_business_days_are_counted_without_weekends_and_holidays(instruments: Instruments) -> None:
    friday = date(2025, 12, 19)
    assert business_day_before(friday, 0, NQ) == friday
    assert business_day_before(friday, 4, NQ) == date(2025, 12, 15)
    assert business_day_before(date(2025, 12, 21), 0, NQ) == friday
    assert business_day_before(date(2025, 12, 26), 1, instruments.find("NQ")) == date(2025, 12, 24)


def test_without_a_calendar_every_weekday_is_a_business_day() -> None:
    assert expiry_date(Contract("NQ", 2026, 6), NQ) == date(2026, 6, 19)


@pytest.mark.parametrize("count", [-1, 50])
def test_a_count_of_business_days_out_of_range_is_refused(count: int) -> None:
    words = f"NQ: {count} business days before 2025-12-19 is out of range, allowed are 0 to 44; correct the roll"
    with pytest.raises(BadInputError, match=words):
        business_day_before(date(2025, 12, 19), count, NQ)


def test_an_instrument_without_an_expiry_rule_has_no_last_trading_day() -> None:
    undated = NQ.model_copy(update={"expiry": None})
    with pytest.raises(InstrumentError, match="NQ: no expiry rule, so the last trading day of NQZ25 is not known"):
        expiry_date(Contract("NQ", 2025, 12), undated)
