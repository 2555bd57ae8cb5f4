from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import iso
from minhos.market_data.readers.sierra_text import is_sierra_text, read_sierra_text, sierra_symbol

Write = Callable[..., Path]
ROW = "2025/12/1, 23:{minute:02d}:00, 6850.00, 6851.25, 6849.50, 6850.75, 10, 4, 6, 4"


def rows(count: int) -> list[str]:
    return [ROW.format(minute=5 * index) for index in range(count)]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("MNQZ25-CME_5m.scid_BarData.txt", "MNQZ25"),
        ("CLX25-NYMEX.DAILY_BarData.txt", "CLX25"),
        ("ESU24_FUT_CME.scid_BarData.txt", "ESU24"),
        ("CLM4.NYM.scid_BarData.txt", "CLM4"),
        ("F.US.EPZ20_1H.scid_BarData.txt", "EPZ20"),
        ("BTCUSDT_PERP_BINANCE_30m.txt", "BTCUSDT"),
    ],
)
def test_the_symbol_is_the_contract_code_of_the_name(name: str, symbol: str) -> None:
    assert sierra_symbol(Path(name)) == symbol


def test_a_file_is_recognised_by_its_header() -> None:
    assert is_sierra_text("Date, Time, Open, High, Low, Last, Volume, OpenInterest")
    assert is_sierra_text("Date,Time,Open,High,Low,Last,Volume")
    assert not is_sierra_text("timestamp,open,high,low,close")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_bars_end_one_timeframe_after_their_stamp_and_the_open_one_is_dropped(write_export: Write, end: str) -> None:
    bars = read_sierra_text(write_export(end=end)).series
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("ESZ25", 300, 4)
    assert iso(int(bars.bar_end[0])) == "2025-12-01T23:05Z"
    assert iso(int(bars.bar_end[-1])) == "2025-12-01T23:20Z"
    # in the contract's order: bid, ask and trades are not where the file has them
    assert bars.values[0].tolist() == [6850.0, 6851.25, 6849.5, 6850.75, 10.0, 6.0, 4.0, 4.0]


def test_a_bar_that_is_cut_by_the_session_ends_when_the_next_one_starts(write_export: Write) -> None:
    # Sierra's hourly index bars: the one at 13:15 holds 15 minutes, the day session starts at 13:30
    clocks = ["10:15", "11:15", "12:15", "13:15", "13:30", "14:30", "15:30"]
    lines = [f"2025/12/2, {clock}:00, 1, 1, 1, 1, 1, 1, 1, 0" for clock in clocks]
    bars = read_sierra_text(write_export("ESZ25-CME_1H.scid_BarData.txt", lines)).series
    assert [iso(int(end))[11:16] for end in bars.bar_end] == ["11:15", "12:15", "13:15", "13:30", "14:30", "15:30"]


def test_milliseconds_may_be_in_some_rows_only(write_export: Write) -> None:
    lines = rows(5)
    lines[1] = lines[1].replace("23:05:00", "23:04:59.750")
    ends = read_sierra_text(write_export(lines=lines)).series.bar_end
    assert (np.diff(ends) / 1e6).tolist() == [300.0, 300.25, 300.0]


def test_the_daily_variant_has_no_trades_and_no_bid_or_ask(tmp_path: Path) -> None:
    path = tmp_path / "CLX25-NYMEX.DAILY_BarData.txt"
    days = [f"2018/1/{day}, 00:00:00, 54.36, 54.36, 54.36, 54.36, 959334, 2563088" for day in (22, 23, 24, 25)]
    path.write_text("\r\n".join(["Date, Time, Open, High, Low, Last, Volume, OpenInterest", *days, ""]))
    bars = read_sierra_text(path).series
    assert (bars.timeframe_seconds, len(bars)) == (86_400, 3)
    assert np.isnan(bars.values[:, 5:]).all()
    assert not bars.has("trades")


def test_utc_is_assumed_aloud_and_another_zone_can_be_said(write_export: Write) -> None:
    path = write_export()
    assumed, told = read_sierra_text(path), read_sierra_text(path, zone="America/New_York")
    assert "UTC is assumed" in assumed.words[0]
    assert "America/New_York" in told.words[0]
    assert set((told.series.bar_end - assumed.series.bar_end) / 3.6e9) == {5.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines[:-1], lines[-1][:30]], r"line 6: the last line is half-written, 4 of 10 fields; wait"),
        (
            lambda lines: [lines[0], "2025/12/1, 23:05:00, 1", *lines[2:]],
            r"line 3: malformed row, 3 fields, the header",
        ),
        (lambda lines: [f"{lines[0]}, 7", *lines[1:]], r"line 2: malformed row, 11 fields"),
        (lambda lines: [lines[0].replace("6851.25", "68x1"), *lines[1:]], r"line 2: High is '68x1', a finite number"),
        (lambda lines: [lines[0].replace("6851.25", "nan"), *lines[1:]], r"line 2: High is 'nan', a finite number"),
        (lambda lines: [lines[0].replace("6851.25,", ","), *lines[1:]], r"line 2: High is '', a finite number"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], r"line 3: the time 2025-12-01T23:00Z is not after the row"),
        (lambda lines: [lines[0].replace("2025/12/1", "1.12.2025"), *lines[1:]], r"line 2: the time is not in the"),
        (lambda lines: ["", lines[0].replace("6851.25", "?"), *lines[1:]], r"line 3: High is '\?'"),
        (lambda lines: lines[:2], r"too little history, 2 rows"),
        (lambda lines: [line.replace("12/1,", f"12/{day},") for day, line in enumerate(lines, 1)], r"its name says 5m"),
    ],
)
def test_a_bad_file_is_told_with_its_line(
    write_export: Write, change: Callable[[list[str]], list[str]], message: str
) -> None:
    path = write_export(lines=change(rows(5)))
    with pytest.raises(BadInputError, match=message) as caught:
        read_sierra_text(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"Date, Time, Open, High, Low, Last, Volume\r\n", "a header and no rows"),
        (b"Date, Time, Open\r\n1, 2, \xff\xfe\r\n", "not a text file"),
        (b"Date, Time, Open, High, Low, Last\r\n1, 2, 3, 4, 5, 6\r\n", "line 1: missing columns Volume; allowed are"),
        (
            b"Date, Time, Open, High, Low, Last, Volume, # of Trades\r\n1, 2, 3, 4, 5, 6, 7, 8\r\n",
            "unknown columns '# of",
        ),
    ],
)
def test_a_file_that_is_no_export_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "ESZ25-CME_5m.scid_BarData.txt"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        read_sierra_text(path)


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ESZ25-CME_5m.scid_BarData.txt"
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(BadInputError, match=r"cannot read the file \(No such file or directory\)"):
        read_sierra_text(path)


def test_the_real_five_minute_file_reads_as_it_is(real_data: Path) -> None:
    bars = read_sierra_text(real_data / "sierra_bardata" / "MNQZ25-CME_5m.scid_BarData.txt").series
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("MNQZ25", 300, 5780)
    assert iso(int(bars.bar_end[0])) == "2025-11-19T20:20Z"
    assert bars.values[0].tolist() == [24706.0, 24796.75, 24706.0, 24787.0, 26272.0, 11775.0, 14497.0, 22717.0]
    assert iso(int(bars.bar_end[-1])) == "2025-12-19T14:25Z"  # the row of 14:25 was still open
    assert bars.values[-1].tolist() == [25130.0, 25142.25, 25110.0, 25135.5, 483.0, 293.0, 190.0, 342.0]
    flow = bars.column("bid_volume") + bars.column("ask_volume")
    np.testing.assert_array_equal(flow, bars.column("volume"))


def test_the_real_hourly_bars_end_at_the_sessions_edges(real_data: Path) -> None:
    bars = read_sierra_text(real_data / "sierra_bardata" / "MNQZ25-CME_1H.scid_BarData.txt").series
    ends = [iso(int(end)) for end in bars.bar_end]
    assert ends[-1] == "2025-12-19T13:30Z"
    assert "2025-12-18T20:15Z" in ends  # 19:30 holds 45 minutes


def test_the_real_daily_file_has_settlement_rows_and_no_order_flow(real_data: Path) -> None:
    bars = read_sierra_text(real_data / "sierra_bardata" / "CLX25-NYMEX.DAILY_BarData.txt").series
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("CLX25", 86_400, 1950)
    assert bars.values[0, :5].tolist() == [54.36, 54.36, 54.36, 54.36, 959334.0]
    assert np.isnan(bars.values[:, 5:]).all()
