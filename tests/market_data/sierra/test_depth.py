"""The market depth file: its bytes, its name, and files that are none."""

from __future__ import annotations

import struct
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from depth_records import DAY_US, EPOCH_US, FILE_NAME, add_ask, add_bid, ended, records_of, snapshot, write_plain
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.sierra.depth import (
    RECORD,
    depth_day,
    depth_symbol,
    is_depth,
    open_depth,
    write_depth,
)

ROWS = snapshot(0, {100.0: 5}, {100.25: 7}) + ended(add_bid(1, 100.0, 6)) + ended(add_ask(2, 100.5, 1))


def test_a_record_is_read_as_the_published_layout_says(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    header = struct.pack("<4I48s", 0x44444353, 64, 24, 1, b"")
    stamp = EPOCH_US + DAY_US + 34_200_123_000  # 09:30:00.123
    path.write_bytes(header + struct.pack("<qBBHfII", stamp, 4, 1, 12, -37.5, 4_000_000_000, 9))
    [(first, window)] = list(open_depth(path).windows(10))
    assert first == 0
    assert window.tolist() == [(stamp, 4, 1, 12, -37.5, 4_000_000_000, 9)]


@given(content=st.binary(max_size=240).map(lambda raw: raw[: len(raw) // 24 * 24]))
@settings(max_examples=30)
def test_what_is_written_is_read_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("depth") / FILE_NAME
    records = np.frombuffer(b"".join([records_of(ROWS).tobytes(), content]), dtype=RECORD)
    write_depth(path, records)
    windows = [window for _, window in open_depth(path).windows(3)]
    assert np.concatenate(windows).tobytes() == records.tobytes()
    write_depth(path, np.concatenate(windows))
    assert path.read_bytes()[64:] == records.tobytes()


def test_only_depth_records_are_written(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"records of float64 \(3,\), allowed is"):
        write_depth(tmp_path / FILE_NAME, np.zeros(3))


def test_windows_are_numbered_and_leave_a_partial_record_for_the_next_time(tmp_path: Path) -> None:
    path = write_plain(tmp_path, ROWS)
    path.write_bytes(path.read_bytes() + b"\1" * 13)
    file = open_depth(path)
    assert (file.records, file.loose_bytes, file.day_us) == (5, 13, DAY_US)
    assert [(first, len(window)) for first, window in file.windows(2)] == [(0, 2), (2, 2), (4, 1)]


def test_records_begin_where_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    body = records_of(ROWS).tobytes()
    path.write_bytes(struct.pack("<4I64s", 0x44444353, 80, 24, 2, b"newer") + body)
    [(_, window)] = list(open_depth(path).windows(100))
    assert window.tobytes() == body


def test_a_header_without_records_is_an_empty_file_of_no_day(tmp_path: Path) -> None:
    file = open_depth(write_plain(tmp_path, []))
    assert (file.records, file.day_us, list(file.windows(5))) == (0, None, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"2025-12-01\.depth: the file is empty; a market depth file begins with a header of 64 bytes"),
        (b"SCID" + bytes(80), r"no Sierra Chart market depth file, it begins with b'SCID' and not with b'SCDD'"),
        (b"SCDD" + bytes(9), r"the header is cut, 13 bytes of 64; copy the file again"),
        (struct.pack("<4I48s", 0x44444353, 64, 32, 1, b""), r"records of 32 bytes, 24 are known"),
        (
            struct.pack("<4I48s", 0x44444353, 16, 24, 1, b""),
            r"header says that it has 16 bytes; allowed are 64 to .* 64",
        ),
        (struct.pack("<4I48s", 0x44444353, 2**31, 24, 1, b""), r"says that it has 2147483648 bytes"),
        (struct.pack("<4I48s", 0x44444353, 64, 24, 1, b"") + bytes(48), r"none of its 2 records has a date"),
        (
            struct.pack("<4I48sd16x", 0x44444353, 64, 24, 1, b"", 43_000.5),
            r"its dates are days since 1899-12-30, as an old Sierra Chart wrote them",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        open_depth(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot read the file"):
        open_depth(tmp_path / FILE_NAME)


def test_a_file_that_becomes_shorter_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = write_plain(tmp_path, ROWS)
    windows = open_depth(path).windows(2)
    next(windows)
    path.write_bytes(path.read_bytes()[:120])
    with pytest.raises(BadInputError, match=r"become shorter while it was read \(5 records at first\)"):
        list(windows)


def test_one_broken_date_does_not_move_the_day(tmp_path: Path) -> None:
    records = records_of(ROWS)
    records["time"][0] = 2_600_000_000_000_000
    assert open_depth(write_plain(tmp_path, records)).day_us == DAY_US


def test_a_file_that_begins_just_before_midnight_is_of_the_day_in_its_name(tmp_path: Path) -> None:
    early = snapshot(-1, {100.0: 5}, {100.25: 7})
    assert open_depth(write_plain(tmp_path, early)).day_us == DAY_US
    assert open_depth(write_plain(tmp_path, early, name="ESZ25.2024-01-01.depth")).day_us == DAY_US - 86_400_000_000


def test_the_kind_is_in_the_content(tmp_path: Path) -> None:
    assert is_depth(write_plain(tmp_path, [], name="renamed.bin"))
    (tmp_path / "text.depth").write_text("Date, Time, Open")
    assert not is_depth(tmp_path / "text.depth")


@pytest.mark.parametrize(
    ("name", "symbol", "day"),
    [
        (FILE_NAME, "ESZ25", date(2025, 12, 1)),
        ("ESU24_FUT_CME.2024-07-04.depth", "ESU24", date(2024, 7, 4)),
        ("CLM4.NYM.2024-05-31.depth", "CLM4", date(2024, 5, 31)),
        ("F.US.EPZ20.2020-11-02.DEPTH", "EPZ20", date(2020, 11, 2)),
        ("ESZ25.2025-13-45.depth", "ESZ25", None),
        ("ESZ25.depth", "ESZ25", None),
        ("ESZ25-copy.bin", "ESZ25", None),
    ],
)
def test_symbol_and_day_are_in_the_name(name: str, symbol: str, day: date | None) -> None:
    assert (depth_symbol(Path(name)), depth_day(Path(name))) == (symbol, day)
