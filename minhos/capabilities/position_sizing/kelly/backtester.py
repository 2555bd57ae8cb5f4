"""Trade the out-of-sample decisions one after another, with costs, and say what they were worth.

Pessimistic by construction: the outcomes that come in fill at the next bar's open, take the stop first when a bar touches
both barriers, and pay the round trip. One position per instrument at a time; equity moves when a trade ends, never before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.position_sizing.kelly.statistics import bootstrap_means

__all__ = ["BacktestResult", "Decide", "Opportunities", "run_backtest"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Decide = Callable[[IntArray, FloatArray], tuple[IntArray, IntArray]]

INTERVAL_DRAWS = 2000


@dataclass(frozen=True)
class Opportunities:
    """What would have happened to a trade in either direction; arrays of one length N in time order.

    ``t0`` is the decision, ``exit_long``/``exit_short`` the moment the trade's outcome was known (all int64 UTC us);
    returns are gross, in ticks, signed by the trade's profit; ``cost_ticks`` is the round trip; ``tick_value`` is the
    account currency per tick and contract; ``stop_ticks`` the distance of the stop.
    """

    t0: IntArray
    exit_long: IntArray
    exit_short: IntArray
    instrument: IntArray
    return_long_ticks: FloatArray
    return_short_ticks: FloatArray
    stop_ticks: FloatArray
    cost_ticks: FloatArray
    tick_value: FloatArray

    def outcome(self, row: int, side: int) -> tuple[float, int]:
        """Net return in ticks and exit time of a trade on ``side`` (+1, -1) decided at ``row``."""
        if side > 0:
            return float(self.return_long_ticks[row] - self.cost_ticks[row]), int(self.exit_long[row])
        return float(self.return_short_ticks[row] - self.cost_ticks[row]), int(self.exit_short[row])


@dataclass(frozen=True)
class BacktestResult:
    """What the decisions were worth. R is the loss at the stop including costs; bounds are 5 % and 95 %."""

    moments: int
    trades: int
    trade_moments: int
    win_rate: float | None
    mean_r: float | None
    mean_r_low: float | None
    mean_r_high: float | None
    sized_trades: int
    growth: float
    max_drawdown: float
    costs_r: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``backtest.json``."""
        return asdict(self)

    @property
    def words(self) -> tuple[str, ...]:
        """The result for people."""
        if self.trades == 0:
            return (f"no trade in {self.moments} out-of-sample moments",)
        return (
            f"{self.trades} trades in {self.moments} out-of-sample moments, {self.win_rate:.1%} won net of costs",
            f"mean net return {self.mean_r:+.3f} R per trade (90 % interval {self.mean_r_low:+.3f} to "
            f"{self.mean_r_high:+.3f} R), costs {self.costs_r:.3f} R per trade",
            f"with Kelly sizes: {self.sized_trades} trades, equity x {self.growth:.3f}, deepest drawdown "
            f"{self.max_drawdown:.1%}",
        )


def run_backtest(
    opportunities: Opportunities, decide: Decide, *, start_equity: float, block: int, seed: int
) -> BacktestResult:
    """Walk through the moments in time order and trade every decision.

    Args:
        opportunities: The outcomes of N possible trades.
        decide: The chain: rows of ``opportunities`` that share one moment and their PORTFOLIO rows float64 [B, 6] in;
            direction int64 [B] and contracts int64 [B] (signed) out.
        start_equity: Account currency.
        block: Block of the bootstrap in trades, at least the number of trades that can overlap.
        seed: Seed of the bootstrap.

    Returns:
        The result; its interval is the circular block bootstrap of the net returns in R.
    """
    account = _Account(start_equity)
    returns: list[float] = []
    costs: list[float] = []
    sized = 0
    trading: set[int] = set()
    moments, starts = np.unique(opportunities.t0, return_index=True)
    bounds = [*starts.tolist(), len(opportunities.t0)]
    for moment, first, last in zip(moments.tolist(), bounds[:-1], bounds[1:], strict=True):
        account.close_until(moment)
        rows = np.array(
            [row for row in range(first, last) if int(opportunities.instrument[row]) not in account.open],
            dtype=np.int64,
        )
        if not len(rows):
            continue
        directions, contracts = decide(rows, np.tile(account.row(), (len(rows), 1)))
        for row, side, size in zip(rows.tolist(), directions.tolist(), contracts.tolist(), strict=True):
            if side == 0:
                continue
            trading.add(moment)
            net_ticks, exit_time = opportunities.outcome(row, side)
            risk_ticks = float(opportunities.stop_ticks[row] + opportunities.cost_ticks[row])
            returns.append(net_ticks / risk_ticks)
            costs.append(float(opportunities.cost_ticks[row]) / risk_ticks)
            sized += size != 0
            profit = net_ticks * float(opportunities.tick_value[row]) * abs(size)
            account.open[int(opportunities.instrument[row])] = (exit_time, profit)
    account.close_until(np.iinfo(np.int64).max)
    return _result(len(moments), np.array(returns), np.array(costs), (sized, len(trading)), account, (block, seed))


class _Account:
    """Equity that moves when trades end, its peak and its deepest fall."""

    def __init__(self, start_equity: float) -> None:
        self.start = self.equity = self.peak = start_equity
        self.max_drawdown = 0.0
        self.open: dict[int, tuple[int, float]] = {}

    def close_until(self, moment: int) -> None:
        due = sorted((exit_time, key) for key, (exit_time, _) in self.open.items() if exit_time <= moment)
        for _, key in due:
            self.equity += self.open.pop(key)[1]
            self.peak = max(self.peak, self.equity)
            self.max_drawdown = max(self.max_drawdown, 1 - self.equity / self.peak)

    def row(self) -> list[float]:
        return [self.equity, self.start, self.peak, 0.0, 1.0, 1.0]


def _result(
    moments: int,
    returns: FloatArray,
    costs: FloatArray,
    counts: tuple[int, int],
    account: _Account,
    bootstrap: tuple[int, int],
) -> BacktestResult:
    (sized, trading), (block, seed) = counts, bootstrap
    growth = round(account.equity / account.start, 6)
    drawdown = round(account.max_drawdown, 6)
    if not len(returns):
        return BacktestResult(moments, 0, 0, None, None, None, None, 0, growth, drawdown, None)
    means = bootstrap_means(returns, block=block, draws=INTERVAL_DRAWS, seed=seed)
    return BacktestResult(
        moments=moments,
        trades=len(returns),
        trade_moments=trading,
        win_rate=float((returns > 0).mean()),
        mean_r=float(returns.mean()),
        mean_r_low=float(means[int(0.05 * INTERVAL_DRAWS)]),
        mean_r_high=float(means[int(0.95 * INTERVAL_DRAWS)]),
        sized_trades=sized,
        growth=growth,
        max_drawdown=drawdown,
        costs_r=float(costs.mean()),
    )
