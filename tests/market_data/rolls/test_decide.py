from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import RollRule
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.rolls.schedule import RollPrices
from tests.market_data.rolls.expiring_market import (
    BY_DATE,
    BY_OPEN_INTEREST,
    BY_VOLUME,
    NQ,
    bars_of,
    daily_bars_of,
    december_roll,
    level,
    us,
    weekdays,
)

DAYS = weekdays("2025-12-08", 10)


def test_volume_rolls_at_the_open_after_the_session_in_which_it_crossed() -> None:
    schedule = build_schedule(december_roll(), NQ)
    (roll,) = schedule.rolls
    assert (roll.from_contract, roll.to_contract, roll.first_session) == ("NQZ25", "NQH26", date(2025, 12, 16))
    assert roll.decided_us == us("2025-12-15T22:00")  # 16:00 Chicago, the close
    assert roll.effective_us == us("2025-12-15T23:00")  # 17:00 Chicago, the next open
    assert roll.reason == "volume as known after the session of 2025-12-15: NQH26 450,000, NQZ25 100,000"
    close = level(us("2025-12-15T22:00"))
    assert roll.prices == RollPrices(at_us=us("2025-12-15T22:00"), price_from=close, price_to=1.01 * close)
    assert (schedule.first_contract, schedule.contracts, schedule.instrument) == ("NQZ25", ("NQZ25", "NQH26"), "NQ")
    assert schedule.as_of_us == us("2025-12-19T22:00")


def test_daily_bars_decide_at_the_midnight_that_they_are_stamped_with() -> None:
    (roll,) = build_schedule(december_roll(daily_bars_of), NQ).rolls
    assert roll.first_session == date(2025, 12, 16)
    # its session opened at 23:00, when the daily bar of the 15th was not known yet
    assert roll.decided_us == roll.effective_us == us("2025-12-16T00:00")


def test_a_friday_takes_effect_on_sunday_evening() -> None:
    friday = date(2025, 12, 12)
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS, 10.0)),
        "NQH26": bars_of("NQH26", {day: 20.0 if day == friday else 5.0 for day in DAYS}),
    }
    (roll,) = build_schedule(contracts, NQ).rolls
    assert (roll.first_session, roll.effective_us) == (date(2025, 12, 15), us("2025-12-14T23:00"))


def test_a_session_that_is_not_over_decides_nothing() -> None:
    contracts = december_roll()
    before_the_close = us("2025-12-15T21:59")
    assert build_schedule(contracts, NQ, as_of_us=before_the_close).rolls == ()
    assert len(build_schedule(contracts, NQ, as_of_us=us("2025-12-15T22:00")).rolls) == 1


def test_a_roll_is_known_between_the_close_and_the_open() -> None:
    schedule = build_schedule(december_roll(), NQ, as_of_us=us("2025-12-15T22:30"))
    assert schedule.contract_at(us("2025-12-15T22:59")) == "NQZ25"
    assert schedule.contract_at(us("2025-12-15T23:00")) == "NQH26"


def test_several_sessions_in_a_row_may_be_asked_for() -> None:
    rule = RollRule(by="volume", confirm_sessions=3)
    (roll,) = build_schedule(december_roll(), NQ, rule=rule).rolls
    assert roll.first_session == date(2025, 12, 18)
    assert roll.reason.endswith("more for 3 sessions in a row")


def test_a_session_in_between_starts_the_count_again() -> None:
    volume = [5.0, 20.0, 5.0, 20.0, 20.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS, 10.0)),
        "NQH26": bars_of("NQH26", dict(zip(DAYS, volume, strict=True))),
    }
    (roll,) = build_schedule(contracts, NQ, rule=RollRule(by="volume", confirm_sessions=2)).rolls
    assert roll.first_session == DAYS[5]


def test_it_never_goes_back_when_the_old_contract_is_traded_more_again() -> None:
    volume = [5.0, 20.0, *[5.0] * 8]
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS, 10.0)),
        "NQH26": bars_of("NQH26", dict(zip(DAYS, volume, strict=True))),
    }
    assert build_schedule(contracts, NQ).held == ("NQZ25", "NQH26")


def test_the_last_trading_day_rolls_when_volume_has_not() -> None:
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS, 10.0)),
        "NQH26": bars_of("NQH26", dict.fromkeys([*DAYS, date(2025, 12, 22)], 5.0)),
    }
    (roll,) = build_schedule(contracts, NQ).rolls
    assert roll.first_session == date(2025, 12, 22)
    assert roll.reason == "date: 2025-12-19 is the last trading day of NQZ25; volume had not decided"


def test_a_date_rule_rolls_business_days_before_the_last_trading_day() -> None:
    contracts = {code: bars_of(code, dict.fromkeys(DAYS, 1.0)) for code in ("NQZ25", "NQH26")}
    (roll,) = build_schedule(contracts, NQ, rule=BY_DATE).rolls
    assert (roll.first_session, roll.effective_us) == (date(2025, 12, 16), us("2025-12-15T23:00"))
    assert roll.reason == "date: 2025-12-15 is 4 business days before the last trading day of NQZ25"


def test_a_date_rule_may_count_back_from_first_notice_day() -> None:
    days = weekdays("2025-11-17", 15)
    contracts = {code: bars_of(code, dict.fromkeys(days, 1.0)) for code in ("NQZ25", "NQH26")}
    (roll,) = build_schedule(contracts, NQ, rule=RollRule(by="date", business_days_before_first_notice=2)).rolls
    assert roll.first_session == date(2025, 11, 27)  # first notice day is Friday the 28th
    assert roll.reason == "date: 2025-11-26 is 2 business days before the first notice day of NQZ25"


def test_a_date_rule_needs_neither_volume_nor_bars_on_its_day() -> None:
    days = [day for day in DAYS if day != date(2025, 12, 15)]
    contracts = {code: daily_bars_of(code, dict.fromkeys(days, np.nan)) for code in ("NQZ25", "NQH26")}
    (roll,) = build_schedule(contracts, NQ, rule=BY_DATE).rolls
    assert roll.first_session == date(2025, 12, 16)
    assert roll.prices is not None
    assert roll.prices.at_us == us("2025-12-13T00:00")  # Friday's bar


def test_open_interest_decides_a_session_later_because_it_is_published_on_the_next_day() -> None:
    old = dict.fromkeys(DAYS, 200.0)
    new = {day: 300.0 if day >= date(2025, 12, 11) else 100.0 for day in DAYS}
    contracts = {
        "NQZ25": daily_bars_of("NQZ25", old, open_interest=old),
        "NQH26": daily_bars_of("NQH26", old, open_interest=new),
    }
    (roll,) = build_schedule(contracts, NQ, rule=BY_OPEN_INTEREST).rolls
    assert roll.decided_us == us("2025-12-13T00:00")  # figure of Thursday, published on Friday the 12th
    assert roll.first_session == date(2025, 12, 15)
    assert roll.reason.startswith("open interest as known after the session of 2025-12-12: NQH26 300, NQZ25 200")


def test_an_open_interest_of_zero_is_one_that_is_not_known_yet() -> None:
    interest = {day: 200.0 if number < 3 else 0.0 for number, day in enumerate(DAYS)}
    contracts = {
        "NQZ25": daily_bars_of("NQZ25", interest, open_interest=interest),
        "NQH26": daily_bars_of("NQH26", interest, open_interest=dict.fromkeys(DAYS, 100.0)),
    }
    (roll,) = build_schedule(contracts, NQ, rule=BY_OPEN_INTEREST, as_of_us=us("2025-12-21T00:00")).rolls
    assert roll.reason.startswith("date: 2025-12-19")


def test_a_hole_in_the_front_contract_is_no_reason_to_roll() -> None:
    contracts = {
        "NQZ25": bars_of("NQZ25", {day: 400.0 for day in DAYS if day != DAYS[2]}),
        "NQH26": bars_of("NQH26", dict.fromkeys(DAYS, 5.0)),
    }
    (roll,) = build_schedule(contracts, NQ).rolls
    assert roll.reason.startswith("date")


def test_a_hole_right_after_a_roll_is_no_reason_for_the_next_one() -> None:
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS, 10.0)),
        "NQH26": bars_of("NQH26", {day: 20.0 for day in DAYS if day != DAYS[1]}),
        "NQM26": bars_of("NQM26", dict.fromkeys(DAYS, 15.0)),
    }
    assert build_schedule(contracts, NQ).held == ("NQZ25", "NQH26")


def test_a_front_file_that_ends_early_is_left_once_the_next_is_traded_more_than_it_was() -> None:
    volumes = [5.0, 50.0, 200.0, 450.0, *[500.0] * 6]
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS[:2], 400.0)),
        "NQH26": bars_of("NQH26", dict(zip(DAYS, volumes, strict=True))),
    }
    (roll,) = build_schedule(contracts, NQ).rolls
    assert roll.first_session == DAYS[4]
    assert roll.prices is not None
    assert roll.prices.at_us == us("2025-12-09T22:00")  # the last bar that both have


def test_what_ends_after_the_close_is_not_counted_in_what_is_decided_at_it() -> None:
    contracts = december_roll()
    late = contracts["NQH26"]
    friday_break = int(np.searchsorted(late.bar_end, us("2025-12-12T22:00")))
    ends, values = late.bar_end.copy(), late.values.copy()
    ends[friday_break] = us("2025-12-12T22:15")  # an hourly bar cut by charts, running over the close
    values[friday_break, 4] = 9e9
    contracts["NQH26"] = BarSeries(symbol="NQH26", timeframe_seconds=3600, bar_end=ends, values=values)
    assert build_schedule(contracts, NQ).rolls[0].first_session == date(2025, 12, 16)


def test_the_first_contract_is_the_front_month_whatever_is_traded_more() -> None:
    volumes = {"NQM26": 9.0, "NQH26": 3.0, "NQZ25": 4.0, "NQU25": 1.0}
    contracts = {code: bars_of(code, dict.fromkeys(DAYS[:3], volume)) for code, volume in volumes.items()}
    schedule = build_schedule(contracts, NQ)
    assert schedule.contracts == ("NQU25", "NQZ25", "NQH26", "NQM26")
    assert (schedule.first_contract, schedule.rolls) == ("NQZ25", ())  # NQU25 ended in September


def test_a_contract_is_held_on_its_last_trading_day() -> None:
    contracts = {code: bars_of(code, {date(2025, 12, 19): 7.0}) for code in ("NQZ25", "NQH26")}
    schedule = build_schedule(contracts, NQ)
    assert schedule.held == ("NQZ25", "NQH26")
    assert schedule.rolls[0].first_session == date(2025, 12, 22)


def test_one_contract_alone_is_held_to_the_end() -> None:
    schedule = build_schedule({"NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS, 7.0))}, NQ)
    assert schedule.held == ("NQZ25",)


def test_an_expiry_that_is_missing_is_said() -> None:
    contracts = {code: bars_of(code, dict.fromkeys(DAYS, 7.0)) for code in ("NQZ25", "NQM26")}
    (roll,) = build_schedule(contracts, NQ, rule=RollRule(by="date", business_days_before_expiry=1)).rolls
    assert roll.reason.endswith(
        "1 business day before the last trading day of NQZ25; NQH26, the next expiry, was not given"
    )


def test_months_that_are_not_held_are_left_out() -> None:
    contracts = {code: bars_of(code, dict.fromkeys(DAYS, 7.0)) for code in ("NQZ25", "NQF26", "NQH26")}
    schedule = build_schedule(contracts, NQ, rule=BY_DATE)
    assert schedule.contracts == ("NQZ25", "NQH26")


def test_without_a_bar_in_common_a_roll_has_no_prices() -> None:
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS[:5], 7.0)),
        "NQH26": bars_of("NQH26", dict.fromkeys(DAYS[6:], 7.0)),
    }
    (roll,) = build_schedule(contracts, NQ, rule=BY_DATE).rolls
    assert roll.prices is None


def test_codes_with_one_digit_years_and_cqgs_roots_are_understood() -> None:
    contracts = december_roll()
    renamed = {"ENQZ5": contracts["NQZ25"], "NQH6": contracts["NQH26"]}
    assert build_schedule(renamed, NQ).held == ("ENQZ5", "NQH6")


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    holes=st.sampled_from([0.0, 0.3, 0.9]),
    daily=st.booleans(),
    rule=st.sampled_from([BY_VOLUME, BY_OPEN_INTEREST, BY_DATE, RollRule(by="volume", confirm_sessions=2)]),
    cut=st.floats(0, 1),
)
def test_what_was_decided_by_a_moment_is_the_same_when_seen_from_later(
    seed: int, holes: float, daily: bool, rule: RollRule, cut: float
) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    days = weekdays("2025-12-11", 16)  # over the last trading day of December
    make = daily_bars_of if daily else bars_of
    contracts = {}
    for code in ("NQZ25", "NQH26", "NQM26"):
        figures = {day: float(rng.integers(1, 2**40)) for day in days if rng.random() >= holes}
        contracts[code] = make(code, figures, open_interest=figures)
    assume(any(len(series) for series in contracts.values()))
    first, last = min(s.bar_end[0] for s in contracts.values() if len(s)), us("2026-01-09T00:00")
    moment = int(first + cut * (last - first))

    full = build_schedule(contracts, NQ, rule=rule, as_of_us=last)
    known = {code: series.up_to(moment) for code, series in contracts.items()}
    then = build_schedule(known, NQ, rule=rule, as_of_us=moment)
    assert then.rolls == tuple(roll for roll in full.rolls if roll.decided_us <= moment)
    assert then.first_contract == full.first_contract
    assert all(roll.prices is None or roll.prices.at_us <= roll.decided_us <= roll.effective_us for roll in full.rolls)
    assert full.contract_at(us("2025-12-22T00:00")) != "NQZ25"  # never beyond its last trading day


@given(crossing=st.integers(0, 9), confirm=st.integers(1, 3))
def test_the_planted_crossing_is_found(crossing: int, confirm: int) -> None:
    contracts = {
        "NQZ25": bars_of("NQZ25", {day: 100.0 - number for number, day in enumerate(DAYS)}),
        "NQH26": bars_of("NQH26", {day: 200.0 if number >= crossing else 10.0 for number, day in enumerate(DAYS)}),
    }
    (roll,) = build_schedule(contracts, NQ, rule=RollRule(by="volume", confirm_sessions=confirm)).rolls
    decided = DAYS[min(crossing + confirm - 1, 9)]  # at the latest on the last trading day, 2025-12-19
    assert roll.first_session == decided + timedelta(days=3 if decided.weekday() == 4 else 1)
