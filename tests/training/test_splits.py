from __future__ import annotations

import inspect
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import ConfigError, NightError
from minhos.training.splits import past_out_of_fold, purged_tail, walk_forward


@st.composite
def timelines(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Pooled decisions in any order, several at one moment, with label lives of any length."""
    moments = draw(st.lists(st.integers(0, 300), min_size=60, max_size=150))
    lives = draw(st.lists(st.integers(1, 40), min_size=len(moments), max_size=len(moments)))
    t0 = np.array(moments, dtype=np.int64)
    return t0, t0 + np.array(lives, dtype=np.int64)


@given(timeline=timelines(), folds=st.integers(1, 5), embargo=st.integers(0, 30), share=st.floats(0.2, 0.6))
def test_no_training_label_is_younger_than_the_test_block(
    timeline: tuple[np.ndarray, np.ndarray], folds: int, embargo: int, share: float
) -> None:
    t0, t1 = timeline
    try:
        result = walk_forward(t0, t1, folds=folds, embargo_us=embargo, min_train_fraction=share)
    except NightError:
        return  # too few moments to cut: refused, never cut wrongly
    assert len(result) == folds
    tested = np.concatenate([fold.test for fold in result])
    assert np.unique(tested).size == tested.size, "a row is tested once"
    for fold in result:
        assert (t1[fold.train] + embargo <= t0[fold.test].min()).all()
        assert not np.intersect1d(fold.train, fold.test).size
        assert not np.intersect1d(t0[fold.train], t0[fold.test]).size, "one moment is never on both sides"
        assert (t0[fold.test] >= fold.start_us).all()
    for before, after in pairwise(result):
        assert t0[before.test].max() < t0[after.test].min()
        assert np.isin(before.train, after.train).all(), "training only grows"


@given(timeline=timelines(), embargo=st.integers(0, 20))
def test_every_row_known_in_time_is_used(timeline: tuple[np.ndarray, np.ndarray], embargo: int) -> None:
    t0, t1 = timeline
    try:
        (fold,) = walk_forward(t0, t1, folds=1, embargo_us=embargo, min_train_fraction=0.5)
    except NightError:
        return
    assert set(fold.train) == set(np.flatnonzero((t1 + embargo <= fold.start_us) & (t0 < fold.start_us)))
    assert set(fold.test) == set(np.flatnonzero(t0 >= fold.start_us))


def test_a_planted_leak_cannot_pass_the_splitter() -> None:
    """A label that lives into the test block tells the test's answer: it is never in training, whatever its row."""
    t0 = np.arange(200, dtype=np.int64)
    t1 = t0 + 3
    start = walk_forward(t0, t1, folds=1, embargo_us=2, min_train_fraction=0.5)[0].start_us
    leaking = start - 50
    t1[leaking] = start + 10
    (fold,) = walk_forward(t0, t1, folds=1, embargo_us=2, min_train_fraction=0.5)
    assert leaking not in fold.train
    assert fold.train.max() == start - 5, "purge 3 and embargo 2 leave row start - 5 as the newest"


def test_golden_folds_of_ten_moments() -> None:
    t0 = np.arange(10, dtype=np.int64) * 10
    folds = walk_forward(t0, t0 + 15, folds=3, embargo_us=5, min_train_fraction=0.4)
    assert [fold.train.tolist() for fold in folds] == [[0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]]
    assert [fold.test.tolist() for fold in folds] == [[4, 5], [6, 7], [8, 9]]


@pytest.mark.parametrize("bad", [0, -5])
def test_a_label_known_before_its_decision_is_refused(bad: int) -> None:
    t0 = np.arange(50, dtype=np.int64)
    t1 = t0 + 2
    t1[7] = t0[7] + bad
    with pytest.raises(NightError, match="1 samples have t1 <= t0, first sample 7"):
        walk_forward(t0, t1, folds=2, embargo_us=0, min_train_fraction=0.5)


def test_missing_label_times_are_refused() -> None:
    t0 = np.arange(50, dtype=np.int64)
    with pytest.raises(NightError, match="every sample needs one t0 and one t1"):
        walk_forward(t0, t0[:-1], folds=2, embargo_us=0, min_train_fraction=0.5)
    with pytest.raises(NightError, match="both must be int64"):
        walk_forward(t0, np.full(50, np.nan), folds=2, embargo_us=0, min_train_fraction=0.5)


def test_too_few_samples_and_impossible_settings_say_what_to_do() -> None:
    t0 = np.arange(6, dtype=np.int64)
    with pytest.raises(NightError, match="use fewer folds or more history"):
        walk_forward(t0, t0 + 1, folds=4, embargo_us=0, min_train_fraction=0.5)
    with pytest.raises(ConfigError, match="folds >= 1"):
        walk_forward(t0, t0 + 1, folds=0, embargo_us=0, min_train_fraction=0.5)


def test_an_embargo_that_leaves_no_training_row_is_refused() -> None:
    t0 = np.arange(100, dtype=np.int64)
    with pytest.raises(NightError, match="has no training sample"):
        walk_forward(t0, t0 + 1, folds=2, embargo_us=90, min_train_fraction=0.3)


def test_a_second_stage_sees_only_earlier_folds_known_in_time() -> None:
    t0 = np.arange(100, dtype=np.int64)
    t1 = t0 + 4
    folds = walk_forward(t0, t1, folds=4, embargo_us=3, min_train_fraction=0.2)
    assert past_out_of_fold(t1, folds, 0).size == 0
    rows = past_out_of_fold(t1, folds, 2)
    assert rows.min() == folds[0].test.min()
    assert rows.max() == folds[2].start_us - 7


def test_the_tail_is_the_newest_part_and_purged() -> None:
    t0 = np.arange(100, dtype=np.int64)
    fold = purged_tail(t0, t0 + 5, fraction=0.2, embargo_us=5)
    assert fold.test.tolist() == list(range(80, 100))
    assert fold.train.tolist() == list(range(71))


def test_a_splitter_cannot_be_called_without_label_end_times() -> None:
    for splitter in (walk_forward, purged_tail):
        assert inspect.signature(splitter).parameters["t1"].default is inspect.Parameter.empty
    t0 = np.arange(50, dtype=np.int64)
    with pytest.raises(TypeError, match="t1"):
        walk_forward(t0, folds=2, embargo_us=0, min_train_fraction=0.5)  # type: ignore[call-arg]
    with pytest.raises(NightError, match="every sample needs one t0 and one t1"):
        walk_forward(t0, None, folds=2, embargo_us=0, min_train_fraction=0.5)  # type: ignore[arg-type]


def test_golden_rolling_blocks_with_a_stride() -> None:
    """Twenty moments, labels that live 2, embargo 1: two blocks of 3 every 5, the last to the end, trained on the last 4."""
    t0 = np.arange(20, dtype=np.int64)
    shape = {"folds": 2, "embargo_us": 1, "min_train_fraction": 0.4, "test_fraction": 0.15, "stride_fraction": 0.25}
    folds = walk_forward(t0, t0 + 2, **shape, train_fraction=0.2)  # type: ignore[arg-type]
    assert [fold.test.tolist() for fold in folds] == [[12, 13, 14], [17, 18, 19]]
    assert [fold.train.tolist() for fold in folds] == [[6, 7, 8, 9], [11, 12, 13, 14]]
    expanding = walk_forward(t0, t0 + 2, **shape)  # type: ignore[arg-type]
    assert [fold.train.tolist() for fold in expanding] == [list(range(10)), list(range(15))]


@given(
    timeline=timelines(), folds=st.integers(1, 4), embargo=st.integers(0, 20), test=st.floats(0.03, 0.2), data=st.data()
)
def test_blocks_of_a_given_size_leak_nothing_and_a_rolling_window_is_the_newest_of_what_is_known(
    timeline: tuple[np.ndarray, np.ndarray], folds: int, embargo: int, test: float, data: st.DataObject
) -> None:
    t0, t1 = timeline
    stride, window = data.draw(st.floats(test, 0.3)), data.draw(st.floats(0.05, 0.5))
    shape = {
        "folds": folds,
        "embargo_us": embargo,
        "min_train_fraction": 0.2,
        "test_fraction": test,
        "stride_fraction": stride,
    }
    try:
        rolling = walk_forward(t0, t1, **shape, train_fraction=window)  # type: ignore[arg-type]
    except NightError:
        return
    tested = np.concatenate([fold.test for fold in rolling])
    assert np.unique(tested).size == tested.size, "a row is tested once"
    for fold, whole in zip(rolling, walk_forward(t0, t1, **shape), strict=True):  # type: ignore[arg-type]
        assert (t1[fold.train] + embargo <= t0[fold.test].min()).all()
        assert np.array_equal(fold.test, whole.test)
        dropped = np.setdiff1d(whole.train, fold.train)
        assert not dropped.size or t0[dropped].max() < t0[fold.train].min(), "cut at a moment"
        assert min(len(whole.train), max(1, int(len(t0) * window))) <= len(fold.train)


def test_equally_spaced_rows_are_scikit_learns_time_series_split() -> None:
    from sklearn.model_selection import TimeSeriesSplit

    t0 = np.arange(100, dtype=np.int64)
    life, embargo = 4, 3
    for window in (None, 25):
        theirs = TimeSeriesSplit(n_splits=4, test_size=10, gap=life + embargo - 1, max_train_size=window).split(t0)
        ours = walk_forward(
            t0,
            t0 + life,
            folds=4,
            embargo_us=embargo,
            min_train_fraction=0.5,
            test_fraction=0.1,
            train_fraction=None if window is None else window / 100,
        )
        for fold, (train, test) in zip(ours, theirs, strict=True):
            assert np.array_equal(fold.train, train) and np.array_equal(fold.test, test)


@pytest.mark.parametrize(
    "shape",
    [
        {"train_fraction": 0.0},
        {"test_fraction": 1.0},
        {"stride_fraction": 0.2},
        {"test_fraction": 0.2, "stride_fraction": 0.1},
    ],
)
def test_impossible_windows_and_strides_are_refused(shape: dict[str, float]) -> None:
    t0 = np.arange(100, dtype=np.int64)
    with pytest.raises(ConfigError, match="a stride only with a test block"):
        walk_forward(t0, t0 + 1, folds=2, embargo_us=0, min_train_fraction=0.3, **shape)  # type: ignore[arg-type]


def test_blocks_that_reach_into_the_first_training_are_refused() -> None:
    t0 = np.arange(100, dtype=np.int64)
    with pytest.raises(NightError, match="too few for 4 folds"):
        walk_forward(t0, t0 + 1, folds=4, embargo_us=0, min_train_fraction=0.3, test_fraction=0.2)
