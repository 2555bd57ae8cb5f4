"""Isotonic calibration with few knots: what the runtime's ``np.interp`` tables are fitted by.

A full isotonic fit follows noise where samples are few (scikit-learn's own warning). Here the scores are cut into few
bins of equal size, each bin's rate leans to the overall rate by a prior worth some samples, and the bins are made
monotone by pool-adjacent-violators. Counts are effective ones: rows / overlap of their labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Bins", "bins_of", "fit_knots", "pooled"]

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bins:
    """Equal-count bins of a score: ``x`` mean score (strictly rising), ``rate`` mean label, ``rows`` raw counts."""

    x: Float
    rate: Float
    rows: Float


def bins_of(score: npt.ArrayLike, label: npt.ArrayLike, count: int) -> Bins:
    """At most ``count`` bins of about equal size; equal scores never fall in two bins."""
    x, y = np.asarray(score, dtype=np.float64), np.asarray(label, dtype=np.float64)
    values, inverse, repeats = np.unique(x, return_inverse=True, return_counts=True)
    middle = np.cumsum(repeats) - 0.5 * repeats
    group = np.minimum((middle * count / len(x)).astype(np.int64), count - 1)
    _, group = np.unique(group, return_inverse=True)
    member = group[inverse]
    rows = np.bincount(member).astype(np.float64)
    centre = np.bincount(member, weights=x) / rows
    # A mean may round out of its bin's range; the ranges are disjoint, so clipping keeps the order strict.
    first = np.searchsorted(group, np.arange(len(rows)))
    centre = np.clip(centre, values[first], values[np.append(first[1:], len(values)) - 1])
    return Bins(x=centre, rate=np.bincount(member, weights=y) / rows, rows=rows)


def pooled(rate: Float, weight: Float) -> tuple[Float, Float]:
    """Pool adjacent violators: the monotone rates, and for each bin the weight of the block that it ended in."""
    blocks: list[list[float]] = []  # rate, weight, number of bins
    for value, amount in zip(rate.tolist(), weight.tolist(), strict=True):
        blocks.append([value, amount, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            last, total = blocks.pop(), blocks[-1][1]
            both = total + last[1]
            blocks[-1] = [(blocks[-1][0] * total + last[0] * last[1]) / both, both, blocks[-1][2] + last[2]]
    sizes = [int(block[2]) for block in blocks]
    return np.repeat([block[0] for block in blocks], sizes), np.repeat([block[1] for block in blocks], sizes)


def fit_knots(
    score: npt.NDArray[Any],
    label: npt.NDArray[Any],
    *,
    overlap: float,
    max_knots: int,
    rows_per_knot: int,
    prior_rows: float,
) -> dict[str, list[float]]:
    """Knots ``{"x": [...], "y": [...]}`` of P(label = 1 | score), x strictly rising, y never falling, both in 0..1.

    Too few effective rows for two knots, or a single score: the identity.
    """
    effective = len(score) / overlap
    count = min(max_knots, int(effective // rows_per_knot))
    bins = bins_of(score, label, count) if count >= 2 else None
    if bins is None or len(bins.x) < 2:
        return {"x": [0.0, 1.0], "y": [0.0, 1.0]}
    weight = bins.rows / overlap
    base = float(np.mean(label))
    leaned = (bins.rate * weight + base * prior_rows) / (weight + prior_rows)
    y, _ = pooled(leaned, weight)
    return {"x": bins.x.tolist(), "y": np.clip(y, 0.0, 1.0).tolist()}
