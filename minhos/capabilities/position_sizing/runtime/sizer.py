"""The waterfall: ten steps from the raw Kelly fraction to whole contracts, each shown and each with its reason.

The only place that applies adoption, the breakers' multiplier, caps and rounding. All arrays have one row per
instrument of one portfolio; only the correlation step looks at more than its own row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.position_sizing.runtime.barriers import Payoff
from minhos.capabilities.position_sizing.runtime.drawdown import drawdown_factor
from minhos.capabilities.position_sizing.runtime.kelly_calculator import (
    baker_mchale_factor,
    interval_deviation,
    raw_kelly,
)
from minhos.capabilities.position_sizing.runtime.portfolio import (
    cap,
    correlation_factor,
    volatility_factor,
    whole_contracts,
)
from minhos.capabilities.position_sizing.runtime.settings import FloatArray, Sizing
from minhos_client.contract import PORTFOLIO_FIELDS, WATERFALL_STEPS, Reason

__all__ = ["Bet", "Sized", "bad_portfolio", "size_bets"]

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_EQUITY, _START, _PEAK, _, _ADOPTION, _MULTIPLIER = range(len(PORTFOLIO_FIELDS))
_LEAST_EQUITY: Final = 0.01
_LARGEST_EQUITY: Final = 1e15


@dataclass(frozen=True, eq=False)
class Bet:
    """What the sizer is asked, one row per instrument, finite everywhere.

    ``direction`` [B] -1, 0, 1; ``p_win`` [B, 3] low, point, high; ``payoff`` the barriers; ``close`` [B] price;
    ``tick_size``, ``point_value`` (account currency), ``max_contracts``, ``volatility_reference``, ``volatility`` [B].
    """

    direction: FloatArray
    p_win: FloatArray
    payoff: Payoff
    close: FloatArray
    tick_size: FloatArray
    point_value: FloatArray
    max_contracts: FloatArray
    volatility_reference: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, eq=False)
class Sized:
    """``waterfall`` [B, 10] signed risk fractions, ``contracts`` [B] signed whole, ``notional_fraction`` [B] signed,
    ``reasons`` int64 [B]."""

    waterfall: FloatArray
    contracts: FloatArray
    notional_fraction: FloatArray
    reasons: IntArray


def bad_portfolio(portfolio: FloatArray) -> BoolArray:
    """Rows of ``portfolio [B, 6]`` that cannot be sized on: ``bool [B]``.

    Bad: a value that is not finite, an equity (now, start or peak) that is not positive (under 0.01 or over 1e15),
    adoption or multiplier outside 0..1. A peak under the equity is allowed: it means that the new peak is not booked yet.
    """
    equities, shares = portfolio[:, [_EQUITY, _START, _PEAK]], portfolio[:, [_ADOPTION, _MULTIPLIER]]
    funded = (equities >= _LEAST_EQUITY) & (equities <= _LARGEST_EQUITY)
    shared = (shares >= 0.0) & (shares <= 1.0)
    good = np.concatenate([np.isfinite(portfolio), funded, shared], axis=1)
    result: BoolArray = np.logical_not(good.all(axis=1))
    return result


def size_bets(bet: Bet, portfolio: FloatArray, correlation: FloatArray, sizing: Sizing, *, edge_proven: bool) -> Sized:
    """Sizes the rows of one portfolio.

    Parameters: ``portfolio`` [B, 6] with good rows where ``direction`` is not 0; ``correlation`` [B, B] of the rows.
    Without a proven edge the steps before the caps are shown as they would be, caps and rounding are 0.
    """
    low, point, high = bet.p_win[:, 0], bet.p_win[:, 1], bet.p_win[:, 2]
    wanted = bet.direction != 0.0
    account = np.where(wanted[:, None], portfolio, 1.0)
    equity = account[:, _EQUITY]
    steps: list[FloatArray] = []
    reasons = np.zeros(bet.direction.shape[0], dtype=np.int64)

    def say(where: BoolArray, reason: Reason) -> None:
        reasons[where] |= int(reason)

    def apply(factor: FloatArray | float, reason: Reason | None = None) -> None:
        before = steps[-1]
        after = before * factor
        if reason is not None:
            say(after < before, reason)
        steps.append(after)

    odds = bet.payoff.net_odds
    steps.append(np.where(wanted, raw_kelly(point, odds), 0.0))
    apply(baker_mchale_factor(point, odds, interval_deviation(low, point, high, sizing.interval_z)))
    apply(sizing.kelly_fraction)
    apply(volatility_factor(bet.volatility_reference, bet.volatility), Reason.VOLATILITY_REDUCED)
    apply(correlation_factor(bet.direction * steps[-1], correlation), Reason.CORRELATION_REDUCED)
    apply(drawdown_factor(equity, account[:, _PEAK], sizing.max_drawdown), Reason.DRAWDOWN_REDUCED)
    apply(account[:, _ADOPTION], Reason.ADOPTION_REDUCED)
    apply(account[:, _MULTIPLIER], Reason.BREAKER_REDUCED)

    if edge_proven:
        contract_risk = bet.payoff.net_loss_ticks * bet.tick_size * bet.point_value / equity
        contract_notional = bet.close * bet.point_value / equity
        limits = {
            "contract_risk_fraction": contract_risk,
            "contract_notional_fraction": contract_notional,
            "max_contracts": bet.max_contracts,
        }
        capped = cap(
            steps[-1],
            max_risk_fraction=sizing.max_risk_fraction,
            max_notional_fraction=sizing.max_notional_fraction,
            **limits,
        )
        say(capped.by_risk, Reason.CAP_RISK)
        say(capped.by_notional, Reason.CAP_NOTIONAL)
        say(capped.by_position, Reason.CAP_POSITION)
        contracts = whole_contracts(
            capped.fraction,
            max_risk_fraction=sizing.max_risk_fraction,
            max_notional_fraction=sizing.max_notional_fraction,
            **limits,
        )
        say((capped.fraction > 0.0) & (contracts == 0.0), Reason.UNDER_ONE_CONTRACT)
        steps += [capped.fraction, contracts * contract_risk]
    else:
        contract_notional = np.zeros_like(equity)
        contracts = np.zeros_like(equity)
        steps += [np.zeros_like(equity), np.zeros_like(equity)]

    assert len(steps) == len(WATERFALL_STEPS)
    return Sized(
        waterfall=np.stack(steps, axis=1) * bet.direction[:, None] + 0.0,
        contracts=bet.direction * contracts + 0.0,
        notional_fraction=bet.direction * contracts * contract_notional + 0.0,
        reasons=reasons,
    )
