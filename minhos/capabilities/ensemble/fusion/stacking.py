"""Linear stacking on the logits of the calibrated members, weights >= 0 (Breiman 1996, "Stacked regressions").

Penalised maximum likelihood: log loss over effective samples plus a ridge towards equal weights, so that little
evidence gives the average of the members and much evidence gives the better member the weight. Bounded L-BFGS from
a fixed start: deterministic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.fusion.settings import EnsembleSettings
from minhos.capabilities.ensemble.runtime.calibration import Knots
from minhos.capabilities.ensemble.runtime.fusion import ENSEMBLE, Stacking, calibrate_members, logit, sigmoid
from minhos.errors import NightError
from minhos.training.isotonic import fit_knots
from minhos_client.contract import MEMBERS

__all__ = ["fit_members", "fit_stacking", "knots_of"]

Float = npt.NDArray[np.float64]
Section = dict[str, dict[str, list[float]]]


def knots_of(section: Section) -> dict[str, Knots]:
    """The ``calibration`` section of ``parameters.json`` as the runtime's tables."""
    return {name: Knots(np.array(table["x"]), np.array(table["y"])) for name, table in section.items()}


def fit_members(raw: Float, up: npt.NDArray[np.int8], *, overlap: float, settings: EnsembleSettings) -> Section:
    """Calibration knots of each member from raw probabilities [N, 5]; the ensemble's own table starts as identity."""
    section = {
        name: fit_knots(
            raw[:, column],
            up,
            overlap=overlap,
            max_knots=settings.max_knots,
            rows_per_knot=settings.samples_per_knot,
            prior_rows=settings.prior_samples,
        )
        for column, name in enumerate(MEMBERS)
    }
    section[ENSEMBLE] = {"x": [0.0, 1.0], "y": [0.0, 1.0]}
    return section


def fit_stacking(
    raw: Float, up: npt.NDArray[np.int8], calibration: Section, *, overlap: float, settings: EnsembleSettings
) -> Stacking:
    """Intercept and nonnegative weights from raw member probabilities [N, 5] and labels [N].

    Raises NightError when the optimiser does not converge.
    """
    from scipy.optimize import minimize

    logits = logit(calibrate_members(raw, knots_of(calibration)))
    label = up.astype(np.float64)
    members = logits.shape[1]
    effective = len(label) / overlap
    equal = np.full(members, 1.0 / members)

    def loss(parameters: Float) -> tuple[float, Float]:
        z = parameters[0] + logits @ parameters[1:]
        error = sigmoid(z) - label
        away = parameters[1:] - equal
        value = effective * float((np.logaddexp(0.0, z) - label * z).mean())
        value += 0.5 * settings.stacking_ridge * float(away @ away)
        slope = np.concatenate([[error.mean()], logits.T @ error / len(label)]) * effective
        slope[1:] += settings.stacking_ridge * away
        return value, slope

    start = np.concatenate([[0.0], equal])
    bounds = [(-2.0, 2.0)] + [(0.0, None)] * members
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    if not (found.success and np.isfinite(found.x).all()):
        raise NightError(f"stacking: the fit over {len(label)} samples did not converge ({found.message})")
    weights = {name: float(value) for name, value in zip(MEMBERS, found.x[1:], strict=True)}
    return Stacking(intercept=float(found.x[0]), weights=weights)
