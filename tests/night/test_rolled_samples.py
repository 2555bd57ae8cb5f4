"""Rolls in the features and backtest steps: every tick and cost is that of the contract as it traded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minhos.errors import NightError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.night_bars import NightBars, write_night_bars
from minhos.market_data.rolls.adjustment import Adjustment
from minhos.market_data.rolls.continuous import continuous
from minhos.market_data.rolls.schedule import Roll, RollSchedule
from minhos.night.parameters import feature_parameters, instrument_table, surroundings_table, untrained
from minhos.night.recipe import RECIPE
from minhos.night.request_bars import latest_bars, replay
from minhos.night.run import VALIDATED
from minhos.night.steps.backtest import roll_words
from minhos.night.steps.features import samples_of
from minhos.training.samples import Samples
from tests.market_data.rolls.expiring_market import BY_VOLUME, NQ

HOUR = 3_600_000_000
BARS, ROLLED_AT = 700, 400
STEP = 1.25  # the new contract costs a quarter more: what is not undone is seen
FEES = NQ.model_copy(update={"fee_fraction_per_side": 0.0002})


def contract(code: str, level: float, seed: int = 4) -> BarSeries:
    """The same market at another level, on the tick grid; hourly bars 0 to 699."""
    rng = np.random.default_rng(seed)
    closes = np.exp(np.cumsum(rng.normal(0, 0.002, BARS)))
    opens = np.concatenate([[1.0], closes[:-1]])
    reach = 0.002 * np.abs(rng.normal(size=(2, BARS)))
    prices = np.stack(
        [opens, np.maximum(opens, closes) + reach[0], np.minimum(opens, closes) - reach[1], closes], axis=1
    )
    values = np.full((BARS, 8), 100.0)
    values[:, :4] = np.round(level * prices * 4) / 4
    values[:, 5:7] = 50.0
    return BarSeries(code, 3600, (np.arange(BARS, dtype=np.int64) + 1) * HOUR, values)


OLD, NEW = contract("NQZ25", 20_000.0), contract("NQH26", 20_000.0 * STEP)


def night_bars(adjustment: Adjustment = "ratio", bars: int = BARS) -> NightBars:
    roll = Roll(
        from_contract="NQZ25",
        to_contract="NQH26",
        first_session=np.datetime64(ROLLED_AT * HOUR, "us").item().date(),
        effective_us=ROLLED_AT * HOUR + HOUR // 2,  # bar 399 is the old contract's last
        decided_us=ROLLED_AT * HOUR,
        reason="a test",
        prices=None,
    )
    schedule = RollSchedule(
        instrument="NQ",
        rule=BY_VOLUME,
        contracts=("NQZ25", "NQH26"),
        first_contract="NQZ25",
        rolls=(roll,),
        as_of_us=bars * HOUR,
    )
    both = {"NQZ25": OLD.slice(0, bars), "NQH26": NEW.slice(0, bars)}
    return NightBars.of_continuous(continuous(both, schedule, adjustment=adjustment, symbol="NQ", as_of_us=bars * HOUR))


def parameters(series: BarSeries, instrument: Instrument) -> dict[str, Any]:
    return {
        **feature_parameters([series], RECIPE),
        **untrained([series.symbol]),
        "instruments": instrument_table({series.symbol: instrument}, {series.symbol: 1.0}),
        "surroundings": surroundings_table([series], {series.symbol: instrument}, RECIPE),
    }


def samples(night: NightBars, most: int | None = None) -> tuple[Samples, tuple[str, ...]]:
    return samples_of(night, FEES, parameters(night.series, FEES), most)


PAID = (
    "entry_price",
    "exit_ticks_long",
    "exit_ticks_short",
    "stop_ticks",
    "target_ticks",
    "cost_ticks",
    "win_long",
    "up",
)


@pytest.mark.parametrize("adjustment", ["ratio", "difference"])
def test_every_fill_barrier_and_cost_is_that_of_the_contract_itself(adjustment: Adjustment) -> None:
    made, _ = samples(night_bars(adjustment))
    for own, of in ((OLD, made.t0 < ROLLED_AT * HOUR), (NEW, made.t0 > (ROLLED_AT + 90) * HOUR)):
        alone, _ = samples(NightBars.of(own))
        at = np.searchsorted(alone.t0, made.t0[of])
        np.testing.assert_array_equal(alone.t0[at], made.t0[of])
        for name in PAID:
            np.testing.assert_array_equal(getattr(made, name)[of], getattr(alone, name)[at], err_msg=name)
        for name in ("tabular", "sequence", "state"):  # features too: none of these windows holds the roll
            np.testing.assert_array_equal(getattr(made, name)[of], getattr(alone, name)[at], err_msg=name)


def test_a_decision_whose_horizon_holds_the_roll_is_no_sample_and_the_run_says_how_many() -> None:
    night = night_bars()
    made, words = samples(night)
    horizon = RECIPE.horizon_bars
    assert night.schedule is not None
    assert [night.schedule.rolls_between(a, b) for a, b in zip(made.t0.tolist(), made.t1.tolist(), strict=True)] == [
        ()
    ] * len(made)
    left_out = sorted(
        {int(end) for end in OLD.bar_end} & set(range(int(made.t0[0]), int(made.t0[-1]), HOUR)) - set(made.t0.tolist())
    )
    assert left_out == [(ROLLED_AT - ahead) * HOUR for ahead in range(horizon - 1, -1, -1)]
    date = night.schedule.rolls[0].first_session
    assert words == (
        f"NQ: {horizon} decisions are left out, a roll lies within their {horizon} bars (NQZ25 to NQH26 on {date})",
    )


def test_the_first_decisions_after_a_roll_see_the_bars_before_it_without_a_step() -> None:
    """As a request of that moment does: bars of the old contract in units of the new one."""
    made, _ = samples(night_bars())
    alone, _ = samples(NightBars.of(NEW))  # whose own bars before the roll are the same market
    soon = (made.t0 > ROLLED_AT * HOUR) & (made.t0 <= (ROLLED_AT + 60) * HOUR)
    at = np.searchsorted(alone.t0, made.t0[soon])
    assert soon.sum() == 60
    np.testing.assert_allclose(made.tabular[soon], alone.tabular[at], rtol=0.02, atol=2e-3)  # ticks are rounded
    volatility = made.state_names.index("volatility")
    np.testing.assert_allclose(made.state[soon, volatility], alone.state[at, volatility], rtol=1e-3)


def test_many_rolls_and_too_little_history_of_one_contract_are_gone_through(tmp_path: Path) -> None:
    made, _ = samples(night_bars(bars=ROLLED_AT + 4))  # the new contract has no decision with a known label yet
    assert made.t0[-1] == (ROLLED_AT - RECIPE.horizon_bars) * HOUR
    with pytest.raises(NightError, match="samples of NQ: of 60 bars none is usable and has a known label over 6 bars"):
        samples(night_bars(bars=60))


def test_the_newest_samples_alone_do_not_tell_of_an_older_roll() -> None:
    made, words = samples(night_bars(), most=100)
    assert (len(made), words) == (100, ())


def test_the_backtest_names_the_rolls_and_refuses_a_trade_that_is_held_over_one(tmp_path: Path) -> None:
    night = night_bars()
    write_night_bars(tmp_path, night)
    made, _ = samples(night)
    date = night.rolls[0].first_session
    assert roll_words(made, tmp_path) == (f"NQ rolled NQZ25 to NQH26 on {date}: no trade is held over a roll",)
    assert roll_words(made.take(made.t0 > (ROLLED_AT + 50) * HOUR), tmp_path) == ()
    unrolled, _ = samples(NightBars.of(night.series))
    with pytest.raises(NightError, match="6 decisions of NQ are held over the roll from NQZ25 to NQH26 at"):
        roll_words(unrolled, tmp_path)


def test_requests_are_joined_as_they_were_at_their_moment(tmp_path: Path) -> None:
    write_night_bars(tmp_path / VALIDATED, night_bars(bars=ROLLED_AT + 30))
    newest = latest_bars(tmp_path, ["NQ"], 69)
    np.testing.assert_array_equal(newest.bars[0, -30:], NEW.values[ROLLED_AT : ROLLED_AT + 30])
    np.testing.assert_allclose(newest.bars[0, :39, :4], STEP * OLD.values[ROLLED_AT - 39 : ROLLED_AT, :4], rtol=1e-4)
    asked = {one.as_of: one.bars[0] for one in replay(tmp_path, ["NQ"], 69, 60)}
    before = asked[(ROLLED_AT - 5) * HOUR]
    np.testing.assert_array_equal(before, OLD.values[ROLLED_AT - 5 - 69 : ROLLED_AT - 5])
