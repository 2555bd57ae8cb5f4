from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments, load_instruments
from minhos.market_data.sessions import (
    is_half_day,
    last_complete_session,
    next_session,
    previous_session,
    session_bounds,
    sessions_between,
    share_outside_sessions,
    through_session,
    trading_dates,
    trading_seconds,
)

INSTRUMENTS = load_instruments(None)


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def bars(*ends: str, seconds: int = 300) -> BarSeries:
    stamps = np.array([us(end) for end in ends], dtype=np.int64)
    return BarSeries(symbol="ESH26", timeframe_seconds=seconds, bar_end=stamps, values=np.ones((len(stamps), 8)))


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        # Chicago is UTC-6 in winter and UTC-5 in summer; clocks change on 2026-03-08 and 2026-11-01
        (date(2026, 3, 6), "2026-03-05T23:00", "2026-03-06T22:00"),
        (date(2026, 3, 9), "2026-03-08T22:00", "2026-03-09T21:00"),
        (date(2026, 10, 30), "2026-10-29T22:00", "2026-10-30T21:00"),
        (date(2026, 11, 2), "2026-11-01T23:00", "2026-11-02T22:00"),
    ],
)
def test_globex_sessions_follow_chicagos_clock(instruments: Instruments, day: date, opens: str, closes: str) -> None:
    assert session_bounds(day, instruments.find("ESH26")) == (us(opens), us(closes))


def test_a_session_with_a_clock_change_inside_is_an_hour_longer_or_shorter() -> None:
    fx = INSTRUMENTS.find("EURUSD").model_copy(
        update={"session": INSTRUMENTS.find("EURUSD").session.model_copy(update={"weekdays": ("sun",)})}
    )
    hours = [
        (closes - opens) / 3.6e9
        for opens, closes in (session_bounds(date(2026, 3, 8), fx), session_bounds(date(2026, 11, 1), fx))
    ]
    assert hours == [23.0, 25.0]


def test_a_market_without_a_close_has_utc_days(instruments: Instruments) -> None:
    assert session_bounds(date(2026, 1, 3), instruments.find("BTCUSDT")) == (
        us("2026-01-03T00:00"),
        us("2026-01-04T00:00"),
    )


def test_a_day_without_trading_is_refused(instruments: Instruments) -> None:
    with pytest.raises(BadInputError, match="ES: 2026-01-03 is a Saturday, its sessions are on mon"):
        session_bounds(date(2026, 1, 3), instruments.find("ESH26"))


def test_a_weekend_on_which_a_market_trades_is_told_as_a_part_of_the_next_session() -> None:
    btc = INSTRUMENTS.find("BTCM26")
    with pytest.raises(
        BadInputError, match="BTC: 2026-06-06 is a Saturday, what trades on it counts to the next session, its sessions"
    ):
        session_bounds(date(2026, 6, 6), btc)
    with pytest.raises(BadInputError, match=r"is a holiday .*, what trades on it counts to the next .* or 2026-12-28"):
        session_bounds(date(2026, 12, 25), btc)
    series = bars("2026-06-05T21:00", "2026-06-05T21:05", "2026-06-07T12:00", "2026-06-08T21:00", "2026-06-08T21:05")
    dates = trading_dates(series.bar_end, btc, timeframe_seconds=300)
    assert [str(day)[8:] for day in dates] == ["05", "08", "08", "08", "09"]
    assert share_outside_sessions(series, btc) == 0.0


def test_the_evening_belongs_to_the_next_day_and_the_break_to_the_day_before(instruments: Instruments) -> None:
    series = bars("2025-12-18T22:00", "2025-12-18T22:15", "2025-12-18T23:00", "2025-12-18T23:05", "2025-12-19T14:25")
    dates = trading_dates(series.bar_end, instruments.find("ESH26"), timeframe_seconds=300)
    assert dates.tolist() == [date(2025, 12, 18)] * 3 + [date(2025, 12, 19)] * 2


def test_friday_evening_and_sunday_are_around_the_weekend(instruments: Instruments) -> None:
    series = bars("2025-12-19T22:00", "2025-12-21T23:05")
    dates = trading_dates(series.bar_end, instruments.find("ESH26"), timeframe_seconds=300)
    assert dates.tolist() == [date(2025, 12, 19), date(2025, 12, 22)]


@pytest.mark.parametrize(
    ("day", "message"),
    [
        (date(2025, 12, 25), r"ES: 2025-12-25 is a holiday \(CME Globex Equity\); .*, 2025-12-24 or 2025-12-26"),
        (
            date(2025, 11, 27),
            r"ES: 2025-11-27 is a holiday \(CME Globex Equity\), what trades on it counts to the next session; "
            "ask for another session, 2025-11-26 or 2025-11-28",
        ),
    ],
)
def test_a_holiday_is_refused_with_the_sessions_around_it(instruments: Instruments, day: date, message: str) -> None:
    for ask in (session_bounds, trading_seconds, is_half_day):
        with pytest.raises(BadInputError, match=message):
            ask(day, instruments.find("ESZ25"))


def test_neighbours_are_found_over_weekends_holidays_and_the_turn_of_the_year(instruments: Instruments) -> None:
    es = instruments.find("ESH26")
    assert next_session(es, date(2025, 12, 31)) == date(2026, 1, 2)
    assert previous_session(es, date(2026, 1, 2)) == date(2025, 12, 31)
    assert next_session(es, date(2026, 1, 3)) == date(2026, 1, 5)
    assert previous_session(instruments.find("SPY"), date(2001, 9, 17)) == date(2001, 9, 10)


def test_the_time_that_a_session_trades_is_without_its_breaks_and_halts(instruments: Instruments) -> None:
    hour = 3_600
    assert trading_seconds(date(2025, 12, 18), instruments.find("ES")) == 23 * hour
    assert trading_seconds(date(2025, 12, 18), instruments.find("ZC")) == 17 * hour + 35 * 60
    # Thanksgiving from 17:00 to 12:00, and from 17:00 to 12:15
    assert trading_seconds(date(2025, 11, 28), instruments.find("ES")) == 38 * hour + 15 * 60
    assert trading_seconds(date(2025, 11, 28), instruments.find("SPY")) == 3 * hour + 30 * 60


def test_sessions_of_a_range_are_arrays_in_order(instruments: Instruments) -> None:
    week = sessions_between(instruments.find("ZC"), date(2025, 12, 22), date(2025, 12, 26))
    assert week.date.tolist() == [date(2025, 12, day) for day in (22, 23, 24, 26)]
    assert week.half_day.tolist() == [False, False, True, False]
    assert week.stretches_us.shape == (8, 2)
    assert (week.open_us[0], week.close_us[2]) == (us("2025-12-22T01:00"), us("2025-12-24T18:05"))
    weekend = sessions_between(instruments.find("ZC"), date(2025, 12, 27), date(2025, 12, 28))
    assert (len(weekend), weekend.stretches_us.shape) == (0, (0, 2))
    with pytest.raises(BadInputError, match="sessions from 2025-12-28 to 2025-12-27; give the earlier date first"):
        sessions_between(instruments.find("ZC"), date(2025, 12, 28), date(2025, 12, 27))


@settings(max_examples=40)
@given(
    st.dates(date(2000, 1, 1), date(2028, 12, 31)),
    st.integers(0, 400),
    st.sampled_from(["ES", "CL", "ZN", "6E", "ZC", "LE", "SPY", "EURUSD", "BTCUSDT", "BTC"]),
)
def test_stretches_of_trading_never_overlap_and_fill_their_sessions(first: date, days: int, symbol: str) -> None:
    sessions = sessions_between(INSTRUMENTS.find(symbol), first, first + timedelta(days=days))
    edges = sessions.stretches_us.ravel()
    assert np.all(np.diff(edges) >= 0)
    assert np.all(np.diff(sessions.stretches_us, axis=1) > 0)
    assert np.isin(sessions.open_us, sessions.stretches_us[:, 0]).all()
    assert np.isin(sessions.close_us, sessions.stretches_us[:, 1]).all()
    assert np.all(np.diff(sessions.date) > np.timedelta64(0))


def test_bars_on_a_holiday_belong_to_the_session_that_has_closed(instruments: Instruments) -> None:
    # a calendar may be wrong: nothing is lost, and the session is complete as it was
    es = instruments.find("ESH26")
    series = bars("2025-12-24T18:15", "2025-12-25T15:00", "2025-12-25T23:05")
    dates = trading_dates(series.bar_end, es, timeframe_seconds=300)
    assert dates.tolist() == [date(2025, 12, 24)] * 2 + [date(2025, 12, 26)]
    assert last_complete_session(series, es) == date(2025, 12, 24)
    assert len(through_session(series, es, date(2025, 12, 24))) == 2
    assert share_outside_sessions(series, es) == pytest.approx(1 / 3)


def test_a_daily_bar_of_a_holiday_is_kept_and_is_no_session(instruments: Instruments) -> None:
    series = bars("2025-12-25T00:00", "2025-12-26T00:00", seconds=86_400)
    assert last_complete_session(series, instruments.find("ESH26")) == date(2025, 12, 24)
    assert len(through_session(series, instruments.find("ESH26"), date(2025, 12, 26))) == 2


def test_a_half_day_is_complete_at_its_early_close(instruments: Instruments) -> None:
    es = instruments.find("ESH26")
    assert last_complete_session(bars("2025-12-24T15:00", "2025-12-24T18:10"), es) is None
    assert last_complete_session(bars("2025-12-24T15:00", "2025-12-24T18:15"), es) == date(2025, 12, 24)


def test_bars_in_the_break_of_grains_are_outside(instruments: Instruments) -> None:
    series = bars(
        "2025-12-18T13:45", "2025-12-18T13:50", "2025-12-18T14:30", "2025-12-18T14:35"
    )  # break 13:45-14:30 UTC
    assert share_outside_sessions(series, instruments.find("ZCH26")) == 0.5


@given(st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)), st.sampled_from(["ES", "EURUSD", "BTCUSDT"]))
def test_every_bar_lies_between_its_sessions_open_and_the_next_open(moment: datetime, symbol: str) -> None:
    instrument = INSTRUMENTS.find(symbol)
    stamp = round(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000
    (day,) = trading_dates(np.array([stamp], dtype=np.int64), instrument, timeframe_seconds=60).tolist()
    opens, closes = session_bounds(day, instrument)
    assert opens < stamp <= opens + 4 * 86_400_000_000
    assert instrument.session.trades_on(day.weekday())
    if symbol == "BTCUSDT":
        assert stamp <= closes


def test_daily_bars_carry_their_own_date(instruments: Instruments) -> None:
    series = bars("2025-12-18T00:00", "2025-12-19T00:00", seconds=86_400)
    dates = trading_dates(series.bar_end, instruments.find("ESH26"), timeframe_seconds=86_400)
    assert dates.tolist() == [date(2025, 12, 17), date(2025, 12, 18)]
    assert last_complete_session(series, instruments.find("ESH26")) == date(2025, 12, 18)


def test_a_session_is_complete_when_its_close_is_in_the_data(instruments: Instruments) -> None:
    es = instruments.find("ESH26")
    assert last_complete_session(bars("2025-12-17T22:00", "2025-12-18T21:55"), es) == date(2025, 12, 17)
    assert last_complete_session(bars("2025-12-17T22:00", "2025-12-18T22:00"), es) == date(2025, 12, 18)
    assert last_complete_session(bars("2025-12-18T20:00", "2025-12-18T23:05"), es) == date(2025, 12, 18)
    assert last_complete_session(bars("2025-12-18T20:00"), es) is None


def test_a_session_is_complete_when_the_bar_that_was_left_out_reaches_its_close(instruments: Instruments) -> None:
    es = instruments.find("ESH26")
    series = bars("2025-12-17T22:00", "2025-12-18T21:55")
    assert last_complete_session(series, es, covers_until=us("2025-12-18T22:00")) == date(2025, 12, 18)
    assert last_complete_session(series, es, covers_until=us("2025-12-18T21:59")) == date(2025, 12, 17)
    # a day of which only the left-out bar is there has no bars
    assert last_complete_session(series, es, covers_until=us("2025-12-22T23:00")) == date(2025, 12, 18)


def test_bars_in_the_break_and_on_the_weekend_are_outside(instruments: Instruments) -> None:
    es = instruments.find("ESH26")  # closes at 22:00 and opens at 23:00 UTC in December; 2025-12-19 is a Friday
    inside = ("2025-12-18T22:00", "2025-12-18T23:05", "2025-12-19T22:00", "2025-12-21T23:05")
    assert share_outside_sessions(bars(*inside), es) == 0.0
    outside = ("2025-12-18T22:05", "2025-12-18T23:00", "2025-12-20T12:00", "2025-12-21T23:00")
    assert share_outside_sessions(bars(*sorted(inside + outside)), es) == 0.5
    always = instruments.find("BTCUSDT")
    assert share_outside_sessions(bars(*sorted(inside + outside)), always) == 0.0


def test_an_hour_that_runs_over_the_break_is_not_outside(instruments: Instruments) -> None:
    # Sierra's hourly index bars: 21:15 to 22:15 and 22:15 to 23:15 hold the last and the first minutes of a session
    series = bars("2025-12-17T21:15", "2025-12-17T22:15", "2025-12-17T23:15", "2025-12-18T00:15", seconds=3600)
    assert share_outside_sessions(series, instruments.find("ESH26")) == 0.0
    daily = bars("2025-12-20T00:00", "2025-12-21T00:00", "2025-12-22T00:00", seconds=86_400)
    assert share_outside_sessions(daily, instruments.find("ESH26")) == 0.0


def test_a_holiday_without_bars_is_no_session(instruments: Instruments) -> None:
    es = instruments.find("ESH26")
    assert last_complete_session(bars("2025-12-24T18:00", "2025-12-26T14:00"), es) == date(2025, 12, 24)


def test_bars_through_a_session_stop_at_its_end(instruments: Instruments) -> None:
    series = bars("2025-12-18T21:55", "2025-12-18T22:00", "2025-12-18T23:05")
    assert len(through_session(series, instruments.find("ESH26"), date(2025, 12, 18))) == 2
    assert len(through_session(series, instruments.find("ESH26"), date(2025, 12, 17))) == 0
