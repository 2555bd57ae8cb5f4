from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from minhos.errors import BadInputError
from minhos.market_data.sierra.scid import RECORD, open_scid
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.sierra.scid_writer import ScidWriter, bar_records, tick_records
from tests.market_data.sierra.scid_files import HEADER, MINUTE_US, NOON_US, Record, bar, write_file

TICKS = {
    "price": np.array([100.25, 100.0, 100.25]),
    "bid": np.array([100.0, 100.0, 100.0]),
    "ask": np.array([100.25, 100.25, 100.25]),
    "volume": np.array([2, 7, 1]),
    "at_ask": np.array([True, False, True]),
}
TIMES = NOON_US + np.array([0, 400, 1500])


def test_ticks_are_written_byte_by_byte_as_the_format_has_them(tmp_path: Path) -> None:
    with ScidWriter(tmp_path / "ESZ25.scid") as writer:
        writer.write(tick_records(TIMES, **TICKS))
    expected = [  # two trades in one millisecond: the microseconds count them
        Record(NOON_US, 100.25, volume=2, bid_volume=0, ask_volume=2),
        Record(NOON_US + 1, 100.0, volume=7, bid_volume=7, ask_volume=0),
        Record(NOON_US + 1000, 100.25, volume=1, bid_volume=0, ask_volume=1),
    ]
    by_hand = write_file(tmp_path / "by_hand.scid", expected)
    assert (tmp_path / "ESZ25.scid").read_bytes() == by_hand.read_bytes()


def test_bars_are_written_byte_by_byte_with_their_start(tmp_path: Path) -> None:
    values = np.array([[1.5, 2.0, 1.0, 1.75, 10, 5, 5, 4], [1.75, 1.75, -1.0, 0.0, 3, np.nan, np.nan, np.nan]])
    with ScidWriter(tmp_path / "ESZ25.scid") as writer:
        writer.write(bar_records(np.array([NOON_US, NOON_US + MINUTE_US]), values))
    second = Record(NOON_US + MINUTE_US, 0.0, 1.75, -1.0, 1.75, 0, 3, 0, 0)
    by_hand = write_file(tmp_path / "by_hand.scid", [bar(NOON_US, 1.5, 2.0, 1.0, 1.75), second])
    assert (tmp_path / "ESZ25.scid").read_bytes() == by_hand.read_bytes()


@given(raw=arrays.arrays(np.uint8, st.integers(0, 20).map(lambda count: 40 * count)), cut=st.integers(0, 20))
def test_any_records_come_back_bit_by_bit(tmp_path_factory: pytest.TempPathFactory, raw: np.ndarray, cut: int) -> None:
    records = raw.view(RECORD).copy()
    records["time"] = 3_900_000_000_000_000
    path = tmp_path_factory.mktemp("scid") / "ESZ25.scid"
    with ScidWriter(path) as writer:
        writer.write(records[:cut])
    with ScidWriter(path, append=True) as writer:
        writer.write(records[cut:])
    assert path.read_bytes() == HEADER + records.tobytes()
    back = [window.tobytes() for _, window in open_scid(path).windows(size=7)]
    assert b"".join(back) == records.tobytes()


@given(
    steps=st.lists(st.integers(0, 90_000), min_size=1, max_size=60),
    ticks=st.integers(-400, 400),
    volume=st.integers(0, 2**31 - 1),
)
def test_stamps_never_come_twice_and_keep_their_millisecond(steps: list[int], ticks: int, volume: int) -> None:
    times = NOON_US + np.cumsum(np.array(steps, dtype=np.int64) // 1000 * 500)
    count = len(times)
    price = np.full(count, 0.25 * ticks)
    records = tick_records(
        times, price=price, bid=price, ask=price, volume=np.full(count, volume), at_ask=np.ones(count, dtype=bool)
    )
    stamps = records["time"] - 2_209_161_600_000_000
    assert np.all(np.diff(stamps) > 0)
    assert (stamps // 1000).tolist() == (times // 1000).tolist()
    assert (records["close"] == price).all()
    assert (records["volume"] == volume).all()


def test_a_reader_may_follow_a_file_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "ESZ25.scid"
    with ScidWriter(path) as writer:
        assert scid_bars(path, symbol="ESZ25").records == 0
        for count in (3, 6):
            writer.write(tick_records(TIMES, **TICKS))
            assert open_scid(path).records == count


def test_nothing_that_exists_is_overwritten_or_cut(tmp_path: Path) -> None:
    path = write_file(tmp_path / "ESZ25.scid", [Record(NOON_US)], tail=b"half")
    before = path.read_bytes()
    with pytest.raises(BadInputError, match="the file exists; append to it, or give another name"):
        ScidWriter(path)
    with pytest.raises(BadInputError, match="ends in 4 bytes of a record, it is not appended to"):
        ScidWriter(path, append=True)
    assert path.read_bytes() == before
    old = write_file(tmp_path / "old.scid", [Record(NOON_US)], double_dates=True)
    with pytest.raises(BadInputError, match="has the old dates"):
        ScidWriter(old, append=True)
    (tmp_path / "text.scid").write_text("Date, Time")
    with pytest.raises(BadInputError, match="no Sierra Chart intraday file"):
        ScidWriter(tmp_path / "text.scid", append=True)


def test_appending_to_a_file_that_is_not_there_makes_it(tmp_path: Path) -> None:
    with ScidWriter(tmp_path / "ESZ25.scid", append=True):
        pass
    assert (tmp_path / "ESZ25.scid").read_bytes() == HEADER


def test_appending_follows_a_header_of_another_size(tmp_path: Path) -> None:
    path = tmp_path / "ESZ25.scid"
    path.write_bytes(struct.pack("<4sIIHHI44s", b"SCID", 64, 40, 1, 0, 0, b""))
    with ScidWriter(path, append=True) as writer:
        writer.write(tick_records(TIMES, **TICKS))
    assert open_scid(path).records == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": np.array([100.25, np.nan, 100.0])}, "row 1: close is nan"),
        ({"ask": np.array([100.25, 100.0, 1e39])}, "row 2: high is 1e\\+39, a price must be a number that float32"),
        ({"volume": np.array([2, -7, 1])}, "row 1: volume is -7.0, a whole number from 0 to 2147483647"),
        ({"volume": np.array([2, 2**31, 1])}, "row 1: volume is 2147483648.0"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(change: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        tick_records(TIMES, **(TICKS | change))


def test_times_that_go_back_and_too_many_trades_in_a_millisecond_are_refused() -> None:
    with pytest.raises(BadInputError, match="trade 1 is before the one in front of it"):
        tick_records(TIMES[::-1].copy(), **TICKS)
    many = {name: np.resize(numbers, 1001) for name, numbers in TICKS.items()}
    with pytest.raises(BadInputError, match="trade 1000 is the 1001st of its millisecond"):
        tick_records(np.full(1001, NOON_US), **many)


def test_records_of_another_type_are_not_written(tmp_path: Path) -> None:
    with ScidWriter(tmp_path / "ESZ25.scid") as writer, pytest.raises(BadInputError, match="cannot be written"):
        writer.write(np.zeros(3))  # type: ignore[arg-type]
