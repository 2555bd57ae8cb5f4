"""Kelly's fraction of one bet and its shrinkage for an uncertain probability.

The fraction is a *risk* fraction: the part of equity that is lost when the stop is hit, costs included.
Sources: Kelly 1956; Thorp 2006; Baker and McHale 2013 (Optimal Betting Under Parameter Uncertainty).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "baker_mchale_factor", "interval_deviation", "raw_kelly"]

FloatArray = npt.NDArray[np.float64]


def raw_kelly(p_win: FloatArray, net_odds: FloatArray) -> FloatArray:
    """``(b p - q) / b``, 0 where there is no edge of its own or nothing to win.

    ``p_win`` [B] in 0..1, ``net_odds`` [B] = net win / net loss >= 0. Returns [B] in 0..1.
    """
    odds = np.where(net_odds > 0.0, net_odds, 1.0)
    edge = np.maximum(odds * p_win - (1.0 - p_win), 0.0)
    result: FloatArray = np.where(net_odds > 0.0, edge / odds, 0.0)
    return result


def interval_deviation(low: FloatArray, point: FloatArray, high: FloatArray, interval_z: float) -> FloatArray:
    """Standard deviation of the win probability from its interval: the wider side / z (never too small when skewed)."""
    result: FloatArray = np.maximum(point - low, high - point) / interval_z
    return result


def baker_mchale_factor(p_win: FloatArray, net_odds: FloatArray, deviation: FloatArray) -> FloatArray:
    """Shrinkage ``k = e^2 / (e^2 + (b+1)^2 sigma^2)`` with ``e = (b+1) p - 1``; 0 where there is no edge.

    ``deviation`` is sigma, the standard deviation of ``p_win``. 1 when it is 0. Returns [B] in 0..1.
    """
    edge = np.maximum((net_odds + 1.0) * p_win - 1.0, 0.0)
    spread = (net_odds + 1.0) * deviation
    total = edge * edge + spread * spread
    result: FloatArray = np.where(edge > 0.0, edge * edge / np.where(total > 0.0, total, 1.0), 0.0)
    return result
