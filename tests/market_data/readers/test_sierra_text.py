from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.sierra_text import KIND, is_sierra_text, read_sierra_text, sierra_symbol

Write = Callable[..., Path]
STUDY = "Date, Time, Open, High, Low, Last, Volume, # of Trades, OHLC Avg, HLC Avg, HL Avg, Bid Volume, Ask Volume"
EXPORT = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
DAILY = "Date, Time, Open, High, Low, Last, Volume, OpenInterest"
DLY = "Date, Open, High, Low, Close, Volume, OpenInterest"
ROW = "2025/12/1, 23:{minute:02d}:00, 6850.00, 6851.25, 6849.50, 6850.75, 10, 4, 6, 4"


def rows(count: int) -> list[str]:
    return [ROW.format(minute=5 * index) for index in range(count)]


def study_rows(count: int, more: str = "") -> list[str]:
    return [
        f"2026-6-21, 18:{5 * index:02d}:00.000000, 4163.9, 4174.7, 4151.4, 4173.2, 821, 647, "
        f"4165.8, 4166.4, 4163.0, 405, 416{more}"
        for index in range(count)
    ]


def write(path: Path, header: str, lines: list[str], *, separator: str = ", ", end: str = "\n") -> Path:
    path.write_bytes("".join(line.replace(", ", separator) + end for line in (header, *lines)).encode())
    return path


def read_utc(path: Path) -> BarSeries:
    return read_sierra_text(path, zone="UTC").series


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("MNQZ25-CME_5m.scid_BarData.txt", "MNQZ25"),
        ("CLX25-NYMEX.DAILY_BarData.txt", "CLX25"),
        ("ESU24_FUT_CME.scid_BarData.txt", "ESU24"),
        ("CLM4.NYM.scid_BarData.txt", "CLM4"),
        ("F.US.EPZ20_1H.scid_BarData.txt", "EPZ20"),
        ("BTCUSDT_PERP_BINANCE_30m.txt", "BTCUSDT"),
        ("ESU24-CME.scid_BarData.txt", "ESU24"),
        ("ESU24-CME-BarData.txt", "ESU24"),
        ("ESM6.CME-BarData.txt", "ESM6"),
        ("ESU24_FUT_CME-BarStudyData.csv", "ESU24"),
        ("ESZ25-CME_5m_GraphData.txt", "ESZ25"),
        ("ES[M]  5 Min  #1_GraphData.txt", "ES"),
        ("ESM26_FUT_CME [CB][M]  1 Sec  #12_GraphData.txt", "ESM26"),
        ("F.US.EPZ20 [C]  5 Min  #1_GraphData.txt", "EPZ20"),
        ("F.US.EPZ20.itxt", "EPZ20"),
        ("ESM6-CME.itxt", "ESM6"),
        ("ESU24[M]-CME.itxt", "ESU24"),
        ("ESU24-CME.scid", "ESU24"),
        ("CLM4.NYM.scid", "CLM4"),
        ("F.US.EPZ20.scid", "EPZ20"),
        ("F.US.CLEZ25.dly_BarData.txt", "CLEZ25"),
        ("F.US.CLEZ25_5min.scid_BarData.txt", "CLEZ25"),
        ("CLZ25-NYMEX.dly_BarData.txt", "CLZ25"),
        ("F.US.dly", "F"),
        ("CL 8t range.txt", "CL"),
        ("AAPL.dly", "AAPL"),
        ("AAPL-NQTV.dly", "AAPL"),
        ("EURUSD.dly", "EURUSD"),
        ("[M].dly", ""),
    ],
)
def test_the_symbol_is_the_contract_code_of_the_name(name: str, symbol: str) -> None:
    assert sierra_symbol(Path(name)) == symbol


def test_a_file_is_recognised_by_its_header() -> None:
    assert is_sierra_text("Date, Time, Open, High, Low, Last, Volume, OpenInterest")
    assert is_sierra_text("Date,Time,Open,High,Low,Last,Volume")
    assert is_sierra_text(STUDY)
    assert is_sierra_text(STUDY.replace(", ", "\t"))
    assert is_sierra_text(DLY)
    assert is_sierra_text(DLY.replace(", ", ";"))
    assert not is_sierra_text("timestamp,open,high,low,close")
    assert is_sierra_text("Date,Open,High,Low,Close,Volume")  # a .dly of a service without open interest
    assert not is_sierra_text("Date,Open,High,Low,Close,Volume,Dividends")  # someone else's daily prices
    assert not is_sierra_text("Date,Open,High,Low,Close,Adj Close,Volume")
    assert not is_sierra_text("Date,Time,Open,High,Low,Close,Volume")
    assert not is_sierra_text("")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_bars_end_one_timeframe_after_their_stamp_and_the_open_one_is_dropped(write_export: Write, end: str) -> None:
    bars = read_utc(write_export(end=end))
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("ESZ25", 300, 4)
    assert iso(int(bars.bar_end[0])) == "2025-12-01T23:05Z"
    assert iso(int(bars.bar_end[-1])) == "2025-12-01T23:20Z"
    # in the contract's order: bid, ask and trades are not where the file has them
    assert bars.values[0].tolist() == [6850.0, 6851.25, 6849.5, 6850.75, 10.0, 6.0, 4.0, 4.0]


def test_a_bar_that_is_cut_by_the_session_ends_when_the_next_one_starts(write_export: Write) -> None:
    # Sierra's hourly index bars: the one at 13:15 holds 15 minutes, the day session starts at 13:30
    clocks = ["10:15", "11:15", "12:15", "13:15", "13:30", "14:30", "15:30"]
    lines = [f"2025/12/2, {clock}:00, 1, 1, 1, 1, 1, 1, 1, 0" for clock in clocks]
    bars = read_utc(write_export("ESZ25-CME_1H.scid_BarData.txt", lines))
    assert [iso(int(end))[11:16] for end in bars.bar_end] == ["11:15", "12:15", "13:15", "13:30", "14:30", "15:30"]


def test_milliseconds_may_be_in_some_rows_only(write_export: Write) -> None:
    lines = rows(5)
    lines[1] = lines[1].replace("23:05:00", "23:04:59.750")
    ends = read_utc(write_export(lines=lines)).bar_end
    assert (np.diff(ends) / 1e6).tolist() == [300.0, 300.25, 300.0]


def test_the_daily_export_keeps_its_open_interest_its_settlements_and_no_zone(tmp_path: Path) -> None:
    lines = [
        "2021/1/22, 00:00:00, 54.36, 54.36, 54.36, 54.36, 0, 2563088",  # a settlement, nobody traded
        "2021/1/25, 00:00:00, 54.40, 54.90, 54.10, 54.95, 959334, 2587735",  # settled above the high
        "2021/1/26, 00:00:00, 54.40, 54.90, 54.10, 54.50, 3, 0",  # the unfinished day
    ]
    file = read_sierra_text(write(tmp_path / "CLX25-NYMEX.DAILY_BarData.txt", DAILY, lines, end="\r\n"))
    assert file.zone is None
    assert "a time zone is not needed" in file.words[0]
    assert [iso(int(end)) for end in file.series.bar_end] == ["2021-01-23T00:00Z", "2021-01-26T00:00Z"]
    assert iso(file.covers_until) == "2021-01-27T00:00Z"
    assert file.series.column("close").tolist() == [54.36, 54.95]
    assert file.series.open_interest is not None
    assert file.series.open_interest.tolist() == [2563088.0, 2587735.0]
    assert file.rejected == ()


def test_a_daily_file_needs_no_zone_and_takes_none(tmp_path: Path) -> None:
    lines = [f"2021/1/{day}, 00:00:00, 1, 1, 1, 1, 1, 1" for day in (19, 20, 21, 22)]
    path = write(tmp_path / "CLX25.txt", DAILY, lines)
    np.testing.assert_array_equal(
        read_sierra_text(path, zone="Asia/Tokyo").series.bar_end, read_sierra_text(path).series.bar_end
    )


def test_daily_bars_with_a_time_of_day_are_refused(tmp_path: Path) -> None:
    # a day's bar of an intraday chart is stamped with the session's open, on the evening before its trading date
    lines = [f"2021/1/{day}, 17:00:00, 1, 1, 1, 1, 1, 1" for day in (18, 19, 20, 21)]
    with pytest.raises(BadInputError, match=r"1d bars with a time of day \(2021-01-18 17:00:00\): .* Historical Daily"):
        read_sierra_text(write(tmp_path / "CLX25.txt", DAILY, lines), zone="America/Chicago")


@pytest.mark.parametrize("header", [DAILY, EXPORT])
def test_days_under_a_name_that_says_five_minutes_are_refused(tmp_path: Path, header: str) -> None:
    fields = ", 1" * (header.count(",") - 1)
    lines = [f"2021/1/{day}, 00:00:00{fields}" for day in (19, 20, 21, 22)]
    with pytest.raises(BadInputError, match="its name says 5m, its rows are 1d bars"):
        read_sierra_text(write(tmp_path / "NQH26-CME_5m.scid_BarData.txt", header, lines), zone="UTC")


@pytest.mark.parametrize("separator", [",", ", ", "\t", ";"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_daily_data_file_is_read(tmp_path: Path, separator: str, end: str) -> None:
    lines = [
        "2024/01/02, 187.15, 188.44, 183.885, 185.64, 82488700, 0",
        "2024/1/3, 184.22, 185.88, 183.43, 184.25, 58414500, 12",
        "2024/01/04, 182.15, 183.0872, 180.88, 181.91, 71983600, ",  # no open interest
        "2024/01/05, 181.99, 182.76, 180.17, 181.18, 62303300, 0",
    ]
    file = read_sierra_text(write(tmp_path / "AAPL.dly", DLY, lines, separator=separator, end=end))
    assert (file.kind, file.zone, file.series.symbol, file.series.timeframe_seconds) == (KIND, None, "AAPL", 86_400)
    assert file.series.values[1, :5].tolist() == [184.22, 185.88, 183.43, 184.25, 58414500.0]
    assert np.isnan(file.series.values[:, 5:]).all()
    assert [iso(int(end)) for end in file.series.bar_end] == [
        "2024-01-03T00:00Z",
        "2024-01-04T00:00Z",
        "2024-01-05T00:00Z",
    ]
    assert file.series.open_interest is not None
    np.testing.assert_array_equal(file.series.open_interest, [0.0, 12.0, np.nan])
    assert file.rejected == ()


def test_a_daily_data_file_without_open_interest_is_read(tmp_path: Path) -> None:
    lines = [f"2024/01/0{day}, 187.15, 188.44, 183.885, 185.64, 82488700" for day in (2, 3, 4, 5)]
    file = read_sierra_text(write(tmp_path / "AAPL.dly", "Date, Open, High, Low, Close, Volume", lines, separator=","))
    assert (file.series.symbol, file.series.timeframe_seconds, len(file.series)) == ("AAPL", 86_400, 3)
    assert file.series.open_interest is None


MISLABELLED = (
    "CL[M]  5 Min  #1_GraphData.txt", "CLZ25-NYMEX_5min.scid_BarData.txt", "CLZ25-NYMEX_1mn.scid_BarData.txt",
    "CLZ25-NYMEX 5m.scid_BarData.txt", "CLZ25-NYMEX5m.scid_BarData.txt", "CLZ25-NYMEX-5M.txt", "CLZ25-NYMEX_M5.txt",
    "CLZ25-NYMEX.5m_BarData.txt", "CLZ25-NYMEX_5 min.txt", "CLZ25 1 Hour.txt", "CLZ25 8t range.txt", "CLZ25 500 Volume.txt",
)  # fmt: skip


@pytest.mark.parametrize("name", MISLABELLED)
def test_days_under_any_name_of_an_intraday_chart_are_refused(tmp_path: Path, name: str) -> None:
    first = date(2021, 1, 4)
    days = [day for number in range(120) if (day := first + timedelta(days=number)).weekday() < 5]
    lines = [f"{day.year}/{day.month}/{day.day}, 00:00:00, 1, 1, 1, 1, 1, 1" for day in days]
    with pytest.raises(BadInputError, match=r"its name says .*, its rows are 1d bars"):
        read_sierra_text(write(tmp_path / name, DAILY, lines))


@pytest.mark.parametrize("separator", [",", ", ", "\t"])
def test_the_file_of_the_writing_study_is_read(tmp_path: Path, separator: str) -> None:
    file = read_sierra_text(
        write(tmp_path / "GCQ26-COMEX-BarData.txt", STUDY, study_rows(5), separator=separator), zone="UTC"
    )
    assert (file.series.symbol, file.series.timeframe_seconds, len(file.series)) == ("GCQ26", 300, 4)
    assert iso(int(file.series.bar_end[0])) == "2026-06-21T18:05Z"
    assert file.series.values[0].tolist() == [4163.9, 4174.7, 4151.4, 4173.2, 821.0, 405.0, 416.0, 647.0]
    assert "the last row is left out: the study writes a bar that is still open where it is told to" in file.words[1]
    assert len(file.words) == 2


def test_the_columns_of_studies_are_left_out_whatever_their_names_are(tmp_path: Path) -> None:
    header = f"{STUDY}, Open, High, Low, Last, Delta, Finish, Volume, Volume / Sec, OpenInterest"
    lines = study_rows(5, ", 9, 9, 9, 9, -9, , 9, x, 9")
    file = read_sierra_text(write(tmp_path / "GCQ26-COMEX-BarStudyData.csv", header, lines), zone="UTC")
    assert file.series.values[0].tolist() == [4163.9, 4174.7, 4151.4, 4173.2, 821.0, 405.0, 416.0, 647.0]
    assert file.series.open_interest is None
    assert "the columns of studies are not used (Delta, Finish, Volume / Sec, OpenInterest)" in file.words[2]


def test_shortened_names_of_columns_are_known(tmp_path: Path) -> None:
    header = STUDY.replace("Bid Volume, Ask Volume", "Bid Vol, Ask Vol")
    assert read_utc(write(tmp_path / "GCQ26-BarData.txt", header, study_rows(5))).has("bid_volume")
    days = [f"2026-6-{day}, 00:00:00.000000, 1, 1, 1, 1, 5, 77, 1, 1, 1, 2, 3" for day in (22, 23, 24, 25)]
    daily = read_utc(write(tmp_path / "GCQ26_1d_GraphData.txt", header.replace("# of Trades", "OpenInt"), days))
    assert daily.open_interest is not None
    assert daily.open_interest.tolist() == [77.0, 77.0, 77.0]
    assert daily.column("ask_volume").tolist() == [3.0, 3.0, 3.0]


def test_a_given_zone_is_used_and_said(write_export: Write) -> None:
    path = write_export()
    utc, new_york = read_sierra_text(path, zone="UTC"), read_sierra_text(path, zone="America/New_York")
    assert utc.words[0] == f"{path.name}: times are read as UTC"
    assert (new_york.zone, new_york.words[0]) == (
        "America/New_York",
        f"{path.name}: times are read as America/New_York",
    )
    assert set((new_york.series.bar_end - utc.series.bar_end) / 3.6e9) == {5.0}


def test_a_zone_is_never_assumed(write_export: Write, instruments: Instruments) -> None:
    message = (
        r"does not name its time zone and it cannot be inferred \({}.*\); give it: --zone America/New_York, or zone"
    )
    with pytest.raises(BadInputError, match=message.format("no instrument is known")):
        read_sierra_text(write_export())
    with pytest.raises(BadInputError, match=message.format("it shows too few session opens and closes")):
        read_sierra_text(write_export(), instrument=instruments.find("ES"))


def test_a_file_over_the_end_of_summer_time_is_told_apart_by_its_order(tmp_path: Path) -> None:
    # New York 2025-11-02: 01:00 to 02:00 comes twice, EDT (UTC-4) and then EST (UTC-5)
    clocks = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00", "02:30"]
    lines = [f"2025/11/2, {clock}:00, 1, 1, 1, 1, 1, 1, 1, 0" for clock in clocks]
    file = read_sierra_text(write(tmp_path / "BTCUSD_30m.txt", EXPORT, lines), zone="America/New_York")
    ends = [iso(int(end))[11:16] for end in file.series.bar_end]
    assert ends == ["05:00", "05:30", "06:00", "06:30", "07:00", "07:30"]
    assert file.rejected == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
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
        read_utc(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"Date, Time, Open, High, Low, Last, Volume\r\n", "a header and no rows"),
        (b"Date, Time, Open\r\n1, 2, \xff\xfe\r\n", "not a text file"),
        (
            b"Date, Time, Open, High, Low, Last\r\n1, 2, 3, 4, 5, 6\r\n",
            "line 1: missing columns volume; a bar file of Sierra Chart begins",
        ),
    ],
)
def test_a_file_that_is_no_export_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "ESZ25-CME_5m.scid_BarData.txt"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        read_utc(path)


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ESZ25-CME_5m.scid_BarData.txt"
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(BadInputError, match=r"cannot read the file \(No such file or directory\)"):
        read_sierra_text(path)


def test_the_real_five_minute_file_reads_as_it_is(real_data: Path) -> None:
    bars = read_utc(real_data / "sierra_bardata" / "MNQZ25-CME_5m.scid_BarData.txt")
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("MNQZ25", 300, 5780)
    assert iso(int(bars.bar_end[0])) == "2025-11-19T20:20Z"
    assert bars.values[0].tolist() == [24706.0, 24796.75, 24706.0, 24787.0, 26272.0, 11775.0, 14497.0, 22717.0]
    assert iso(int(bars.bar_end[-1])) == "2025-12-19T14:25Z"  # the row of 14:25 was still open
    assert bars.values[-1].tolist() == [25130.0, 25142.25, 25110.0, 25135.5, 483.0, 293.0, 190.0, 342.0]
    flow = bars.column("bid_volume") + bars.column("ask_volume")
    np.testing.assert_array_equal(flow, bars.column("volume"))


def test_the_real_hourly_bars_end_at_the_sessions_edges(real_data: Path) -> None:
    bars = read_utc(real_data / "sierra_bardata" / "MNQZ25-CME_1H.scid_BarData.txt")
    ends = [iso(int(end)) for end in bars.bar_end]
    assert ends[-1] == "2025-12-19T13:30Z"
    assert "2025-12-18T20:15Z" in ends  # 19:30 holds 45 minutes


def test_the_real_daily_file_has_settlement_rows_and_no_order_flow(real_data: Path) -> None:
    bars = read_sierra_text(real_data / "sierra_bardata" / "CLX25-NYMEX.DAILY_BarData.txt").series
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("CLX25", 86_400, 1950)
    assert bars.values[0, :5].tolist() == [54.36, 54.36, 54.36, 54.36, 959334.0]
    assert np.isnan(bars.values[:, 5:]).all()


def test_a_bar_before_a_missing_one_ends_where_the_sessions_grid_says(
    write_export: Callable[..., Path], instruments: Instruments
) -> None:
    hours = ["11:15", "12:15", "13:15", "14:30", "15:30", "16:30"]  # 13:30 has no trade
    rows = [f"2025/12/17, {hour}:00, 10.00, 11.00, 9.00, 10.00, 6, 4, 2, 4" for hour in hours]
    path = write_export("NQZ25-CME_1H.scid_BarData.txt", rows)
    by_grid = read_sierra_text(path, zone="UTC", instrument=instruments.find("NQ")).series
    assert [iso(int(end))[11:16] for end in by_grid.bar_end] == ["12:15", "13:15", "13:30", "15:30", "16:30"]
    by_rows = read_sierra_text(path, zone="UTC").series
    assert iso(int(by_rows.bar_end[2]))[11:16] == "14:15"
