from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.trading_hours import Session
from minhos.market_data.zones import Inferred, Undecided, infer_zone

Integers = npt.NDArray[np.int64]
INSTRUMENTS = load_instruments(None)
CL, EURUSD = INSTRUMENTS.find("CL"), INSTRUMENTS.find("EURUSD")
ZONES = (
    "UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage",
    "America/Halifax", "Europe/London", "Europe/Berlin", "Europe/Zurich", "Europe/Athens", "Asia/Tokyo", "Asia/Singapore",
    "Asia/Hong_Kong", "Australia/Sydney", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Honolulu", "Etc/GMT+9", "Etc/GMT-3",
)  # fmt: skip
CHICAGO = ZoneInfo("America/Chicago")


def us(day: date, clock: time, zone: ZoneInfo = CHICAGO) -> int:
    return round(datetime.combine(day, clock, zone).astimezone(UTC).timestamp()) * 1_000_000


def globex(first: date, days: int, minutes: int, *, opens: time = time(17), closes: time = time(16)) -> Integers:
    """Starts of the bars, UTC us, of every weekday's session: 17:00 Chicago on the evening before to 16:00."""
    sessions = [first + timedelta(days=number) for number in range(days)]
    return np.concatenate(
        [
            np.arange(
                us(day - timedelta(days=1) if opens >= closes else day, opens), us(day, closes), minutes * 60_000_000
            )
            for day in sessions
            if day.weekday() < 5
        ]
    )


def fx_weeks(first_sunday: date, weeks: int) -> Integers:
    """Starts of 15-minute bars from Sunday 17:00 to Friday 17:00 New York."""
    new_york = ZoneInfo("America/New_York")
    sundays = [first_sunday + timedelta(days=7 * week) for week in range(weeks)]
    return np.concatenate(
        [
            np.arange(us(day, time(17), new_york), us(day + timedelta(days=5), time(17), new_york), 900_000_000)
            for day in sundays
        ]
    )


def in_zone(utc_us: Integers, zone: str) -> Integers:
    """What a chart of that zone shows, as if it were UTC us."""
    stamps = pd.DatetimeIndex(utc_us.astype("datetime64[us]")).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return stamps.to_numpy().astype("datetime64[us]").astype(np.int64)


def infer(utc_us: Integers, zone: str, instrument: Instrument = CL, minutes: int = 5) -> Inferred | Undecided:
    return infer_zone(in_zone(utc_us, zone), instrument, timeframe_seconds=60 * minutes)


def assert_right(found: Inferred | Undecided, utc_us: Integers, zone: str) -> None:
    assert isinstance(found, Inferred), found.words
    np.testing.assert_array_equal(in_zone(utc_us, found.zone), in_zone(utc_us, zone), err_msg=found.words)


@given(
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2016, 1, 1), date(2026, 12, 31)),
    weeks=st.integers(2, 30),
    minutes=st.sampled_from((5, 30, 60)),
)
@settings(max_examples=30, deadline=None)
def test_the_zone_of_a_whole_market_is_found_at_every_stamp(zone: str, first: date, weeks: int, minutes: int) -> None:
    bars = globex(first, 7 * weeks, minutes)
    found = infer(bars, zone, minutes=minutes)
    # the first or last day after a clock change may be too little to tell its two sides apart, and is then not guessed
    if isinstance(found, Inferred):
        assert_right(found, bars, zone)
    else:
        assert "does not tell them apart" in found.words


@given(zone=st.sampled_from(ZONES), first=st.dates(date(2016, 1, 1), date(2026, 12, 31)), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_thinly_traded_market_is_found_or_undecided_but_never_wrong(zone: str, first: date, seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    bars = globex(first, 180, 5)
    bars = bars[rng.random(len(bars)) < rng.choice([0.03, 0.1, 0.3, 0.7])]
    found = infer(bars, zone)
    if isinstance(found, Inferred):
        assert_right(found, bars, zone)


@given(
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2016, 1, 1), date(2026, 12, 31)),
    minutes=st.sampled_from((5, 15, 30)),
    seed=st.integers(0, 99),
)
@settings(max_examples=20, deadline=None)
def test_a_market_that_trades_by_day_is_never_wrong(zone: str, first: date, minutes: int, seed: int) -> None:
    # a far expiry: busy in the pit hours, a bar now and then at night; its mornings look like opens on other clocks
    rng = np.random.Generator(np.random.PCG64(seed))
    bars = globex(first, 120, minutes)
    chicago_minute = in_zone(bars, "America/Chicago") // 60_000_000 % 1440
    by_day = (chicago_minute >= 8 * 60) & (chicago_minute < 13 * 60 + 30)
    bars = bars[rng.random(len(bars)) < np.where(by_day, 0.9, rng.choice([0.005, 0.02, 0.05]))]
    found = infer(bars, zone, minutes=minutes)
    if isinstance(found, Inferred):
        assert_right(found, bars, zone)


@pytest.mark.parametrize("zone", ZONES)
def test_summer_and_winter_together_name_the_zone(zone: str) -> None:
    bars = globex(date(2025, 9, 1), 120, 5)
    found = infer(bars, zone)
    assert_right(found, bars, zone)
    assert found.zone == {"Europe/Zurich": "Europe/Berlin", "Asia/Hong_Kong": "Asia/Singapore"}.get(zone, zone) or (
        zone == "Pacific/Honolulu" and found.zone == "Etc/GMT+10"
    )


def test_the_evidence_is_given_in_words() -> None:
    # three weeks of winter, Sunday 4 January to Friday 23: 14 opens and closes lie between the first bar and the last
    found = infer(globex(date(2026, 1, 5), 19, 5), "UTC")
    assert isinstance(found, Inferred)
    assert found.zone == "UTC"
    assert found.words.startswith(
        "14 of 14 session opens (17:00 America/Chicago) and 14 of 14 closes (16:00) fit; next best "
    )
    assert found.words.endswith("; in this file Europe/London is the same clock")


def test_of_equal_clocks_the_simplest_is_taken() -> None:
    winter = globex(date(2026, 1, 5), 19, 5)
    assert infer(winter, "Europe/London").words == infer(winter, "UTC").words
    found = infer(winter, "Etc/GMT+5")
    assert isinstance(found, Inferred)
    assert found.zone == "America/New_York"


def test_a_chart_that_shows_14_and_13_o_clock_for_the_open_is_nine_hours_behind_or_alaskas() -> None:
    # the Globex open at 14:00 chart time in winter: UTC-9 all year shows 13:00 in summer, Anchorage stays at 14:00
    winter, both = globex(date(2026, 1, 5), 33, 5), globex(date(2026, 1, 5), 120, 5)
    assert infer(winter, "Etc/GMT+9").words.endswith("in this file Etc/GMT+9 is the same clock")
    for zone in ("Etc/GMT+9", "America/Anchorage"):
        found = infer(both, zone)
        assert isinstance(found, Inferred)
        assert found.zone == zone


@pytest.mark.parametrize(("zone", "days"), [("UTC", 22), ("Europe/London", 23)])
def test_a_day_after_a_clock_change_is_enough(zone: str, days: int) -> None:
    # London leaves UTC on Sunday 2026-03-29. The open of that evening is at 22:00 UTC, before London's 22:00: that tells
    # UTC. On a chart of London it is at 23:00, which might be a late first bar at UTC; the next close then decides.
    found = infer(globex(date(2026, 3, 9), days, 5), zone)
    assert isinstance(found, Inferred), found.words
    assert found.zone == zone


def test_what_a_late_first_bar_could_explain_is_not_decided() -> None:
    found = infer(globex(date(2026, 3, 9), 22, 5), "Europe/London")
    assert isinstance(found, Undecided)
    assert found.words == (
        "Europe/London 15 of 15 opens and 15 of 15 closes and UTC 14 of 15 opens and 15 of 15 closes fit, "
        "which does not tell them apart"
    )


def test_holidays_and_early_closes_are_tolerated() -> None:
    bars = globex(date(2025, 11, 17), 26, 5)
    thanksgiving, friday = us(date(2025, 11, 27), time(12)), us(date(2025, 11, 28), time(12, 15))
    closed = ((bars >= thanksgiving) & (bars < us(date(2025, 11, 27), time(17)))) | (
        (bars >= friday) & (bars < us(date(2025, 11, 30), time(17)))
    )
    found = infer(bars[~closed], "America/New_York")
    assert isinstance(found, Inferred)
    assert found.zone == "America/New_York"
    assert found.words.startswith("19 of 19 session opens (17:00 America/Chicago) and 17 of 19 closes")


def test_bars_after_the_close_of_today_are_the_longer_hours_of_old_years() -> None:
    # until 2015 the hours of FX futures may have been longer, so their bars stand in what is a break today
    bars = globex(date(2013, 6, 3), 60, 5, closes=time(16, 15))
    assert_right(infer(bars, "America/Denver", INSTRUMENTS.find("6E")), bars, "America/Denver")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("year", "resumed_until", "hours"),
    [(2010, time(16, 30), ("15:30", "15:15")), (2013, time(16, 15), ("17:00", "16:15"))],
)
def test_a_file_of_old_years_is_held_against_the_hours_of_those_years(
    zone: str, year: int, resumed_until: time, hours: tuple[str, str]
) -> None:
    first = date(year, 6, 7)
    night = globex(first, 60, 5, closes=time(15, 15))
    afternoon = globex(first, 60, 5, opens=time(15, 30), closes=resumed_until)
    bars = np.sort(np.concatenate((night, afternoon)))
    found = infer(bars, zone, INSTRUMENTS.find("ES"))
    assert_right(found, bars, zone)
    assert f"session opens ({hours[0]} America/Chicago)" in found.words
    assert f"closes ({hours[1]}) fit" in found.words


def test_the_halt_of_a_market_that_trades_on_weekends_is_no_evidence() -> None:
    # its weekly maintenance takes two hours or more: a longer one would look like another zone
    bars = np.arange(us(date(2026, 7, 6), time(0)), us(date(2026, 8, 31), time(0)), 300_000_000)
    found = infer(bars, "UTC", INSTRUMENTS.find("BTCQ26"))
    assert found == Undecided("the market of BTC never closes, so no session open tells the zone")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo", "Europe/Athens"])
def test_a_market_with_a_weekly_open_is_found_by_it(zone: str) -> None:
    bars = fx_weeks(date(2026, 1, 4), 20)
    assert_right(infer(bars, zone, EURUSD, minutes=15), bars, zone)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin"])
def test_a_market_with_a_break_in_its_session_is_found(zone: str) -> None:
    weekdays = ("mon", "tue", "wed", "thu", "fri")
    grains = Session(
        zone="America/Chicago", open="19:00", close="13:20", weekdays=weekdays, breaks=(("07:45", "08:30"),)
    )
    night = globex(date(2026, 2, 2), 60, 5, opens=time(19), closes=time(7, 45))
    day = globex(date(2026, 2, 2), 60, 5, opens=time(8, 30), closes=time(13, 20))
    corn = CL.model_copy(update={"symbol": "ZC", "session": grains})
    for bars in (np.sort(np.concatenate((night, day))), day):  # by day alone it is a whole session too
        assert_right(infer(bars, zone, corn), bars, zone)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Singapore"])
@pytest.mark.parametrize("minutes", [5, 60])
def test_a_stock_exchange_is_found(zone: str, minutes: int) -> None:
    session = Session(
        zone="America/New_York", open="09:30", close="16:00", weekdays=("mon", "tue", "wed", "thu", "fri")
    )
    bars = globex(date(2026, 2, 2), 60, minutes, opens=time(8, 30), closes=time(15))
    assert_right(infer(bars, zone, CL.model_copy(update={"session": session}), minutes=minutes), bars, zone)


def test_a_clock_that_no_zone_has_is_undecided() -> None:
    # brokers' charts seven hours ahead of New York: the hours of Athens but the clock changes of New York
    bars = globex(date(2025, 9, 1), 365, 30)
    found = infer_zone(in_zone(bars, "America/New_York") + 7 * 3_600_000_000, CL, timeframe_seconds=1800)
    assert isinstance(found, Undecided)
    assert found.words.endswith(
        "opens and 260 of 260 closes fit, a broker's clock that no zone has; export the chart in UTC"
    )
    assert found.words.startswith("America/New_York + 7 h 260 of 260 ")


RARE = ("Asia/Jerusalem", "Africa/Cairo", "America/Santiago", "Asia/Beirut", "America/Asuncion", "Australia/Lord_Howe",
        "America/Havana", "Europe/Chisinau", "Asia/Gaza", "Africa/Casablanca", "Asia/Tehran", "Pacific/Chatham")  # fmt: skip


@given(
    clock=st.sampled_from(
        (*RARE, "America/New_York + 7 h", "America/New_York + 5 h", "Europe/Athens", "Europe/London")
    ),
    first=st.dates(date(2016, 1, 1), date(2026, 12, 31)),
    weeks=st.integers(3, 60),
    fx=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_clock_with_other_rules_of_summer_time_is_never_taken_for_a_known_one(
    clock: str, first: date, weeks: int, fx: bool
) -> None:
    first -= timedelta(days=(first.weekday() + 1) % 7)
    bars = fx_weeks(first, weeks) if fx else globex(first, 7 * weeks, 15)
    zone, _, ahead = clock.partition(" + ")
    shown = in_zone(bars, zone) + (int(ahead.split()[0]) if ahead else 0) * 3_600_000_000
    found = infer_zone(shown, EURUSD if fx else CL, timeframe_seconds=900)
    if isinstance(found, Inferred):
        np.testing.assert_array_equal(in_zone(bars, found.zone), shown, err_msg=f"{found.zone}: {found.words}")


def test_an_hour_that_is_there_twice_is_one_in_which_the_clock_was_set_back() -> None:
    """Cairo leaves summer time on 2023-10-27, Athens two days later: a file that ends between has no edge that tells."""
    bars = fx_weeks(date(2023, 6, 25), 18)
    found = infer_zone(in_zone(bars, "Africa/Cairo"), EURUSD, timeframe_seconds=900)
    assert isinstance(found, Undecided)
    assert "the hour from 2023-10-26T23:00 on is there twice" in found.words
    assert "Europe/Athens does not repeat it" in found.words
    whole = fx_weeks(date(2023, 6, 25), 30)
    athens = infer_zone(in_zone(whole, "Europe/Athens"), EURUSD, timeframe_seconds=900)
    assert isinstance(athens, Inferred)
    assert athens.zone == "Europe/Athens"


def test_bars_that_are_there_twice_for_another_reason_say_nothing_of_the_clock() -> None:
    bars = globex(date(2025, 9, 1), 28, 5)
    for rows in (slice(100, 101), slice(100, 140), slice(0, len(bars))):
        found = infer_zone(np.concatenate((bars, bars[rows])), CL, timeframe_seconds=300)
        assert isinstance(found, Inferred)


def test_misfits_that_stand_together_in_weeks_are_another_clock() -> None:
    # a clock that no candidate has: New York, but for three weeks of July it stands an hour ahead
    bars = globex(date(2025, 5, 5), 400, 15)
    shown = in_zone(bars, "America/New_York")
    july = (bars >= us(date(2025, 7, 6), time(0))) & (bars < us(date(2025, 7, 27), time(0)))
    found = infer_zone(shown + np.where(july, 3_600_000_000, 0), CL, timeframe_seconds=900)
    assert isinstance(found, Undecided)
    assert "closes fit, but none of 30 from 2025-07-06 to 2025-07-26: other rules of summer time?" in found.words


def test_how_a_given_zone_fits_is_told_where_it_is_another_clock() -> None:
    bars = globex(date(2025, 9, 1), 28, 5)
    found = infer_zone(in_zone(bars, "UTC"), CL, timeframe_seconds=300, given="America/New_York")
    assert isinstance(found, Inferred)
    assert (found.zone, found.given_fits) == ("UTC", "America/New_York 0 of 19 opens and 0 of 19 closes")
    same = infer_zone(in_zone(bars, "UTC"), CL, timeframe_seconds=300, given="Atlantic/Reykjavik")
    assert isinstance(same, Inferred)
    assert (same.zone, same.given_fits) == ("Atlantic/Reykjavik", None)


def test_a_chart_of_the_day_session_alone_is_undecided() -> None:
    # the pit hours 08:00 to 13:30 Chicago are 14:00 to 19:30 UTC: an open at 14:00 looks like Globex' on a clock of UTC-9
    found = infer(globex(date(2025, 11, 10), 60, 5, opens=time(8), closes=time(13, 30)), "UTC")
    assert isinstance(found, Undecided)
    assert "its bars stand at too few opens or closes of the session, as in a chart of a part of the day" in found.words


def test_a_market_that_never_closes_is_undecided() -> None:
    bars = np.arange(us(date(2026, 1, 5), time(0)), us(date(2026, 2, 5), time(0)), 300_000_000)
    found = infer(bars, "UTC", INSTRUMENTS.find("BTCUSDT"))
    assert found == Undecided("the market of BTCUSDT never closes, so no session open tells the zone")


@pytest.mark.parametrize("days", [0, 1])
def test_a_short_file_is_undecided(days: int) -> None:
    bars = globex(date(2026, 1, 7), days + 1, 5)
    found = infer(bars, "UTC")
    assert isinstance(found, Undecided)
    assert "too few session opens and closes" in found.words


def test_bars_without_any_break_fit_nowhere() -> None:
    bars = np.arange(us(date(2026, 1, 5), time(0)), us(date(2026, 3, 5), time(0)), 300_000_000)
    assert isinstance(infer(bars, "UTC"), Undecided)


def test_a_row_with_a_wrong_year_changes_nothing() -> None:
    bars = globex(date(2026, 1, 5), 19, 5)
    for year in ("0001", "1970", "2199", "9999"):
        odd = np.append(in_zone(bars, "America/New_York"), np.datetime64(f"{year}-01-07T10:00", "us").astype(np.int64))
        found = infer_zone(odd, CL, timeframe_seconds=300)
        assert isinstance(found, Inferred)
        assert found.zone == "America/New_York"


def test_months_without_bars_are_no_evidence() -> None:
    bars = np.concatenate((globex(date(2025, 1, 6), 19, 5), globex(date(2026, 1, 5), 19, 5)))
    found = infer(bars, "UTC")
    assert isinstance(found, Inferred)
    assert found.words.startswith("29 of 29 session opens")


def test_the_order_of_the_stamps_does_not_matter() -> None:
    bars = in_zone(globex(date(2026, 1, 5), 40, 30), "Europe/Berlin")
    assert infer_zone(bars[::-1], CL, timeframe_seconds=1800) == infer_zone(bars, CL, timeframe_seconds=1800)


NAMES = ("CLX25-NYMEX_5m", "CLX25-NYMEX_1H", "MNQZ25-CME_5m", "MNQZ25-CME_1H")


@pytest.mark.parametrize("name", NAMES)
def test_the_real_exports_are_inferred_to_be_utc(real_data: Path, name: str) -> None:
    path = real_data / "sierra_bardata" / f"{name}.scid_BarData.txt"
    told, found = (
        read_sierra_text(path, zone="UTC"),
        read_sierra_text(path, instrument=INSTRUMENTS.find(name[:6].rstrip("-"))),
    )
    assert found.zone == "UTC"
    assert f"{path.name}: the file does not name its time zone, UTC is inferred: " in found.words[0]
    np.testing.assert_array_equal(found.series.bar_end, told.series.bar_end)


@pytest.mark.parametrize(
    "zone", ["America/New_York", "America/Chicago", "America/Anchorage", "Asia/Tokyo", "Europe/Berlin", "Etc/GMT+9"]
)
@pytest.mark.parametrize("name", NAMES)
def test_the_real_bars_on_another_clock_are_found_there(real_data: Path, name: str, zone: str) -> None:
    series = read_sierra_text(real_data / "sierra_bardata" / f"{name}.scid_BarData.txt", zone="UTC").series
    starts = series.bar_end - series.timeframe_seconds * 1_000_000
    found = infer(starts, zone, INSTRUMENTS.find(series.symbol), minutes=series.timeframe_seconds // 60)
    assert_right(found, starts, zone)
