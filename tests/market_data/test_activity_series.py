"""Range, trade and volume bars behind their readers: stored, listed and shown; never made into time bars or chosen."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from minhos.cli import app
from minhos.errors import BadInputError, ConfigError
from minhos.market_data.bars import BarSeries, iso, read_bars, write_bars
from minhos.market_data.history import History
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.resample import resample
from minhos.market_data.store import BarStore
from tests.market_data.night_plans import plan
from tests.market_data.readers.activity_files import write_range

RANGE = -1_000_008
NOW = 1_800_000_000_000_000


@pytest.fixture
def series(tmp_path: Path, instruments: Instruments) -> BarSeries:
    folder = tmp_path / "files"
    folder.mkdir()
    path = write_range(folder / "CLZ25 8t range.txt", days=60, zone="UTC")
    return read_sierra_text(path, zone="UTC", instrument=instruments.find("CL")).series


def test_the_store_keeps_them_to_the_microsecond_in_the_year_of_their_end(
    series: BarSeries, tmp_path: Path, instruments: Instruments
) -> None:
    store = BarStore(tmp_path / "bars")
    shifted = BarSeries(
        symbol=series.symbol,
        timeframe_seconds=RANGE,
        bar_end=series.bar_end - series.bar_end[1000] + int(np.datetime64("2024-01-01", "us").astype(np.int64)),
        values=series.values,
    )
    store.upsert(shifted, source="test", recorded_at=NOW)
    assert store.upsert(shifted, source="test", recorded_at=NOW + 1).new == 0
    np.testing.assert_array_equal(store.read("CLZ25", RANGE).bar_end, shifted.bar_end)
    assert sorted(path.name for path in (tmp_path / "bars").glob(f"*/timeframe_seconds={RANGE}/*")) == [
        "year=2023",
        "year=2024",
    ]
    (entry,) = store.catalog()
    assert (entry.to_dict()["timeframe"], entry.bars) == ("8r", len(series))


def test_a_bar_file_keeps_them(series: BarSeries, tmp_path: Path) -> None:
    read = read_bars(write_bars(tmp_path / "x.parquet", series))
    assert read.timeframe_seconds == RANGE
    np.testing.assert_array_equal(read.bar_end, series.bar_end)


@pytest.mark.parametrize("number", [0, -5])
def test_other_numbers_are_no_series(series: BarSeries, number: int) -> None:
    with pytest.raises(BadInputError, match="it must be positive, or the number of range, trade or volume bars"):
        BarSeries(symbol="CL", timeframe_seconds=number, bar_end=series.bar_end, values=series.values)


def test_a_stamp_shows_the_parts_of_a_second_where_there_are_any() -> None:
    assert iso(1_735_689_600_250_001) == "2025-01-01T00:00:00.250001Z"
    assert iso(1_735_689_601_000_000) == "2025-01-01T00:00:01Z"


def test_time_bars_cannot_be_built_from_them_nor_they_from_time_bars(
    series: BarSeries, instruments: Instruments
) -> None:
    with pytest.raises(
        BadInputError, match=r"bars of 5m cannot be made from bars of 8r: range, trade and volume bars end"
    ):
        resample(series, instruments.find("CL"), 300)
    minutes = BarSeries(
        symbol="CLZ25", timeframe_seconds=60, bar_end=np.arange(60, 600, 60) * 1_000_000, values=np.ones((9, 8))
    )
    with pytest.raises(BadInputError, match="bars of 8r cannot be made from bars of 1m"):
        resample(minutes, instruments.find("CL"), RANGE)
    assert resample(series, instruments.find("CL"), RANGE) is series


def test_a_history_takes_them_for_themselves_only(series: BarSeries, tmp_path: Path, instruments: Instruments) -> None:
    store = BarStore(tmp_path / "bars")
    store.upsert(series, source="test", recorded_at=NOW)
    alone = History(store, instruments)
    assert (alone.finest("CLZ25"), alone.source_timeframe("CLZ25", RANGE)) == (RANGE, RANGE)
    with pytest.raises(
        BadInputError, match=r"no bars from which 5m can be built, the store has 8r; .* finer time bars"
    ):
        alone.bars("CLZ25", 300)
    for seconds in (60, 300):
        minutes = BarSeries(
            symbol="CLZ25",
            timeframe_seconds=seconds,
            bar_end=series.bar_end[0] // 60_000_000 * 60_000_000 + np.arange(600) * seconds * 1_000_000,
            values=np.ones((600, 8)),
        )
        store.upsert(minutes, source="test", recorded_at=NOW)
    history = History(store, instruments)
    assert history.timeframes("CLZ25") == (60, 300, RANGE)
    assert history.finest("CLZ25") == 60
    assert history.source_timeframe("CLZ25", 900) == 300
    assert history.source_timeframe("CLZ25", RANGE) == RANGE
    with pytest.raises(BadInputError, match="no bars from which 300t can be built"):
        history.source_timeframe("CLZ25", -2_000_300)


def test_a_night_never_runs_on_them(series: BarSeries, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    with pytest.raises(BadInputError, match=r"no time bars, there are only CLZ25 8r; a night runs on time bars"):
        plan(folder, store=BarStore(tmp_path / "bars"), map_file=None)
    with pytest.raises(ConfigError, match="timeframe '8r': a night needs time bars"):
        plan(folder, store=BarStore(tmp_path / "bars"), map_file=None, timeframe="8r")
    clocks = [(day, 15 * k) for day in (10, 11, 12) for k in range(88)]
    lines = [f"2024/1/{d}, {m // 60:02d}:{m % 60:02d}:00, 70.1, 70.3, 70.0, 70.2, 6, 4, 2, 4" for d, m in clocks]
    header = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
    (folder / "CLZ25-NYMEX_15m.scid_BarData.txt").write_text("\n".join([header, *lines]) + "\n")
    (folder / "map.toml").write_text('[sierra_text]\nzone = "UTC"\n')
    night = plan(folder, store=BarStore(tmp_path / "bars"), map_file=None)
    assert (night.session, night.symbols, night.timeframe_seconds) == (date(2024, 1, 12), ("CLZ25",), 900)
    built = plan(folder, store=BarStore(tmp_path / "bars"), map_file=None, timeframe="1h")
    assert built.timeframe_seconds == 3600


def test_the_command_line_takes_lists_and_shows_them(
    series: BarSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "home"))
    runner = CliRunner()
    taken = runner.invoke(app, ["ingest", str(tmp_path / "files"), "--zone", "UTC"])
    assert taken.exit_code == 0, taken.output
    assert "CLZ25 8r" in taken.output
    assert " 8r " in runner.invoke(app, ["bars"]).output
    shown = runner.invoke(app, ["bars", "CLZ25", "--timeframe", "8r", "--rows", "3"])
    assert shown.exit_code == 0, shown.output
    assert f"CLZ25 8r, {len(series):,} bars, the last 3" in shown.output
    assert str(np.datetime64(int(series.bar_end[-1]), "us").astype("datetime64[ms]")).replace("T", " ") in shown.output
    assert runner.invoke(app, ["bars", "CLZ25", "--timeframe", "8r", "--remove", "--yes"]).exit_code == 0
