"""Intervals for dependent observations: the circular block bootstrap (Politis & Romano 1992)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["bootstrap_means"]


def bootstrap_means(values: npt.NDArray[np.float64], *, block: int, draws: int, seed: int) -> npt.NDArray[np.float64]:
    """Means of ``draws`` circular block resamples of ``values`` (in time order).

    Args:
        values: float64 [N], in time order; overlapping labels make neighbours dependent.
        block: Length of a block in observations, at least the overlap of the labels.
        draws: How many resamples.
        seed: Seed of the generator.

    Returns:
        float64 [draws], sorted; all NaN when ``values`` is empty.
    """
    size = len(values)
    if size == 0:
        return np.full(draws, np.nan)
    length = max(1, min(block, size))
    blocks = -(-size // length)
    starts = np.random.default_rng(seed).integers(0, size, (draws, blocks))
    wrapped = np.concatenate([values, values[: length - 1]])
    sums = np.concatenate([[0.0], np.cumsum(wrapped)])
    return np.sort((sums[starts + length] - sums[starts]).sum(axis=1) / (blocks * length))
