"""Draws from the laws: flow, regimes, volatility and log returns of every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from minhos.market_data.synthetic.bayes import stationary
from minhos.market_data.synthetic.law import FlowLaw, PlaceboLaw, PlantedLaw
from minhos.market_data.synthetic.steps import Floats, Integers

__all__ = ["Path", "correlated", "markov_chains", "placebo_path", "planted_path"]


@dataclass(frozen=True, eq=False)
class Path:
    """One market, step by step. Row t is step t.

    `flow`, `log_return` float64 [T, K]: of K instruments. `jump` float64 [T, K]: the part of the return that comes at one
    moment of the step. `noise` float64 [T]: deviation of the Brownian part within the step, log return. `volatility`
    float64 [T]: of the step's whole return without jumps. `edge_state`, `volatility_state` int64 [T]: the regimes that
    the return of step t+1 follows (0 where the law has none).
    """

    flow: Floats
    log_return: Floats
    jump: Floats
    noise: Floats
    volatility: Floats
    edge_state: Integers
    volatility_state: Integers


def correlated(rng: np.random.Generator, shape: tuple[int, ...], width: int, correlation: float) -> Floats:
    """Normal draws [*shape, width] of variance 1, every pair of the last axis correlated by `correlation`."""
    common = rng.standard_normal((*shape, 1))
    own = rng.standard_normal((*shape, width))
    drawn: Floats = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    return drawn


def markov_chains(rng: np.random.Generator, leave: tuple[float, float], steps: int, count: int) -> Integers:
    """Chains of two states from their stationary law on, int64 [steps, count]; `leave`: probability of leaving each."""
    draws = rng.random((steps, count))
    leaving = np.array(leave)
    states = np.empty((steps, count), dtype=np.int64)
    states[0] = draws[0] >= stationary(leave)[0]
    for t in range(1, steps):
        states[t] = np.where(draws[t] < leaving[states[t - 1]], 1 - states[t - 1], states[t - 1])
    return states


def _flows(rng: np.random.Generator, law: FlowLaw, steps: int, width: int) -> tuple[Floats, Floats]:
    """The flow x [T, K], from its stationary law on, and u [T, K]."""
    moves = correlated(rng, (steps,), width, law.flow_correlation)
    flow = np.empty_like(moves)
    flow[0] = moves[0]
    scale = np.sqrt(1 - law.persistence**2)
    for t in range(1, steps):
        flow[t] = law.persistence * flow[t - 1] + scale * moves[t]
    return flow, moves


def planted_path(law: PlantedLaw, rng: np.random.Generator, weight: npt.ArrayLike, width: int) -> Path:
    """The planted market over the steps of `weight` [T], w, for `width` instruments; it starts as if it had always run."""
    w = np.asarray(weight, dtype=np.float64)
    steps = len(w)
    edge = markov_chains(rng, law.edge_leave, steps, 1)[:, 0]
    calm = markov_chains(rng, law.volatility_leave, steps, 1)[:, 0]
    flow, moves = _flows(rng, law.flow, steps, width)
    drawn = correlated(rng, (steps,), width, law.flow.noise_correlation)
    before = np.concatenate(([0], np.arange(steps - 1)))  # the first step's return follows a state like any other
    volatility = w * np.array(law.volatility)[calm[before]]
    tau = np.array(law.noise)[edge[before]]
    bracket = np.array(law.edge)[edge[before], None] * flow[before] + law.flow.impact * moves + tau[:, None] * drawn
    return Path(
        flow=flow,
        log_return=volatility[:, None] * bracket,
        jump=np.zeros_like(flow),
        noise=volatility * tau,
        volatility=volatility,
        edge_state=edge,
        volatility_state=calm,
    )


def placebo_path(law: PlaceboLaw, rng: np.random.Generator, weight: npt.ArrayLike, width: int) -> Path:
    """The market without an edge over the steps of `weight` [T], w."""
    w = np.asarray(weight, dtype=np.float64)
    steps = len(w)
    log_variance = np.empty(steps)
    shocks = rng.standard_normal(steps)
    phi = law.log_variance_persistence
    log_variance[0] = shocks[0]
    for t in range(1, steps):
        log_variance[t] = phi * log_variance[t - 1] + np.sqrt(1 - phi**2) * shocks[t]
    deviation = law.log_variance_deviation
    volatility = w * law.volatility * np.exp(deviation * log_variance / 2 - deviation**2 / 4)
    flow, moves = _flows(rng, law.flow, steps, width)
    drawn = correlated(rng, (steps,), width, law.flow.noise_correlation)
    jumps = rng.random((steps, width)) < law.jump_probability
    size = law.jump_size * volatility[:, None]
    jump = np.where(jumps, size * rng.standard_normal((steps, width)), 0.0)
    own_noise = np.sqrt(1 - law.flow.impact**2)
    moved = volatility[:, None] * (law.flow.impact * moves + own_noise * drawn)
    correction = (volatility[:, None] ** 2 + np.where(jumps, size**2, 0.0)) / 2
    return Path(
        flow=flow,
        log_return=moved + jump - correction,
        jump=jump,
        noise=volatility * own_noise,
        volatility=volatility,
        edge_state=np.zeros(steps, dtype=np.int64),
        volatility_state=np.zeros(steps, dtype=np.int64),
    )
