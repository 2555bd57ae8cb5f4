"""How good a probability was, always beside its base rate, its interval and the sample size it really rests on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.training.isotonic import bin_numbers
from minhos.training.uniqueness import bars_of_life

__all__ = ["calibration_error", "classification", "log_loss", "mean_overlap", "wilson"]

Float = npt.NDArray[np.float64]


def wilson(share: npt.ArrayLike, count: npt.ArrayLike, z: float) -> tuple[Float, Float]:
    """Wilson's score interval (1927) of a share observed over ``count`` (effective, may be fractional) trials.

    Contains ``share``; 0..1 where ``count`` is 0.
    """
    p = np.asarray(share, dtype=np.float64)
    n = np.maximum(np.asarray(count, dtype=np.float64), 1e-9)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.clip(np.minimum(centre - half, p), 0.0, 1.0), np.clip(np.maximum(centre + half, p), 0.0, 1.0)


def mean_overlap(
    t0: npt.NDArray[np.int64], t1: npt.NDArray[np.int64], instrument: npt.NDArray[Any], *, correlation: float = 0.0
) -> float:
    """How many samples say the same thing on average, >= 1: rows / overlap are effective rows.

    Two labels of one instrument are correlated by the bars that both live in, over the root of the product of their lives
    (sums of independent moves; lives as in ``uniqueness``). A mean of N of them varies like that of N / overlap independent
    ones with overlap = sum of all correlations / N: H for decisions at every bar and a fixed horizon of H bars. Counted on
    random walks with triple-barrier labels this is within 12 % of the truth where lives are cut short by a barrier, 1 / mean
    uniqueness up to 35 % and the mean number of labels that begin in a life up to 22 % too large a sample.
    Times the design effect 1 + (m - 1) rho (Kish 1965) of the m instruments that decide at one moment on average, whose
    returns have the mean ``correlation`` rho: two copies of one instrument are one.
    """
    if not len(t0):
        return 1.0
    per_moment = len(t0) / np.unique(t0).size
    together = 1.0 + (per_moment - 1.0) * min(max(correlation, 0.0), 1.0)
    shared = 0.0
    for number in np.unique(instrument):
        mine = instrument == number
        order = np.argsort(t0[mine], kind="stable")
        shared += _sum_of_correlations(*bars_of_life(t0[mine][order], t1[mine][order]))
    return max(1.0, shared / len(t0)) * together


def _sum_of_correlations(begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> float:
    """Of all pairs of lives [begin, end) in order of their begin, each label with itself included."""
    life = (end - begin).astype(np.float64)
    total, lag = float(len(begin)), 1
    latest = np.maximum.accumulate(end)
    while lag < len(begin) and bool((latest[:-lag] > begin[lag:]).any()):
        common = np.minimum(end[:-lag], end[lag:]) - begin[lag:]
        total += 2.0 * float((np.maximum(common, 0) / np.sqrt(life[:-lag] * life[lag:])).sum())
        lag += 1
    return total


def log_loss(p: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean negative log likelihood in nats; probabilities are kept 1e-6 away from 0 and 1."""
    probability = np.clip(np.asarray(p, dtype=np.float64), 1e-6, 1 - 1e-6)
    label = np.asarray(y, dtype=np.float64)
    return float(-(label * np.log(probability) + (1 - label) * np.log1p(-probability)).mean())


def calibration_error(
    p: npt.ArrayLike, y: npt.ArrayLike, *, block: int = 1, bins: int = 10
) -> tuple[float, float] | None:
    """Root mean square distance of probability and frequency over bins of about equal count: debiased, and plain.

    A perfectly calibrated probability shows a gap in every bin by chance alone, its square the variance of the bin's
    frequency; debiased, it is taken off (Kumar, Liang and Ma 2019, "Verified uncertainty calibration"), and what is left
    under 0 is 0. Labels overlap, so the variance is that of sums over blocks of ``block`` rows in time order (Liang and
    Zeger 1986): with 1 it is their ``rate (1 - rate) / (count - 1)``. Gaps inside a bin cancel in both. None where a bin has
    rows of fewer than two blocks, or there are fewer than two rows per bin.
    """
    probability, label = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(label) < 2 * bins:
        return None
    plain = chance = 0.0
    member = bin_numbers(probability, bins)
    for number in range(int(member.max()) + 1):
        rows = np.flatnonzero(member == number)
        rate, count = float(label[rows].mean()), len(rows)
        sums = np.bincount(rows // block, weights=label[rows] - rate)
        blocks = np.unique(rows // block).size
        if blocks < 2:
            return None
        plain += count * (float(probability[rows].mean()) - rate) ** 2
        chance += float(sums @ sums) / count * blocks / (blocks - 1)
    return float(np.sqrt(max(plain - chance, 0.0) / len(label))), float(np.sqrt(plain / len(label)))


def classification(p: npt.NDArray[Any], y: npt.NDArray[Any], overlap: float) -> dict[str, Any]:
    """Accuracy with its 90 % interval (Wilson over effective samples), base rate, log losses. JSON values.

    ``base_rate`` is the accuracy of always naming the more frequent label of these very rows.
    """
    rate = float(np.mean(y))
    accuracy = float(np.mean((p >= 0.5) == (y > 0)))
    effective = len(y) / overlap
    low, high = wilson(accuracy, effective, 1.645)
    return {
        "samples": len(y),
        "effective_samples": round(effective, 1),
        "accuracy": accuracy,
        "accuracy_low": float(low),
        "accuracy_high": float(high),
        "base_rate": max(rate, 1.0 - rate),
        "log_loss": log_loss(p, y),
        "base_log_loss": log_loss(np.full(len(y), rate), y),
    }
