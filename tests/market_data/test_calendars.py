"""The calendars against published schedules and against real bars."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas_market_calendars
import pytest

from minhos.errors import InstrumentError
from minhos.market_data.calendars import special_days
from minhos.market_data.instruments import load_instruments
from minhos.market_data.sessions import (
    is_half_day,
    session_bounds,
    sessions_between,
    share_outside_sessions,
    trading_dates,
)

INSTRUMENTS = load_instruments(None)


def closes_at(symbol: str, day: str) -> str:
    """The close of a session in its own zone, HH:MM; `*` behind it on a half-day."""
    instrument = INSTRUMENTS.find(symbol)
    _, closes = session_bounds(date.fromisoformat(day), instrument)
    local = datetime.fromtimestamp(closes / 1e6, UTC).astimezone(ZoneInfo(instrument.session.zone))
    return f"{local:%H:%M}{'*' if is_half_day(date.fromisoformat(day), instrument) else ''}"


def dates_of(symbol: str, first: str, last: str) -> list[str]:
    sessions = sessions_between(INSTRUMENTS.find(symbol), date.fromisoformat(first), date.fromisoformat(last))
    return [str(day)[5:] for day in sessions.date]


def halts(symbol: str, day: str) -> list[str]:
    """The stretches of trading of a session in its own zone, `ddHHMM-ddHHMM`."""
    instrument = INSTRUMENTS.find(symbol)
    sessions = sessions_between(instrument, date.fromisoformat(day), date.fromisoformat(day))
    zone = ZoneInfo(instrument.session.zone)
    moments = [
        [datetime.fromtimestamp(us / 1e6, UTC).astimezone(zone) for us in pair] for pair in sessions.stretches_us
    ]
    return [f"{start:%dT%H:%M}-{end:%dT%H:%M}" for start, end in moments]


def test_every_built_in_calendar_exists_and_has_the_hours_of_the_instruments_file() -> None:
    for instrument in INSTRUMENTS.by_symbol.values():
        session = instrument.session
        if session.calendar is None:
            continue
        calendar = pandas_market_calendars.get_calendar(session.calendar)
        assert str(calendar.tz) == session.zone, instrument.symbol
        # the library does not know that crypto futures have not rested since 2026-05-29
        hours = session.hours_on(date(2026, 5, 29) if session.continuous else date(2026, 11, 25))
        library = (calendar.open_time, calendar.close_time)
        assert [f"{hour:%H:%M}" for hour in library] == [hours.open, hours.close], instrument.symbol
        assert (calendar.open_offset == -1) == hours.opens_day_before, instrument.symbol
        # the crypto calendar calls the hour between two sessions a break
        if session.calendar != "CME Globex Crypto":
            assert (calendar.break_start is None) == (session.breaks == ()), instrument.symbol
        if session.breaks:
            assert (time(7, 45), time(8, 30)) == (calendar.break_start, calendar.break_end)
            assert session.breaks == (("07:45", "08:30"),)


@pytest.mark.parametrize(
    ("symbol", "day", "close"),
    [
        # CME Group, holiday trading schedules of each year; central time
        ("ES", "2025-11-26", "16:00"),
        ("ES", "2025-11-28", "12:15*"),
        ("ES", "2024-12-24", "12:15*"),
        ("ES", "2025-07-03", "12:15*"),
        ("ES", "2024-12-31", "16:00"),
        ("ES", "2021-04-02", "08:15*"),  # Good Fridays with a jobs report
        ("ES", "2023-04-07", "08:15*"),
        ("ES", "2026-04-03", "08:15*"),
        ("ZN", "2026-04-03", "10:15*"),
        ("6E", "2026-04-03", "10:15*"),
        ("ES", "2025-01-09", "08:30*"),  # days of mourning
        ("ES", "2018-12-05", "08:30*"),
        ("ZN", "2025-01-09", "12:15*"),
        ("ZC", "2025-01-09", "12:15*"),
        ("CL", "2025-01-09", "16:00"),
        ("CL", "2024-12-24", "12:45*"),
        ("GC", "2024-11-29", "12:45*"),
        ("CL", "2025-07-03", "16:00"),
        ("CL", "2026-11-27", "13:45*"),
        ("GC", "2026-12-24", "12:45*"),
        ("CL", "2013-12-24", "12:45*"),
        ("CL", "2027-12-23", "16:00"),  # Christmas is observed on the 24th
        ("GC", "2028-12-22", "16:00"),  # nor is the last Friday before it a half-day
        ("CL", "2029-12-24", "12:45*"),
        ("GC", "2030-12-24", "12:45*"),
        # 6E with the jobs report on Good Friday: as ZN
        ("6E", "2010-04-02", "10:15*"),
        ("6E", "2012-04-06", "10:15*"),
        ("6E", "2015-04-03", "10:15*"),
        ("6J", "2021-04-02", "10:15*"),
        ("ZC", "2024-11-29", "12:05*"),
        ("ZS", "2024-12-24", "12:05*"),
        ("ZW", "2025-07-03", "12:05*"),
        ("LE", "2024-11-29", "12:05*"),
        # NYSE, "Holidays and Trading Hours"; New York time
        ("SPY", "2025-07-03", "13:00*"),
        ("SPY", "2025-11-28", "13:00*"),
        ("SPY", "2024-12-24", "13:00*"),
        ("SPY", "2025-11-26", "16:00"),
    ],
)
def test_a_session_closes_when_its_exchange_says(symbol: str, day: str, close: str) -> None:
    assert closes_at(symbol, day) == close


@pytest.mark.parametrize(
    ("symbols", "first", "last", "dates"),
    [
        # without a trade date of their own: Martin Luther King, Presidents, Memorial, Independence, Labor, Thanksgiving
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2025-01-17", "2025-01-22", ["01-17", "01-21", "01-22"]),
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2025-11-26", "2025-12-01", ["11-26", "11-28", "12-01"]),
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2026-07-02", "2026-07-07", ["07-02", "07-06", "07-07"]),
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2022-06-17", "2022-06-21", ["06-17", "06-21"]),  # Juneteenth
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2024-03-28", "2024-04-01", ["03-28", "04-01"]),  # Good Friday
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2025-04-17", "2025-04-21", ["04-17", "04-21"]),
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2021-12-23", "2021-12-27", ["12-23", "12-27"]),
        (("ES", "CL", "ZN", "6E", "BTC", "ZC", "LE"), "2025-12-24", "2025-12-26", ["12-24", "12-26"]),
        (("ES", "ZN", "6E"), "2026-04-02", "2026-04-06", ["04-02", "04-03", "04-06"]),
        (("CL", "GC", "ZC"), "2026-04-02", "2026-04-06", ["04-02", "04-06"]),
        (("6E", "ZN", "ES"), "2015-04-02", "2015-04-06", ["04-02", "04-03", "04-06"]),
        (("6E",), "2013-03-28", "2013-04-01", ["03-28", "04-01"]),  # a Good Friday without the jobs report
        (("SPY",), "2025-01-08", "2025-01-10", ["01-08", "01-10"]),  # a day of mourning
        (("SPY",), "2001-09-10", "2001-09-17", ["09-10", "09-17"]),
        (("EURUSD",), "2012-12-24", "2013-01-02", ["12-24", "12-26", "12-27", "12-28", "12-31", "01-02"]),
        (("BTCUSDT",), "2025-12-24", "2025-12-26", ["12-24", "12-25", "12-26"]),
    ],
)
def test_holidays_are_no_trading_dates(symbols: tuple[str, ...], first: str, last: str, dates: list[str]) -> None:
    for symbol in symbols:
        assert dates_of(symbol, first, last) == dates, symbol


def test_a_holiday_on_which_globex_trades_is_the_first_part_of_the_next_session() -> None:
    assert halts("ES", "2025-11-28") == ["26T17:00-27T12:00", "27T17:00-28T12:15"]
    assert halts("CL", "2025-11-28") == ["26T17:00-27T13:30", "27T17:00-28T12:45"]
    assert halts("CL", "2025-09-02") == ["31T17:00-01T13:30", "01T17:00-02T16:00"]
    assert halts("CL", "2026-09-08") == ["06T17:00-07T13:30", "07T17:00-08T16:00"]
    assert halts("GC", "2027-09-07") == ["05T17:00-06T13:30", "06T17:00-07T16:00"]
    assert halts("GC", "2031-09-02") == ["31T17:00-01T13:30", "01T17:00-02T16:00"]
    assert halts("GC", "2021-09-07") == ["05T17:00-06T12:00", "06T17:00-07T16:00"]
    assert halts("ES", "2026-07-06") == ["02T17:00-03T12:00", "05T17:00-06T16:00"]
    assert halts("ZC", "2025-11-26") == ["25T19:00-26T07:45", "26T08:30-26T13:20"]
    assert halts("ZC", "2024-12-24") == ["23T19:00-24T07:45", "24T08:30-24T12:05"]
    assert halts("ES", "2025-12-18") == ["17T17:00-18T16:00"]


@pytest.mark.parametrize(
    ("day", "stretches"),
    [
        # CME: the trading day of equity indices ends at 16:15 instead of 15:15 from trade date 2012-11-19 on, with a halt
        # at 15:15 to 15:30 for the same trade date (until then those minutes were the next one's)
        ("2012-11-16", ["15T15:30-15T16:30", "15T17:00-16T15:15"]),
        ("2012-11-19", ["18T17:00-19T15:15", "19T15:30-19T16:15"]),
        # CME: the daily close is 16:00 from 2015-09-21 on
        ("2015-09-18", ["17T17:00-18T15:15", "18T15:30-18T16:15"]),
        ("2015-09-21", ["20T17:00-21T15:15", "21T15:30-21T16:00"]),
        # the halt ends with trade date 2021-06-28 (pandas_market_calendars, CME_Equity)
        ("2021-06-25", ["24T17:00-25T15:15", "25T15:30-25T16:00"]),
        ("2021-06-28", ["27T17:00-28T16:00"]),
        # an early close before the halt leaves no second stretch
        ("2013-07-03", ["02T17:00-03T12:15"]),
    ],
)
def test_index_futures_had_other_hours_in_earlier_years(day: str, stretches: list[str]) -> None:
    assert halts("ES", day) == stretches


def test_energies_and_metals_closed_a_quarter_of_an_hour_later_until_2015() -> None:
    assert halts("CL", "2015-09-18") == ["17T17:00-18T16:15"]
    assert halts("GC", "2015-09-21") == ["20T17:00-21T16:00"]


@pytest.mark.parametrize(
    ("day", "stretches"),
    [
        # CME: continuous from Friday, 2026-05-29, 16:00; Friday evening to Sunday evening is the next business day's
        ("2026-05-29", ["28T17:00-29T16:00"]),
        ("2026-06-01", ["29T16:00-30T02:00", "30T04:00-01T16:00"]),
        ("2026-06-02", ["01T16:00-02T16:00"]),
        ("2026-07-06", ["02T16:00-04T02:00", "04T04:00-06T16:00"]),  # Independence Day observed on Friday
        ("2026-11-27", ["25T16:00-27T16:00"]),  # Thanksgiving, and no early close on the day after
        ("2026-12-24", ["23T16:00-24T16:00"]),
        ("2026-12-28", ["24T16:00-26T02:00", "26T04:00-28T16:00"]),
        ("2027-01-04", ["31T16:00-02T02:00", "02T04:00-04T16:00"]),
    ],
)
def test_crypto_futures_never_rest_since_may_2026(day: str, stretches: list[str]) -> None:
    assert halts("BTC", day) == stretches
    assert not is_half_day(date.fromisoformat(day), INSTRUMENTS.find("METM26"))


def test_the_first_session_of_a_year_is_the_same_in_a_table_of_more_years() -> None:
    btc = INSTRUMENTS.find("BTC")
    alone = sessions_between(btc, date(2027, 1, 1), date(2027, 1, 8))
    among = sessions_between(btc, date(2026, 12, 1), date(2027, 1, 8)).slice(-5, 99)
    assert alone.date.tolist() == among.date.tolist()
    np.testing.assert_array_equal(alone.open_us, among.open_us)
    np.testing.assert_array_equal(alone.stretches_us, among.stretches_us)


def test_an_unknown_calendar_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(InstrumentError, match=r"'CME Globex Equities!' is not one of .*nearest are .*CME Globex"):
        special_days("CME Globex Equities!", 2020)


def test_calendars_of_other_markets_are_there_too() -> None:
    # London: Christmas Eve is a half-day (12:30), Boxing Day a holiday
    london = special_days("LSE", 2020)
    assert {date(2024, 12, 25), date(2024, 12, 26), date(2025, 4, 21)} <= london.closed
    assert london.closes_us[date(2024, 12, 24)] == round(datetime(2024, 12, 24, 12, 30, tzinfo=UTC).timestamp() * 1e6)
    assert not london.joined


def read_sierra_columns(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Starts (datetime64[us]) and open, high, low, last, volume of a Sierra Chart export."""
    rows = [line.split(", ") for line in path.read_text().splitlines()[1:]]
    clocks = [np.datetime64(datetime.strptime(f"{row[0]} {row[1]}", "%Y/%m/%d %H:%M:%S"), "us") for row in rows]
    return np.array(clocks), np.array([row[2:7] for row in rows], dtype=np.float64)


@pytest.mark.parametrize(
    ("name", "first", "sessions"),
    [("CLX25-NYMEX.DAILY_BarData.txt", "2018-01-22", 1951), ("MNQZ25-CME.DAILY_BarData.txt", "2024-09-03", 328)],
)
def test_the_days_of_real_daily_files_are_exactly_the_trading_dates(
    real_data: Path, name: str, first: str, sessions: int
) -> None:
    stamps, _ = read_sierra_columns(real_data / "sierra_bardata" / name)
    days = stamps.astype("datetime64[D]")
    days = days[days >= np.datetime64(first)]
    expected = sessions_between(INSTRUMENTS.find(name), days[0].item(), days[-1].item()).date
    assert len(days) == sessions
    assert days.tolist() == expected.tolist()


def test_real_thanksgiving_bars_make_the_daily_bar_of_friday(real_data: Path) -> None:
    mnq = INSTRUMENTS.find("MNQZ25")
    starts, prices = read_sierra_columns(real_data / "sierra_bardata" / "MNQZ25-CME_5m.scid_BarData.txt")
    ends = starts.astype(np.int64) + 300_000_000
    dates = trading_dates(ends, mnq, timeframe_seconds=300)
    friday = prices[dates == np.datetime64("2025-11-28")]
    days, daily = read_sierra_columns(real_data / "sierra_bardata" / "MNQZ25-CME.DAILY_BarData.txt")
    (bar,) = daily[days == np.datetime64("2025-11-28")]
    assert (friday[:, 1].max(), friday[:, 2].min()) == (bar[1], bar[2]) == (25_500.25, 25_285.75)
    # the low is of Thursday, before the halt; the session ends with its last bar
    (_, halt), (_, close) = sessions_between(mnq, date(2025, 11, 28), date(2025, 11, 28)).stretches_us.tolist()
    inside = ends[dates == np.datetime64("2025-11-28")]
    assert friday[inside <= halt, 2].min() == 25_285.75
    assert inside[inside <= halt][-1] == halt
    assert inside[-1] == close


def test_no_real_bar_lies_outside_the_sessions(real_data: Path) -> None:
    from minhos.market_data.bars import BarSeries

    for name in ("MNQZ25-CME_5m", "MNQZ25-CME_1H", "CLX25-NYMEX_5m", "CLX25-NYMEX_1H"):
        seconds = 300 if name.endswith("5m") else 3600
        starts, _ = read_sierra_columns(real_data / "sierra_bardata" / f"{name}.scid_BarData.txt")
        ends = starts.astype(np.int64) + seconds * 1_000_000
        series = BarSeries(symbol="X", timeframe_seconds=seconds, bar_end=ends, values=np.ones((len(ends), 8)))
        assert share_outside_sessions(series, INSTRUMENTS.find(name)) == 0.0, name


@pytest.mark.parametrize("symbol", ["SPY", "IBM"])
def test_the_days_of_real_shares_are_exactly_the_sessions_of_new_york(real_data: Path, symbol: str) -> None:
    with zipfile.ZipFile(real_data / "equities_daily" / "daily" / f"{symbol.lower()}.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    days = [date(int(line[:4]), int(line[4:6]), int(line[6:8])) for line in lines]
    assert (days[0], days[-1]) == (date(1998, 1, 2), date(2021, 3, 31))
    assert sessions_between(INSTRUMENTS.find(symbol), days[0], days[-1]).date.tolist() == days


def test_spot_currencies_rest_on_christmas_and_new_year_as_real_bars_show(real_data: Path) -> None:
    with zipfile.ZipFile(real_data / "fx" / "forex_oanda_daily_eurusd.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    days = {date(int(line[:4]), int(line[4:6]), int(line[6:8])) for line in lines}
    sessions = set(sessions_between(INSTRUMENTS.find("EURUSD"), date(2015, 2, 1), date(2018, 12, 25)).date.tolist())
    workdays = {day for day in days if day.weekday() < 5 and date(2015, 2, 1) <= day <= date(2018, 12, 25)}
    assert workdays <= sessions
    # the file has a hole of four days in December 2016
    assert sessions - workdays == {date(2016, 12, day) for day in (12, 13, 14, 15)}
