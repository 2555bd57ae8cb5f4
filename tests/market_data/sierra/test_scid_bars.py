from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.sierra.scid_bars import ScidBars, scid_bars
from tests.market_data.sierra.scid_files import (
    FIRST,
    LAST,
    MINUTE_US,
    NOON_US,
    Record,
    bar,
    quote,
    write_file,
)

NEXT = Record(NOON_US + 10 * MINUTE_US)  # proves complete whatever is before


def read(tmp_path: Path, records: list[Record], **options: object) -> ScidBars:
    tail = options.pop("tail", b"")
    double_dates = bool(options.pop("double_dates", False))
    path = write_file(tmp_path / "ESZ25.scid", records, tail=tail, double_dates=double_dates)  # type: ignore[arg-type]
    return scid_bars(path, symbol="ESZ25", **options)  # type: ignore[arg-type]


def test_ticks_become_a_bar_of_their_close_alone(tmp_path: Path) -> None:
    # worked by hand; bid and ask (low, high) must not widen the bar, the sentinel in open must not open it
    records = [
        Record(NOON_US, 100.25, 100.25, 100.0, volume=2, ask_volume=2, bid_volume=0),
        Record(NOON_US + 1, 101.0, 101.25, 101.0, volume=3, ask_volume=0, bid_volume=3),
        Record(NOON_US + 59_999_999, 99.75, 105.0, 90.0, volume=5, ask_volume=5, bid_volume=0),
        NEXT,
    ]
    found = read(tmp_path, records)
    assert found.series.values.tolist() == [[100.25, 101.0, 99.75, 99.75, 10.0, 3.0, 7.0, 3.0]]
    assert found.series.bar_end.tolist() == [NOON_US + MINUTE_US]
    assert (found.series.symbol, found.series.timeframe_seconds) == ("ESZ25", 60)
    assert (found.records, found.ticks, found.resume_record) == (4, 4, 3)
    assert found.covers_until == NOON_US + 11 * MINUTE_US
    assert found.words == ("ESZ25.scid: the bar that ends 2025-12-01T12:11Z is still open, it is left out",)


def test_a_trade_on_the_end_of_a_bar_belongs_to_the_next_one(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US), Record(NOON_US + MINUTE_US, 7.0), NEXT])
    assert found.series.column("close").tolist() == [100.25, 7.0]
    assert found.series.column("trades").tolist() == [1.0, 1.0]


def test_minutes_without_a_trade_have_no_bar(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US), Record(NOON_US + 3 * MINUTE_US), NEXT])
    assert ((found.series.bar_end - NOON_US) // MINUTE_US).tolist() == [1, 4]


def test_bars_of_a_minute_and_ticks_may_share_a_file(tmp_path: Path) -> None:
    records = [
        bar(NOON_US, 1.0, 4.0, 0.5, 2.0, volume=10, trades=6),
        bar(NOON_US + MINUTE_US, 2.0, 3.0, 2.0, 3.0, volume=4, trades=1),  # one trade, yet a bar: its open is a price
        Record(NOON_US + 2 * MINUTE_US, 5.0),
        NEXT,
    ]
    found = read(tmp_path, records)
    assert found.series.values.tolist() == [
        [1.0, 4.0, 0.5, 2.0, 10.0, 5.0, 5.0, 6.0],
        [2.0, 3.0, 2.0, 3.0, 4.0, 2.0, 2.0, 1.0],
        [5.0, 5.0, 5.0, 5.0, 2.0, 0.0, 2.0, 1.0],
    ]
    assert (found.ticks, found.bar_records) == (2, 2)


def test_negative_and_zero_prices_are_prices(tmp_path: Path) -> None:
    # crude oil, 2020-04-20: through zero and below
    records = [
        Record(NOON_US, 0.01, 0.01, 0.0),
        Record(NOON_US + 5, 0.0, 0.01, 0.0),
        Record(NOON_US + 9, -37.63, -37.6, -37.7),
        bar(NOON_US + MINUTE_US, 0.0, 1.0, -1.0, 0.0, trades=2),
        NEXT,
    ]
    found = read(tmp_path, records, tick_size=0.01)
    assert found.series.values[:, :4].tolist() == [[0.01, 0.01, -37.63, -37.63], [0.0, 1.0, -1.0, 0.0]]
    assert not found.rejected


def test_quotes_are_no_trades(tmp_path: Path) -> None:
    found = read(tmp_path, [quote(NOON_US), Record(NOON_US + 1), quote(NOON_US + MINUTE_US), quote(NOON_US + 2), NEXT])
    assert len(found.series) == 1
    assert found.series.values[0].tolist() == [100.25, 100.25, 100.25, 100.25, 2.0, 0.0, 2.0, 1.0]
    assert (found.quotes, found.ticks) == (3, 2)
    assert "3 bid and ask updates are no trades" in found.words[0]


def test_a_trade_without_volume_or_quotes_is_a_trade(tmp_path: Path) -> None:
    # an index has prices and neither volume nor bid and ask
    found = read(tmp_path, [Record(NOON_US, 5000.5, 0.0, 0.0, volume=0, ask_volume=0), NEXT])
    assert found.series.values[0].tolist() == [5000.5, 5000.5, 5000.5, 5000.5, 0.0, 0.0, 0.0, 1.0]
    assert found.quotes == 0


def test_minus_zero_marks_a_tick_as_zero_does(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US, open=-0.0), Record(NOON_US + 1, volume=0, open=-0.0), NEXT])
    assert (found.ticks, found.quotes, found.bar_records) == (2, 1, 0)


def test_counts_that_were_negative_are_zero_and_said(tmp_path: Path) -> None:
    records = [Record(NOON_US, volume=2**31, ask_volume=2**32 - 1), Record(NOON_US + 1, volume=2**31 - 1), NEXT]
    found = read(tmp_path, records)
    assert found.series.values[0, 4:].tolist() == [2.0**31 - 1, 0.0, 2.0, 2.0]
    assert "2 counts above 2147483647 are read as 0" in found.words[0]


def test_empty_records_are_skipped_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US), NEXT], tail=bytes(120))
    assert (found.records, found.empty, found.resume_record, len(found.series)) == (5, 3, 1, 1)
    assert found.rejected == ()


def test_dates_that_cannot_be_are_rejected_with_the_record(tmp_path: Path) -> None:
    wrong = [Record(-(10**15)), Record(5 * 10**15)]
    found = read(tmp_path, [Record(NOON_US), *wrong, Record(NOON_US + 1), NEXT])
    [rejection] = found.rejected
    assert (rejection.rows, rejection.first) == (2, "record 1")
    assert "its date cannot be" in rejection.why
    assert found.series.column("trades").tolist() == [2.0]


def test_a_trade_of_the_future_does_not_make_the_rest_late(tmp_path: Path) -> None:
    records = [Record(NOON_US), Record(NOON_US + 10**12), Record(NOON_US + 1), NEXT]
    found = read(tmp_path, records, not_after_us=NEXT.time_us)
    assert [(rejection.why, rejection.first) for rejection in found.rejected] == [
        ("its date lies in the future", "record 1")
    ]
    assert found.series.column("trades").tolist() == [2.0]


def test_a_record_that_goes_back_before_a_begun_bar_is_rejected(tmp_path: Path) -> None:
    records = [Record(NOON_US), Record(NOON_US + MINUTE_US), Record(NOON_US + 5, 1.0), Record(NOON_US + 6, 1.0), NEXT]
    found = read(tmp_path, records)
    [rejection] = found.rejected
    assert (rejection.rows, rejection.first) == (2, "record 2")
    assert "goes back into a bar that is over" in rejection.why
    assert found.series.column("low").tolist() == [100.25, 100.25]


def test_inside_a_bar_the_files_order_decides_open_and_close(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US + 9, 3.0), Record(NOON_US + 2, 1.0), Record(NOON_US + 5, 2.0), NEXT])
    assert found.series.values[0, :4].tolist() == [3.0, 3.0, 1.0, 2.0]
    assert not found.rejected


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (Record(NOON_US + 1, float("nan")), "a price is not a number"),
        (Record(NOON_US + 1, float("inf")), "a price is not a number"),
        (bar(NOON_US + 1, 1.0, float("nan"), 1.0, 1.0), "a price is not a number"),
        (bar(NOON_US + 1, 3.0, 2.0, 1.0, 2.0), "open or close lies outside low to high"),
        (bar(NOON_US + 1, 2.0, 2.0, 1.0, 0.5), "open or close lies outside low to high"),
        (Record(NOON_US + 1, trades=3, open=FIRST), "open or close lies outside low to high"),
    ],
)
def test_a_record_that_can_be_no_trade_is_rejected_alone(tmp_path: Path, record: Record, why: str) -> None:
    found = read(tmp_path, [Record(NOON_US), record, Record(NOON_US + 2), NEXT])
    assert [(item.why, item.rows, item.first) for item in found.rejected] == [(why, 1, "record 1")]
    assert found.series.column("trades").tolist() == [2.0]


SUMMARY = [
    Record(NOON_US, open=FIRST, volume=3),
    Record(NOON_US + 1, volume=4),
    Record(NOON_US + 2, open=LAST, volume=5),
]


def test_parts_of_a_summary_trade_are_trades_unless_they_are_combined(tmp_path: Path) -> None:
    records = [*SUMMARY, Record(NOON_US + 3), NEXT]
    assert read(tmp_path, records).series.values[0].tolist() == [*[100.25] * 4, 14.0, 0.0, 8.0, 4.0]
    together = read(tmp_path, records, combine_sub_trades=True)
    assert together.series.values[0].tolist() == [*[100.25] * 4, 14.0, 0.0, 8.0, 2.0]
    assert together.bar_records == 0


def test_a_summary_trade_belongs_to_the_bar_of_its_first_part(tmp_path: Path) -> None:
    shifted = [item._replace(time_us=item.time_us + MINUTE_US - 1) for item in SUMMARY]
    bars = read(tmp_path, [*shifted, Record(NOON_US + MINUTE_US + 7, volume=1), NEXT], combine_sub_trades=True).series
    assert bars.column("volume").tolist() == [12.0, 1.0]
    assert bars.column("trades").tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("records", "trades"),
    [
        ([SUMMARY[0], *SUMMARY], 2),  # the first one never ended
        ([SUMMARY[2], Record(NOON_US + 3)], 2),  # an end without a beginning is a trade
        ([SUMMARY[0], Record(NOON_US + 2_000_000), Record(NOON_US + 2_000_001)], 3),  # a lost end swallows no day
        ([SUMMARY[0], bar(NOON_US + 1, 1, 1, 1, 1, trades=9), SUMMARY[1]], 11),  # a bar is no part of a trade
        ([SUMMARY[0], quote(NOON_US + 1), SUMMARY[2]], 1),
    ],
)
def test_a_summary_trade_without_an_end_stays_small(tmp_path: Path, records: list[Record], trades: int) -> None:
    assert read(tmp_path, [*records, NEXT], combine_sub_trades=True).series.column("trades").tolist() == [trades]


def test_an_old_file_gives_the_same_bars_as_a_new_one(tmp_path: Path) -> None:
    records = [bar(NOON_US + MINUTE_US * row, 1.0, 3.0, 1.0, 2.0) for row in range(30)]
    new, old = read(tmp_path, records), read(tmp_path, records, double_dates=True)
    assert old.series.bar_end.tolist() == new.series.bar_end.tolist()
    assert old.series.values.tolist() == new.series.values.tolist()
    assert "an old file" in old.words[0]


def test_the_multiplier_and_the_tick_give_the_markets_prices(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US, 404_875.0), NEXT], price_multiplier=0.01, tick_size=0.25)
    assert found.series.column("close").tolist() == [4048.75]
    clean = read(tmp_path, [Record(NOON_US, 62.07), NEXT], tick_size=0.01)
    assert clean.series.column("open").tolist() == [62.07]


def test_prices_off_the_tick_grid_are_said(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US, 100.11), NEXT], tick_size=0.25)
    assert "1 of 2 bars have prices that are no multiple of the tick size 0.25 (the first: 100.11" in found.words[0]
    assert found.series.column("close")[0] == pytest.approx(100.11)


def test_bars_follow_a_grid_that_is_not_the_clocks(tmp_path: Path) -> None:
    # an index future's hours are counted from 13:30: 13:15 holds 15 minutes
    half_past_one = NOON_US + 90 * MINUTE_US
    asked: list[int] = []

    def session(stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(stamps))
        before = stamps < half_past_one
        hour = 60 * MINUTE_US
        starts = np.where(before, NOON_US + 15 * MINUTE_US, half_past_one)
        starts = starts + (stamps - starts) // hour * hour
        return starts, np.where(before, np.minimum(starts + hour, half_past_one), starts + hour)

    records = [Record(NOON_US + minute * MINUTE_US + 7 * part) for minute in range(15, 200) for part in range(3)]
    bars = read(tmp_path, records, timeframe_seconds=3600, grid=session).series
    assert ((bars.bar_end - NOON_US) // MINUTE_US).tolist() == [75, 90, 150]
    assert bars.column("trades").tolist() == [180.0, 45.0, 180.0]
    assert asked == [185]  # minutes, not ticks


def test_bars_longer_than_the_timeframe_are_refused(tmp_path: Path) -> None:
    hours = [bar(NOON_US + 60 * MINUTE_US * row, 1.0, 1.0, 1.0, 1.0) for row in range(20)]
    with pytest.raises(BadInputError, match="the file has bars of 1h, bars of 1m cannot be made of them"):
        read(tmp_path, hours)
    assert len(read(tmp_path, hours, timeframe_seconds=3600).series) == 19


def test_thin_bars_are_not_taken_for_longer_ones(tmp_path: Path) -> None:
    minutes = [0, 2, 5, 7, 11, 14, 16, 20, 26, 30, 34]
    assert len(read(tmp_path, [bar(NOON_US + MINUTE_US * row, 1, 1, 1, 1) for row in minutes]).series) == 10


def test_a_file_without_records_has_no_bars_and_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, [])
    assert (len(found.series), found.resume_record, found.covers_until) == (0, 0, None)
    assert found.words == ("ESZ25.scid: the file has a header and no record yet",)


def test_a_half_written_record_is_left_for_next_time(tmp_path: Path) -> None:
    found = read(tmp_path, [Record(NOON_US), NEXT], tail=b"\x01" * 17)
    assert found.records == 2
    assert "the last 17 bytes are a record still being written" in found.words[0]


def test_a_file_that_became_shorter_cannot_be_read_on(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="go on from record 5, the file has 2; it was written anew or cut"):
        read(tmp_path, [Record(NOON_US), NEXT], first_record=5)


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    told: list[int] = []
    read(tmp_path, [Record(NOON_US + row) for row in range(10)], window_records=4, progress=told.append)
    assert told == [56 + 160, 56 + 320, 56 + 400]


def test_rows_that_wait_for_the_grid_are_joined_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [Record(NOON_US + 20_000_000 * row, float(row)) for row in range(50)]
    expected = read(tmp_path, records, timeframe_seconds=300)
    monkeypatch.setattr("minhos.market_data.sierra.scid_bars._PENDING_ROWS", 2)
    small = read(tmp_path, records, timeframe_seconds=300, window_records=3)
    assert small.series.values.tolist() == expected.series.values.tolist()
    assert small.resume_record == expected.resume_record


HOUR_US = 60 * MINUTE_US


def test_one_stamp_hours_ahead_costs_one_tick_and_not_the_day(tmp_path: Path) -> None:
    records = [Record(NOON_US + second * 1_000_000) for second in range(600)]
    records[100] = Record(NOON_US + 72 * HOUR_US, 1.0)
    records[300:302] = [Record(NOON_US + 5 * HOUR_US, 1.0), Record(NOON_US + 6 * HOUR_US, 1.0)]
    found = read(tmp_path, [*records, NEXT._replace(time_us=NOON_US + 600 * 1_000_000)])
    [rejection] = found.rejected
    assert (rejection.rows, rejection.first) == (3, "record 100")
    assert "its time lies hours ahead of the records after it" in rejection.why
    assert found.series.column("trades").tolist() == [60.0, 59.0, 60.0, 60.0, 60.0, 58.0, 60.0, 60.0, 60.0, 60.0]
    assert found.series.column("low").min() == 100.25


def test_the_open_after_a_break_is_no_leap(tmp_path: Path) -> None:
    records = [Record(NOON_US), *(Record(NOON_US + 49 * HOUR_US + second) for second in range(5))]
    found = read(tmp_path, records)
    assert found.rejected == ()
    assert found.series.column("trades").tolist() == [1.0]
    assert found.resume_record == 1


def test_a_last_tick_hours_ahead_proves_nothing_until_more_follow(tmp_path: Path) -> None:
    leap = Record(NOON_US + 5 * HOUR_US)
    found = read(tmp_path, [Record(NOON_US), leap])
    assert (len(found.series), found.resume_record, found.rejected) == (0, 0, ())
    assert "the last 1 records lie over an hour after the others, left for next time" in found.words[-1]


def test_a_file_of_which_much_cannot_be_used_is_refused(tmp_path: Path) -> None:
    records = [Record(NOON_US + second * 1_000_000) for second in range(4000)]
    for row in range(0, 4000, 10):
        records[row] = Record(NOON_US + row * 1_000_000, math.nan)
    with pytest.raises(BadInputError, match=r"400 of 4001 records cannot be used, 5% .* a price is not a number"):
        read(tmp_path, [*records, Record(NOON_US + 4000 * 1_000_000)])


def test_prices_a_hundred_times_too_large_are_wondered_at(tmp_path: Path) -> None:
    def words(scale: float) -> str:
        records = [
            Record(NOON_US + minute * MINUTE_US, scale * (4048.75 + 0.25 * (minute % 9))) for minute in range(60)
        ]
        return " ".join(read(tmp_path, records, tick_size=0.25).words)

    assert "all closes are multiples of 100 ticks (the last: 405000); is the price multiplier right" in words(100.0)
    assert "multiples" not in words(1.0)


def test_a_dated_record_of_zeros_is_no_trade(tmp_path: Path) -> None:
    nothing = Record(NOON_US + 1, 0.0, 0.0, 0.0, volume=0, ask_volume=0)
    found = read(tmp_path, [Record(NOON_US), nothing, NEXT])
    assert (found.empty, found.series.column("low").tolist()) == (1, [100.25])
