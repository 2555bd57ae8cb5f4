"""Linear stacking on the logits of the calibrated members, weights >= 0 (Breiman 1996, "Stacked regressions").

One weight per regime and member, mixed by the filtered regime probabilities p: the model of varying coefficients (Hastie
and Tibshirani 1993) with the regime as its modifier. Penalised maximum likelihood: log loss over effective samples, plus
a ridge of the mean weights towards equal ones, plus a ridge of every regime's weights towards that mean. Little evidence
gives the average of the members, more gives the better member the weight, and still more gives it that weight where it is
better. With an infinite second ridge it is the plain stack; how strong it is is chosen on the past's own tail.
Bounded L-BFGS from a fixed start: deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.fusion.settings import EnsembleSettings
from minhos.capabilities.ensemble.runtime.calibration import Knots
from minhos.capabilities.ensemble.runtime.fusion import (
    ENSEMBLE,
    Stacking,
    calibrate_members,
    logit,
    sigmoid,
    stack,
)
from minhos.errors import NightError
from minhos.training.isotonic import IDENTITY, fit_knots
from minhos.training.splits import purged_tail
from minhos_client.contract import MEMBERS

__all__ = ["Past", "Section", "choose_shrinkage", "fit_members", "fit_stacking", "knots_of"]

Float = npt.NDArray[np.float64]
Section = dict[str, dict[str, list[float]]]
_TAIL_FRACTION = 1 / 3
_Z = 1.645
_OPTIONS = {"maxiter": 1000, "maxfun": 5000, "ftol": 1e-12, "gtol": 1e-5}
_LEAST_TAIL = 50.0  # effective samples under which the tail cannot tell two stacks apart


@dataclass(frozen=True)
class Past:
    """Out-of-fold rows in time order that a stack may learn from: ``raw`` member probabilities [N, 5], ``regime`` filtered
    probabilities [N, R] (rows sum to 1), ``up`` int8 [N], ``t0``, ``t1`` int64 [N] UTC us; ``overlap`` of the labels."""

    raw: Float
    regime: Float
    up: npt.NDArray[np.int8]
    t0: npt.NDArray[np.int64]
    t1: npt.NDArray[np.int64]
    embargo_us: int
    overlap: float

    def take(self, rows: npt.NDArray[np.int64]) -> Past:
        """The same of fewer rows."""
        parts = {name: getattr(self, name)[rows] for name in ("raw", "regime", "up", "t0", "t1")}
        return Past(**parts, embargo_us=self.embargo_us, overlap=self.overlap)


def knots_of(section: Section) -> dict[str, Knots]:
    """The ``calibration`` section of ``parameters.json`` as the runtime's tables."""
    return {name: Knots(**{key: np.array(value) for key, value in table.items()}) for name, table in section.items()}


def fit_members(past: Past, settings: EnsembleSettings) -> Section:
    """Calibration knots of each member; the ensemble's own table starts as identity."""
    section = {
        name: fit_knots(
            past.raw[:, column],
            past.up,
            overlap=past.overlap,
            max_knots=settings.max_knots,
            rows_per_knot=settings.samples_per_knot,
            prior_rows=settings.prior_samples,
        )
        for column, name in enumerate(MEMBERS)
    }
    section[ENSEMBLE] = {name: list(values) for name, values in IDENTITY.items()}
    return section


def choose_shrinkage(past: Past, regimes: tuple[str, ...], settings: EnsembleSettings) -> float:
    """How strongly the regimes' weights are held together, in effective samples; infinite: they do not move.

    Each of ``settings.regime_ridges`` is fitted on the past but its last third, calibration included, and judged by its log
    loss on that third, purged and embargoed. The strongest that is not worse than the best by more than chance shows in one
    case of twenty (paired differences over effective samples) is taken: the one-standard-error rule of Breiman et al. 1984
    with 1.645 of them, as one would move the weights of equal members in one night of six.
    """
    if len(regimes) < 2 or len(past.up) * _TAIL_FRACTION / past.overlap < _LEAST_TAIL:
        return np.inf
    cut = purged_tail(past.t0, past.t1, fraction=_TAIL_FRACTION, embargo_us=past.embargo_us)
    early, tail = past.take(cut.train), past.take(cut.test)
    if np.unique(early.up).size < 2 or np.unique(tail.up).size < 2:
        return np.inf
    calibration = fit_members(early, settings)
    losses = {}
    for ridge in (np.inf, *sorted(settings.regime_ridges, reverse=True)):
        fitted = fit_stacking(early, calibration, regimes, settings, regime_ridge=ridge)
        members = calibrate_members(tail.raw, knots_of(calibration))
        p = np.clip(stack(members, fitted.intercept, fitted.at(tail.regime)), 1e-6, 1 - 1e-6)
        losses[ridge] = -np.where(tail.up > 0, np.log(p), np.log1p(-p))
    best = min(losses, key=lambda ridge: float(losses[ridge].mean()))

    def worse(ridge: float) -> bool:
        gap = losses[ridge] - losses[best]
        return float(gap.mean()) > _Z * float(gap.std()) / float(np.sqrt(len(gap) / past.overlap))

    return next(ridge for ridge in losses if ridge == best or not worse(ridge))


def fit_stacking(
    past: Past, calibration: Section, regimes: tuple[str, ...], settings: EnsembleSettings, *, regime_ridge: float
) -> Stacking:
    """Intercept and nonnegative weights per regime; ``regime_ridge``: precision, in effective samples, of the prior that
    every regime's weights are their mean over the past.

    Raises NightError when the optimiser does not converge.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    moving = np.isfinite(regime_ridge)
    logits = logit(calibrate_members(past.raw, knots_of(calibration)))
    present = past.regime if moving else np.ones((len(past.up), 1))
    share = present.mean(axis=0)
    label = past.up.astype(np.float64)
    rows, members, states = len(label), logits.shape[1], present.shape[1]
    effective = rows / past.overlap
    equal = np.full(members, 1.0 / members)

    def loss(parameters: Float) -> tuple[float, Float]:
        weights = parameters[1:].reshape(states, members)
        z = parameters[0] + np.einsum("nr,nm,rm->n", present, logits, weights)
        error = sigmoid(z) - label
        mean = share @ weights
        away, apart = mean - equal, weights - mean
        value = effective * float((np.logaddexp(0.0, z) - label * z).mean())
        value += 0.5 * settings.stacking_ridge * float(away @ away)
        slope = effective / rows * np.einsum("n,nr,nm->rm", error, present, logits)
        slope += settings.stacking_ridge * np.outer(share, away)
        if moving:
            value += 0.5 * regime_ridge * float((apart * apart).sum())
            slope += regime_ridge * (apart - np.outer(share, apart.sum(axis=0)))
        return value, np.concatenate([[effective * error.mean()], slope.ravel()])

    start = np.concatenate([[0.0], np.tile(equal, states)])
    bounds = [(-2.0, 2.0)] + [(0.0, None)] * (members * states)
    # Products so small are not worth the threads that BLAS wakes for them: 15 times slower on a busy machine.
    with threadpool_limits(limits=1, user_api="blas"):
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_OPTIONS)
    if not (found.success and np.isfinite(found.x).all()):
        raise NightError(f"stacking: the fit over {rows} samples did not converge ({found.message})")
    matrix: npt.NDArray[Any] = found.x[1:].reshape(states, members)
    weights = {
        name: dict(zip(MEMBERS, own.tolist(), strict=True))
        for name, own in zip(regimes, matrix if moving else np.repeat(matrix, len(regimes), axis=0), strict=True)
    }
    return Stacking(intercept=float(found.x[0]), weights=weights)
