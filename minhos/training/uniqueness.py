"""How much of a label is its own: average uniqueness of overlapping labels.

Lopez de Prado, "Advances in Financial Machine Learning" (2018), section 4.4: c[t] labels are alive in bar t, a label's
uniqueness there is 1 / c[t], and its average over the bars of its life (t0, t1] weighs the sample. Bars are the
stretches between two times of the given labels, so a night or a weekend counts as one bar and not as its hours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minhos.errors import NightError

__all__ = ["average_uniqueness", "bars_of_life", "sample_weights"]

Int = npt.NDArray[np.int64]


def bars_of_life(t0: npt.ArrayLike, t1: npt.ArrayLike) -> tuple[Int, Int]:
    """First bar (with) and last bar (without) of every label's life (t0, t1], counted in the bars of these labels.

    ``t0``, ``t1`` int64 [N] UTC us; int64 [N] twice. Raises NightError where a label is not known after its decision.
    """
    start, end = np.asarray(t0, dtype=np.int64), np.asarray(t1, dtype=np.int64)
    if start.shape != end.shape or bool((end <= start).any()):
        raise NightError(
            f"labels: {start.size} t0, {end.size} t1, {int((end <= start).sum()) if start.shape == end.shape else 0} of "
            "them known at or before their decision; every sample needs t0 < t1"
        )
    times = np.unique(np.concatenate([start, end]))
    return np.searchsorted(times, start), np.searchsorted(times, end)


def average_uniqueness(t0: npt.ArrayLike, t1: npt.ArrayLike, instrument: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Average uniqueness of each label among the labels of its instrument, float64 [N] in (0, 1].

    1: no other label lives while it does; 1 / k: k labels live the same life. Looks at all the rows it is given, so it is
    asked for a fold's training rows alone: with later rows it would tell of labels that the fold cannot know.
    """
    first, last, which = np.asarray(t0), np.asarray(t1), np.asarray(instrument)
    unique = np.empty(first.size, dtype=np.float64)
    for number in np.unique(which):
        mine = which == number
        begin, end = bars_of_life(first[mine], last[mine])
        bars = int(end.max())
        alive = np.cumsum(np.bincount(begin, minlength=bars + 1) - np.bincount(end, minlength=bars + 1))[:bars]
        shared = np.concatenate([[0.0], np.cumsum(1.0 / np.maximum(alive, 1))])
        unique[mine] = np.minimum((shared[end] - shared[begin]) / (end - begin), 1.0)  # the sum rounds
    return unique


def sample_weights(t0: npt.ArrayLike, t1: npt.ArrayLike, instrument: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """``average_uniqueness`` scaled to a mean of 1, float32 [N]: a model's regularisation keeps its meaning."""
    unique = average_uniqueness(t0, t1, instrument)
    weights: npt.NDArray[np.float32] = (unique / unique.mean()).astype(np.float32)
    return weights
