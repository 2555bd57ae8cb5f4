"""Files that end in the middle of a row, and lines that are not what they seem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.bars import iso
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.column_map import ColumnMap
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text

Write = Callable[..., Path]
COLUMNS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
HEAD = "t,o,h,l,c,v\n"
ROWS = [f"2026-01-05 10:{minute:02d}:00,1,3,0.5,2,1{minute:02d}\n" for minute in range(0, 50, 10)]


def read(folder: Path, content: str, **rule: object) -> BarFile:
    path = folder / "X.csv"
    path.write_bytes(content.encode())
    entry = {"glob": "*.csv", "symbol": "BTCUSDT", "time": "t", "zone": "UTC", "columns": COLUMNS} | rule
    found = ColumnMap.model_validate({"files": [entry]}).rule_for(path)
    assert found is not None
    return read_mapped_table(path, found)


def test_a_last_row_without_its_line_end_is_left_out_aloud(tmp_path: Path) -> None:
    whole = read(tmp_path, HEAD + "".join(ROWS))
    cut = read(tmp_path, (HEAD + "".join(ROWS))[:-2])  # the volume 140 is now 14
    assert (len(whole.series), len(cut.series)) == (5, 4)
    np.testing.assert_array_equal(cut.series.values, whole.series.values[:4])
    assert not any("newline" in words for words in whole.words)
    assert "X.csv, line 6: the file has no final newline, so its last row may be half-written" in cut.words[1]
    assert cut.covers_until == whole.covers_until  # the row's time is whole


@given(cut=st.integers(1, len(ROWS[-1])))
@settings(max_examples=45, deadline=None)
def test_wherever_a_file_is_cut_no_half_number_becomes_a_bar(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = read(folder, HEAD + "".join(ROWS)).series
    file = read(folder, (HEAD + "".join(ROWS))[:-cut])
    np.testing.assert_array_equal(file.series.values, whole.values[:4])
    assert file.rejected == ()


@pytest.mark.parametrize(
    ("last", "fields", "until"),
    [
        ("2026-01-05 10:40:00,1,3,0.", 4, "10:50"),  # its time is whole
        ("2026-01-05 10:40:00,", 2, "10:50"),
        ("2026-01-05 10:4", 1, "10:40"),
        ("2026-01-05 10:40:00,1\n", 2, "10:50"),
    ],
)
def test_a_last_line_with_too_few_fields_is_left_out_aloud(tmp_path: Path, last: str, fields: int, until: str) -> None:
    file = read(tmp_path, HEAD + "".join(ROWS[:-1]) + last)
    assert len(file.series) == 4
    assert iso(file.covers_until) == f"2026-01-05T{until}Z"
    assert file.words[1] == (
        f"X.csv, line 6: the last line has {fields} of 6 fields, it is half-written (an export still running?); that row is "
        "left out"
    )


def test_too_few_fields_before_the_last_line_are_malformed(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"line 3: malformed row, 3 fields, the header has 6; correct or remove"):
        read(tmp_path, HEAD + ROWS[0] + "2026-01-05 10:10:00,1,3\n" + "".join(ROWS[2:]))


def test_a_row_that_is_still_open_and_cut_is_one_row(tmp_path: Path) -> None:
    assert len(read(tmp_path, (HEAD + "".join(ROWS))[:-1], last_bar="open").series) == 4


def test_a_cut_time_dates_no_bar(tmp_path: Path) -> None:
    text = "o,h,l,c,v,t\n" + "".join(f"1,1,1,1,1,{1_767_607_200 + 60 * index}\n" for index in range(5))
    cut = read(tmp_path, text[:-3], clock="epoch_s")
    assert len(cut.series) == 4
    assert iso(cut.covers_until) == "2026-01-05T10:04Z"
    assert "no final newline" in cut.words[1]


def test_blank_lines_after_the_last_row_are_no_cut(tmp_path: Path) -> None:
    assert len(read(tmp_path, HEAD + "".join(ROWS) + "\n ").series) == 5


def test_an_export_without_its_final_newline_loses_one_row_not_two(write_export: Write) -> None:
    path = write_export()
    whole = read_sierra_text(path, zone="UTC")
    path.write_bytes(path.read_bytes()[:-3])
    cut = read_sierra_text(path, zone="UTC")
    assert cut.series.values.tolist() == whole.series.values.tolist()
    assert cut.covers_until == whole.covers_until
    assert "line 6: the file has no final newline" in cut.words[1]


def test_the_row_that_is_left_out_still_says_how_far_the_file_reaches(write_export: Write) -> None:
    bars = read_sierra_text(write_export(), zone="UTC")
    assert (iso(int(bars.series.bar_end[-1])), iso(bars.covers_until)) == ("2025-12-01T23:20Z", "2025-12-01T23:25Z")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('2026-01-05 10:20:00,"1,3,0.5,2,120\n', r"X\.csv, line 4: a stray double quote; remove it there"),
        ('2026-01-05 10:20:00,1,3,0.5,2,"120\n', r"line 4: a stray double quote"),
        ('2026-01-05 10:20:00,1"1,"3,0.5,2,120\n', r"line 4: a stray double quote"),
        ('2026-01-05 10:20:00,"1""3,0.5,2,1,120\n', r"line 4: a stray double quote"),
        ("2026-01-05 10:20:00,1,3\r,0.5,2,120\n", r"line 4: a carriage return inside the line; correct it"),
    ],
)
def test_a_line_that_would_be_read_as_another_row_is_told(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read(tmp_path, HEAD + "".join([*ROWS[:2], row, *ROWS[3:]]))


def test_a_stray_quote_in_an_export_is_told(write_export: Write) -> None:
    path = write_export()
    path.write_bytes(path.read_bytes().replace(b"23:05:00, 6850.00", b'23:05:00, "6850.00'))
    with pytest.raises(BadInputError, match="line 3: a stray double quote"):
        read_sierra_text(path, zone="UTC")


def test_quotes_around_whole_fields_are_no_fault(tmp_path: Path) -> None:
    quoted = "".join(",".join(f'"{cell}"' for cell in row.strip().split(",")) + "\r\n" for row in ROWS)
    head = ",".join(f'"{name}"' for name in HEAD.strip().split(",")) + "\r\n"
    plain = read(tmp_path, HEAD + "".join(ROWS)).series
    np.testing.assert_array_equal(read(tmp_path, head + quoted).series.values, plain.values)
