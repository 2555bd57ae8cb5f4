"""Barriers and their net payoff."""

import numpy as np
import pytest

from minhos.capabilities.position_sizing.runtime.barriers import Payoff, barrier_ticks, payoff


def pays(atr: float = 10.0, close: float = 20_000.0, ticks: float = 3.0, fraction: float = 0.0) -> Payoff:
    return payoff(
        atr=np.array([atr]),
        close=np.array([close]),
        tick_size=np.array([0.25]),
        cost_ticks_round_trip=np.array([ticks]),
        cost_fraction_round_trip=np.array([fraction]),
        stop_atr=1.0,
        target_atr=2.0,
    )


def test_barriers_are_rounded_up_to_whole_ticks_and_never_under_one() -> None:
    ticks = barrier_ticks(np.array([10.0, 10.01, 0.0, 1e300]), 1.0, np.full(4, 0.25))
    assert ticks.tolist() == [40.0, 41.0, 1.0, 2**31 - 1]


def test_payoff_is_net_of_costs_by_hand() -> None:
    result = pays()
    assert (result.stop_ticks[0], result.target_ticks[0], result.cost_ticks[0]) == (40.0, 80.0, 3.0)
    assert result.net_loss_ticks[0] == 43.0
    assert result.net_odds[0] == pytest.approx(77 / 43)
    assert result.break_even[0] == pytest.approx(43 / (77 + 43))


def test_a_fee_on_the_price_is_counted_in_ticks() -> None:
    assert pays(ticks=0.0, fraction=0.0002).cost_ticks[0] == pytest.approx(0.0002 * 20_000 / 0.25)


def test_a_target_that_does_not_pay_its_costs_cannot_break_even() -> None:
    result = pays(ticks=80.0)
    assert result.net_odds[0] == 0.0
    assert result.break_even[0] == 1.0
