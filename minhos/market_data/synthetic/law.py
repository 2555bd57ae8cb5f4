"""The laws of the made-up markets: frozen parameters, in units of a step and of that step's volatility.

Time runs in steps of `STEP_SECONDS`. In both markets a step's order flow x follows

    x[t+1] = phi x[t] + sqrt(1 - phi^2) u[t+1]        u standard normal, so x has variance 1

and is seen in the step's bar as imbalance (ask - bid volume) / volume = tanh(0.3 x), up to the rounding of whole contracts.
Instruments are correlated through u and e only: another one's flow says nothing about one's own future.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["IMBALANCE_SCALE", "LEAST_NOISE", "STEP_SECONDS", "FlowLaw", "PlaceboLaw", "PlantedLaw"]

STEP_SECONDS: Final = 300
IMBALANCE_SCALE: Final = 0.3
LEAST_NOISE: Final = 0.1
"""The noise of a step's return is never less, as a share of its volatility: no step is a certainty."""


@dataclass(frozen=True, kw_only=True)
class FlowLaw:
    """Order flow, and how instruments move together.

    `persistence`: phi above. `impact`: how much of u moves the price in its own step, in units of its volatility: known
    only when the step is over. `flow_correlation`, `noise_correlation`: of u and e, the same for every pair of instruments.
    """

    persistence: float = 0.85
    impact: float = 0.3
    flow_correlation: float = 0.3
    noise_correlation: float = 0.6


@dataclass(frozen=True, kw_only=True)
class PlantedLaw:
    """The market with an edge: flow predicts, and a regime says in which direction and how much.

        r[t+1] = w[t+1] sigma[v[t]] (beta[s[t]] x[t] + impact u[t+1] + tau[s[t]] e[t+1])

    r: log return; w: the known pattern of the day; s, v: the edge and the volatility regime, two Markov chains of two
    states, common to all instruments; e standard normal; tau such that the bracket has variance 1.

    `edge_unit`, `edge_shape`: beta[s] = `edge_unit` x `edge_shape`[s]. The two differ in sign: else the sign of the flow
    would be all there is to know. They differ in size too, so that some bets are worth much more than others. `edge_leave`,
    `volatility_leave`: probability per step of leaving each state. `volatility`: sigma of calm and volatile steps.
    """

    edge_unit: float
    edge_shape: tuple[float, float] = (2.0, -1.0)
    edge_leave: tuple[float, float] = (1 / 200, 1 / 200)
    volatility: tuple[float, float] = (0.0006, 0.0014)
    volatility_leave: tuple[float, float] = (1 / 240, 1 / 120)
    flow: FlowLaw = FlowLaw()

    @property
    def edge(self) -> tuple[float, float]:
        """beta of both edge regimes."""
        return self.edge_unit * self.edge_shape[0], self.edge_unit * self.edge_shape[1]

    @property
    def noise(self) -> tuple[float, float]:
        """tau of both edge regimes."""
        first, second = (math.sqrt(1.0 - beta**2 - self.flow.impact**2) for beta in self.edge)
        return first, second

    @property
    def largest_edge_unit(self) -> float:
        """The largest `edge_unit` that leaves `LEAST_NOISE` in every step."""
        return math.sqrt(1.0 - self.flow.impact**2 - LEAST_NOISE**2) / max(map(abs, self.edge_shape))


@dataclass(frozen=True, kw_only=True)
class PlaceboLaw:
    """The market without an edge: the price is a martingale, exactly.

        r[t+1] = sqrt(V[t+1]) z[t+1] + J[t+1] - (V[t+1] + jump variance[t+1]) / 2
        sqrt(V[t+1]) = w[t+1] sigma exp(h[t+1] / 2)

    z = impact u + sqrt(1 - impact^2) e is standard normal; h, the log of the variance, is an AR(1) of its own, common to all
    instruments; with probability `jump_probability` a jump J, normal with `jump_size` times the step's volatility. z and J
    depend on nothing before them, and the last term makes E[exp(r) | past] = 1, given h and the fact of a jump: the expected
    next price is the price now. Fat tails and clustering come from h (Taylor 1986, "Modelling Financial Time Series") and
    the jumps (Merton 1976).
    """

    volatility: float = 0.0007
    log_variance_persistence: float = 0.99
    log_variance_deviation: float = 0.8
    jump_probability: float = 1 / 400
    jump_size: float = 5.0
    flow: FlowLaw = FlowLaw()
