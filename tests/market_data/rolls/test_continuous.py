from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.bars import BarSeries
from minhos.market_data.rolls.continuous import ADJUSTMENTS, Adjustment, ContinuousSeries, continuous
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.rolls.schedule import RollSchedule
from tests.market_data.rolls.expiring_market import (
    BY_DATE,
    DAY_US,
    NQ,
    bars_of,
    daily_bars_of,
    december_roll,
    level,
    us,
    weekdays,
)

DAYS = weekdays("2025-12-08", 10)
ROLL_BAR_END = us("2025-12-16T16:00")  # the first bar of the session of the 16th, six hours before its close
LAST_OLD_END = us("2025-12-15T22:00")


def december(adjustment: Adjustment, contracts: dict[str, BarSeries] | None = None) -> ContinuousSeries:
    contracts = contracts or december_roll()
    return continuous(contracts, build_schedule(contracts, NQ), adjustment=adjustment, symbol="NQ")


def two_rolls(seed: int, *, daily: bool = False) -> tuple[dict[str, BarSeries], RollSchedule]:
    """Three expiries with prices of their own that all trade in every session, and their two rolls by volume."""
    rng = np.random.Generator(np.random.PCG64(seed))
    days = weekdays("2025-12-01", 80)
    make = daily_bars_of if daily else bars_of
    contracts: dict[str, BarSeries] = {}
    for code, last in (("NQZ25", "2025-12-12"), ("NQH26", "2026-03-10"), ("NQM26", "2026-12-31")):
        front_until = date.fromisoformat(last)
        volumes = {day: (1e6 if day <= front_until else 1e3) / (1 + len(contracts)) for day in days}
        series = make(code, volumes)
        values = series.values.copy()
        values[:, :4] *= np.exp(np.cumsum(rng.normal(0, 0.01, len(series))))[:, np.newaxis]
        contracts[code] = BarSeries(
            symbol=code, timeframe_seconds=series.timeframe_seconds, bar_end=series.bar_end, values=values
        )
    return contracts, build_schedule(contracts, NQ)


def own_change(contracts: dict[str, BarSeries], made: ContinuousSeries, *, logs: bool) -> np.ndarray:
    """What each bar's own contract did since that contract's bar before it, float64 [T], NaN first."""
    changes = np.full(len(made.series), np.nan)
    for row in range(1, len(made.series)):
        series = contracts[made.schedule.held[made.contract[row]]]
        place = int(np.searchsorted(series.bar_end, made.series.bar_end[row]))
        old, new = series.column("close")[place - 1 : place + 1]
        changes[row] = np.log(new / old) if logs else new - old
    return changes


def test_each_bar_is_of_the_contract_that_was_held_when_it_ended() -> None:
    made = december("none")
    row = int(np.flatnonzero(made.roll_bar)[0])
    assert made.roll_bar.sum() == 1
    assert made.series.bar_end[row - 1 : row + 1].tolist() == [LAST_OLD_END, ROLL_BAR_END]
    assert made.contract.tolist() == [0] * row + [1] * (len(made.series) - row)
    assert made.schedule.held == ("NQZ25", "NQH26")
    closes = made.series.column("close")
    assert closes[row - 1 : row + 1].tolist() == [level(LAST_OLD_END), 1.01 * level(ROLL_BAR_END)]
    assert made.series.symbol == "NQ"


def test_a_bar_that_ends_at_the_open_is_of_the_old_contract_and_one_that_runs_over_it_of_the_new() -> None:
    opening = us("2025-12-15T23:00")
    contracts = december_roll()
    schedule = build_schedule(contracts, NQ)
    for end, holder in ((opening, 0), (opening + 1, 1)):
        moved = {}
        for code, series in contracts.items():
            ends = np.where(series.bar_end == ROLL_BAR_END, end, series.bar_end)
            moved[code] = BarSeries(symbol=code, timeframe_seconds=3600, bar_end=ends, values=series.values)
        made = continuous(moved, schedule, adjustment="none", symbol="NQ")
        assert made.contract[made.series.bar_end == end].tolist() == [holder]


def test_a_ratio_multiplies_all_prices_and_no_volumes() -> None:
    made = december("ratio")
    row = int(np.flatnonzero(made.roll_bar)[0])
    raw, adjusted = made.unadjusted.values, made.series.values
    np.testing.assert_allclose(adjusted[:row, :4], 1.01 * raw[:row, :4], rtol=1e-14)
    np.testing.assert_array_equal(adjusted[row:, :4], raw[row:, :4])
    np.testing.assert_array_equal(adjusted[:, 4:], raw[:, 4:])


def test_a_difference_shifts_all_prices() -> None:
    made = december("difference")
    row = int(np.flatnonzero(made.roll_bar)[0])
    raw, adjusted = made.unadjusted.values, made.series.values
    step = 1.01 * level(LAST_OLD_END) - level(LAST_OLD_END)
    np.testing.assert_allclose(adjusted[:row, :4], raw[:row, :4] + step, rtol=1e-14)
    np.testing.assert_array_equal(adjusted[row:], raw[row:])


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_the_roll_is_no_return_for_any_adjustment(adjustment: Adjustment) -> None:
    made = december(adjustment)
    own = np.log(level(ROLL_BAR_END) / level(LAST_OLD_END))
    assert made.log_returns()[made.roll_bar] == pytest.approx([own], abs=1e-14)
    assert made.returns()[made.roll_bar] == pytest.approx([np.expm1(own)], abs=1e-14)
    change = 1.01 * (level(ROLL_BAR_END) - level(LAST_OLD_END))
    assert made.price_changes()[made.roll_bar] == pytest.approx([change], abs=1e-9)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), daily=st.booleans())
def test_all_returns_and_changes_are_the_own_contracts(seed: int, daily: bool) -> None:
    contracts, schedule = two_rolls(seed, daily=daily)
    assert schedule.held == ("NQZ25", "NQH26", "NQM26")
    made = {name: continuous(contracts, schedule, adjustment=name, symbol="NQ") for name in ADJUSTMENTS}
    own_logs, own_changes = (own_change(contracts, made["ratio"], logs=logs) for logs in (True, False))
    for series in made.values():
        np.testing.assert_allclose(series.log_returns(), own_logs, atol=1e-12)
        np.testing.assert_allclose(series.price_changes(), own_changes, atol=1e-8)
    np.testing.assert_allclose(np.diff(np.log(made["ratio"].series.column("close"))), own_logs[1:], atol=1e-12)
    np.testing.assert_allclose(np.diff(made["difference"].series.column("close")), own_changes[1:], atol=1e-8)
    newest = made["ratio"].contract == 2
    np.testing.assert_array_equal(made["ratio"].series.values[newest], made["none"].series.values[newest])


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1), daily=st.booleans(), cut=st.floats(0, 1), adjustment=st.sampled_from(ADJUSTMENTS)
)
def test_what_was_known_at_a_moment_is_the_beginning_of_what_is_known_later(
    seed: int, daily: bool, cut: float, adjustment: Adjustment
) -> None:
    contracts, schedule = two_rolls(seed, daily=daily)
    full = continuous(contracts, schedule, adjustment=adjustment, symbol="NQ")
    first, last = int(full.series.bar_end[0]), int(full.series.bar_end[-1])
    moment = int(first + cut * (last - first))
    then = continuous(contracts, schedule, adjustment=adjustment, symbol="NQ", as_of_us=moment)
    known = {code: series.up_to(moment) for code, series in contracts.items()}
    from_known = continuous(
        known, build_schedule(known, NQ, as_of_us=moment), adjustment=adjustment, symbol="NQ", as_of_us=moment
    )
    rows = len(then.series)
    assert rows == np.searchsorted(full.series.bar_end, moment, side="right")
    np.testing.assert_array_equal(from_known.series.values, then.series.values)
    np.testing.assert_array_equal(then.contract, full.contract[:rows])
    np.testing.assert_array_equal(then.roll_bar, full.roll_bar[:rows])
    np.testing.assert_array_equal(then.log_returns(), full.log_returns()[:rows])
    np.testing.assert_array_equal(then.unadjusted.values, full.unadjusted.values[:rows])
    # nothing that came later moves its levels: its newest contract is as traded
    newest = then.contract == len(then.schedule.held) - 1
    np.testing.assert_array_equal(then.series.values[newest], then.unadjusted.values[newest])


def test_a_roll_that_had_not_happened_moves_no_price() -> None:
    contracts = december_roll()
    schedule = build_schedule(contracts, NQ)
    before = continuous(contracts, schedule, adjustment="ratio", symbol="NQ", as_of_us=us("2025-12-15T22:59"))
    assert before.schedule.rolls == ()
    np.testing.assert_array_equal(before.series.values, before.unadjusted.values)
    opened = continuous(contracts, schedule, adjustment="ratio", symbol="NQ", as_of_us=us("2025-12-15T23:00"))
    assert not opened.roll_bar.any()  # NQH26 is held, and has no bar yet
    np.testing.assert_allclose(opened.series.column("close"), 1.01 * before.series.column("close"), rtol=1e-14)


def test_a_market_that_moved_after_the_last_common_bar_is_not_counted_twice() -> None:
    contracts = december_roll()
    thin = contracts["NQH26"]
    keep = thin.bar_end != LAST_OLD_END  # NQH26 did not trade in the last hour before the roll
    contracts["NQH26"] = BarSeries(
        symbol="NQH26", timeframe_seconds=3600, bar_end=thin.bar_end[keep], values=thin.values[keep]
    )
    made = december("ratio", contracts)
    assert made.schedule.rolls[0].prices is not None
    assert made.schedule.rolls[0].prices.at_us == us("2025-12-15T21:00")
    total = np.nansum(made.log_returns())
    assert total == pytest.approx(np.log(level(int(made.series.bar_end[-1])) / level(int(made.series.bar_end[0]))))


def test_daily_bars_change_contract_with_the_date_of_an_intraday_schedule() -> None:
    schedule = build_schedule(december_roll(), NQ)
    daily = december_roll(daily_bars_of)
    made = continuous(daily, schedule, adjustment="ratio", symbol="NQ")
    dates = (made.series.bar_end - DAY_US).astype("datetime64[us]").astype("datetime64[D]")
    assert dates[made.roll_bar].tolist() == [date(2025, 12, 16)]
    assert made.schedule.rolls[0].prices is not None
    assert made.schedule.rolls[0].prices.at_us == us("2025-12-16T00:00")  # joined at the daily closes of the 15th
    own = np.log(level(us("2025-12-17T00:00")) / level(us("2025-12-16T00:00")))
    assert made.log_returns()[made.roll_bar] == pytest.approx([own], abs=1e-14)


def test_intraday_bars_follow_a_daily_schedule_from_its_decision_on() -> None:
    schedule = build_schedule(december_roll(daily_bars_of), NQ)
    made = continuous(december_roll(), schedule, adjustment="none", symbol="NQ")
    assert made.series.bar_end[made.roll_bar].tolist() == [ROLL_BAR_END]


def test_without_common_bars_in_this_timeframe_the_schedules_prices_join() -> None:
    schedule = build_schedule(december_roll(daily_bars_of), NQ)
    contracts = december_roll()
    contracts["NQH26"] = contracts["NQH26"].slice(30, 50)
    made = continuous(contracts, schedule, adjustment="ratio", symbol="NQ")
    assert made.schedule.rolls == schedule.rolls
    assert made.series.values[0, 3] == pytest.approx(1.01 * made.unadjusted.values[0, 3])


def test_a_roll_without_prices_joins_unadjusted_bars_only_and_has_no_return() -> None:
    contracts = {
        "NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS[:5], 7.0)),
        "NQH26": bars_of("NQH26", dict.fromkeys(DAYS[6:], 7.0)),
    }
    schedule = build_schedule(contracts, NQ, rule=BY_DATE)
    made = continuous(contracts, schedule, adjustment="none", symbol="NQ")
    assert np.flatnonzero(np.isnan(made.log_returns())).tolist() == [0, *np.flatnonzero(made.roll_bar)]
    words = (
        "NQZ25 and NQH26 have no bar in common before the roll at 2025-12-15T23:00Z.*give bars of NQH26 from before it"
    )
    for adjustment in ("ratio", "difference"):
        with pytest.raises(BadInputError, match=words):
            continuous(contracts, schedule, adjustment=adjustment, symbol="NQ")


def test_a_contract_that_was_held_without_a_bar_leaves_both_its_steps_out_of_the_return() -> None:
    contracts, schedule = two_rolls(1)
    common = contracts["NQH26"].bar_end <= schedule.rolls[0].decided_us
    contracts["NQH26"] = contracts["NQH26"].slice(0, int(common.sum()))
    made = continuous(contracts, schedule, adjustment="ratio", symbol="NQ")
    (row,) = np.flatnonzero(made.roll_bar)
    assert made.contract[row - 1 : row + 1].tolist() == [0, 2]
    closes = np.log(made.series.column("close"))
    np.testing.assert_allclose(made.log_returns()[1:], np.diff(closes), atol=1e-12)


def _negative() -> dict[str, BarSeries]:
    """NQZ25 at 20, but -37.63 at one close; NQH26 at 25."""
    bad = us("2025-12-10T22:00")
    old = bars_of("NQZ25", dict.fromkeys(DAYS, 7.0), price=lambda end: -37.63 if end == bad else 20.0)
    return {"NQZ25": old, "NQH26": bars_of("NQH26", dict.fromkeys(DAYS, 7.0), price=lambda end: 25.0)}


def test_prices_below_zero_are_adjusted_by_difference_only() -> None:
    contracts = _negative()
    schedule = build_schedule(contracts, NQ, rule=BY_DATE)
    made = continuous(contracts, schedule, adjustment="difference", symbol="CL")
    assert made.series.column("close").min() == pytest.approx(5.0 - 37.63)
    assert np.nansum(made.price_changes()) == 0.0
    with pytest.raises(
        BadInputError,
        match=r"CL: a price of -39.63 at 2025-12-10T22:00Z has no ratio to another, .* use adjustment=.difference",
    ):
        continuous(contracts, schedule, adjustment="ratio", symbol="CL")
    with pytest.raises(
        BadInputError, match=r"CL: close -37.63 at 2025-12-10T22:00Z has no log return; use price_changes"
    ):
        made.log_returns()


def test_open_interest_is_each_contracts_own() -> None:
    interest = {day: float(number) for number, day in enumerate(DAYS, start=1)}
    contracts = {
        code: daily_bars_of(code, interest, open_interest={day: value + shift for day, value in interest.items()})
        for code, shift in (("NQZ25", 0.0), ("NQH26", 100.0))
    }
    made = continuous(contracts, build_schedule(contracts, NQ, rule=BY_DATE), adjustment="ratio", symbol="NQ")
    assert made.series.open_interest is not None
    assert made.series.open_interest.tolist() == [1, 2, 3, 4, 5, 6, 107, 108, 109, 110]


def test_one_contract_alone_is_a_continuous_series() -> None:
    contracts = {"NQZ25": bars_of("NQZ25", dict.fromkeys(DAYS, 7.0))}
    made = december("ratio", contracts)
    assert not made.roll_bar.any()
    np.testing.assert_array_equal(made.series.values, contracts["NQZ25"].values)


def test_what_cannot_be_joined_is_refused_in_words() -> None:
    contracts = december_roll()
    schedule = build_schedule(contracts, NQ)
    with pytest.raises(ConfigError, match="adjustment 'Ratio' is not known; allowed are none, difference, ratio"):
        continuous(contracts, schedule, adjustment="Ratio", symbol="NQ")  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="NQ: no bars of NQZ25, which the schedule holds"):
        continuous({"NQH26": contracts["NQH26"]}, schedule, adjustment="none", symbol="NQ")
    with pytest.raises(BadInputError, match="NQ: no bars in the time the schedule holds each contract"):
        continuous(contracts, schedule, adjustment="none", symbol="NQ", as_of_us=us("2025-12-01T00:00"))
    mixed = contracts | {"NQH26": december_roll(daily_bars_of)["NQH26"]}
    with pytest.raises(BadInputError, match="contracts of different timeframes"):
        continuous(mixed, schedule, adjustment="none", symbol="NQ")
