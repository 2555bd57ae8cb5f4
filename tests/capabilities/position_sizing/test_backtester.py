"""The backtester: costs are paid, equity moves when trades end, one position per instrument."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.position_sizing.api import Opportunities, bootstrap_means, run_backtest

MINUTE = 60_000_000


def _opportunities(
    gross: list[float], *, t0: list[int] | None = None, held: int = 1, cost: float = 1.0
) -> Opportunities:
    count = len(gross)
    moments = np.array(t0 if t0 is not None else range(count), dtype=np.int64) * MINUTE
    exits = moments + held * MINUTE
    returns = np.array(gross)
    return Opportunities(
        t0=moments,
        exit_long=exits,
        exit_short=exits,
        instrument=np.zeros(count, dtype=np.int64),
        return_long_ticks=returns,
        return_short_ticks=-returns,
        stop_ticks=np.full(count, 9.0),
        cost_ticks=np.full(count, cost),
        tick_value=np.full(count, 5.0),
    )


def _always(side: int, contracts: int = 1) -> object:
    def decide(
        rows: npt.NDArray[np.int64], portfolio: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return np.full(len(rows), side), np.full(len(rows), side * contracts)

    return decide


def test_a_trade_by_hand() -> None:
    result = run_backtest(_opportunities([10.0, -9.0]), _always(1, 2), start_equity=1000.0, block=1, seed=1)  # type: ignore[arg-type]
    # net ticks 9 and -10; R is 9 + 1 = 10 ticks; profit 9 x 5 x 2 = 90, then -10 x 5 x 2 = -100
    assert result.trade_moments == 2
    assert (result.trades, result.win_rate, result.costs_r) == (2, 0.5, pytest.approx(0.1))
    assert result.mean_r == pytest.approx((0.9 - 1.0) / 2)
    assert result.growth == pytest.approx((1000 + 90 - 100) / 1000)
    assert result.max_drawdown == pytest.approx(100 / 1090, abs=1e-6)


def test_a_short_earns_what_a_long_loses_before_costs() -> None:
    result = run_backtest(_opportunities([-10.0]), _always(-1), start_equity=1000.0, block=1, seed=1)  # type: ignore[arg-type]
    assert result.mean_r == pytest.approx(0.9)


def test_an_instrument_in_a_trade_is_not_traded_again_until_it_ends() -> None:
    result = run_backtest(_opportunities([5.0] * 7, held=3), _always(1), start_equity=1000.0, block=1, seed=1)  # type: ignore[arg-type]
    assert result.trades == 3  # decided at minutes 0, 3 and 6


def test_equity_is_known_to_the_sizer_only_after_a_trade_ended() -> None:
    seen: list[float] = []

    def decide(
        rows: npt.NDArray[np.int64], portfolio: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        seen.append(float(portfolio[0, 0]))
        return np.ones(len(rows), dtype=np.int64), np.ones(len(rows), dtype=np.int64)

    opportunities = _opportunities([10.0, 10.0, 10.0], t0=[0, 1, 2], held=1)
    run_backtest(opportunities, decide, start_equity=1000.0, block=1, seed=1)
    assert seen == [1000.0, 1045.0, 1090.0]


def test_no_trade_has_no_numbers_but_words() -> None:
    result = run_backtest(_opportunities([1.0, 2.0]), _always(0), start_equity=1000.0, block=1, seed=1)  # type: ignore[arg-type]
    assert (result.trades, result.mean_r, result.mean_r_low, result.growth) == (0, None, None, 1.0)
    assert result.words == ("no trade in 2 out-of-sample moments",)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=40), st.floats(0, 5))
def test_costs_only_ever_take(gross: list[float], cost: float) -> None:
    free = run_backtest(_opportunities(gross, cost=0.0), _always(1), start_equity=1e6, block=1, seed=1)  # type: ignore[arg-type]
    paid = run_backtest(_opportunities(gross, cost=cost), _always(1), start_equity=1e6, block=1, seed=1)  # type: ignore[arg-type]
    assert paid.growth <= free.growth


class TestBootstrap:
    def test_blocks_of_the_whole_series_have_its_mean(self) -> None:
        means = bootstrap_means(np.arange(10.0), block=10, draws=50, seed=3)
        assert means == pytest.approx(np.full(50, 4.5))

    def test_single_values_spread_like_the_standard_error(self) -> None:
        values = np.random.default_rng(1).normal(0, 1, 400)
        means = bootstrap_means(values, block=1, draws=4000, seed=2)
        assert means.std() == pytest.approx(values.std() / 20, rel=0.05)
        assert (np.diff(means) >= 0).all()

    def test_blocks_widen_the_interval_of_dependent_values(self) -> None:
        values = np.repeat(np.random.default_rng(1).normal(0, 1, 80), 5)
        alone = bootstrap_means(values, block=1, draws=2000, seed=2).std()
        together = bootstrap_means(values, block=20, draws=2000, seed=2).std()
        assert together > 1.6 * alone

    def test_nothing_is_not_a_number(self) -> None:
        assert np.isnan(bootstrap_means(np.array([]), block=3, draws=5, seed=0)).all()
