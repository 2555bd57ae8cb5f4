from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import NightError
from minhos.training.uniqueness import average_uniqueness, sample_weights
from tests.training.market import planted_samples


def uniqueness(t0: list[int], t1: list[int], instrument: list[int] | None = None) -> list[float]:
    which = [0] * len(t0) if instrument is None else instrument
    return average_uniqueness(np.array(t0), np.array(t1), np.array(which)).tolist()


def test_golden_uniqueness_by_hand() -> None:
    """Lives (0, 3], (2, 4], (4, 6]: bars end at 2, 3, 4, 6 and 1, 2, 1, 1 labels are alive in them.

    The first: (1 + 1/2) / 2; the second: (1/2 + 1) / 2; the third, alone in its one bar: 1. Bars are cut where a label
    begins or ends, so (0, 2] and (4, 6] are one bar each.
    """
    assert uniqueness([0, 2, 4], [3, 4, 6]) == [0.75, 0.75, 1.0]


def test_golden_uniqueness_of_six_bars_of_decisions() -> None:
    """A decision at every bar 0..3 that lives 2, 3, 1, 1 bars: c = 1, 2, 2, 2 in the bars that end at 1, 2, 3, 4."""
    assert uniqueness([0, 1, 2, 3], [2, 4, 3, 4]) == pytest.approx([0.75, 0.5, 0.5, 0.5])


def test_labels_that_do_not_overlap_are_whole() -> None:
    assert uniqueness([0, 5, 10, 90], [5, 10, 11, 100]) == [1.0] * 4


@pytest.mark.parametrize("k", [2, 3, 7])
def test_k_labels_of_one_life_share_it(k: int) -> None:
    assert uniqueness([4] * k, [9] * k) == pytest.approx([1 / k] * k)


def test_another_instruments_labels_take_nothing_away() -> None:
    assert uniqueness([0, 0, 1, 1], [2, 2, 3, 3], [0, 1, 0, 1]) == uniqueness([0, 1], [2, 3], [0, 0])[:1] * 2 + (
        uniqueness([0, 1], [2, 3])[1:] * 2
    )


def test_a_night_between_two_bars_counts_as_one_bar() -> None:
    """The second label lives over a gap of 1000; were it hours that count, the first's share would not matter to it."""
    assert uniqueness([0, 1], [2, 1002]) == [0.75, 0.75]


lives = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15), st.integers(0, 2)), min_size=1, max_size=60)


@given(lives)
def test_uniqueness_is_what_counting_bar_by_bar_gives(rows: list[tuple[int, int, int]]) -> None:
    t0 = np.array([row[0] for row in rows])
    t1 = t0 + np.array([row[1] for row in rows])
    which = np.array([row[2] for row in rows])
    result = average_uniqueness(t0, t1, which)
    for i in range(len(rows)):
        mine = which == which[i]
        times = np.unique(np.concatenate([t0[mine], t1[mine]]))
        shares = [1 / ((t0[mine] < end) & (t1[mine] >= end)).sum() for end in times if t0[i] < end <= t1[i]]
        assert result[i] == pytest.approx(np.mean(shares))
    assert (result > 0).all() and (result <= 1).all()
    assert sample_weights(t0, t1, which).mean() == pytest.approx(1.0, rel=1e-5)


def test_a_fold_sees_no_later_label() -> None:
    samples = planted_samples(bars=400)
    rows = np.arange(200, dtype=np.int64)
    early = samples.take(rows)
    np.testing.assert_array_equal(samples.uniqueness(rows), early.uniqueness(rows))
    assert samples.uniqueness(np.arange(len(samples)))[199] < samples.uniqueness(rows)[199], "which is not the same"


def test_a_label_without_a_life_is_refused() -> None:
    with pytest.raises(NightError, match="1 of them known at or before their decision"):
        uniqueness([0, 3], [2, 3])
