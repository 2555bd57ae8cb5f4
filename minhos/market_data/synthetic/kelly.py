"""What a perfect bettor would earn in the planted market: the growth that sizes are measured against.

An even-money bet that is won with probability P grows the logarithm of a bettor's money by at most ln 2 - H(P) nats, staking
2 P - 1 of it (Kelly 1956, "A New Interpretation of Information Rate"), H(P) = -P ln P - (1 - P) ln(1 - P). Knowing only the
mean accuracy, the best stake is one and the same, and the growth ln 2 - H(mean): less, for H is concave. Their ratio is what
sizing is worth. On the return itself, normal with mean mu and variance q and small, the best stake is mu / q of the money
and the growth mu^2 / (2 q) (Thorp 2006, "The Kelly Criterion in Blackjack, Sports Betting and the Stock Market").
All before costs, and per decision: decisions overlap, so they cannot all be taken at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from minhos.market_data.synthetic.bayes import conditional_law, nodes, stationary
from minhos.market_data.synthetic.law import PlantedLaw
from minhos.market_data.synthetic.steps import Floats

__all__ = ["QUANTILES", "Growth", "binary_growth", "ideal_growth"]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Growth:
    """Nats per decision. `sized`: even money, each bet by its own P; `constant`: the best constant fraction; `on_returns`:
    of the return, each position by its own mean and variance. `win_quantiles`: of max(P, 1 - P) at `QUANTILES`."""

    sized: float
    constant: float
    on_returns: float
    win_quantiles: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times more the sized bets grow than equal ones; NaN without any edge."""
        return self.sized / self.constant if self.constant > 0 else float("nan")


def binary_growth(p: Floats) -> Floats:
    """ln 2 - H(p), nats, of even-money bets won with probability p; 0 at one half, ln 2 at certainty."""
    p = np.asarray(p, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -(np.where(p > 0, p * np.log(p), 0.0) + np.where(p < 1, (1 - p) * np.log1p(-p), 0.0))
    growth: Floats = np.log(2.0) - entropy
    return growth


def ideal_growth(law: PlantedLaw, windows: Floats, frequency: Floats, horizon: int) -> Growth:
    """The growth of one who knows the true state at every decision; arguments as `accuracy_of`."""
    conditional = conditional_law(law, windows, horizon)
    x, weight = nodes()
    up = conditional.p_up(x)
    win = np.maximum(up, 1 - up)
    chances = np.einsum(
        "k,s,v,x->ksvx", frequency, stationary(law.edge_leave), stationary(law.volatility_leave), weight
    )
    mean = conditional.mean[..., None] * x
    variance = conditional.square[..., None] * x**2 + conditional.noise[..., None] - mean**2
    accuracy = float(np.sum(chances * win))
    return Growth(
        sized=float(np.sum(chances * binary_growth(win))),
        constant=float(binary_growth(np.array(accuracy))),
        on_returns=float(np.sum(chances * mean**2 / (2 * variance))),
        win_quantiles=_quantiles(win.ravel(), chances.ravel()),
    )


def _quantiles(values: Floats, weights: Floats) -> tuple[float, ...]:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    places = np.minimum(np.searchsorted(share, QUANTILES), len(values) - 1)
    return tuple(float(value) for value in values[order][places])
