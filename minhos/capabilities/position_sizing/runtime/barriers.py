"""The barriers of a trade, and what they pay net of costs. Ticks are ticks of the instrument.

A trade that reaches neither barrier before its horizon counts as a loss, in the labels and here: pessimistic, and so
the win probability can be compared with the break-even of these two payoffs alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "Payoff", "barrier_ticks", "payoff"]

FloatArray = npt.NDArray[np.float64]

_MOST_TICKS: Final = float(2**31 - 1)


@dataclass(frozen=True, eq=False)
class Payoff:
    """Per row [B], float64, in ticks: the barriers, the round trip's cost and what is won or lost net of it.

    ``net_odds`` is net win / net loss (b in Kelly's formula), 0 where the target does not even pay the costs;
    ``break_even`` the win probability at which the trade earns nothing, 1 there.
    """

    stop_ticks: FloatArray
    target_ticks: FloatArray
    cost_ticks: FloatArray
    net_loss_ticks: FloatArray
    net_odds: FloatArray
    break_even: FloatArray


def barrier_ticks(atr: FloatArray, multiple: float, tick_size: FloatArray) -> FloatArray:
    """``ceil(multiple * atr / tick_size)``, at least one tick; whole numbers as float64."""
    result: FloatArray = np.clip(np.ceil(multiple * atr / tick_size), 1.0, _MOST_TICKS)
    return result


def payoff(
    *,
    atr: FloatArray,
    close: FloatArray,
    tick_size: FloatArray,
    cost_ticks_round_trip: FloatArray,
    cost_fraction_round_trip: FloatArray,
    stop_atr: float,
    target_atr: float,
) -> Payoff:
    """Barriers and net payoff of each row; ``atr`` and ``close`` in price units, all arrays [B]."""
    stop = barrier_ticks(atr, stop_atr, tick_size)
    target = barrier_ticks(atr, target_atr, tick_size)
    cost = cost_ticks_round_trip + cost_fraction_round_trip * close / tick_size
    loss = stop + cost
    odds = np.maximum(target - cost, 0.0) / loss
    return Payoff(
        stop_ticks=stop,
        target_ticks=target,
        cost_ticks=cost,
        net_loss_ticks=loss,
        net_odds=odds,
        break_even=1.0 / (1.0 + odds),
    )
