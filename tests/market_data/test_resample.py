from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.anchors import bar_interval, dated_by_grid
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.resample import resample
from minhos.market_data.sessions import session_bounds
from minhos_client.contract import BAR_COLUMNS

INSTRUMENTS = load_instruments(None)
NQ, CL, EURUSD, BTC = (INSTRUMENTS.find(symbol) for symbol in ("NQZ25", "CLX25", "EURUSD", "BTCUSDT"))
NAN = float("nan")
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def series(
    ends: list[str] | npt.NDArray[np.int64], values: npt.ArrayLike | None = None, *, seconds: int = 300
) -> BarSeries:
    stamps = np.array([us(end) if isinstance(end, str) else end for end in ends], dtype=np.int64)
    rows = np.ones((len(stamps), 8)) if values is None else np.array(values, dtype=np.float64)
    return BarSeries(symbol="NQZ25", timeframe_seconds=seconds, bar_end=stamps, values=rows)


def same(left: BarSeries, right: BarSeries) -> None:
    assert (left.symbol, left.timeframe_seconds) == (right.symbol, right.timeframe_seconds)
    np.testing.assert_array_equal(left.bar_end, right.bar_end)
    np.testing.assert_array_equal(left.values, right.values)


def test_a_bar_is_made_of_first_highest_lowest_last_and_sums() -> None:
    fine = series(
        ["2025-12-18T14:05", "2025-12-18T14:10", "2025-12-18T14:15", "2025-12-18T14:20"],
        [
            # open, high, low, close, volume, bid volume, ask volume, trades
            [10.0, 12.0, 9.5, 11.0, 5, 2, 3, 4],
            [11.0, 11.5, 8.0, 8.5, 7, 6, 1, 5],
            [8.75, 9.0, 8.25, 9.0, 1, 0, 1, 1],
            [9.0, 99.0, 1.0, 50.0, 9, 9, 9, 9],
        ],
    )
    coarse = resample(fine, NQ, 15 * MINUTE)
    assert coarse.bar_end.tolist() == [us("2025-12-18T14:15")]
    assert coarse.timeframe_seconds == 900
    assert coarse.values.tolist() == [[10.0, 12.0, 8.0, 9.0, 13, 8, 5, 10]]


def test_a_bar_ends_where_the_grid_says_also_where_nothing_traded_to_its_end() -> None:
    fine = series(["2025-11-28T02:20", "2025-11-28T13:20", "2025-11-28T14:35"])
    ends = resample(fine, NQ, HOUR).bar_end.tolist()
    assert ends == [us("2025-11-28T03:15"), us("2025-11-28T13:30")]


def test_the_open_bar_is_left_out_until_it_is_complete() -> None:
    fine = series(["2025-12-18T14:30", "2025-12-18T15:25"])
    assert resample(fine, NQ, HOUR).bar_end.tolist() == [us("2025-12-18T14:30")]
    assert len(resample(fine, NQ, HOUR, covers_until=us("2025-12-18T15:29"))) == 1
    assert len(resample(fine, NQ, HOUR, covers_until=us("2025-12-18T15:30"))) == 2


def test_no_complete_bar_and_no_bar_at_all_are_empty_series() -> None:
    for fine in (series(["2025-12-18T14:05"]), series([])):
        for seconds in (HOUR, DAY):
            coarse = resample(fine, NQ, seconds)
            assert (len(coarse), coarse.timeframe_seconds, coarse.values.shape) == (0, seconds, (0, 8))


def test_the_same_timeframe_is_the_same_series() -> None:
    fine = series(["2025-12-18T14:05"])
    assert resample(fine, NQ, 300) is fine


def test_an_unknown_column_stays_unknown_and_one_unknown_value_makes_its_bar_unknown() -> None:
    values = np.ones((6, 8))
    values[:, 5:7] = NAN  # no bid and ask volume in the source
    values[4, [1, 4]] = NAN
    coarse = resample(series([f"2025-12-18T14:{minute:02d}" for minute in range(5, 35, 5)], values), NQ, 15 * MINUTE)
    assert not coarse.has("bid_volume")
    assert not coarse.has("ask_volume")
    np.testing.assert_array_equal(coarse.column("high"), [1.0, NAN])
    np.testing.assert_array_equal(coarse.column("volume"), [3.0, NAN])
    np.testing.assert_array_equal(coarse.column("trades"), [3.0, 3.0])


def test_open_interest_is_the_last_known() -> None:
    fine = series(["2025-12-18T14:05", "2025-12-18T14:10", "2025-12-18T14:15", "2025-12-18T14:30"])
    fine = BarSeries(fine.symbol, 300, fine.bar_end, fine.values, np.array([7.0, 8.0, 9.0, 6.0]))
    interest = resample(fine, NQ, 15 * MINUTE).open_interest
    assert interest is not None
    assert interest.tolist() == [9.0, 6.0]


def test_an_hourly_bar_that_its_anchor_cuts_short_belongs_to_the_bar_before() -> None:
    # 12:15 and 13:15 (15 minutes) are the last hours before the day session, 13:30 the first of it
    fine = series(["2025-12-18T13:15", "2025-12-18T13:30", "2025-12-18T14:30", "2025-12-18T15:30"], seconds=HOUR)
    assert resample(fine, NQ, 2 * HOUR).bar_end.tolist() == [us("2025-12-18T13:30"), us("2025-12-18T15:30")]
    assert resample(fine, NQ, 2 * HOUR).column("volume").tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("fine", "coarse", "words"),
    [
        (3600, 300, "bars of 5m cannot be made from bars of 1h; ingest finer bars"),
        (3600, 5400, "bars of 1h do not fit into bars of 90m: 5400 s is no multiple of 3600 s"),
        (420, 900, "bars of 7m do not fit into bars of 15m"),
        (3600, 7 * 86400, "bars of 7d are not built; the longest timeframe is 1d"),
    ],
)
def test_a_timeframe_that_does_not_nest_is_refused(fine: int, coarse: int, words: str) -> None:
    with pytest.raises(BadInputError, match=f"NQZ25: {words}"):
        resample(series(["2025-12-18T14:30", "2025-12-18T15:30"], seconds=fine), NQ, coarse)


def test_hours_by_the_clock_do_not_fit_into_bars_by_the_session() -> None:
    clock = series([f"2025-12-18T{hour}:00" for hour in range(11, 20)], seconds=HOUR)
    with pytest.raises(
        BadInputError,
        match=r"NQZ25: the 1h bar from 2025-12-18T12:00Z to 2025-12-18T13:00Z runs from one 4h bar into the next "
        r"\(3 of 9 bars do\); build 4h bars from finer ones that follow the session's times",
    ):
        resample(clock, NQ, 4 * HOUR)


def test_a_short_bar_off_the_grid_begins_where_the_one_before_ended() -> None:
    # a file of half-hours with one that its source cut short, as after an exchange's maintenance
    fine = series(["2025-12-18T13:00", "2025-12-18T13:20", "2025-12-18T14:00"], seconds=1800)
    assert resample(fine, BTC, HOUR).column("volume").tolist() == [1.0, 2.0]


def test_a_day_is_a_session_and_ends_with_its_date() -> None:
    # Chicago's winter: sessions 23:00 to 22:00 UTC
    fine = series(["2025-12-17T22:00", "2025-12-17T23:05", "2025-12-18T14:00", "2025-12-18T22:00", "2025-12-18T23:05"])
    days = resample(fine, CL, DAY)
    assert days.bar_end.tolist() == [us("2025-12-18T00:00"), us("2025-12-19T00:00")]
    assert days.column("volume").tolist() == [1.0, 3.0]


def test_a_day_is_complete_at_its_close_and_not_before() -> None:
    ends = ["2025-12-18T20:00", "2025-12-18T21:55"]
    assert len(resample(series(ends), CL, DAY)) == 0
    assert len(resample(series(ends), CL, DAY, covers_until=us("2025-12-18T22:00"))) == 1
    assert len(resample(series([*ends, "2025-12-18T22:00"]), CL, DAY)) == 1


def test_a_half_day_is_complete_at_its_early_close() -> None:
    # the day after Thanksgiving: the index futures close at 12:15 in Chicago
    assert session_bounds(date(2025, 11, 28), NQ)[1] == us("2025-11-28T18:15")
    assert len(resample(series(["2025-11-28T18:10"]), NQ, DAY)) == 0
    assert len(resample(series(["2025-11-28T18:15"]), NQ, DAY)) == 1


def test_quotes_between_two_sessions_do_not_change_a_day_that_is_over() -> None:
    friday = ["2025-12-19T21:55", "2025-12-19T22:00"]
    weekend = ["2025-12-19T22:05", "2025-12-20T12:00", "2025-12-21T23:00"]
    same(resample(series(friday + weekend), CL, DAY), resample(series(friday), CL, DAY))
    assert len(resample(series(weekend), CL, DAY)) == 0


def test_the_weekend_of_a_market_that_never_rests_is_in_mondays_bar() -> None:
    # five-minute bars from Thursday's close on, 2026-06-04 16:00 in Chicago, to Monday's; none in Saturday's maintenance
    ends = np.arange(us("2026-06-04T21:05"), us("2026-06-08T21:00") + 1, 300_000_000)
    maintenance = (ends > us("2026-06-06T07:00")) & (ends <= us("2026-06-06T09:00"))
    fine = series(ends[~maintenance])
    btc = INSTRUMENTS.find("BTCM26")
    days = resample(fine, btc, DAY)
    assert days.bar_end.tolist() == [us("2026-06-06T00:00"), us("2026-06-09T00:00")]
    assert days.column("volume").tolist() == [288.0, 3 * 288.0 - 24]
    assert days.column("volume").sum() == len(fine)


def test_days_of_index_futures_in_2013_have_their_last_three_quarters_of_an_hour() -> None:
    fine = series(["2013-10-08T20:15", "2013-10-08T20:35", "2013-10-08T21:15", "2013-10-08T22:05"])
    assert resample(fine, NQ, DAY).column("volume").tolist() == [3.0]


def test_an_hour_that_holds_the_end_of_one_session_and_the_start_of_the_next_fits_into_no_day() -> None:
    # four hours by the anchors, from 20:15 to 00:15: sessions change at 22:00 and 23:00
    fine = series(["2025-12-18T20:15", "2025-12-19T00:15"], seconds=4 * HOUR)
    with pytest.raises(BadInputError, match="the 4h bar from 2025-12-18T20:15Z to 2025-12-19T00:15Z runs from one 1d"):
        resample(fine, NQ, DAY)


def test_a_day_that_closes_after_midnight_is_not_known_before_its_close() -> None:
    late = CL.model_copy(update={"session": CL.session.model_copy(update={"open": "20:00", "close": "19:30"})})
    fine = series(["2025-12-18T20:00", "2025-12-19T01:30"])  # 19:30 in Chicago
    assert resample(fine, late, DAY).bar_end.tolist() == [us("2025-12-19T01:30")]


@st.composite
def minute_bars(draw: st.DrawFn) -> tuple[Instrument, BarSeries]:
    """Some minutes of some days with clock changes, weekends and a half-day; whole volumes, so that sums are exact."""
    instrument = draw(st.sampled_from([NQ, CL, EURUSD, BTC]))
    begin = us(draw(st.sampled_from(["2026-03-06T18:00", "2025-10-31T18:00", "2025-11-26T18:00", "2025-12-18T09:00"])))
    minutes = draw(st.lists(st.integers(1, 4_000), min_size=1, max_size=60, unique=True).map(sorted))
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    opens, close, above, below = rng.integers(-8, 9, (4, len(minutes))) * 0.25
    high, low = np.maximum(opens, close) + abs(above), np.minimum(opens, close) - abs(below)
    volumes = rng.integers(0, 9, (4, len(minutes)))
    values = np.stack([opens, high, low, close, *volumes], axis=1)
    return instrument, series(begin + 60_000_000 * np.array(minutes, dtype=np.int64), values, seconds=MINUTE)


@given(bars=minute_bars(), steps=st.sampled_from([(5, 60), (15, 240), (60, 120), (60, 240), (5, 1440), (60, 1440)]))
@settings(deadline=None)
def test_two_steps_make_the_same_bars_as_one(bars: tuple[Instrument, BarSeries], steps: tuple[int, int]) -> None:
    instrument, fine = bars
    assume(
        instrument is not NQ or steps != (60, 1440)
    )  # its hour from 22:15 holds a part of the break and of the next day
    between, last = (MINUTE * step for step in steps)
    until = int(fine.bar_end[-1]) + 7 * 24 * HOUR * 1_000_000
    in_two = resample(resample(fine, instrument, between, covers_until=until), instrument, last, covers_until=until)
    same(in_two, resample(fine, instrument, last, covers_until=until))


@given(bars=minute_bars(), kept=st.integers(0, 60), minutes=st.sampled_from([7, 15, 60, 240, 1440]))
@settings(deadline=None)
def test_what_comes_later_never_changes_a_bar(bars: tuple[Instrument, BarSeries], kept: int, minutes: int) -> None:
    instrument, fine = bars
    whole = resample(fine, instrument, MINUTE * minutes)
    known = resample(fine.slice(0, kept), instrument, MINUTE * minutes)
    same(known, whole.slice(0, len(known)))
    if minutes < 1440 and kept:
        assert np.all(known.bar_end <= fine.bar_end[min(kept, len(fine)) - 1])


@given(bars=minute_bars(), minutes=st.sampled_from([5, 60, 90, 240]))
@settings(deadline=None)
def test_bars_hold_exactly_the_fine_bars_of_their_interval(bars: tuple[Instrument, BarSeries], minutes: int) -> None:
    instrument, fine = bars
    coarse = resample(fine, instrument, MINUTE * minutes, covers_until=us("2030-01-01T00:00"))
    starts, ends = bar_interval(coarse.bar_end - 1, instrument, MINUTE * minutes)
    np.testing.assert_array_equal(ends, coarse.bar_end)
    for start, end, values in zip(starts, ends, coarse.values, strict=True):
        rows = fine.values[(fine.bar_end > start) & (fine.bar_end <= end)]
        expected = [rows[0, 0], rows[:, 1].max(), rows[:, 2].min(), rows[-1, 3], *rows[:, 4:].sum(axis=0)]
        assert values.tolist() == expected
    assert coarse.values[:, 4:].sum(axis=0).tolist() == fine.values[:, 4:].sum(axis=0).tolist()


@pytest.mark.parametrize("name", ["MNQZ25-CME", "CLX25-NYMEX"])
def test_five_minutes_make_sierras_own_hours(real_data: Path, name: str) -> None:
    folder = real_data / "sierra_bardata"
    fine = read_sierra_text(folder / f"{name}_5m.scid_BarData.txt", zone="UTC").series
    sierras = read_sierra_text(folder / f"{name}_1H.scid_BarData.txt", zone="UTC").series
    instrument = INSTRUMENTS.find(name)
    ours = resample(fine, instrument, HOUR)
    assert len(ours) == len(sierras) > 490
    np.testing.assert_array_equal(ours.bar_end, sierras.bar_end)
    for column in BAR_COLUMNS:
        np.testing.assert_array_equal(ours.column(column), sierras.column(column), err_msg=column)


@pytest.mark.parametrize(("name", "root"), [("MNQZ25-CME", "MNQ"), ("CLX25-NYMEX", "CL")])
def test_sierras_own_hours_lie_on_the_grid(real_data: Path, name: str, root: str) -> None:
    path = real_data / "sierra_bardata" / f"{name}_1H.scid_BarData.txt"
    rows = [line.split(",")[:2] for line in path.read_text().splitlines()[1:]]
    clock = "%Y/%m/%d %H:%M:%S"
    stamps = [datetime.strptime(f"{day} {time.strip()}", clock).replace(tzinfo=UTC) for day, time in rows]
    starts = np.array([round(stamp.timestamp()) * 1_000_000 for stamp in stamps], dtype=np.int64)
    ends = dated_by_grid(starts, INSTRUMENTS.find(root), HOUR)
    assert ends is not None
    assert np.all(ends[:-1] <= starts[1:])


def test_five_minutes_make_sierras_own_days_but_for_the_settlement(real_data: Path) -> None:
    folder = real_data / "sierra_bardata"
    fine = read_sierra_text(folder / "CLX25-NYMEX_5m.scid_BarData.txt", zone="UTC").series
    sierras = read_sierra_text(folder / "CLX25-NYMEX.DAILY_BarData.txt", zone="UTC").series
    ours = resample(fine, CL, DAY)
    assert len(ours) == 21
    _, rows, theirs = np.intersect1d(ours.bar_end, sierras.bar_end, return_indices=True)
    assert len(rows) == 21
    for column in ("open", "high", "low"):
        np.testing.assert_array_equal(ours.column(column)[rows], sierras.column(column)[theirs], err_msg=column)


def test_hours_make_days_of_a_source_with_utc_days(real_data: Path) -> None:
    def read(name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        with zipfile.ZipFile(real_data / "fx" / name) as archive:
            lines = archive.read(archive.namelist()[0]).decode().split()
        # `20070101 21:00,bid o,h,l,c,...`: the split at the blank leaves the date and the rest by turns
        stamps = [
            us(f"{day[:4]}-{day[4:6]}-{day[6:]}T{rest[:5]}") for day, rest in zip(lines[::2], lines[1::2], strict=True)
        ]
        prices = [[float(cell) for cell in rest.split(",")[1:5]] for rest in lines[1::2]]
        return np.array(stamps, dtype=np.int64), np.array(prices)

    starts, prices = read("forex_oanda_hour_eurusd.zip")
    values = np.full((len(starts), 8), NAN)
    values[:, :4] = prices
    utc_days = EURUSD.model_copy(update={"session": BTC.session})
    ours = resample(series(starts + HOUR * 1_000_000, values, seconds=HOUR), utc_days, DAY)
    days, daily = read("forex_oanda_daily_eurusd.zip")
    _, rows, theirs = np.intersect1d(ours.bar_end, days + DAY * 1_000_000, return_indices=True)
    assert len(rows) == len(ours) > 3700
    np.testing.assert_array_equal(ours.values[rows, :4], daily[theirs])
