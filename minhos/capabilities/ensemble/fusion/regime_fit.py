"""The regime model's parameters: a two-state Gaussian hidden Markov model on log returns, fitted by hmmlearn.

Only parameters come from here: hmmlearn's own state estimates (Viterbi and smoothed) see the future and are never
used; the runtime filters forward. All instruments share one model, fitted on their pooled raw returns as separate
sequences, because the runtime filters raw returns with one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import NightError

__all__ = ["fit_regime"]

Float = npt.NDArray[np.float64]
NAMES = ("calm", "volatile")
_FEWEST_RETURNS = 200


def fit_regime(closes: Sequence[Float], *, seed: int, iterations: int = 50) -> dict[str, Any]:
    """The ``regime`` section of ``parameters.json``.

    ``closes``: float64 [T] per instrument, of the training span only; from and to a close at or below zero there is no
    return (crude oil, 2020-04-20). States are ordered by standard
    deviation, calm first. The start is fixed (below and above the median absolute return), so the fit is reproducible.

    Raises NightError for fewer than 200 returns or returns without any variation.
    """
    from hmmlearn.hmm import GaussianHMM

    series = [returns for close in closes if len(close) > 2 and len(returns := _log_returns(close))]
    pooled = np.concatenate(series) if series else np.empty(0)
    if len(pooled) < _FEWEST_RETURNS or not np.isfinite(pooled).all() or pooled.std() == 0:
        raise NightError(
            f"regime: {len(pooled)} returns of {len(closes)} instruments; it needs at least {_FEWEST_RETURNS} finite "
            "returns that vary: use more history"
        )
    unit = float(pooled.std())
    scaled = pooled / unit
    size = np.abs(scaled)
    median = float(np.median(size))
    variances = np.array([np.mean(size[size <= median] ** 2), np.mean(size[size >= median] ** 2)])
    model = GaussianHMM(
        n_components=2,
        covariance_type="diag",
        min_covar=1e-4,
        n_iter=iterations,
        tol=0.1,
        random_state=seed % 2**31,
        init_params="",
    )
    model.startprob_ = np.array([0.5, 0.5])
    model.transmat_ = np.array([[0.95, 0.05], [0.05, 0.95]])
    model.means_ = np.full((2, 1), float(scaled.mean()))
    model.covars_ = np.maximum(variances, 1e-3)[:, None]
    model.fit(scaled[:, None], lengths=[len(part) for part in series])
    order = np.argsort(model.covars_.reshape(2), kind="stable")
    transition = model.transmat_[np.ix_(order, order)]
    leave = transition[0, 1], transition[1, 0]
    calm = leave[1] / max(leave[0] + leave[1], 1e-12)
    return {
        "names": list(NAMES),
        "transition": transition.tolist(),
        "means": (model.means_.reshape(2)[order] * unit).tolist(),
        "stds": (np.sqrt(model.covars_.reshape(2)[order]) * unit).tolist(),
        "stationary": [float(calm), float(1.0 - calm)],
    }


def _log_returns(close: Float) -> Float:
    below = close <= 0
    returns = np.diff(np.log(np.where(below, 1.0, close)))
    return returns[~(below[1:] | below[:-1])]
