"""Exports of charts with session times of their own: dated by these, told, and built so where the user says it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from minhos.market_data.anchors import with_anchors
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Anchors, load_instruments
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.resample import resample
from minhos_client.contract import BAR_COLUMNS

MNQ = load_instruments(None).find("MNQZ25")
CHICAGO = Anchors(zone="America/Chicago", day_open="08:30", day_close="15:15")
HEAD = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def export(path: Path, series: BarSeries, starts: np.ndarray, zone: str) -> Path:
    """`series` as a chart in `zone` exports it, with one more row, the open bar."""
    rows = []
    for start, values in zip(starts, series.values, strict=True):
        local = datetime.fromtimestamp(int(start) / 1e6, UTC).astimezone(ZoneInfo(zone))
        open_, high, low, close, volume, bid, ask, trades = values
        cells = f"{open_}, {high}, {low}, {close}, {volume:.0f}, {trades:.0f}, {bid:.0f}, {ask:.0f}"
        rows.append(f"{local:%Y/%m/%d}, {local.hour}:{local:%M:%S}, {cells}")
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


@pytest.fixture
def five_minutes(real_data: Path) -> BarSeries:
    return read_sierra_text(real_data / "sierra_bardata" / "MNQZ25-CME_5m.scid_BarData.txt", zone="UTC").series


@pytest.mark.parametrize("zone", ["America/Chicago", "America/New_York"])
def test_hours_of_a_chart_in_chicago_are_dated_by_its_own_session_times(
    five_minutes: BarSeries, tmp_path: Path, zone: str
) -> None:
    # 2025-11-02 is the end of summer time: anchors of Chicago move against UTC
    chart = with_anchors(MNQ, CHICAGO)
    hours = resample(five_minutes, chart, 3600)
    starts = hours.bar_end - 3_600_000_000
    starts[1:] = np.where(hours.bar_end[1:] - hours.bar_end[:-1] < 3_600_000_000, hours.bar_end[:-1], starts[1:])
    path = export(tmp_path / "MNQZ25-CME_1H.scid_BarData.txt", hours, starts, zone)
    file = read_sierra_text(path, instrument=MNQ)
    assert file.zone == zone
    np.testing.assert_array_equal(file.series.bar_end, hours.bar_end[:-1])
    (words,) = [line for line in file.words if "count from" in line]
    at = {"America/Chicago": "08:30 and 15:15", "America/New_York": "09:30 and 16:15"}[zone]
    assert f"its 1h bars count from {at} {zone}, and are dated so" in words
    assert "those that are built from finer bars count from 13:30 and 20:15 UTC and will be others" in words

    # with the lines that it says, hours built from five minutes are the chart's own, in every column
    shown = re.search(r"instruments = \[.*\]", words)
    assert shown is not None
    (tmp_path / "mine.toml").write_text(shown[0])
    own = load_instruments(tmp_path / "mine.toml").find("MNQZ25")
    built = resample(five_minutes, own, 3600)
    for column in BAR_COLUMNS:
        np.testing.assert_array_equal(built.column(column)[:-1], file.series.column(column), err_msg=column)
    assert not any("count from" in line for line in read_sierra_text(path, instrument=own).words)


@pytest.mark.parametrize(
    ("zone", "times"),
    [
        ("America/Chicago", ("08:30", "15:15")),
        ("America/New_York", ("09:30", "16:15")),
        ("Asia/Tokyo", ("05:15", "22:30")),
        ("UTC", None),
    ],
)
def test_five_minutes_of_a_chart_in_another_zone_do_not_tell_its_session_times_and_it_is_said(
    five_minutes: BarSeries, tmp_path: Path, zone: str, times: tuple[str, str] | None
) -> None:
    few = five_minutes.slice(0, 600)
    path = export(tmp_path / "MNQZ25-CME_5m.scid_BarData.txt", few, few.bar_end - 300_000_000, zone)
    file = read_sierra_text(path, zone=zone, instrument=MNQ)
    words = [line for line in file.words if "INSTRUMENTS" in line]
    if times is None:
        assert words == []
        return
    (line,) = words
    assert (
        f"the chart stands in {zone}; hours and other bars that are built from these count from 13:30 and 20:15 UTC"
        in line
    )
    shown = re.search(r"instruments = \[.*\]", line)
    assert shown is not None
    (tmp_path / "mine.toml").write_text(shown[0])
    own = load_instruments(tmp_path / "mine.toml").find("MNQZ25")
    assert own.bar_anchors == Anchors(zone=zone, day_open=times[0], day_close=times[1])
    assert not any("INSTRUMENTS" in line for line in read_sierra_text(path, zone=zone, instrument=own).words)


def test_the_real_hours_need_no_such_words(real_data: Path) -> None:
    for name in ("MNQZ25-CME", "CLX25-NYMEX"):
        path = real_data / "sierra_bardata" / f"{name}_1H.scid_BarData.txt"
        file = read_sierra_text(path, instrument=load_instruments(None).find(name))
        assert not any("count from" in line for line in file.words)
