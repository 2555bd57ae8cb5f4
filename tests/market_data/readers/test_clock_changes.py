"""Local times over the hours that summer time repeats or leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.bars import iso
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.sierra_text import read_sierra_text

HEADER = "Date, Time, Open, High, Low, Last, Volume"
CHANGES = {  # the moment, UTC, at which the clocks go back
    "America/New_York": "2025-11-02T06:00",
    "Europe/Berlin": "2025-10-26T01:00",
    "Europe/Dublin": "2025-10-26T01:00",  # its winter is the exception in the tables, not its summer
    "Australia/Sydney": "2026-04-04T16:00",
}


def read(folder: Path, clocks: list[str], zone: str) -> BarFile:
    path = folder / "BTCUSDT.txt"
    path.write_text("\n".join([HEADER, *(f"{clock}, 1, 1, 1, 1, 1" for clock in clocks), ""]))
    return read_sierra_text(path, zone=zone)


def local(starts: npt.NDArray[np.int64], zone: str) -> list[str]:
    moments = pd.DatetimeIndex(starts.astype("datetime64[us]")).tz_localize("UTC").tz_convert(zone)
    return list(moments.strftime("%Y/%m/%d, %H:%M:%S"))


@given(
    zone=st.sampled_from(sorted(CHANGES)),
    minutes=st.sampled_from((1, 5, 15, 30, 60)),
    before=st.integers(2, 70),
    after=st.integers(5, 70),
)
@settings(max_examples=25, deadline=None)
def test_a_market_without_breaks_keeps_every_bar_of_the_repeated_hour(
    tmp_path_factory: pytest.TempPathFactory, zone: str, minutes: int, before: int, after: int
) -> None:
    change = int(np.datetime64(CHANGES[zone], "us").astype(np.int64))
    step = minutes * 60_000_000
    starts = change + step * np.arange(-max(before, 60 // minutes + 1), max(after, 60 // minutes + 1), dtype=np.int64)
    file = read(tmp_path_factory.mktemp("clock"), local(starts, zone), zone)
    np.testing.assert_array_equal(file.series.bar_end, starts[1:])
    assert file.rejected == ()


@pytest.mark.parametrize(
    ("clocks", "ends"),
    [
        # one bar in the first pass, one in the second
        (["00:50", "00:55", "01:10", "01:05", "02:00", "02:05", "02:10"], ["05:15", "06:10"]),
        # the clock goes back only at the last bar of the hour
        (["00:50", "00:55", "01:00", "01:05", "01:10", "01:00", "02:00", "02:05"], ["05:15", "06:05"]),
        # one hour only: that which is nearer to the other rows
        (["00:50", "00:55", "01:00", "01:05", "03:00", "03:05", "03:10"], ["05:05", "05:10"]),
        (["00:10", "00:15", "01:50", "01:55", "02:00", "02:05", "02:10"], ["06:55", "07:00"]),
    ],
)
def test_gaps_in_the_repeated_hour_are_no_trouble(tmp_path: Path, clocks: list[str], ends: list[str]) -> None:
    file = read(tmp_path, [f"2025/11/2, {clock}:00" for clock in clocks], "America/New_York")
    found = [iso(int(end))[11:16] for end in file.series.bar_end]
    assert set(ends) <= set(found)
    assert len(found) == len(clocks) - 1
    assert file.rejected == ()


def test_each_change_of_a_long_file_is_looked_at_for_itself(tmp_path: Path) -> None:
    first = np.array(["2023-11-04", "2024-11-02", "2025-11-01"], dtype="datetime64[us]").astype(np.int64)
    starts = (first[:, None] + 3_600_000_000 * np.arange(48)).ravel()
    file = read(tmp_path, local(starts, "America/New_York"), "America/New_York")
    np.testing.assert_array_equal(file.series.bar_end, starts[:-1] + 3_600_000_000)


def test_a_time_that_summer_time_leaves_out_is_told(tmp_path: Path) -> None:
    clocks = [f"2026/3/8, {hour:02d}:30:00" for hour in range(6)]
    with pytest.raises(BadInputError, match=r"the times do not fit the zone America/New_York .2026-03-08 02:30:00"):
        read(tmp_path, clocks, "America/New_York")


def test_rows_without_a_time_beside_the_repeated_hour_are_rejected_alone(tmp_path: Path) -> None:
    starts = int(np.datetime64("2025-11-01", "us").astype(np.int64)) + 300_000_000 * np.arange(600, dtype=np.int64)
    clocks = local(starts, "America/New_York")
    row = clocks.index("2025/11/02, 01:00:00") - 1
    clocks[row] = "2025/11/02, ?"
    file = read(tmp_path, clocks, "America/New_York")
    np.testing.assert_array_equal(file.series.bar_end, np.delete(starts[1:], row)[: len(file.series)])
    assert [rejection.first for rejection in file.rejected] == [f"line {row + 2}"]
