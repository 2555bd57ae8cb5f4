"""The regime model's parameters: two Gaussian hidden Markov models of two states each, fitted by hmmlearn.

One on log returns (calm, volatile), one on their efficiency (ranging, trending). Only parameters come from here:
hmmlearn's own state estimates (Viterbi and smoothed) see the future and are never used; the runtime filters forward. All
instruments share one model, fitted on their pooled raw returns as separate sequences, because the runtime filters
raw returns with one table.

Why two by two and not a number that a criterion picks: four is the fewest that says both volatility and trend, every
further regime takes effective samples from the stack's weights, and a likelihood cannot choose among trend states, as
neighbouring efficiencies share all bars but one and any chain that persists wins. A trend here describes the last
bars (a random walk has such stretches too); whether a member is better in it is for the stack's shrinkage to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.runtime.regime import efficiency
from minhos.errors import NightError

__all__ = ["TREND_BARS", "fit_regime"]

Float = npt.NDArray[np.float64]
VOLATILITY, TREND = ("calm", "volatile"), ("ranging", "trending")
TREND_BARS = 16
_FEWEST_RETURNS = 200
_NEWEST_RETURNS = 60_000  # of all instruments together: more move the four numbers of a chain by little


def fit_regime(closes: Sequence[Float], *, seed: int, iterations: int = 50) -> dict[str, Any]:
    """The ``regime`` section of ``parameters.json``.

    ``closes``: float64 [T] per instrument, of the training span only; from and to a close at or below zero there is no
    return (crude oil, 2020-04-20). States are ordered calm first (by standard deviation) and ranging first (by mean).
    The start is fixed (below and above the median), so the fit is reproducible.

    Raises NightError for fewer than 200 returns or returns without any variation.
    """
    series = [returns for close in closes if len(close) > TREND_BARS and len(returns := _log_returns(close))]
    series = [returns[-max(_FEWEST_RETURNS, _NEWEST_RETURNS // len(series)) :] for returns in series]
    pooled = np.concatenate(series) if series else np.empty(0)
    if len(pooled) < _FEWEST_RETURNS or not np.isfinite(pooled).all() or pooled.std() == 0:
        raise NightError(
            f"regime: {len(pooled)} returns of {len(closes)} instruments; it needs at least {_FEWEST_RETURNS} finite "
            "returns that vary: use more history"
        )
    trends = [one for returns in series if len(one := efficiency(returns, TREND_BARS))]
    size, goes = np.abs(pooled), np.concatenate(trends)
    volatility = _fit(series, size > np.median(size), by="stds", seed=seed, iterations=iterations)
    trend = _fit(trends, goes > np.median(goes), by="means", seed=seed, iterations=iterations)
    return {
        "names": [f"{moves}_{goes}" for moves in VOLATILITY for goes in TREND],
        "volatility": {"names": list(VOLATILITY), **volatility},
        "trend": {"names": list(TREND), **trend},
        "trend_bars": TREND_BARS,
    }


def _fit(
    series: Sequence[Float], second: npt.NDArray[np.bool_], *, by: str, seed: int, iterations: int
) -> dict[str, list[Any]]:
    """Two states of the pooled observations, started at those in ``second`` and at the others, ordered ``by``.

    Ordered by ``stds``: the states start at one mean. Ordered by ``means``: each starts at its own.
    """
    from hmmlearn.hmm import GaussianHMM

    pooled = np.concatenate(series)
    unit = max(float(pooled.std()), 1e-12)
    scaled = pooled / unit
    parts = [scaled[~second], scaled[second] if second.any() else scaled]
    centres = [scaled.mean()] * 2 if by == "stds" else [part.mean() for part in parts]
    spread = [float(np.mean((part - centre) ** 2)) for part, centre in zip(parts, centres, strict=True)]
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
    model.means_ = np.array(centres)[:, None]
    model.covars_ = np.maximum(spread, 1e-3)[:, None]
    model.fit(scaled[:, None], lengths=[len(part) for part in series])
    found = {"means": model.means_.reshape(2) * unit, "stds": np.sqrt(model.covars_.reshape(2)) * unit}
    order = np.argsort(found[by], kind="stable")
    transition = model.transmat_[np.ix_(order, order)]
    leave = transition[0, 1], transition[1, 0]
    first = leave[1] / max(leave[0] + leave[1], 1e-12)
    return {
        "transition": transition.tolist(),
        "means": found["means"][order].tolist(),
        "stds": found["stds"][order].tolist(),
        "stationary": [float(first), float(1.0 - first)],
    }


def _log_returns(close: Float) -> Float:
    below = close <= 0
    returns = np.diff(np.log(np.where(below, 1.0, close)))
    return returns[~(below[1:] | below[:-1])]
