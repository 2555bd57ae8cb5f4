"""What can be known from the bars: the exact forward filter of the hidden regimes, and how often it is right.

Bars show flow and return of every step, not the regimes. Given them the probability of the four joint states follows Bayes'
rule step by step (Hamilton 1989): a return is normal given the regimes that were in force, mean w sigma (beta x + impact u),
deviation w sigma tau, correlated between instruments. The best predictor from the bars weighs P(up) of the states by it.
How often that is right has no closed form: many independent markets are drawn from the law and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from minhos.market_data.synthetic.bayes import Conditional, conditional_law, stationary
from minhos.market_data.synthetic.law import PlantedLaw
from minhos.market_data.synthetic.paths import correlated, markov_chains
from minhos.market_data.synthetic.steps import Floats

__all__ = ["Measured", "Visible", "filtered", "predicted", "visible_accuracy"]

_FLOWS: Final = np.linspace(-6.0, 6.0, 481)
_MARKETS, _STEPS, _WARM_UP = 1200, 640, 160
_SEED: Final = 1


@dataclass(frozen=True)
class Measured:
    """A share that was counted, and its standard error (of independent markets)."""

    value: float
    error: float

    @classmethod
    def of(cls, right: Floats) -> Measured:
        """From a mean per market, float64 [M]."""
        return cls(float(right.mean()), float(right.std(ddof=1) / np.sqrt(len(right))))


def filtered(law: PlantedLaw, flow: Floats, returns: Floats, weight: Floats) -> Floats:
    """The probability of each joint state [edge, volatility] after each step, given flows and returns up to it.

    `flow`, `returns` float64 [T, M, K]: of K instruments in M independent markets, returns as log returns over w; row t is
    step t, its return follows from the states and the flow of row t-1. `weight` float64 [T]: w (1 where returns are divided
    by it). Result float64 [T, M, 2, 2], filtered: row t knows rows 0..t.
    """
    steps, markets, count = flow.shape
    edge, sigma = np.array(law.edge), np.array(law.volatility)
    noise = np.array(law.noise)
    phi = law.flow.persistence
    common = law.flow.noise_correlation
    inverse = np.linalg.inv(np.full((count, count), common) + (1 - common) * np.eye(count))
    kernels = [np.array([[1 - a, a], [b, 1 - b]]) for a, b in (law.edge_leave, law.volatility_leave)]
    state = np.empty((steps, markets, 2, 2))
    long_run = np.multiply.outer(stationary(law.edge_leave), stationary(law.volatility_leave))
    belief: Floats = np.broadcast_to(long_run, (markets, 2, 2))
    state[0] = belief
    for t in range(1, steps):
        pushed = law.flow.impact * (flow[t] - phi * flow[t - 1]) / np.sqrt(1 - phi**2)
        scaled = returns[t, :, None, :] / (weight[t] * sigma[:, None])  # [M, volatility, K]
        surprise = scaled[:, None] - (edge[:, None, None] * flow[t - 1, :, None, None, :] + pushed[:, None, None, :])
        surprise /= noise[:, None, None]
        distance = np.einsum("msvk,kl,msvl->msv", surprise, inverse, surprise)
        log_density = -distance / 2 - count * np.log(noise[:, None] * sigma[None, :])
        density = np.exp(log_density - log_density.max(axis=(1, 2), keepdims=True))
        posterior = belief * density
        posterior /= posterior.sum(axis=(1, 2), keepdims=True)
        belief = np.einsum("msv,sa,vb->mab", posterior, *kernels)
        state[t] = belief
    return state


def predicted(conditional: Conditional, run: int, states: Floats, flow: Floats) -> Floats:
    """P(up) float64 [N] from beliefs [N, 2, 2] and flows [N], with the day's pattern number `run` ahead."""
    table = conditional.p_up(_FLOWS)[run]
    place = (np.clip(flow, _FLOWS[0], _FLOWS[-1]) - _FLOWS[0]) / (_FLOWS[1] - _FLOWS[0])
    left = np.minimum(place.astype(np.int64), len(_FLOWS) - 2)
    part = place - left
    up: Floats = np.einsum("nsv,svn->n", states, table[:, :, left] * (1 - part) + table[:, :, left + 1] * part)
    return up


@dataclass(frozen=True)
class Visible:
    """Accuracies of predictors that cannot see the regimes, and of one that can, counted in the same drawn markets.

    `from_bars`: the filter on the bars of all instruments; `from_own_bars`: on those of the one instrument that is
    predicted; `from_flow_sign`: up where the last bar's imbalance is positive; `from_state`: the true state.
    """

    from_state: Measured
    from_bars: Measured
    from_own_bars: Measured
    from_flow_sign: Measured


@lru_cache(maxsize=16)
def visible_accuracy(law: PlantedLaw, *, horizon: int, instruments: int) -> Visible:
    """Count the accuracies over `horizon` steps, in markets of `instruments` instruments and no pattern of the day."""
    rng = np.random.Generator(np.random.PCG64(_SEED))
    edges = markov_chains(rng, law.edge_leave, _STEPS, _MARKETS)
    vols = markov_chains(rng, law.volatility_leave, _STEPS, _MARKETS)
    phi = law.flow.persistence
    shape = (_STEPS, _MARKETS)
    moves = correlated(rng, shape, instruments, law.flow.flow_correlation)
    noise = correlated(rng, shape, instruments, law.flow.noise_correlation)
    flow = np.empty_like(moves)
    flow[0] = moves[0]
    for t in range(1, _STEPS):
        flow[t] = phi * flow[t - 1] + np.sqrt(1 - phi**2) * moves[t]
    beta, tau = np.array(law.edge)[edges[:-1], None], np.array(law.noise)[edges[:-1], None]
    returns = np.zeros_like(flow)
    returns[1:] = beta * flow[:-1] + law.flow.impact * moves[1:] + tau * noise[1:]
    returns[1:] *= np.array(law.volatility)[vols[:-1], None]
    total = np.cumsum(returns[:, :, 0], axis=0)
    decisions = slice(_WARM_UP, _STEPS - horizon)
    up = total[_WARM_UP + horizon :] - total[decisions] > 0
    conditional = conditional_law(law, np.ones((1, horizon)), horizon)
    own = flow[decisions, :, 0]

    def right(guess_up: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Measured:
        return Measured.of((guess_up == up).mean(axis=0))

    def from_states(states: Floats) -> Measured:
        p = predicted(conditional, 0, states[decisions].reshape(-1, 2, 2), own.ravel())
        return right(p.reshape(own.shape) > 0.5)

    known = np.zeros((_STEPS, _MARKETS, 2, 2))
    np.put_along_axis(known.reshape(_STEPS, _MARKETS, 4), (2 * edges + vols)[..., None], 1.0, axis=2)
    ones = np.ones(_STEPS)
    return Visible(
        from_state=from_states(known),
        from_bars=from_states(filtered(law, flow, returns, ones)),
        from_own_bars=from_states(filtered(law, flow[:, :, :1], returns[:, :, :1], ones)),
        from_flow_sign=right(own > 0),
    )
