"""Combinatorial purged cross-validation: many out-of-sample paths through one history.

Lopez de Prado, "Advances in Financial Machine Learning" (2018), chapter 12. The samples are cut into N groups in time
order; every choice of k of them is tested once by what is fitted on the others, C(N, k) splits in all. Each group is then
tested C(N - 1, k - 1) times, which gives as many paths of predictions from the first sample to the last.

Training here lies before and *after* a test group, so purging looks both ways: no training label may overlap, with an
embargo to spare on either side, the time from a test group's first decision to its last label. skfolio's
``CombinatorialPurgedCV`` purges and embargoes fixed numbers of rows; where labels live equally long and one instrument
decides at every bar, its splits and paths are these (tested).

Not for a warm start, a stacker or anything else that needs to know what was known when: only ``splits.walk_forward`` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from minhos.errors import ConfigError, NightError
from minhos.training.splits import checked_times

__all__ = ["Combinations", "PurgedSplit", "combinatorial_purged"]

Int = npt.NDArray[np.int64]
_MOST_SPLITS = 20_000


@dataclass(frozen=True)
class PurgedSplit:
    """One choice of test groups. Row numbers int64, ascending in t0; ``test`` one array per group of ``groups``."""

    groups: tuple[int, ...]
    train: Int
    test: tuple[Int, ...]


@dataclass(frozen=True)
class Combinations:
    """All splits, and for every path which split tests each group: ``paths`` int64 [paths, N], numbers of ``splits``."""

    splits: tuple[PurgedSplit, ...]
    paths: Int

    def path(self, number: int, outputs: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        """The predictions of one path, float64 [N]; ``outputs``: float64 [N] per split, of which its test rows count."""
        joined = np.full(len(outputs[0]), np.nan)
        for group, split in enumerate(self.paths[number].tolist()):
            tested = self.splits[split]
            rows = tested.test[tested.groups.index(group)]
            joined[rows] = outputs[split][rows]
        return joined


def combinatorial_purged(
    t0: npt.ArrayLike, t1: npt.ArrayLike, *, groups: int, test_groups: int, embargo_us: int
) -> Combinations:
    """Every choice of ``test_groups`` of ``groups`` groups of about equal size, cut at moments.

    ``t0``, ``t1`` int64 [N] UTC us. A training label (t0, t1] must end ``embargo_us`` before a test group's first decision
    or be decided ``embargo_us`` after its last label was known.

    Raises ConfigError for impossible settings, NightError for invalid times, too few moments, or a split without any
    training row left.
    """
    if not (groups >= 3 and 1 <= test_groups < groups and embargo_us >= 0) or comb(groups, test_groups) > _MOST_SPLITS:
        raise ConfigError(
            f"combinatorial_purged: got groups={groups}, test_groups={test_groups}, embargo_us={embargo_us}; allowed: at "
            f"least 3 groups, 1 to groups - 1 of them tested, embargo_us >= 0 and at most {_MOST_SPLITS} splits"
        )
    first, last = checked_times(t0, t1, "combinatorial_purged")
    order = np.argsort(first, kind="stable").astype(np.int64)
    ordered = first[order]
    count = ordered.size
    starts = [int(ordered[count * k // groups]) for k in range(groups)] if count >= groups else []
    if len(set(starts)) < groups:
        raise NightError(
            f"combinatorial_purged: {count} samples at {np.unique(first).size} moments are too few for {groups} groups; use "
            "fewer groups or more history"
        )
    group_of = np.searchsorted(starts, ordered, side="right") - 1
    rows = tuple(order[group_of == number] for number in range(groups))
    apart = [
        (last + embargo_us <= first[mine[0]]) | (first >= int(last[mine].max()) + embargo_us) for mine in rows
    ]  # by group, bool [N]: what may be trained on when it is tested
    splits = []
    for chosen in combinations(range(groups), test_groups):
        train = order[np.logical_and.reduce([apart[number] for number in chosen])[order]]
        if not train.size:
            raise NightError(
                f"combinatorial_purged: with the groups {', '.join(str(number + 1) for number in chosen)} tested and an "
                f"embargo of {embargo_us} us no training sample is left; use more groups, a shorter embargo or more history"
            )
        splits.append(PurgedSplit(groups=chosen, train=train, test=tuple(rows[number] for number in chosen)))
    tested_by: list[list[int]] = [[] for _ in range(groups)]
    for number, split in enumerate(splits):
        for group in split.groups:
            tested_by[group].append(number)
    return Combinations(splits=tuple(splits), paths=np.array(tested_by, dtype=np.int64).T)
