"""Time bars of thin markets: minutes without a trade have no row. Rows, name and map together say what they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.column_map import ColumnMap
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text

HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def write(folder: Path, name: str, minutes: list[float]) -> Path:
    first = datetime(2025, 12, 1)
    lines = [HEADER]
    for minute in minutes:
        moment = first + timedelta(minutes=minute)
        lines.append(f"2025/12/{moment.day}, {moment:%H:%M:%S}, 60.1, 60.3, 60.0, 60.2, 6, 4, 2, 4")
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def seconds(path: Path) -> int:
    return read_sierra_text(path, zone="UTC").series.timeframe_seconds


@given(
    share=st.floats(0.05, 1.0),
    seed=st.integers(0, 10**6),
    minutes=st.sampled_from((1, 5, 15, 30)),
    named=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_however_many_bars_are_missing_the_file_is_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, share: float, seed: int, minutes: int, named: bool
) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = [minutes * int(k) for k in np.flatnonzero(rng.random(25 * 1440 // minutes) < max(share, minutes / 300))]
    name = f"CLX25-NYMEX_{minutes}m.scid_BarData.txt" if named else "CLX25-NYMEX.scid_BarData.txt"
    file = read_sierra_text(write(tmp_path_factory.mktemp("thin"), name, rows), zone="UTC")
    assert file.series.timeframe_seconds == 60 * minutes
    assert len(file.series) == len(rows) - 1
    assert file.rejected == ()


def test_a_name_decides_where_the_few_rows_lie_on_a_coarser_grid_by_chance(tmp_path: Path) -> None:
    rows = [0, 20, 30, 70, 80, 140]
    assert seconds(write(tmp_path, "CLX25-NYMEX_5m.scid_BarData.txt", rows)) == 300
    with pytest.raises(
        BadInputError, match=r"no regular timeframe.*6 rows with gaps do not show it.*\(_5m\) 40 are needed"
    ):
        seconds(write(tmp_path, "CLX25-NYMEX.scid_BarData.txt", rows))


@pytest.mark.parametrize("step", [10, 60, 1440])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_rows_on_a_coarser_grid_under_the_name_of_a_finer_one_are_refused(
    tmp_path: Path, step: int, share: float
) -> None:
    keep = np.random.Generator(np.random.PCG64(3)).random(2000) < share
    rows = [step * int(k) for k in np.flatnonzero(keep) if step * k < 30 * 1440]
    name = {10: "10m", 60: "1h", 1440: "1d"}[step]
    with pytest.raises(BadInputError, match=f"its name says 5m, its (rows are|[0-9]+ rows are as thin) {name} bars"):
        seconds(write(tmp_path, "CLX25-NYMEX_5m.scid_BarData.txt", rows))


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_rows_on_a_finer_grid_under_the_name_of_a_coarser_one_are_refused(tmp_path: Path, share: float) -> None:
    keep = np.random.Generator(np.random.PCG64(3)).random(4000) < share
    with pytest.raises(BadInputError, match="its name says 1h, its rows are 5m bars"):
        seconds(write(tmp_path, "CLX25-NYMEX_1H.scid_BarData.txt", [5 * int(k) for k in np.flatnonzero(keep)]))


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_a_thin_file_of_days_is_days_and_never_a_five_minute_file(tmp_path: Path, share: float) -> None:
    keep = np.flatnonzero(np.random.Generator(np.random.PCG64(4)).random(29) < share)
    rows = [1440 * int(k) for k in keep]
    with pytest.raises(BadInputError, match=r"its name says 5m, its (rows are|[0-9]+ rows are as thin) [1-9]d bars"):
        seconds(write(tmp_path, "CLX25-NYMEX_5min.scid_BarData.txt", rows))


def mapped(path: Path, timeframe: str | None) -> BarFile:
    columns = {"open": "Open", "high": "High", "low": "Low", "close": "Last", "volume": "Volume"}
    entry = {
        "glob": "*", "symbol": "CL", "time": ["Date", "Time"], "zone": "UTC", "clock": "%Y/%m/%d %H:%M:%S",
        "columns": columns,
    }  # fmt: skip
    if timeframe is not None:
        entry["timeframe"] = timeframe
    return read_mapped_table(path, ColumnMap.model_validate({"files": [entry]}).files[0])


def test_a_map_decides_as_a_name_does_and_both_must_agree(tmp_path: Path) -> None:
    rows = [0, 20, 30, 70, 80, 140]
    assert mapped(write(tmp_path, "x.csv", rows), "5m").series.timeframe_seconds == 300
    with pytest.raises(BadInputError, match="no regular timeframe"):
        mapped(write(tmp_path, "x.csv", rows), None)
    with pytest.raises(BadInputError, match="its name says 5m, the column map says 10m"):
        mapped(write(tmp_path, "x_5m.csv", rows), "10m")
    with pytest.raises(BadInputError, match="the column map says 1h, its 6 rows are as thin 10m bars"):
        mapped(write(tmp_path, "x.csv", rows), "1h")


def test_a_table_that_is_named_after_a_range_of_dates_is_no_file_of_range_bars(tmp_path: Path) -> None:
    assert mapped(write(tmp_path, "x_range.csv", [5 * k for k in range(50)]), None).series.timeframe_seconds == 300
