"""Walk-forward over [t0, t1], purged and embargoed, expanding or rolling; ``combinatorial`` has the other splitter.

A sample is decided at ``t0`` and its label is known at ``t1`` (int64 UTC us). A training sample whose label was
not yet known, with an embargo to spare, when the test block began is purged: Lopez de Prado, "Advances in
Financial Machine Learning" (2018), chapter 7. Boundaries are moments, so pooled instruments that decide at one
moment are never split between training and test.

scikit-learn's ``TimeSeriesSplit`` and skfolio's ``WalkForward`` purge a fixed number of rows, which is right only where one
instrument decides at every bar and every label lives as long; there the folds here are theirs (tested). A triple barrier's
labels live as long as their trades, and pooled instruments share moments: those need label end times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from minhos.errors import ConfigError, NightError

__all__ = ["Fold", "checked_times", "known_before", "past_out_of_fold", "purged_tail", "walk_forward"]

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Row numbers (int64, ascending in t0) of one walk-forward step.

    Every row of ``train`` was known at or before ``start_us - embargo_us``; every row of ``test`` was decided at or
    after ``start_us``, the first moment of the test block.
    """

    train: Int
    test: Int
    start_us: int
    embargo_us: int


def checked_times(t0: npt.ArrayLike, t1: npt.ArrayLike, where: str) -> tuple[Int, Int]:
    """``t0``, ``t1`` int64 [N]; NightError, with ``where``, for label end times that are missing or not after t0."""
    first, last = np.asarray(t0), np.asarray(t1)
    if first.ndim != 1 or first.shape != last.shape:
        raise NightError(
            f"{where}: t0 has shape {first.shape} and t1 {last.shape}, but every sample needs one t0 and one t1"
        )
    if first.dtype.kind != "i" or last.dtype.kind != "i":
        raise NightError(f"{where}: t0 is {first.dtype} and t1 {last.dtype}, but both must be int64 UTC microseconds")
    bad = np.flatnonzero(last <= first)
    if bad.size:
        k = int(bad[0])
        raise NightError(
            f"{where}: {bad.size} samples have t1 <= t0, first sample {k} with t0={first[k]} and t1={last[k]}; "
            "t1 is when the label was known and lies after the decision: rebuild the samples"
        )
    return first.astype(np.int64), last.astype(np.int64)


def known_before(t1: npt.ArrayLike, moment_us: int, embargo_us: int) -> npt.NDArray[np.bool_]:
    """Which samples' labels were known, ``embargo_us`` to spare, at ``moment_us``: ``t1 + embargo <= moment``."""
    known: npt.NDArray[np.bool_] = np.asarray(t1, dtype=np.int64) + embargo_us <= moment_us
    return known


def walk_forward(
    t0: npt.ArrayLike,
    t1: npt.ArrayLike,
    *,
    folds: int,
    embargo_us: int,
    min_train_fraction: float,
    train_fraction: float | None = None,
    test_fraction: float | None = None,
    stride_fraction: float | None = None,
) -> list[Fold]:
    """Walk-forward folds in time order. Fractions are of all samples; every cut is moved to the next moment.

    The first ``min_train_fraction`` of the samples (by t0) are never tested; the rest is cut into ``folds`` blocks of about
    equal size. With ``test_fraction`` each block has that many samples instead, and begins ``stride_fraction`` (the same,
    unless given) after the one before it; the last block ends with the samples. A stride longer than a block leaves samples
    untested, a shorter one would test them twice and is refused.

    Training rows of a block are all rows known before it, or with ``train_fraction`` (a rolling window) the newest of them,
    that many and those of the same moment.

    Raises ConfigError for impossible settings, NightError for invalid times or too few samples.
    """
    if folds < 1 or embargo_us < 0 or not 0.0 < min_train_fraction < 1.0:
        raise ConfigError(
            f"walk_forward: got folds={folds}, embargo_us={embargo_us}, min_train_fraction={min_train_fraction}; "
            "allowed: folds >= 1, embargo_us >= 0, 0 < min_train_fraction < 1"
        )
    stride = test_fraction if stride_fraction is None else stride_fraction
    _check_shares(train_fraction, test_fraction, stride)
    first, last = checked_times(t0, t1, "walk_forward")
    order = np.argsort(first, kind="stable").astype(np.int64)
    ordered = first[order]
    count = ordered.size
    offset = int(count * min_train_fraction)
    if test_fraction is None or stride is None:
        rows = offset + (count - offset) * np.arange(folds) // folds
        ends = np.append(rows[1:], count)
    else:
        block, step = max(1, int(count * test_fraction)), max(1, int(count * stride))
        rows = count - block - step * np.arange(folds)[::-1]
        ends = rows + block
    starts = [int(ordered[row]) if 0 <= row < count else 0 for row in rows]
    if (
        count < 2 * (folds + 1)
        or len(set(starts)) < folds
        or starts[0] <= int(ordered[0])
        or int(rows[0]) < offset  # only with blocks of a given size
    ):
        raise NightError(
            f"walk_forward: {count} samples at {np.unique(first).size} moments are too few for {folds} folds; "
            "use fewer folds or more history"
        )
    keep = None if train_fraction is None else max(1, int(count * train_fraction))
    result = []
    for k, (start, end) in enumerate(zip(starts, ends.tolist(), strict=True)):
        in_test = (ordered >= start) & (ordered < ordered[end]) if end < count else ordered >= start
        if not in_test.any():
            raise NightError(
                f"walk_forward: block {k + 1} of {folds} begins and ends within one moment; "
                "use longer blocks or more history"
            )
        train = order[(ordered < start) & known_before(last[order], start, embargo_us)]
        if keep is not None and train.size > keep:
            train = train[first[train] >= first[train[-keep]]]
        if not train.size:
            raise NightError(
                f"walk_forward: fold {k + 1} of {folds} has no training sample whose label was known "
                f"{embargo_us} us before it began; use fewer folds, a shorter embargo or more history"
            )
        result.append(Fold(train=train, test=order[in_test], start_us=start, embargo_us=embargo_us))
    return result


def _check_shares(train: float | None, test: float | None, stride: float | None) -> None:
    wrong = [value for value in (train, test, stride) if value is not None and not 0.0 < value < 1.0]
    if wrong or (test is None) != (stride is None) or (test is not None and stride is not None and stride < test):
        raise ConfigError(
            f"walk_forward: got train_fraction={train}, test_fraction={test}, stride_fraction={stride}; allowed: between 0 "
            "and 1, a stride only with a test block, and none shorter than it (its samples would be tested twice)"
        )


def past_out_of_fold(t1: npt.ArrayLike, folds: Sequence[Fold], k: int) -> Int:
    """The test rows of the folds before ``k`` that were known when fold ``k`` began: what a second stage may see."""
    earlier = [fold.test for fold in folds[:k]]
    if not earlier:
        return np.empty(0, dtype=np.int64)
    rows = np.concatenate(earlier)
    known = known_before(np.asarray(t1, dtype=np.int64)[rows], folds[k].start_us, folds[k].embargo_us)
    return rows[known]


def purged_tail(t0: npt.ArrayLike, t1: npt.ArrayLike, *, fraction: float, embargo_us: int) -> Fold:
    """The last ``fraction`` of the rows as a test block, the purged rest as training: early stopping's own split."""
    return walk_forward(t0, t1, folds=1, embargo_us=embargo_us, min_train_fraction=1.0 - fraction)[0]
