"""Range, trade and volume bars: their kind and size by content, and when each of them was known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.activity_bars import known_at
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.column_map import ColumnMap
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text
from tests.market_data.readers.activity_files import activity_cells, range_cells, row, starts, write, write_range


def read(path: Path, instruments: Instruments, zone: str | None = None) -> BarFile:
    return read_sierra_text(path, zone=zone, instrument=instruments.find("CL"))


def us(moments: list[datetime]) -> np.ndarray:
    return np.array([(moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for moment in moments])


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_every_range_bar_is_read_and_ends_when_the_next_one_starts(
    tmp_path: Path, instruments: Instruments, end: str
) -> None:
    path = write_range(tmp_path / "CL 8t range.txt", end=end)
    file = read(path, instruments)
    moments = us(starts(33))
    assert (file.series.symbol, file.series.timeframe_seconds) == ("CL", -1_000_008)
    assert file.rejected == ()
    assert len(file.series) == len(moments) - 1  # the last row is still open
    # the next row's start, and a microsecond more for each bar before it that ends at the same time
    late = file.series.bar_end - moments[1:]
    assert np.all(np.diff(file.series.bar_end) > 0)
    assert late.min() == 0
    assert late.max() == 1
    assert np.count_nonzero(late) == np.count_nonzero(np.diff(moments) == 0)
    assert file.covers_until == moments[-1]
    assert file.series.bar_end[-1] - moments[-1] in (0, 1)
    assert any("8r bars, 98% of its bars have the same high - low (8 ticks)" in words for words in file.words)


def test_the_zone_of_range_bars_is_inferred_with_its_evidence(tmp_path: Path, instruments: Instruments) -> None:
    path = write_range(tmp_path / "CL 8t range.txt", days=90)  # over the clock change of March: UTC-9 all year
    file = read(path, instruments)
    assert file.zone == "Etc/GMT+9"
    assert "of 64 session opens (17:00 America/Chicago) and" in file.words[0]


def test_equal_starts_stay_in_the_order_of_the_file_and_one_that_goes_back_is_one_row(
    tmp_path: Path, instruments: Instruments
) -> None:
    moments = starts(20)
    moments[7] -= timedelta(hours=2)
    cells = range_cells(len(moments))
    lines = [row(moment, "UTC", cell) for moment, cell in zip(moments, cells, strict=True)]
    file = read(write(tmp_path / "CL 8t range.txt", lines), instruments, "UTC")
    assert [(one.why, one.rows, one.first) for one in file.rejected] == [("the time goes back", 1, "line 9")]
    opens = [float(cell.split(", ")[0]) for number, cell in enumerate(cells[:-1]) if number != 7]
    assert file.series.column("open").tolist() == opens


@pytest.mark.parametrize("name", ["CL.txt", "CLZ25-NYMEX.scid_BarData.txt"])
@pytest.mark.parametrize(
    ("kind", "number"),
    [("range", -1_000_012), ("trades", -2_000_500), ("volume", -3_001_000), ("one trade", -2_000_001)],
)
def test_kind_and_size_come_from_the_content(
    tmp_path: Path, instruments: Instruments, name: str, kind: str, number: int
) -> None:
    moments = starts(15)
    cells = {
        "range": range_cells(len(moments), ticks=12),
        "trades": activity_cells(len(moments), trades=500),
        "volume": activity_cells(len(moments), volume=1000),
        "one trade": activity_cells(len(moments), trades=1),
    }[kind]
    lines = [row(moment, "UTC", cell) for moment, cell in zip(moments, cells, strict=True)]
    assert read(write(tmp_path / name, lines), instruments, "UTC").series.timeframe_seconds == number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("CL 8t range.txt", -1_000_008),
        ("CLX25_8 Range.txt", -1_000_008),
        ("CL Range.txt", -1_000_008),
        ("CL 8t.txt", -1_000_008),  # eight ticks or eight trades: the rows decide
    ],
)
def test_a_size_in_the_name_is_held_against_the_content(
    tmp_path: Path, instruments: Instruments, name: str, number: int
) -> None:
    path = write_range(tmp_path / name, days=10, zone="UTC")
    assert read(path, instruments, "UTC").series.timeframe_seconds == number


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CL 9t range.txt", r"9t range is stated, but only 0% of its bars have the same high - low \(9 ticks\)"),
        ("CL 500 Volume.txt", "500 Volume is stated, but only .* a volume at or just over the same"),
        ("CL 1000 Trades.txt", "1000 Trades is stated, but only 0% .*; correct what is stated"),
        ("CL Tick.txt", "Tick is stated, but only"),
        ("CL_5m.txt", r"its name says 5m, its rows have no regular timeframe \(the most frequent step"),
        ("CL.DAILY_BarData.txt", "its name says 1d, its rows have no regular timeframe"),
    ],
)
def test_a_name_that_contradicts_the_content_is_refused(
    tmp_path: Path, instruments: Instruments, name: str, message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        read(write_range(tmp_path / name, days=10, zone="UTC"), instruments, "UTC")


def test_time_bars_under_a_name_of_range_bars_are_refused(tmp_path: Path, instruments: Instruments) -> None:
    first = datetime(2025, 12, 1, 14, tzinfo=UTC)
    lines = [row(first + timedelta(minutes=5 * k), "UTC", cell) for k, cell in enumerate(range_cells(60))]
    with pytest.raises(BadInputError, match="its name says 8t range, its rows are 5m bars"):
        read(write(tmp_path / "CL 8t range.txt", lines), instruments, "UTC")


def test_bars_of_no_known_kind_and_of_two_kinds_are_refused_with_what_to_do(
    tmp_path: Path, instruments: Instruments
) -> None:
    moments = starts(10)
    lines = [row(moment, "UTC", cell) for moment, cell in zip(moments, activity_cells(len(moments)), strict=True)]
    advice = r"export time bars \(1m, 5m, 1h ...\), or name the file as its bars are \(8t range, 500 Trades"
    with pytest.raises(BadInputError, match=f"they are no range, trade or volume bars .*80% are needed.*{advice}"):
        read(write(tmp_path / "CL.txt", lines), instruments, "UTC")
    lines = [row(moment, "UTC", "70.00, 70.08, 70.00, 70.08, 57, 50, 17, 40") for moment in moments]
    with pytest.raises(BadInputError, match=rf"\(8 ticks\) and .*\(50\) and .*so their kind cannot be told; {advice}"):
        read(write(tmp_path / "CL.txt", lines), instruments, "UTC")
    assert read(write(tmp_path / "CL 50 trades.txt", lines), instruments, "UTC").series.timeframe_seconds == -2_000_050


def test_without_an_instrument_the_range_in_ticks_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="they are no range, trade or volume bars"):
        read_sierra_text(write_range(tmp_path / "CL.txt", days=10, zone="UTC"), zone="UTC")


@pytest.mark.parametrize("stamp", ["start", "end"])
def test_a_map_may_state_range_bars(tmp_path: Path, instruments: Instruments, stamp: str) -> None:
    moments, cells = starts(5), range_cells(len(starts(5)))
    lines = [
        f"{m:%Y-%m-%d %H:%M:%S.%f},{','.join(cell.split(', ')[:5])}\n" for m, cell in zip(moments, cells, strict=True)
    ]
    path = tmp_path / "x.csv"
    path.write_text("t,o,h,l,c,v\n" + "".join(lines))
    entry = {
        "glob": "*.csv", "symbol": "CL", "time": "t", "zone": "UTC", "timeframe": "8r", "stamp": stamp,
        "clock": "%Y-%m-%d %H:%M:%S.%f", "columns": {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"},
    }  # fmt: skip
    rule = ColumnMap.model_validate({"files": [entry]}).files[0]
    series = read_mapped_table(path, rule, instruments.find("CL")).series
    assert series.timeframe_seconds == -1_000_008
    assert len(series) == len(moments) - (stamp == "start")  # when the last one ended only its own stamp can say
    assert series.bar_end[0] == us(moments)[int(stamp == "start")]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.booleans())
def test_ends_increase_are_never_early_and_hardly_late(steps: list[int], at_end: bool) -> None:
    stamps = np.cumsum(np.array(steps, dtype=np.int64)) * 1_000
    ends = known_at(stamps, stamped_at_end=at_end)
    assert np.all(np.diff(ends) > 0)
    true = stamps if at_end else np.append(stamps[1:], stamps[-1])
    assert np.all(ends >= true)
    assert np.all(ends - true < len(stamps))
