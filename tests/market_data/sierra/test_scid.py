from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.sierra.scid import (
    FIRST_SUB_TRADE,
    HEADER,
    LAST_SUB_TRADE,
    RECORD,
    is_scid,
    open_scid,
    prefix_fingerprint,
    unix_microseconds,
)
from tests.market_data.sierra.scid_files import HEADER as HEADER_BYTES
from tests.market_data.sierra.scid_files import NOON_US, Record, bar, write_file


def test_the_layout_is_that_of_the_published_format() -> None:
    assert (HEADER.size, RECORD.itemsize) == (56, 40)
    offsets = [RECORD.fields[name][1] for name in RECORD.names]  # type: ignore[index,union-attr]
    assert offsets == [0, 8, 12, 16, 20, 24, 28, 32, 36]


def test_the_marks_of_sub_trades_have_the_documented_bytes() -> None:
    assert FIRST_SUB_TRADE.tobytes() == bytes.fromhex("f99e70fd")
    assert LAST_SUB_TRADE.tobytes() == bytes.fromhex("019f70fd")
    assert float(FIRST_SUB_TRADE) == pytest.approx(-1.99900095e37, rel=1e-8)
    assert float(LAST_SUB_TRADE) == pytest.approx(-1.99900197e37, rel=1e-8)


def test_a_file_is_recognised_by_its_first_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    assert is_scid(write_file(tmp_path / "prices.bin", []))
    (tmp_path / "ESZ25.scid").write_text("Date, Time, Open, High, Low, Last, Volume\n")
    assert not is_scid(tmp_path / "ESZ25.scid")
    (tmp_path / "empty.scid").touch()
    assert not is_scid(tmp_path / "empty.scid")


def test_records_start_where_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / "ESZ25.scid"
    header = (
        struct.pack("<4sIIHHI", b"SCID", 77, 40, 1, 0, 987_654) + b"\xff" * 57
    )  # odd on purpose: nothing is aligned
    path.write_bytes(header + Record(NOON_US, close=7.5).packed())
    file = open_scid(path)
    assert (file.header_size, file.records, file.loose_bytes) == (77, 1, 0)
    [(first, window)] = file.windows(size=10)
    assert (first, window["close"].tolist()) == (0, [7.5])


def test_windows_hold_every_record_once_and_in_order(tmp_path: Path) -> None:
    path = write_file(tmp_path / "ESZ25.scid", [Record(NOON_US + row, close=row) for row in range(250)])
    pieces = [(first, window["close"].tolist()) for first, window in open_scid(path).windows(first=3, size=100)]
    assert [first for first, _ in pieces] == [3, 103, 203]
    assert [price for _, prices in pieces for price in prices] == list(range(3, 250))


def test_a_record_that_is_still_being_written_is_left(tmp_path: Path) -> None:
    file = open_scid(write_file(tmp_path / "ESZ25.scid", [Record(NOON_US)], tail=Record(NOON_US).packed()[:39]))
    assert (file.records, file.loose_bytes) == (1, 39)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"SC", "no Sierra Chart intraday file, it begins with b'SC'"),
        (b"SCDD" + HEADER_BYTES[4:], "it begins with b'SCDD' and not with b'SCID'"),
        (HEADER_BYTES[:55], "the header is cut, 55 bytes of 56"),
        (struct.pack("<4sIIHHI36s", b"SCID", 56, 44, 1, 0, 0, b""), "records of 44 bytes, 40 are known"),
        (struct.pack("<4sIIHHI36s", b"SCID", 0, 40, 1, 0, 0, b""), "says that it has 0 bytes; allowed are 56 to"),
        (struct.pack("<4sIIHHI36s", b"SCID", 2**31, 40, 1, 0, 0, b""), "says that it has 2147483648 bytes"),
        (HEADER_BYTES + struct.pack("<q", 77) + bytes(32), "no record has a date"),
    ],
)
def test_what_is_no_intraday_file_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "ESZ25.scid"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=words):
        open_scid(path)


def test_a_missing_file_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot read the file"):
        open_scid(tmp_path / "ESZ25.scid")
    with pytest.raises(BadInputError, match="cannot read the file"):
        is_scid(tmp_path)


def test_a_file_that_is_cut_while_it_is_read_is_an_error_and_no_crash(tmp_path: Path) -> None:
    path = write_file(tmp_path / "ESZ25.scid", [Record(NOON_US + row) for row in range(5000)])
    windows = open_scid(path).windows(size=1000)
    next(windows)
    with path.open("r+b") as stream:
        stream.truncate(20_000)
    with pytest.raises(BadInputError, match="has become shorter while it was read"):
        next(windows)


def test_old_dates_are_told_by_the_first_dated_record_and_rounded_to_the_millisecond(tmp_path: Path) -> None:
    # 40 000 days after 1899-12-30 is 2009-07-06; the fraction of 10:30:00 is no binary number
    moment = int(np.datetime64("2009-07-06T10:30:00", "us").astype(np.int64))
    records = [bar(moment + 1_000_000 * second, 1, 1, 1, 1) for second in range(120)]
    path = write_file(tmp_path / "ES.scid", records, double_dates=True)
    file = open_scid(path)
    [(_, window)] = file.windows(size=1000)
    assert file.double_dates
    assert unix_microseconds(window, double_dates=True).tolist() == [item.time_us for item in records]


def test_empty_records_in_front_do_not_hide_the_generation(tmp_path: Path) -> None:
    old = write_file(tmp_path / "old.scid", [Record(NOON_US)], double_dates=True)
    for count in (1, 5000):
        path = tmp_path / f"{count}.scid"
        path.write_bytes(HEADER_BYTES + bytes(40 * count) + old.read_bytes()[56:])
        assert open_scid(path).double_dates
    assert not open_scid(write_file(tmp_path / "none.scid", [], tail=bytes(80))).double_dates


def test_the_fingerprint_of_a_prefix_survives_appending_and_nothing_else(tmp_path: Path) -> None:
    records = [Record(NOON_US + row, close=row) for row in range(4000)]
    path = write_file(tmp_path / "ESZ25.scid", records)
    before = prefix_fingerprint(path, 4000)
    with path.open("ab") as stream:
        stream.write(Record(NOON_US + 4000).packed() + b"half")
    assert prefix_fingerprint(path, 4000) == before
    assert prefix_fingerprint(path, 4001) != before
    for changed in (0, 3999):
        other = records.copy()
        other[changed] = Record(NOON_US, close=-1.0)
        assert prefix_fingerprint(write_file(tmp_path / "other.scid", other), 4000) != before
    assert prefix_fingerprint(write_file(tmp_path / "other.scid", records[:3999]), 4000) != before


def test_a_fingerprint_of_no_record_is_that_of_the_header(tmp_path: Path) -> None:
    empty = prefix_fingerprint(write_file(tmp_path / "a.scid", []), 0)
    assert prefix_fingerprint(write_file(tmp_path / "b.scid", [Record(NOON_US)]), 0) == empty
