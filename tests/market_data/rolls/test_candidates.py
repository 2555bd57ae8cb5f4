"""Roll dates are facts of the contracts: which timeframes their bars are of decides nothing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments, RollRule
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.sessions import session_bounds
from tests.market_data.rolls.expiring_market import (
    BY_DATE,
    BY_OPEN_INTEREST,
    NQ,
    bars_of,
    daily_bars_of,
    december_roll,
    level,
    us,
    weekdays,
)

DAYS = weekdays("2025-12-08", 10)


def fine(code: str, volumes: dict[date, float], *, factor: float = 1.0) -> BarSeries:
    """Half-hourly bars over the last four hours of each session."""
    ends, rows = [], []
    for day, total in volumes.items():
        close = session_bounds(day, NQ)[1]
        for number in range(8):
            end = close - (7 - number) * 1_800_000_000
            price = factor * level(end)
            ends.append(end)
            rows.append([price - 1, price + 3, price - 2, price, total / 8, *[np.nan] * 3])
    return BarSeries(symbol=code, timeframe_seconds=1800, bar_end=np.array(ends), values=np.array(rows))


def test_fine_bars_that_begin_late_do_not_hide_what_coarse_ones_say_of_earlier_sessions() -> None:
    both = december_roll()
    late = {code: fine(code, dict.fromkeys(DAYS[8:], 1e5)) for code in both}
    (roll,) = build_schedule({code: [late[code], both[code]] for code in both}, NQ).rolls
    assert roll.first_session == date(2025, 12, 16)
    assert roll.reason.endswith("NQH26 450,000, NQZ25 100,000")


def test_of_two_timeframes_the_one_that_has_more_of_a_session_counts() -> None:
    both = december_roll()
    cut = {code: series.slice(3, len(series)) for code, series in both.items()}  # begins in the first session
    whole = build_schedule(both, NQ)
    assert build_schedule({code: [cut[code], both[code]] for code in both}, NQ).rolls == whole.rolls


def test_a_contract_of_which_there_are_daily_bars_only_is_left_when_they_are_known() -> None:
    hourly, daily = december_roll(), december_roll(daily_bars_of)
    (roll,) = build_schedule({"NQZ25": daily["NQZ25"], "NQH26": hourly["NQH26"]}, NQ).rolls
    assert roll.first_session == date(2025, 12, 16)
    assert roll.decided_us == us("2025-12-16T00:00")
    assert roll.prices is None  # a settlement and an hourly close at the same moment are not the same price


def test_the_whole_markets_volume_in_daily_bars_does_not_count_beside_the_contracts_own() -> None:
    market = dict.fromkeys(DAYS, 5e6)
    both = december_roll()
    with_daily = {code: [series, daily_bars_of(code, market)] for code, series in both.items()}
    assert build_schedule(with_daily, NQ).rolls == build_schedule(both, NQ).rolls


def test_open_interest_comes_from_the_bars_that_state_it() -> None:
    old, new = dict.fromkeys(DAYS, 200.0), {day: 300.0 if day >= DAYS[3] else 100.0 for day in DAYS}
    contracts = {
        code: [bars_of(code, old), daily_bars_of(code, old, open_interest=interest)]
        for code, interest in (("NQZ25", old), ("NQH26", new))
    }
    (roll,) = build_schedule(contracts, NQ, rule=BY_OPEN_INTEREST).rolls
    assert roll.decided_us == us("2025-12-12T22:00")  # published during Friday, decided at its close
    assert roll.first_session == date(2025, 12, 15)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    rule=st.sampled_from([RollRule(by="volume"), BY_DATE]),
    cut=st.floats(0, 1),
    dated=st.booleans(),
)
def test_what_was_decided_by_a_moment_is_the_same_when_seen_from_later(
    seed: int, rule: RollRule, cut: float, dated: bool
) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    days = weekdays("2025-12-08", 16)
    contracts: dict[str, list[BarSeries]] = {}
    for code in ("NQZ25", "NQH26", "NQM26"):
        figures = {day: float(rng.integers(1, 2**40)) for day in days if rng.random() > 0.4}
        made = [make(code, figures) for make in (fine, bars_of, daily_bars_of) if rng.random() < 0.6]
        contracts[code] = made or [bars_of(code, figures)]
    instrument = NQ if dated or rule is BY_DATE else NQ.model_copy(update={"expiry": None})
    ends = np.concatenate([one.bar_end for several in contracts.values() for one in several])
    first, last = int(ends.min()), us("2026-01-20T00:00")
    moment = int(first + cut * (last - first))
    full = build_schedule(contracts, instrument, rule=rule, as_of_us=last)
    known = {code: [one.up_to(moment) for one in several] for code, several in contracts.items()}
    then = build_schedule(known, instrument, rule=rule, as_of_us=moment)
    assert then.rolls == tuple(roll for roll in full.rolls if roll.decided_us <= moment)


class TestWithoutAnExpiryRule:
    UNDATED = NQ.model_copy(update={"expiry": None})

    def test_a_contract_whose_bars_have_ended_is_left_after_five_sessions_of_the_next(self) -> None:
        contracts = {
            "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS[:4], 90.0)),
            "NQH26": bars_of("NQH26", dict.fromkeys(DAYS[2:], 60.0)),
        }
        (roll,) = build_schedule(contracts, self.UNDATED).rolls
        assert roll.first_session == DAYS[9]
        assert roll.reason == (
            f"NQZ25 has ended, it seems: up to {DAYS[8]} 5 sessions in a row have bars of NQH26 only, and NQ has no "
            "expiry rule that says its last day"
        )
        assert roll.prices is not None
        assert roll.prices.at_us == session_bounds(DAYS[3], NQ)[1]  # the last bar that both have

    def test_a_hole_of_four_sessions_is_no_end(self) -> None:
        contracts = {
            "NQZ25": bars_of("NQZ25", dict.fromkeys([*DAYS[:3], *DAYS[7:]], 90.0)),
            "NQH26": bars_of("NQH26", dict.fromkeys(DAYS, 60.0)),
        }
        assert build_schedule(contracts, self.UNDATED).rolls == ()

    def test_where_nothing_trades_nothing_has_ended(self) -> None:
        contracts = {
            "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS[:3], 90.0)),
            "NQH26": bars_of("NQH26", dict.fromkeys(DAYS[:5], 60.0)),
        }
        assert build_schedule(contracts, self.UNDATED, as_of_us=us("2026-02-01T00:00")).rolls == ()


@pytest.mark.parametrize(
    ("old", "new", "old_until", "held"),
    [
        ("6CH25", "6CM25", date(2025, 3, 18), date(2025, 3, 17)),
        ("HEZ25", "HEG26", date(2025, 12, 12), date(2025, 12, 11)),
        ("MCLX25", "MCLZ25", date(2025, 10, 20), date(2025, 10, 17)),
    ],
)
def test_a_built_in_future_is_left_before_it_ends(
    instruments: Instruments, old: str, new: str, old_until: date, held: date
) -> None:
    instrument = instruments.find(old)
    days = [day for day in weekdays("2025-01-06", 270) if (old_until - day).days in range(-20, 40)]
    traded = {}
    for code, volume, until in ((old, 90_000.0, old_until), (new, 60_000.0, date.max)):
        ends = [us(f"{day}T18:00") for day in days if day <= until]
        values = np.full((len(ends), 8), np.nan)
        values[:, :4], values[:, 4] = 70.0, volume
        traded[code] = BarSeries(symbol=code, timeframe_seconds=3600, bar_end=np.array(ends), values=values)
    (roll,) = build_schedule(traded, instrument).rolls
    assert (roll.from_contract, roll.to_contract) == (old, new)
    assert roll.reason.startswith(f"date: {held} is 1 business day before the last trading day of {old}")


def test_a_series_that_is_held_for_too_long_says_so() -> None:
    contracts = {"NQZ25": bars_of("NQZ25", dict.fromkeys([*DAYS, date(2025, 12, 22)], 7.0))}
    schedule = build_schedule(contracts, NQ)
    assert schedule.overdue == date(2025, 12, 19)
    assert schedule.words == (
        "no roll, all of NQZ25",
        "WARNING: NQZ25 is held for too long: the latest day to hold it was 2025-12-19, and no later expiry of NQ is "
        "there; take its bars in",
    )
    on_the_day = build_schedule(contracts, NQ, as_of_us=us("2025-12-19T22:00"))
    assert (on_the_day.overdue, on_the_day.words) == (None, ("no roll, all of NQZ25",))


def test_rolls_are_told_in_one_line() -> None:
    assert build_schedule(december_roll(), NQ).words == ("NQZ25 to NQH26 on 2025-12-16",)
