"""Bars that say nothing new: counted by hand."""

from __future__ import annotations

import numpy as np

from minhos.market_data.validation import RawBars
from minhos.market_data.validation.repeats import Repeats, repeats

Bar = tuple[float, float, float, float, float]  # open, high, low, close, volume
A, B, C, D = (
    (10.0, 12.0, 9.0, 11.0, 100.0),
    (11.0, 13.0, 10.0, 12.0, 200.0),
    (12.0, 14.0, 11.0, 13.0, 300.0),
    (13.0, 15.0, 12.0, 14.0, 400.0),
)


def of(*bars: Bar) -> Repeats:
    values = np.full((len(bars), 8), np.nan)
    if bars:
        values[:, :5] = np.array(bars)
    return repeats(RawBars("MNQZ25", 300, np.arange(1, len(bars) + 1, dtype=np.int64), values))


def flat(price: float, volume: float = 5.0) -> Bar:
    return price, price, price, price, volume


class TestStandingStill:
    def test_bars_of_one_price_that_is_the_same_are_counted(self) -> None:
        found = of(flat(10), flat(10, 7.0), flat(10), (11.0, 12.0, 11.0, 11.0, 5.0), flat(11), flat(12), flat(12))
        assert found.still.tolist() == [1, 2, 3, 0, 1, 1, 2]

    def test_a_bar_with_a_range_does_not_stand_still(self) -> None:
        assert of(A, A, A).still.tolist() == [0, 0, 0]

    def test_runs_are_counted_without_the_longest(self) -> None:
        found = of(flat(10), flat(10), flat(10), A, flat(11), flat(12), flat(12), B, flat(13))
        assert found.runs.tolist() == [1, 1, 2]

    def test_one_long_run_is_no_evidence(self) -> None:
        assert of(A, *[flat(10)] * 50, B).runs.tolist() == []

    def test_a_longer_fault_does_not_let_it_pass_itself(self) -> None:
        few, many = (of(*[A, flat(10), B] * 5, *[flat(10)] * length, C) for length in (20, 2000))
        assert few.runs.tolist() == many.runs.tolist() == [1] * 5


class TestRepeatedBars:
    def test_a_bar_with_a_range_that_comes_again_at_once_is_repeated(self) -> None:
        assert of(A, A, B, A).repeated.tolist() == [0, 1, 0, 0]

    def test_one_column_that_differs_makes_it_another_bar(self) -> None:
        assert not of(A, (*A[:4], 101.0)).repeated.any()

    def test_a_flat_bar_may_come_again(self) -> None:
        assert not of(flat(10), flat(10)).repeated.any()


class TestCopiedBars:
    def test_two_neighbours_that_stand_somewhere_before_are_copied(self) -> None:
        assert of(A, B, C, D, A, B).copied.tolist() == [0, 0, 0, 0, 1, 1]

    def test_one_bar_that_stands_somewhere_before_is_none(self) -> None:
        assert not of(A, B, C, A, D).copied.any()

    def test_the_order_counts(self) -> None:
        assert not of(A, B, C, B, A).copied.any()

    def test_a_bar_that_is_repeated_is_told_as_that_alone(self) -> None:
        found = of(A, A, A, A)
        assert not found.copied.any()
        assert found.repeated.tolist() == [0, 1, 1, 1]

    def test_flat_bars_say_too_little(self) -> None:
        assert not of(flat(10), flat(11), A, flat(10), flat(11)).copied.any()

    def test_a_long_copy_is_marked_whole(self) -> None:
        assert of(A, B, C, D, A, B, C, D).copied.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_series_without_bars_or_with_one_are_measured() -> None:
    for found in (of(), of(A), of(A, B)):
        assert not found.copied.any()
        assert not found.repeated.any()
        assert found.runs.tolist() == []
