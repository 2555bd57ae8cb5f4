from __future__ import annotations

import inspect
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import ConfigError, NightError
from minhos.training.combinatorial import Combinations, combinatorial_purged
from tests.training.test_splits import timelines

EQUAL = np.arange(24, dtype=np.int64)


def runs(*spans: tuple[int, int]) -> list[int]:
    return [row for first, last in spans for row in range(first, last + 1)]


def test_golden_splits_and_paths_by_hand() -> None:
    """Twelve moments, labels that live 2, four groups of three, two of them tested, an embargo of 1.

    A row t is left where t + 2 + 1 is at most the first row of a tested group, or t at least its last row + 2 + 1. Each
    group is tested in 3 of the 6 splits: 3 paths.
    """
    t0 = np.arange(12, dtype=np.int64)
    made = combinatorial_purged(t0, t0 + 2, groups=4, test_groups=2, embargo_us=1)
    trained = {split.groups: split.train.tolist() for split in made.splits}
    assert trained == {
        (0, 1): [8, 9, 10, 11],  # tested 0..5, known at 7, and 1 to spare
        (0, 2): [11],  # tested 0..2 (known 4) and 6..8 (known 10): row 5 lives until 7
        (0, 3): [5, 6],  # tested 0..2 and 9..11: row 6 is known at 8, 1 before 9
        (1, 2): [0, 11],  # tested 3..8: row 0 is known at 2, 1 before 3
        (1, 3): [0],  # tested 3..5 (known 7) and 9..11: row 8 lives into the second
        (2, 3): [0, 1, 2, 3],
    }
    assert made.paths.tolist() == [[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]]
    assert [rows.tolist() for rows in made.splits[1].test] == [[0, 1, 2], [6, 7, 8]]


def test_equal_lives_without_an_embargo_are_skfolios_splits_and_paths() -> None:
    """skfolio 1.12.2, CombinatorialPurgedCV(n_folds=4, n_test_folds=2, purged_size=2) on 24 rows.

    It purges 2 rows on either side of a test set: labels that live 3. Its embargo is on later rows only, so with one the
    two differ.
    """
    made = combinatorial_purged(EQUAL, EQUAL + 3, groups=4, test_groups=2, embargo_us=0)
    assert [split.train.tolist() for split in made.splits] == [
        runs((14, 23)),
        runs((8, 9), (20, 23)),
        runs((8, 15)),
        runs((0, 3), (20, 23)),
        runs((0, 3), (14, 15)),
        runs((0, 9)),
    ]
    ids = [[0, 0], [1, 0], [2, 0], [1, 1], [2, 1], [2, 2]]  # skfolio's get_path_ids
    for number, split in enumerate(made.splits):
        assert [int(np.flatnonzero(made.paths[:, group] == number)[0]) for group in split.groups] == ids[number]


@given(timelines(), st.integers(3, 6), st.data(), st.integers(0, 8))
def test_no_training_label_lives_near_a_tested_one_and_every_row_is_on_every_path(
    timeline: tuple[np.ndarray, np.ndarray], groups: int, data: st.DataObject, embargo: int
) -> None:
    t0, t1 = timeline
    tested = data.draw(st.integers(1, groups - 1))
    try:
        made = combinatorial_purged(t0, t1, groups=groups, test_groups=tested, embargo_us=embargo)
    except NightError:
        return  # refused, never split wrongly
    assert len(made.splits) == comb(groups, tested)
    assert made.paths.shape == (comb(groups - 1, tested - 1), groups)
    times = np.zeros(len(t0), dtype=int)
    for split in made.splits:
        for rows in split.test:
            times[rows] += 1
            first, last = t0[rows].min() - embargo, t1[rows].max() + embargo
            assert ((t1[split.train] <= first) | (t0[split.train] >= last)).all()
            assert not np.intersect1d(t0[split.train], t0[rows]).size, "a moment is never on both sides"
    assert (times == len(made.paths)).all(), "a row is tested as often as there are paths"
    outputs = [np.full(len(t0), float(number)) for number in range(len(made.splits))]
    drawn = np.array([made.path(number, outputs) for number in range(len(made.paths))])
    assert np.isfinite(drawn).all()
    assert all(np.unique(column).size == len(column) for column in drawn.T), "each time by another split"


@given(timelines(), st.integers(0, 5))
def test_nothing_more_is_purged_than_must_be(timeline: tuple[np.ndarray, np.ndarray], embargo: int) -> None:
    t0, t1 = timeline
    try:
        made = combinatorial_purged(t0, t1, groups=4, test_groups=1, embargo_us=embargo)
    except NightError:
        return
    for split in made.splits:
        (rows,) = split.test
        apart = (t1 + embargo <= t0[rows].min()) | (t0 >= t1[rows].max() + embargo)
        assert set(split.train) == set(np.flatnonzero(apart))


def test_it_cannot_be_called_without_label_end_times() -> None:
    assert inspect.signature(combinatorial_purged).parameters["t1"].default is inspect.Parameter.empty
    with pytest.raises(TypeError, match="t1"):
        combinatorial_purged(EQUAL, groups=4, test_groups=2, embargo_us=0)  # type: ignore[call-arg]
    with pytest.raises(NightError, match="every sample needs one t0 and one t1"):
        combinatorial_purged(EQUAL, None, groups=4, test_groups=2, embargo_us=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("groups", "tested", "embargo"), [(2, 1, 0), (4, 4, 0), (4, 0, 0), (4, 2, -1), (40, 20, 0)])
def test_impossible_settings_are_refused(groups: int, tested: int, embargo: int) -> None:
    with pytest.raises(ConfigError, match=f"groups={groups}, test_groups={tested}, embargo_us={embargo}"):
        combinatorial_purged(EQUAL, EQUAL + 1, groups=groups, test_groups=tested, embargo_us=embargo)


def test_too_few_moments_and_no_training_row_left_say_what_to_do() -> None:
    with pytest.raises(NightError, match="use fewer groups or more history"):
        combinatorial_purged(
            np.repeat(EQUAL[:2], 12), np.repeat(EQUAL[:2], 12) + 1, groups=4, test_groups=2, embargo_us=0
        )
    with pytest.raises(NightError, match="with the groups 1, 2 tested and an embargo of 90 us"):
        combinatorial_purged(EQUAL, EQUAL + 1, groups=4, test_groups=2, embargo_us=90)


def test_a_path_takes_each_group_from_its_own_split() -> None:
    made: Combinations = combinatorial_purged(EQUAL, EQUAL + 1, groups=4, test_groups=2, embargo_us=0)
    outputs = [np.full(24, float(number)) for number in range(6)]
    assert made.path(0, outputs).tolist() == [0.0] * 12 + [1.0] * 6 + [2.0] * 6
