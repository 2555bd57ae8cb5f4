"""The text export is what Sierra Chart would write, and the reader reads it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.synthetic import export_name, export_text


def test_what_is_exported_is_read_back(
    clean_series: Callable[..., BarSeries], instruments: Instruments, tmp_path: Path
) -> None:
    series, instrument = clean_series(50), instruments.find("MNQZ25")
    path = tmp_path / export_name("MNQZ25", 300)
    path.write_bytes(export_text(series.bar_end, series.values, instrument, timeframe_seconds=300))
    lines = path.read_bytes().split(b"\r\n")
    assert path.name == "MNQZ25-SIM_5m.scid_BarData.txt"
    assert lines[0] == b"Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
    assert lines[1].startswith(b"2025/12/18, 17:50:00, ")
    found = read_sierra_text(path, zone="UTC").series
    np.testing.assert_array_equal(found.values, series.values[:-1])  # the last row is the bar that may be open
    np.testing.assert_array_equal(found.bar_end, series.bar_end[:-1])


def test_a_missing_number_is_an_empty_field_and_one_off_the_grid_keeps_its_decimals(instruments: Instruments) -> None:
    values = np.array([[62.07, 62.09, 61.9245, np.nan, 9.0, 3.0, 6.0, 7.0]])
    text = export_text(np.array([1_771_369_500_000_000]), values, instruments.find("CLH26"), timeframe_seconds=300)
    assert text.split(b"\r\n")[1] == b"2026/2/17, 23:00:00, 62.07, 62.09, 61.9245, , 9, 7, 3, 6"
