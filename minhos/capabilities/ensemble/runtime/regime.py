"""The regime: the forward filter of a Gaussian hidden Markov model on log returns.

Filtered, never smoothed: the probability at a bar uses the bars up to it (Hamilton 1989; smoothing and Viterbi paths
see the future). The filter starts from the stationary law at its window's first bar, so a served window and the same
window inside a history give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "Regime", "emission", "filter_regime"]

FloatArray = npt.NDArray[np.float64]

_TRANSITION_FLOOR: Final = 1e-9
_LOG_FLOOR: Final = -60.0
_NORMALISE_EVERY: Final = 4
_ROWS_AT_ONCE: Final = 4096  # what stays in the cache, and what BLAS does not spread over threads


@dataclass(frozen=True, eq=False)
class Regime:
    """R states: ``transition [R, R]`` (rows sum to 1), ``means`` and ``stds`` [R] per bar of log returns.

    Transition probabilities under 1e-9 (a fit may give exact zeros) are raised to it: no state is ever shut for good.
    """

    names: tuple[str, ...]
    transition: FloatArray
    means: FloatArray
    stds: FloatArray
    stationary: FloatArray

    def __post_init__(self) -> None:
        names = tuple(self.names)
        count = len(names)
        if count < 1 or len(set(names)) != count or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"names must be different, non-empty texts, got {names}")
        object.__setattr__(self, "names", names)
        shapes = {"transition": (count, count), "means": (count,), "stds": (count,), "stationary": (count,)}
        for field, shape in shapes.items():
            array = np.array(getattr(self, field), dtype=np.float64)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{field} must be finite of shape {shape}, got shape {array.shape}")
            if field in ("transition", "stationary"):
                if array.min() < 0.0 or np.abs(array.sum(axis=-1) - 1.0).max() > 1e-6:
                    raise ValueError(f"{field} must be probabilities that sum to 1")
                array = np.maximum(array, _TRANSITION_FLOOR)
                array /= array.sum(axis=-1, keepdims=True)
            array.flags.writeable = False
            object.__setattr__(self, field, array)
        if self.stds.min() <= 0.0:
            raise ValueError(f"stds must be > 0, got {self.stds.tolist()}")


def emission(log_returns: FloatArray, regime: Regime) -> FloatArray:
    """Likelihood of each return under each state, ``[...] -> [..., R]``, scaled so that the best state has 1.

    Only the ratio matters to the filter. No ratio is under e**-60, so one absurd print moves the filter to the state
    that explains it best and can neither stop it nor be remembered longer than the transitions say.
    """
    z = (log_returns[..., None] - regime.means) / regime.stds
    log_density = -0.5 * z * z - np.log(regime.stds)
    log_density -= log_density.max(axis=-1, keepdims=True)
    likelihood: FloatArray = np.exp(np.maximum(log_density, _LOG_FLOOR))
    return likelihood


def filter_regime(likelihood: FloatArray, regime: Regime) -> FloatArray:
    """Filtered probabilities at each row's last bar.

    Parameters: ``likelihood`` float64 [N, K, R] from `emission` of the K = W-1 returns inside each window (a strided
    view over a history will do). Returns float64 [N, R], rows sum to 1; the stationary law where K = 0.
    """
    if likelihood.shape[0] > _ROWS_AT_ONCE:
        starts = range(0, likelihood.shape[0], _ROWS_AT_ONCE)
        return np.concatenate([filter_regime(likelihood[at : at + _ROWS_AT_ONCE], regime) for at in starts])
    rows, steps, _ = likelihood.shape
    weight = np.repeat(regime.stationary[None, :], rows, axis=0)
    for step in range(steps):
        weight = (weight @ regime.transition) * likelihood[:, step]
        if step % _NORMALISE_EVERY == _NORMALISE_EVERY - 1:
            weight /= weight.sum(axis=1, keepdims=True)
    result: FloatArray = weight / weight.sum(axis=1, keepdims=True)
    return result
