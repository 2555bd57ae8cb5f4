"""The rows of a request are one portfolio: bets that move together, caps, whole contracts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Capped", "FloatArray", "cap", "correlation_factor", "volatility_factor", "whole_contracts"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_RELATIVE_SLACK = 1e-9


def volatility_factor(reference: FloatArray, now: FloatArray) -> FloatArray:
    """``min(1, reference / now)``, [B]: smaller when the market is wilder than usual, never larger. 1 where now is 0."""
    result: FloatArray = np.minimum(1.0, reference / np.maximum(now, reference))
    return result


def correlation_factor(signed_fraction: FloatArray, correlation: FloatArray) -> float:
    """``min(1, sqrt(sum f^2) / sqrt(f' C f))``: the bets together risk no more than if they were independent.

    ``signed_fraction`` [B], ``correlation`` [B, B] of the rows. Bets that offset one another are not enlarged.
    """
    alone = float((signed_fraction * signed_fraction).sum())
    together = float((signed_fraction[:, None] * correlation * signed_fraction[None, :]).sum())
    return 1.0 if together <= alone else float(np.sqrt(alone / together))


@dataclass(frozen=True, eq=False)
class Capped:
    """Risk fraction [B] after the caps, and where each cap did bind (bool [B])."""

    fraction: FloatArray
    by_risk: BoolArray
    by_notional: BoolArray
    by_position: BoolArray


def cap(
    fraction: FloatArray,
    *,
    contract_risk_fraction: FloatArray,
    contract_notional_fraction: FloatArray,
    max_risk_fraction: float,
    max_notional_fraction: float,
    max_contracts: FloatArray,
) -> Capped:
    """Caps a risk fraction [B] >= 0 by risk, notional and number of contracts.

    ``contract_*_fraction`` [B]: what one contract risks at its stop and is worth, as fractions of equity (> 0).
    """
    notional_limit = max_notional_fraction / contract_notional_fraction * contract_risk_fraction
    position_limit = max_contracts * contract_risk_fraction
    limit = np.minimum(np.minimum(notional_limit, position_limit), max_risk_fraction)
    return Capped(
        fraction=np.minimum(fraction, limit),
        by_risk=fraction > max_risk_fraction,
        by_notional=fraction > notional_limit,
        by_position=fraction > position_limit,
    )


def whole_contracts(
    fraction: FloatArray,
    *,
    contract_risk_fraction: FloatArray,
    contract_notional_fraction: FloatArray,
    max_risk_fraction: float,
    max_notional_fraction: float,
    max_contracts: FloatArray,
) -> FloatArray:
    """Whole contracts [B] (float64) of a capped risk fraction, toward zero, never above a cap.

    A size that misses a whole number by rounding alone (1e-9) counts as it; if that would pass a cap, one less.
    """
    contracts = np.floor(fraction / contract_risk_fraction * (1.0 + _RELATIVE_SLACK))
    contracts = np.minimum(contracts, max_contracts)
    over = (contracts * contract_risk_fraction > max_risk_fraction) | (
        contracts * contract_notional_fraction > max_notional_fraction
    )
    result: FloatArray = np.maximum(contracts - over, 0.0)
    return result
