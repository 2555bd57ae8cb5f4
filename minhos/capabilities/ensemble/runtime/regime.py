"""The regime: how much the market moves and whether it goes anywhere, by two forward filters on log returns.

Each is a Gaussian hidden Markov model of its own, calm or volatile on the returns themselves, ranging or trending on
their efficiency (Kaufman 1995: distance gone / way walked). The chains are independent, so the four regimes'
probabilities are products. Filtered, never smoothed: the probability at a bar uses the bars up to it (Hamilton 1989;
smoothing and Viterbi paths see the future). The filters start from their stationary laws at a window's first bar, so a
served window and the same window inside a history give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "FloatArray",
    "Regime",
    "States",
    "efficiency",
    "emission",
    "filter_states",
    "regime_of_history",
    "regime_of_windows",
]

FloatArray = npt.NDArray[np.float64]

_TRANSITION_FLOOR: Final = 1e-9
_LOG_FLOOR: Final = -60.0
_NORMALISE_EVERY: Final = 4
_ROWS_AT_ONCE: Final = 4096  # what stays in the cache, and what BLAS does not spread over threads


@dataclass(frozen=True, eq=False)
class States:
    """One chain of S states, named: ``transition [S, S]`` (rows sum to 1), ``means``, ``stds``, ``stationary`` [S].

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


@dataclass(frozen=True, eq=False)
class Regime:
    """``volatility``: states of the log return per bar; ``trend``: states of the efficiency over ``trend_bars`` bars.

    ``names``: the R = V * T regimes in the order of REGIME, ``calm_ranging``, ``calm_trending``, ...: each the name of a
    state of volatility, ``_``, and that of a state of trend.
    """

    names: tuple[str, ...]
    volatility: States
    trend: States
    trend_bars: int

    def __post_init__(self) -> None:
        for field in ("volatility", "trend"):
            object.__setattr__(self, field, _states(field, getattr(self, field)))
        if isinstance(self.trend_bars, bool) or not isinstance(self.trend_bars, int) or not 2 <= self.trend_bars <= 64:
            raise ValueError(f"trend_bars must be a whole number in 2..64, got {self.trend_bars!r}")
        joined = tuple(f"{moves}_{goes}" for moves in self.volatility.names for goes in self.trend.names)
        object.__setattr__(self, "names", tuple(self.names))
        if self.names != joined:
            raise ValueError(f"names must be {list(joined)}, volatility by trend, got {list(self.names)}")


def _states(where: str, value: States | Mapping[str, Any]) -> States:
    if isinstance(value, States):
        return value
    allowed = {field.name for field in fields(States)}
    if not isinstance(value, Mapping) or set(value) != allowed:
        raise ValueError(f"{where} must be an object with exactly the keys {sorted(allowed)}")
    try:
        return States(**value)
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from error


def efficiency(log_returns: FloatArray, bars: int) -> FloatArray:
    """``|sum of returns| / sum of |returns|`` over the last ``bars`` returns, 0..1 (0 where nothing moved).

    ``log_returns [..., K] -> [..., max(0, K - bars + 1)]``, aligned at the end. Summed in one order for every window:
    the same bits in a history and in a served window.
    """
    length = max(0, log_returns.shape[-1] - bars + 1)
    gone = np.zeros((*log_returns.shape[:-1], length))
    way = np.zeros_like(gone)
    for back in range(bars):
        part = log_returns[..., back : back + length]
        gone += part
        way += np.abs(part)
    result: FloatArray = np.abs(gone) / np.where(way > 0.0, way, 1.0)
    return result


def emission(observed: FloatArray, states: States) -> FloatArray:
    """Likelihood of each observation under each state, ``[...] -> [..., S]``, scaled so that the best state has 1.

    Only the ratio matters to the filter. No ratio is under e**-60, so one absurd print moves the filter to the state
    that explains it best and can neither stop it nor be remembered longer than the transitions say.
    """
    z = (observed[..., None] - states.means) / states.stds
    log_density = -0.5 * z * z - np.log(states.stds)
    log_density -= log_density.max(axis=-1, keepdims=True)
    likelihood: FloatArray = np.exp(np.maximum(log_density, _LOG_FLOOR))
    return likelihood


def filter_states(likelihood: FloatArray, states: States) -> FloatArray:
    """Filtered probabilities of one chain at each row's last observation.

    Parameters: ``likelihood`` float64 [N, K, S] from `emission` of the K observations inside each window (a strided
    view over a history will do). Returns float64 [N, S], rows sum to 1; the stationary law where K = 0.
    """
    if likelihood.shape[0] > _ROWS_AT_ONCE:
        starts = range(0, likelihood.shape[0], _ROWS_AT_ONCE)
        return np.concatenate([filter_states(likelihood[at : at + _ROWS_AT_ONCE], states) for at in starts])
    rows, steps, _ = likelihood.shape
    weight = np.repeat(states.stationary[None, :], rows, axis=0)
    for step in range(steps):
        weight = (weight @ states.transition) * likelihood[:, step]
        if step % _NORMALISE_EVERY == _NORMALISE_EVERY - 1:
            weight /= weight.sum(axis=1, keepdims=True)
    result: FloatArray = weight / weight.sum(axis=1, keepdims=True)
    return result


def regime_of_windows(log_returns: FloatArray, regime: Regime) -> FloatArray:
    """REGIME at each window's last bar: ``log_returns [B, K]`` of the K = W-1 returns inside it -> float64 [B, R]."""
    trend = efficiency(log_returns, regime.trend_bars)
    return _joined(emission(log_returns, regime.volatility), emission(trend, regime.trend), regime)


def regime_of_history(log_returns: FloatArray, returns: int, regime: Regime) -> FloatArray:
    """REGIME at every bar that has a whole window before it: ``log_returns [T-1]``, K = ``returns`` per window.

    Returns float64 [T-K, R]; row i equals `regime_of_windows` on ``log_returns[i : i + K]``.
    """

    def windows(observed: FloatArray, states: States) -> FloatArray:
        length = returns - (len(log_returns) - len(observed))
        if length < 1:
            return np.ones((len(log_returns) - returns + 1, 0, len(states.names)))
        view = np.lib.stride_tricks.sliding_window_view(emission(observed, states), length, axis=0)
        moved: FloatArray = np.moveaxis(view, -1, 1)
        return moved

    trend = efficiency(log_returns, regime.trend_bars)
    return _joined(windows(log_returns, regime.volatility), windows(trend, regime.trend), regime)


def _joined(volatility: FloatArray, trend: FloatArray, regime: Regime) -> FloatArray:
    """Two likelihoods [N, K, S] -> the product of the chains' filtered probabilities, [N, R]."""
    moves, goes = filter_states(volatility, regime.volatility), filter_states(trend, regime.trend)
    joined: FloatArray = (moves[:, :, None] * goes[:, None, :]).reshape(len(moves), -1)
    return joined
