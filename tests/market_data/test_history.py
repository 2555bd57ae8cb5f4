"""Bars out of the store in a timeframe that is not stored: from which bars they are built, and that they are whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.history import History, Moment
from minhos.market_data.instruments import Instruments
from minhos.market_data.sessions import session_bounds
from minhos.market_data.store import BarStore

MINUTE = 60_000_000


def us(text: str) -> int:
    return int(np.datetime64(text, "us").astype(np.int64))


def bars(symbol: str, first_start: int, count: int, minutes: int) -> BarSeries:
    ends = first_start + minutes * MINUTE * np.arange(1, count + 1)
    values = np.full((count, 8), 100.0)
    values[:, 4:] = 1.0  # every bar has one contract: a volume counts bars
    return BarSeries(symbol, minutes * 60, ends, values)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars")


def history(store: BarStore, instruments: Instruments, *series: BarSeries) -> History:
    store.upsert_many([(one, "test") for one in series], recorded_at=1)
    return History(store, instruments)


def test_an_old_hourly_file_does_not_hide_newer_five_minute_bars(store: BarStore, instruments: Instruments) -> None:
    start = us("2025-12-09T00:00")
    seen = history(store, instruments, bars("CLF26", start, 4, 60), bars("CLF26", start, 12 * 12, 5))
    assert seen.source_timeframe("CLF26", 7200) == 300
    assert int(seen.bars("CLF26", 7200).bar_end[-1]) == start + 11 * 60 * MINUTE  # counted from 17:00 in Chicago


def test_the_longest_of_timeframes_that_end_together_is_the_source(store: BarStore, instruments: Instruments) -> None:
    start = us("2025-12-09T00:00")
    seen = history(store, instruments, bars("CLF26", start, 11, 60), bars("CLF26", start, 12 * 12, 5))
    assert seen.source_timeframe("CLF26", 7200) == 3600


def test_a_first_bar_of_which_the_file_has_only_the_end_is_left_out(store: BarStore, instruments: Instruments) -> None:
    seen = history(store, instruments, bars("CLF26", us("2025-12-09T01:40"), 30, 5))
    hours = seen.bars("CLF26", 3600)
    assert int(hours.bar_end[0]) == us("2025-12-09T03:00")
    assert hours.column("volume").tolist() == [12.0, 12.0]


def test_a_first_bar_that_begins_with_its_session_is_whole(store: BarStore, instruments: Instruments) -> None:
    opens = us("2025-12-08T23:00")  # 17:00 in Chicago
    seen = history(store, instruments, bars("CLF26", opens, 24 * 12 - 12, 5))
    assert seen.bars("CLF26", 14400).column("volume")[0] == 48.0
    assert seen.bars("CLF26", 86400).column("volume").tolist() == [276.0]


def test_a_session_that_began_in_the_middle_is_no_daily_bar(store: BarStore, instruments: Instruments) -> None:
    seen = history(store, instruments, bars("CLF26", us("2025-12-09T06:00"), 40 * 12, 5))
    days = seen.bars("CLF26", 86400)
    assert days.bar_end.tolist() == [us("2025-12-11T00:00")]


def test_a_daily_bar_of_a_range_is_whole_after_a_holiday_that_trades_for_the_next_date(
    store: BarStore, instruments: Instruments
) -> None:
    day = np.datetime64("2026-07-06").item()
    opens, closes = session_bounds(day, instruments.find("ES"))
    assert closes - opens > 3 * 24 * 60 * MINUTE, "Independence Day's trading counts to Monday"
    seen = history(store, instruments, bars("ESU26", opens, (closes - opens) // (30 * MINUTE), 30))
    whole = seen.bars("ESU26", 86400)
    ranged = seen.bars("ESU26", 86400, Moment(start=us("2026-07-07T00:00")))
    assert ranged.values[0].tolist() == whole.values[0].tolist()
    assert ranged.bar_end[0] == whole.bar_end[0]


def test_what_cannot_be_built_says_what_is_stored(store: BarStore, instruments: Instruments) -> None:
    seen = history(store, instruments, bars("CLF26", us("2025-12-09T00:00"), 12, 5))
    with pytest.raises(BadInputError, match="no bars from which 7m can be built, the store has 5m"):
        seen.bars("CLF26", 420)
