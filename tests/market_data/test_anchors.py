from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.anchors import anchors_of, bar_interval, dated_by_grid, with_anchors
from minhos.market_data.instruments import Anchors, Instrument, load_instruments

INSTRUMENTS = load_instruments(None)
CL, EURUSD, BTC = (INSTRUMENTS.find(symbol) for symbol in ("CLX25", "EURUSD", "BTCUSDT"))
HOUR = 3_600_000_000


def anchored(zone: str, day_open: str, day_close: str) -> Instrument:
    return with_anchors(INSTRUMENTS.find("NQZ25"), Anchors(zone=zone, day_open=day_open, day_close=day_close))


NQ = anchored("UTC", "13:30", "20:15")  # the Sierra Chart reference, section 4d
CASH = anchored("America/Chicago", "08:30", "15:00")


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def interval(text: str, instrument: Instrument, seconds: int = 3600) -> tuple[str, str]:
    start, end = bar_interval(np.array([us(text)], dtype=np.int64), instrument, seconds)
    edges = [datetime(1970, 1, 1) + timedelta(microseconds=int(edge[0])) for edge in (start, end)]
    return f"{edges[0]:%d %H:%M}", f"{edges[1]:%d %H:%M}"


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2025-12-18T00:14", "17 23:15", "18 00:15"),
        ("2025-12-18T13:14", "18 12:15", "18 13:15"),
        ("2025-12-18T13:15", "18 13:15", "18 13:30"),  # the last one before the day session
        ("2025-12-18T13:30", "18 13:30", "18 14:30"),
        ("2025-12-18T19:29", "18 18:30", "18 19:30"),
        ("2025-12-18T20:14", "18 19:30", "18 20:15"),  # the last one of the day session
        ("2025-12-18T20:15", "18 20:15", "18 21:15"),
        ("2025-12-18T23:00", "18 22:15", "18 23:15"),  # trading opens at 23:00: the bar runs over the break
        ("2026-07-01T13:29", "01 13:15", "01 13:30"),  # the same in summer: these anchors stand in UTC
    ],
)
def test_hourly_index_bars_count_from_the_two_times_of_their_session(moment: str, start: str, end: str) -> None:
    assert interval(moment, NQ) == (start, end)


def test_bars_count_from_the_opening_time_of_their_day() -> None:
    # crypto futures opened at 17:00 in Chicago (22:00 UTC) up to the session of 2026-05-29, since then at 16:00
    btc = INSTRUMENTS.find("BTCM26")
    four_hours = 4 * 3600
    assert interval("2026-05-28T23:00", btc, four_hours) == ("28 22:00", "29 02:00")
    assert interval("2026-05-29T20:30", btc, four_hours) == ("29 18:00", "29 21:00")  # cut where the count starts anew
    assert interval("2026-05-29T21:30", btc, four_hours) == ("29 21:00", "30 01:00")


def test_timeframes_that_divide_both_anchors_follow_the_clock() -> None:
    stamps = us("2026-03-06T00:00") + np.arange(0, 5 * 24 * HOUR, 61_000_000, dtype=np.int64)
    for seconds in (30, 60, 300, 900):
        starts, ends = bar_interval(stamps, NQ, seconds)
        np.testing.assert_array_equal(starts, stamps - stamps % (seconds * 1_000_000))
        np.testing.assert_array_equal(ends, starts + seconds * 1_000_000)


def test_hours_of_a_session_that_opens_on_the_hour_are_clock_hours_also_over_a_clock_change() -> None:
    stamps = us("2026-03-06T00:00") + np.arange(0, 5 * 24 * HOUR, 601_000_000, dtype=np.int64)
    for instrument in (CL, EURUSD, BTC):
        starts, ends = bar_interval(stamps, instrument, 3600)
        np.testing.assert_array_equal(starts, stamps - stamps % HOUR)
        np.testing.assert_array_equal(ends, starts + HOUR)


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2026-03-05T23:00", "05 23:00", "06 03:00"),  # 17:00 in Chicago, UTC-6
        ("2026-03-06T22:30", "06 19:00", "06 23:00"),  # the session closes at 22:00: not cut
        ("2026-03-08T20:00", "08 19:00", "08 22:00"),  # the day of the change has 23 hours
        ("2026-03-08T22:00", "08 22:00", "09 02:00"),  # 17:00 in Chicago, UTC-5
        ("2026-11-01T22:30", "01 22:00", "01 23:00"),  # a day of 25 hours has one hour left over
    ],
)
def test_four_hour_bars_count_from_the_open_in_summer_and_winter(moment: str, start: str, end: str) -> None:
    assert interval(moment, CL, 4 * 3600) == (start, end)


def test_a_market_without_a_close_counts_from_midnight() -> None:
    assert interval("2026-03-08T23:59", BTC, 5 * 3600) == ("08 20:00", "09 00:00")


def test_anchors_follow_the_clock_of_their_zone() -> None:
    # the day session 08:30 to 15:00 in Chicago is 14:30 to 21:00 UTC in winter and 13:30 to 20:00 in summer
    assert interval("2026-03-06T14:29", CASH) == ("06 14:00", "06 14:30")
    assert interval("2026-03-06T20:59", CASH) == ("06 20:30", "06 21:00")
    assert interval("2026-03-09T13:29", CASH) == ("09 13:00", "09 13:30")
    assert interval("2026-03-09T19:59", CASH) == ("09 19:30", "09 20:00")


def test_anchors_that_a_clock_change_skips_leave_no_hole() -> None:
    # Chicago's clocks jump from 02:00 to 03:00 on 2026-03-08: 02:30 is the moment of 03:30, after 03:00
    skipped = anchored("America/Chicago", "02:30", "03:00")
    stamps = np.arange(us("2026-03-08T00:00"), us("2026-03-09T00:00"), 60_000_000, dtype=np.int64)
    starts, ends = bar_interval(stamps, skipped, 3600)
    np.testing.assert_array_equal(np.unique(starts)[1:], np.unique(ends)[:-1])


def test_stamps_in_any_order_and_none_at_all() -> None:
    stamps = np.array([us("2025-12-18T13:20"), us("2025-12-18T00:00"), us("2025-12-18T19:45")], dtype=np.int64)
    assert bar_interval(stamps, NQ, 3600)[1].tolist() == [
        us("2025-12-18T13:30"),
        us("2025-12-18T00:15"),
        us("2025-12-18T20:15"),
    ]
    empty = np.array([], dtype=np.int64)
    assert [edge.tolist() for edge in bar_interval(empty, NQ, 3600)] == [[], []]


@pytest.mark.parametrize("seconds", [86_400, 7 * 86_400])
def test_days_are_no_intraday_bars(seconds: int) -> None:
    with pytest.raises(BadInputError, match=r"NQ: bars of \dd follow trading dates; an intraday bar is shorter"):
        bar_interval(np.array([0], dtype=np.int64), NQ, seconds)


@given(
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)),
    instrument=st.sampled_from([NQ, CASH, CL, EURUSD, BTC]),
    minutes=st.integers(1, 24 * 60 - 1),
)
@settings(deadline=None)
def test_intervals_tile_and_every_moment_lies_in_one(moment: datetime, instrument: Instrument, minutes: int) -> None:
    stamp = round(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000
    (start,), (end,) = (edge.tolist() for edge in bar_interval(np.array([stamp]), instrument, 60 * minutes))
    assert start <= stamp < end <= start + 60_000_000 * minutes
    around = np.array([start - 1, start, end - 1, end], dtype=np.int64)
    starts, ends = (edge.tolist() for edge in bar_interval(around, instrument, 60 * minutes))
    assert (ends[0], starts[1:3], ends[1:3], starts[3]) == (start, [start, start], [end, end], end)


def test_bars_on_the_grid_are_dated_by_it_also_before_a_hole() -> None:
    starts = np.array([us("2025-11-28T12:15"), us("2025-11-28T13:15"), us("2025-11-28T14:30")], dtype=np.int64)
    ends = dated_by_grid(starts, NQ, 3600)
    assert ends is not None
    assert ends.tolist() == [us("2025-11-28T13:15"), us("2025-11-28T13:30"), us("2025-11-28T15:30")]


def test_bars_of_another_grid_are_not_dated_by_it() -> None:
    starts = np.array([us("2025-11-28T13:00"), us("2025-11-28T14:00")], dtype=np.int64)
    assert dated_by_grid(starts, NQ, 3600) is None
    assert dated_by_grid(starts, CL, 3600) is not None


@pytest.mark.parametrize(
    "chart", [("America/Chicago", "08:30", "15:15"), ("America/New_York", "09:30", "16:15"), ("UTC", "13:30", "20:15")]
)
@pytest.mark.parametrize("seconds", [1800, 3600, 7200, 4 * 3600])
def test_the_bars_tell_where_their_chart_cuts_them(chart: tuple[str, str, str], seconds: int) -> None:
    instrument = anchored(*chart)
    minutes = us("2025-10-20T00:00") + np.arange(0, 30 * 24 * 60, dtype=np.int64) * 60_000_000  # over a clock change
    starts = np.unique(bar_interval(minutes, instrument, seconds)[0])
    found = anchors_of(starts, INSTRUMENTS.find("NQZ25"), seconds, zones=(chart[0], "UTC"))
    assert found == instrument.bar_anchors
    if chart[0] != "UTC":  # two times in Chicago are four in UTC, over a clock change
        assert anchors_of(starts, INSTRUMENTS.find("NQZ25"), seconds, zones=("UTC",)) is None


def test_bars_on_the_clock_and_bars_with_odd_cuts_tell_no_session_times() -> None:
    nq = INSTRUMENTS.find("NQZ25")
    clock = us("2025-12-01T00:00") + np.arange(0, 200, dtype=np.int64) * HOUR
    assert anchors_of(clock, nq, 3600, zones=("UTC",)) is None
    odd = np.sort(np.append(clock, [us("2025-12-03T10:20"), us("2025-12-05T11:40")]))
    assert anchors_of(odd, nq, 3600, zones=("UTC", "America/Chicago")) is None
    assert anchors_of(clock[:1], nq, 3600, zones=("UTC",)) is None
