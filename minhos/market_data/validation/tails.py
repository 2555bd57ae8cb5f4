"""Thresholds from an instrument's own history: how large a harmless value may get, at a stated false-alarm rate.

A threshold must lie beyond everything that was seen, so the law of the largest values has to be extrapolated. Above a
high quantile u the excesses of (almost) any law follow a generalised Pareto distribution (Balkema and de Haan 1974,
Pickands 1975; "peaks over threshold", Embrechts, Klueppelberg and Mikosch 1997, section 6.5):

    P(X > u + y) = zeta (1 + xi y / sigma)^(-1/xi),      zeta = P(X > u).

`xi` of price changes is about 1/3 (the cubic law: Gopikrishnan et al. 1998; 1/5 to 1/2 in Cont 2001, stylised fact 2).
Estimated from one instrument's few excesses it would be mostly noise, and dirt among them would raise it, so it is fixed
and only the scale is learned, from the *median* excess over the 90 % quantile (sigma = xi m / (2^xi - 1); for xi = 0, where
the law is exponential, m / ln 2): one bar in twenty may be dirt before the threshold gives way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["TAIL_INDEX", "Threshold", "longest_run", "run_beyond", "upper_threshold"]

TAIL_INDEX: Final = 0.3
_QUANTILES: Final = (0.9, 0.75)
_LEAST_EXCESSES: Final = 15

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Threshold:
    """The largest value that is allowed, in words where that comes from, and whether it was learned or is fixed."""

    value: float
    words: str
    learned: bool = False


def upper_threshold(
    clean: Floats,
    *,
    tested: int,
    false_alarms: float,
    floor: float,
    ceiling: float = np.inf,
    tail_index: float = TAIL_INDEX,
) -> Threshold:
    """What none of `tested` values like the `clean` ones exceeds, but with probability `false_alarms`.

    `clean` float64 [N], larger is stranger; what is not finite is left out. Never below `floor`: a history that was very
    quiet is not yet a law. Never above `ceiling`: what no market does is no law, however often it is in the file. With too
    few values for a tail the threshold is `floor`. `tail_index`: xi; 0 for logarithms.
    """
    values = clean[np.isfinite(clean)]
    learned = _learned(values, false_alarms / max(tested, 1), tail_index)
    if learned is None:
        return Threshold(floor, f"at most {floor:g} (fixed: {len(values)} values say too little to learn from)")
    if learned <= floor:
        return Threshold(
            floor, f"at most {floor:g} (fixed: this instrument's own {len(values)} values would allow less)"
        )
    if learned > ceiling:
        return Threshold(
            ceiling, f"at most {ceiling:g} (fixed: these {len(values)} values would allow what no market does)"
        )
    words = f"at most {learned:.3g} (learned from {len(values)} values, false alarms {false_alarms:.1%} a series)"
    return Threshold(learned, words, learned=True)


def _learned(values: Floats, probability: float, tail_index: float) -> float | None:
    for quantile in _QUANTILES:
        if len(values) * (1 - quantile) < _LEAST_EXCESSES:
            continue
        start = float(np.quantile(values, quantile))
        beyond = values[values >= start]
        steps = np.diff(np.unique(beyond))
        if len(steps) == 0:
            continue
        step = 1.0 if np.all(values == np.round(values)) else steps.min()
        excesses = beyond - start + step / 2  # counts and ticks: half a step up
        middle = float(np.median(excesses))
        ratio = max(len(excesses) / len(values) / probability, 1.0)
        if tail_index == 0:
            return start + middle / math.log(2.0) * math.log(ratio)
        return start + middle / (math.pow(2.0, tail_index) - 1) * (math.pow(ratio, tail_index) - 1)
    return None


def longest_run(lengths: Integers, *, false_alarms: float, floor: int) -> Threshold:
    """The longest run of like bars that chance allows.

    `lengths` int64 [R]: how long each run was. Of the n runs of k bars or more, those that go on do so with a probability p,
    by Laplace's rule (n' + 1) / (n + 2); that one of them is longer than L has a probability of n p^(L - k) at most. Calm
    comes in stretches (volatility clusters), where longer runs go on more often than short ones: so every k counts from
    which 15 runs are known, and the longest L of them is allowed.
    """
    best, chance, k = 0, 0.5, 1
    while k == 1 or np.count_nonzero(lengths >= k) >= _LEAST_EXCESSES:
        runs = int(np.count_nonzero(lengths >= k))
        goes_on = (int(np.count_nonzero(lengths > k)) + 1) / (runs + 2)
        length = k + run_beyond(goes_on, runs, false_alarms=false_alarms)
        if length > best:
            best, chance = length, goes_on
        k += 1
    if best <= floor:
        return Threshold(
            float(floor), f"at most {floor} (fixed: this instrument's own {len(lengths)} runs would allow less)"
        )
    if len(lengths) < _LEAST_EXCESSES:
        return Threshold(float(best), f"at most {best} (fixed: {len(lengths)} runs say too little to learn from)")
    words = (
        f"at most {best} (learned from {len(lengths)} runs, one goes on with {chance:.0%}, false alarms "
        f"{false_alarms:.1%} a series)"
    )
    return Threshold(float(best), words, learned=True)


def run_beyond(chance: float, runs: int, *, false_alarms: float) -> int:
    """By how much the longest of `runs` runs, each going on with `chance`, may grow: runs chance^L <= false_alarms."""
    return max(0, math.ceil(math.log(false_alarms / max(runs, 1)) / math.log(chance)))
