"""Isotonic calibration with few knots: what the runtime's ``np.interp`` tables are fitted by.

A full isotonic fit follows noise where samples are few (scikit-learn's own warning). Here the scores are cut into few
bins of equal size, each bin's rate leans to the overall rate by a prior worth some samples, and the bins are made
monotone by pool-adjacent-violators, with the Venn-Abers pair of each bin (Vovk and Petej 2014, "Venn-Abers predictors").
Counts are effective ones: rows / overlap of their labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["IDENTITY", "Bins", "bin_numbers", "bins_of", "fit_knots", "pooled", "venn_abers"]

Float = npt.NDArray[np.float64]

IDENTITY: Final = {"x": [0.0, 1.0], "low": [0.0, 0.0], "point": [0.0, 1.0], "high": [1.0, 1.0]}
"""The table that changes nothing and is sure of nothing."""


@dataclass(frozen=True)
class Bins:
    """Equal-count bins of a score: ``x`` mean score (strictly rising), ``rate`` mean label, ``rows`` raw counts."""

    x: Float
    rate: Float
    rows: Float


def bin_numbers(score: npt.ArrayLike, count: int) -> npt.NDArray[np.int64]:
    """The bin of each score, int64 [N], 0 upwards in the order of the scores: at most ``count`` bins of about equal size;
    equal scores never fall in two bins."""
    x = np.asarray(score, dtype=np.float64)
    _, inverse, repeats = np.unique(x, return_inverse=True, return_counts=True)
    middle = np.cumsum(repeats) - 0.5 * repeats
    group = np.minimum((middle * count / len(x)).astype(np.int64), count - 1)
    _, group = np.unique(group, return_inverse=True)
    member: npt.NDArray[np.int64] = group[inverse]
    return member


def bins_of(score: npt.ArrayLike, label: npt.ArrayLike, count: int) -> Bins:
    """At most ``count`` bins of about equal size, as of `bin_numbers`."""
    x, y = np.asarray(score, dtype=np.float64), np.asarray(label, dtype=np.float64)
    member = bin_numbers(x, count)
    rows = np.bincount(member).astype(np.float64)
    centre = np.bincount(member, weights=x) / rows
    # A mean may round out of its bin's range; the ranges are disjoint, so clipping keeps the order strict.
    order = np.argsort(x, kind="stable")
    first = np.searchsorted(member[order], np.arange(len(rows)))
    centre = np.clip(centre, x[order[first]], x[order[np.append(first[1:], len(x)) - 1]])
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


def venn_abers(rate: Float, weight: Float) -> tuple[Float, Float, Float]:
    """The inductive Venn-Abers prediction for a new observation in each group: p0, point, p1, none of them falling.

    ``rate`` and ``weight`` float64 [G]: mean label and effective count of groups in rising order of their score (single
    scores: the predictor of the paper; bins: that of the binned score). p0 and p1 are the isotonic calibration with the
    new observation added to its group, labelled 0 and 1; one of the two is perfectly calibrated whatever the scores'
    law. The point is p1 / (1 - p0 + p1), which minimises the regret under log loss.
    """
    pair = np.empty((2, len(rate)))
    for label in (0, 1):
        for group in range(len(rate)):
            more, moved = weight.copy(), rate.copy()
            more[group] += 1.0
            moved[group] += (label - rate[group]) / more[group]
            pair[label, group] = pooled(moved, more)[0][group]
    # Rounding may break an order that holds exactly.
    low, high = np.maximum.accumulate(np.clip(pair, 0.0, 1.0), axis=1)
    point = np.clip(high / (1.0 - low + high), low, high)
    return low, np.maximum.accumulate(point), high


def fit_knots(
    score: npt.NDArray[Any],
    label: npt.NDArray[Any],
    *,
    overlap: float,
    max_knots: int,
    rows_per_knot: int,
    prior_rows: float,
) -> dict[str, list[float]]:
    """Knots ``x``, ``low``, ``point``, ``high`` of P(label = 1 | score): x strictly rising, none of the others falling.

    Too few effective rows for two knots, or a single score: `IDENTITY`.
    """
    effective = len(score) / overlap
    count = min(max_knots, int(effective // rows_per_knot))
    bins = bins_of(score, label, count) if count >= 2 else None
    if bins is None or len(bins.x) < 2:
        return {name: list(values) for name, values in IDENTITY.items()}
    weight = bins.rows / overlap
    base = float(np.mean(label))
    leaned = (bins.rate * weight + base * prior_rows) / (weight + prior_rows)
    low, point, high = venn_abers(leaned, weight)
    return {"x": bins.x.tolist(), "low": low.tolist(), "point": point.tolist(), "high": high.tolist()}
