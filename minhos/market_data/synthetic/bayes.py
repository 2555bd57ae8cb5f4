"""What the best possible predictor knows in the planted market: the exact conditional law of the next returns.

Given the flow x, both regimes, and a path of both regimes over the horizon, the sum S of the next H returns is normal, with
mean m x and variance q (a[j] = w[j] sigma[v[j-1]], phi the flow's persistence, beta and tau by s[j-1]):

    m = sum_j a[j] beta[j] phi^(j-1)
    q = sum_i (impact a[i] + sqrt(1 - phi^2) sum_{j>i} a[j] beta[j] phi^(j-1-i))^2 + sum_j (a[j] tau[j])^2

so P(S > 0 | x, path) = Phi(m x / sqrt(q)). All 2^(H-1) x 2^(H-1) paths from each of the four states are enumerated, with
their Markov probabilities; x is integrated numerically; the accuracy of the best predictor is E max(P, 1 - P). Nothing
else in a bar helps one who knows the state: within a step the price is a Brownian motion with the step's drift.

The label is on the closes that are traded: the price is put on bid or ask, and a tie counts as not up. For one who knows
where in its tick the price is, that moves P by 0.25 / d on average at the most, d the deviation of S in ticks (`bounce`):
0.01 in SYNA, 0.02 in SYNB, and the limit by no more. It does so for and against the best guess alike: in 2 x 165 000
decisions on written closes the best predictor by the law was right 0.0001 and 0.0005 less often than on the law's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from minhos.errors import ConfigError
from minhos.market_data.synthetic.law import STEP_SECONDS, PlantedLaw
from minhos.market_data.synthetic.steps import Floats, regular_pattern

__all__ = [
    "LEAST_ACCURACY",
    "Conditional",
    "accuracy_bound",
    "accuracy_of",
    "conditional_law",
    "nodes",
    "solve_edge",
    "stationary",
]

LEAST_ACCURACY: Final = 0.51
_GRID: Final = 2001  # of ratios m / sqrt(q): steps of 0.001, an error of P below 1e-6
_NODES: Final = 96
_FAR: Final = 8.0  # beyond it the normal law has 1e-15
_TOLERANCE: Final = 1e-5
_EVERY: Final = 12


@dataclass(frozen=True, eq=False)
class Conditional:
    """P(up) for K runs of the day's pattern and each state.

    `ratios` float64 [G]: values of m / sqrt(q); `mass` float64 [K, 2, 2, G]: their probability given edge and volatility
    regime (axes 1 and 2). `mean`, `square` float64 [K, 2, 2]: E[m], E[m^2] over the paths, `noise`: E[q]; log returns.
    """

    ratios: Floats
    mass: Floats
    mean: Floats
    square: Floats
    noise: Floats

    def p_up(self, flow: Floats) -> Floats:
        """P(S > 0) at the flows [X]: float64 [K, 2, 2, X]."""
        from scipy.special import ndtr

        up: Floats = self.mass @ ndtr(self.ratios[:, None] * flow[None, :])
        return up


def stationary(leave: tuple[float, float]) -> Floats:
    """The long-run probabilities of a chain of two states that leaves them with these probabilities per step."""
    return np.array([leave[1], leave[0]]) / (leave[0] + leave[1])


def _paths(leave: tuple[float, float], horizon: int) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.intp]], Floats]:
    """The states in force in steps 1..H, int [2, P, H], by the state at the decision (axis 0), and their probabilities."""
    transition = np.array([[1 - leave[0], leave[0]], [leave[1], 1 - leave[1]]])
    later = np.array(list(product((0, 1), repeat=horizon - 1)), dtype=np.intp).reshape(2 ** (horizon - 1), horizon - 1)
    states = np.stack([np.column_stack([np.full(len(later), first), later]) for first in (0, 1)])
    return states, transition[states[:, :, :-1], states[:, :, 1:]].prod(axis=2)


def conditional_law(law: PlantedLaw, windows: Floats, horizon: int) -> Conditional:
    """The law of the next `horizon` returns for each run `windows` [K, horizon] of the day's pattern."""
    edges, edge_weight = _paths(law.edge_leave, horizon)
    vols, vol_weight = _paths(law.volatility_leave, horizon)
    phi, impact = law.flow.persistence, law.flow.impact
    beta = np.array(law.edge)[edges].reshape(-1, horizon)  # [2 P, H], row: state at the decision, then path
    tau = np.array(law.noise)[edges].reshape(-1, horizon)
    scale = (windows[:, None, :] * np.array(law.volatility)[vols].reshape(1, -1, horizon)).reshape(-1, horizon)
    decay = phi ** np.arange(horizon)
    m = scale @ (beta * decay).T  # [K 2 P, 2 P]
    q = scale**2 @ (tau**2).T
    for i in range(horizon):
        later = scale[:, i + 1 :] @ (beta[:, i + 1 :] * decay[: horizon - 1 - i]).T
        q += (impact * scale[:, i : i + 1] + np.sqrt(1 - phi**2) * later) ** 2
    shape = (len(windows), *vol_weight.shape, *edge_weight.shape)  # K, volatility state, path, edge state, path
    m, q = m.reshape(shape), q.reshape(shape)
    weight = np.broadcast_to(vol_weight[None, :, :, None, None] * edge_weight[None, None, None], shape)
    ratio = m / np.sqrt(q)
    low, high = float(ratio.min()), float(ratio.max())
    grid = np.linspace(low - 1e-9, high + 1e-9, _GRID)

    def mean_of(values: Floats) -> Floats:
        mean: Floats = np.einsum("kvpse,kvpse->ksv", weight, values)
        return mean

    return Conditional(grid, _binned(ratio, weight, grid), mean_of(m), mean_of(m**2), mean_of(q))


def _binned(ratio: Floats, weight: Floats, grid: Floats) -> Floats:
    """The weights put on the grid, each split between its two neighbours so that the mean ratio stays: [K, edge, vol, G]."""
    count, vols, _, edges, _ = ratio.shape
    cells = len(grid)
    place = (ratio - grid[0]) / (grid[1] - grid[0])
    left = np.minimum(place.astype(np.int64), cells - 2)
    part = place - left
    k, v, s = np.arange(count), np.arange(vols), np.arange(edges)
    group = (k[:, None, None] * edges + s[None, None, :]) * vols + v[None, :, None]
    index = (group[:, :, None, :, None] * cells + left).ravel()
    size = count * edges * vols * cells
    mass = np.zeros(size)
    mass += np.bincount(index, ((1 - part) * weight).ravel(), size)
    mass += np.bincount(index + 1, (part * weight).ravel(), size)
    return mass.reshape(count, edges, vols, cells)


def nodes() -> tuple[Floats, Floats]:
    """Points x > 0 and weights that integrate over the law of |x|, x standard normal."""
    x, weight = np.polynomial.legendre.leggauss(_NODES)
    x = (x + 1) * _FAR / 2
    return x, weight * _FAR / 2 * 2 * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def accuracy_of(law: PlantedLaw, windows: Floats, frequency: Floats, horizon: int) -> float:
    """How often the best possible predictor names the direction of the next `horizon` steps, 0.5 to 1.

    `windows` [K, horizon], `frequency` [K]: the runs of the day's pattern and how often they occur (`windows_of`). P(up) at
    -x is 1 - P(up) at x, so half of the line is enough.
    """
    x, weight = nodes()
    up = conditional_law(law, windows, horizon).p_up(x)
    best = np.maximum(up, 1 - up) @ weight
    return float(np.einsum("ksv,k,s,v", best, frequency, stationary(law.edge_leave), stationary(law.volatility_leave)))


def accuracy_bound(law: PlantedLaw, horizon_seconds: int) -> float:
    """No predictor names the direction of `horizon_seconds` more often, whenever in a step it is asked, 0.5 to 1.

    It may be told the flow of every step that the horizon touches, future ones too. The return is then a sum of
    independent normal parts; by Cauchy-Schwarz its (mean / deviation)^2 is at most the sum of those of the n steps,
    (beta x + impact u)^2 / tau^2 each, and by Jensen (Phi(sqrt(r)) is concave) the accuracy is at most
    Phi(sqrt(n E[(beta^2 + impact^2) / tau^2])).
    """
    from scipy.special import ndtr

    steps = -(-horizon_seconds // STEP_SECONDS) + 1
    beta, tau = np.array(law.edge), np.array(law.noise)
    known = float(stationary(law.edge_leave) @ ((beta**2 + law.flow.impact**2) / tau**2))
    return float(ndtr(np.sqrt(steps * known)))


@lru_cache(maxsize=32)
def solve_edge(accuracy: float, *, regular: int, horizon: int) -> PlantedLaw:
    """The law whose best predictor has this accuracy over `horizon` steps, in sessions of `regular` steps one after another.

    Decisions at every twelfth step stand for all of them: the day's pattern is smooth, `accuracy_of` all of them differs by
    less than 1e-4. Raises `ConfigError` with the range that is possible for any other accuracy.
    """
    day = regular_pattern(regular)
    decisions = np.arange(0, regular, _EVERY)
    windows = day[(decisions[:, None] + np.arange(1, horizon + 1)) % regular]
    frequency = np.full(len(windows), 1 / len(windows))
    law = PlantedLaw(edge_unit=0.0)

    def reached(unit: float) -> float:
        return accuracy_of(replace(law, edge_unit=unit), windows, frequency, horizon)

    low, high = 0.0, law.largest_edge_unit
    most = reached(high)
    if not LEAST_ACCURACY <= accuracy <= most:
        raise ConfigError(
            f"accuracy is {accuracy:g}; the planted market can be made for {LEAST_ACCURACY:g} to "
            f"{np.floor(most * 1000) / 1000:.3f} over {horizon} steps (without any edge it is the placebo market)"
        )
    while high - low > _TOLERANCE:  # the accuracy grows with the edge
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < accuracy else (low, middle)
    return replace(law, edge_unit=(low + high) / 2)
