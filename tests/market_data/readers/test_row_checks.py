from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.market_data.readers.rejections import RowFaults
from minhos.market_data.readers.row_checks import note_bad_order, note_bad_values, out_of_order

LONG = list(range(1, 31))


def wrong_rows(stamps: list[int]) -> list[int]:
    return np.flatnonzero(out_of_order(np.array(stamps, dtype=np.int64))).tolist()


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ({}, []),
        ({12: 5}, [12]),  # one time goes back
        ({12: 999}, [12]),  # one time is far ahead: the rows after it are not to blame
        ({0: 999}, [0]),
        ({29: 0}, [29]),
        ({12: 12}, [12]),  # the time of the row before: the first of the two stays
        ({12: 14, 13: 13}, [13]),  # two rows are swapped: the one that steps back goes
        ({5: 999, 20: 0}, [5, 20]),
    ],
)
def test_one_wrong_time_is_one_row(change: dict[int, int], rows: list[int]) -> None:
    assert wrong_rows([change.get(row, time) for row, time in enumerate(LONG)]) == rows


def test_a_file_in_another_order_is_wrong_in_every_row_but_the_first() -> None:
    assert wrong_rows(LONG[::-1]) == list(range(1, 30))


def test_no_rows_and_one_row_are_in_order() -> None:
    assert wrong_rows([7]) == []
    assert out_of_order(np.array([], dtype=np.int64)).tolist() == []


@given(st.lists(st.integers(0, 7), min_size=1, max_size=3), st.lists(st.integers(0, 29), min_size=3, max_size=3))
def test_no_smaller_set_of_rows_would_do(times: list[int], places: list[int]) -> None:
    stamps = list(LONG)
    for place, time in zip(places, times, strict=False):
        stamps[place] = time * 4
    removed = wrong_rows(stamps)
    rest = [stamp for row, stamp in enumerate(stamps) if row not in removed]
    assert rest == sorted(set(rest))
    for fewer in combinations(range(30), len(removed) - 1) if removed else ():
        left = [stamp for row, stamp in enumerate(stamps) if row not in fewer]
        assert left != sorted(set(left))


def test_the_reason_of_a_wrong_time_is_told_apart() -> None:
    stamps = np.arange(60, dtype=np.int64) * 60_000_000
    close = np.arange(60.0)
    stamps[3], close[3] = stamps[2], close[2]
    stamps[8] = stamps[7]
    stamps[15] = stamps[1]
    stamps[20] = stamps[59] * 2
    faults = RowFaults(60)
    in_order = note_bad_order(faults, stamps, np.ones(60, dtype=np.bool_), {"close": close})
    assert np.flatnonzero(~in_order).tolist() == [3, 8, 15, 20]
    found = faults.rejections(60, place=lambda row: f"row {row}")
    assert [(item.first, item.why) for item in found] == [
        ("row 3", "duplicate of the row before"),
        ("row 8", "the time of the row before again, with other values"),
        ("row 15", "the time goes back"),
        ("row 20", "the time is not before the rows below it"),
    ]


def test_rows_without_a_time_do_not_break_the_order_of_the_others() -> None:
    stamps = np.array([1, np.iinfo(np.int64).min, 2, 3], dtype=np.int64)
    dated = np.array([True, False, True, True])
    faults = RowFaults(4)
    assert note_bad_order(faults, stamps, dated, {}).tolist() == dated.tolist()
    assert not faults.rows.any()


def values(**changes: list[float]) -> dict[str, np.ndarray]:
    bar = {"open": [2.0], "high": [3.0], "low": [1.0], "close": [2.0], "volume": [5.0]} | changes
    return {name: np.array(numbers) for name, numbers in bar.items()}


@pytest.mark.parametrize(
    ("changes", "intraday", "daily"),
    [
        ({}, None, None),
        ({"high": [0.5], "open": [0.6], "close": [0.6]}, "high is under low", "high is under low"),
        ({"open": [0.5]}, "open is under low", None),
        ({"close": [3.5]}, "close is over high", None),  # a settlement price
        ({"volume": [-1.0]}, "volume is negative", "volume is negative"),
        ({"bid_volume": [-1.0]}, "bid volume is negative", "bid volume is negative"),
        ({"open": [-37.6], "high": [-37.0], "low": [-40.3], "close": [-37.6]}, None, None),  # crude oil, 2020-04-20
        ({"open": [0.0], "high": [0.0], "low": [0.0], "close": [0.0]}, None, None),
    ],
)
def test_values_that_contradict_each_other_are_told(
    changes: dict[str, list[float]], intraday: str | None, daily: str | None
) -> None:
    for is_intraday, why in ((True, intraday), (False, daily)):
        faults = RowFaults(1)
        note_bad_values(faults, values(**changes), intraday=is_intraday)
        assert [item.why for item in faults.rejections(1, place=str)] == ([] if why is None else [why])
