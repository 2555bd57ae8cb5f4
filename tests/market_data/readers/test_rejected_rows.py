"""A few rows that cannot be bars are left out, by reason; many refuse the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.column_map import ColumnMap
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.rejections import Rejection, RowFaults

RULE = {
    "glob": "*",
    "symbol": "ES",
    "time": "t",
    "zone": "UTC",
    "columns": {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "open_interest": "oi"},
}
HEAD = "t,o,h,l,c,v,oi"
ROWS = 300


def good_rows(count: int = ROWS) -> list[list[str]]:
    return [
        [f"2026-01-05 {row // 60:02d}:{row % 60:02d}:00", "10", "12.5", "9", str(10 + row % 3), str(row + 1), str(row)]
        for row in range(count)
    ]


def read(folder: Path, rows: list[list[str]], **rule: object) -> BarFile:
    path = folder / "ES.csv"
    path.write_text("\n".join([HEAD, *map(",".join, rows), ""]))
    return read_mapped_table(path, ColumnMap.model_validate({"files": [RULE | rule]}).files[0])


SPOIL: dict[str, Callable[[list[str]], None]] = {
    "h is no finite number": lambda row: row.__setitem__(2, "12x5"),
    "v is no finite number": lambda row: row.__setitem__(5, ""),
    "c is no finite number": lambda row: row.__setitem__(4, "inf"),
    "the time is not in the expected form": lambda row: row.__setitem__(0, row[0][:10]),
    "the time goes back": lambda row: row.__setitem__(0, "2026-01-04 23:00:00"),
    "the time is not before the rows below it": lambda row: row.__setitem__(0, "2026-01-06 00:00:00"),
    "high is under low": lambda row: row.__setitem__(2, "8"),
    "open is over high": lambda row: row.__setitem__(1, "12.75"),
    "close is under low": lambda row: row.__setitem__(4, "-10"),
    "volume is negative": lambda row: row.__setitem__(5, "-1"),
}


@given(
    places=st.lists(st.integers(1, ROWS - 3), min_size=0, max_size=3, unique=True),
    reasons=st.lists(st.sampled_from(sorted(SPOIL)), min_size=3, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_the_rejected_rows_are_the_spoilt_ones_and_the_rest_is_untouched(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], reasons: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rows = good_rows()
    clean = read(folder, rows)
    expected: dict[str, list[int]] = {}
    for place, reason in sorted(zip(places, reasons, strict=False)):
        SPOIL[reason](rows[place])
        expected.setdefault(reason, []).append(place)
    file = read(folder, rows)
    kept = np.setdiff1d(np.arange(ROWS), places)
    np.testing.assert_array_equal(file.series.values, clean.series.values[kept])
    np.testing.assert_array_equal(file.series.bar_end, clean.series.bar_end[kept])
    np.testing.assert_array_equal(file.series.open_interest, clean.series.open_interest[kept])
    assert file.rejected == tuple(
        Rejection(reason, len(found), f"line {found[0] + 2}") for reason, found in expected.items()
    )


def test_a_duplicate_row_is_dropped_and_another_row_of_its_time_too(tmp_path: Path) -> None:
    rows = good_rows()
    rows.insert(11, list(rows[10]))
    rows.insert(51, [*rows[50][:5], "999", "1"])
    file = read(tmp_path, rows)
    np.testing.assert_array_equal(file.series.values, read(tmp_path, good_rows()).series.values)
    assert [item.words() for item in file.rejected] == [
        "1 row rejected, the first in line 13: duplicate of the row before",
        "1 row rejected, the first in line 53: the time of the row before again, with other values",
    ]


def test_more_than_one_row_in_a_hundred_refuses_the_file_and_tells_the_first(tmp_path: Path) -> None:
    rows = good_rows()
    for place in (7, 20, 30, 40):
        rows[place][2] = "8"
    assert len(read(tmp_path, [*rows[:40], *good_rows()[40:]]).series) == ROWS - 3
    with pytest.raises(
        BadInputError, match=r"ES\.csv, line 9: high 8 is under low 9 \(4 such rows\); 4 of 300 rows can"
    ):
        read(tmp_path, rows)


def test_numbers_that_are_none_refuse_the_file_before_anything_else_is_said_of_it(tmp_path: Path) -> None:
    rows = [[*row[:1], "x", *row[2:]] for row in good_rows()]
    with pytest.raises(
        BadInputError, match=r"line 2: o is 'x', a finite number is needed \(300 such rows\); 300 of 300"
    ):
        read(tmp_path, rows, timeframe="5m")


def test_a_rejected_row_still_says_when_the_bar_before_it_ended(tmp_path: Path) -> None:
    rows = good_rows()
    for row in rows[100:]:
        row[0] = row[0][:-2] + "20"  # a session that starts 20 seconds into the minute cuts nothing ...
    rows[100][0] = rows[99][0][:-2] + "30"  # ... and one that starts within it cuts the bar before it
    rows[100][5] = "-1"
    ends = read(tmp_path, rows).series.bar_end
    assert (ends[99] - ends[98]) / 1e6 == 30


def test_a_row_that_is_left_out_as_open_has_no_faults(tmp_path: Path) -> None:
    rows = good_rows(10)
    rows[-1][2] = "?"
    file = read(tmp_path, rows, last_bar="open")
    assert (len(file.series), file.rejected) == (9, ())
    rows[-1][0] = "soon"
    file = read(tmp_path, rows, last_bar="open")
    assert (len(file.series), file.rejected, file.covers_until) == (9, (), int(file.series.bar_end[-1]))


def test_open_interest_may_be_missing_in_any_row(tmp_path: Path) -> None:
    rows = good_rows(10)
    for row in rows[3:]:
        row[6] = ""
    file = read(tmp_path, rows)
    np.testing.assert_array_equal(file.series.open_interest, [0.0, 1.0, 2.0, *[np.nan] * 7])
    assert file.rejected == ()


def test_a_settlement_outside_the_days_range_is_a_bar(tmp_path: Path) -> None:
    rows = good_rows(10)
    for day, row in enumerate(rows, start=1):
        row[0], row[4] = f"2026-01-{day:02d} 00:00:00", "13"
    assert len(read(tmp_path, rows).series) == 10


def test_range_bars_have_no_timeframe_whatever_else_is_wrong_with_them(tmp_path: Path) -> None:
    rows = good_rows()
    rng = np.random.Generator(np.random.PCG64(3))
    for row, second in zip(
        rows, np.sort(rng.integers(0, 3_600, ROWS)), strict=True
    ):  # some of one second, as in reality
        row[0] = f"2026-01-05 10:{second // 60:02d}:{second % 60:02d}"
    with pytest.raises(BadInputError, match="no regular timeframe"):
        read(tmp_path, rows)


@pytest.mark.parametrize("order", [lambda rows: rows[::-1], lambda rows: [*rows[150:], *rows[:150]] * 2])
def test_a_file_in_another_order_is_told(tmp_path: Path, order: Callable[[list[list[str]]], list[list[str]]]) -> None:
    with pytest.raises(BadInputError, match=r"the time .* is not (after|before) the row.*; sort the file by time"):
        read(tmp_path, order(good_rows()))


def test_a_row_counts_for_its_first_fault_only() -> None:
    faults = RowFaults(4)
    faults.add(np.array([False, True, False, False]), "first", str)
    faults.add(np.array([True, True, False, True]), "second", str)
    assert faults.rows.tolist() == [True, True, False, True]
    assert faults.rejections(3, place=lambda row: f"line {row}") == (
        Rejection("second", 1, "line 0"),
        Rejection("first", 1, "line 1"),
    )
