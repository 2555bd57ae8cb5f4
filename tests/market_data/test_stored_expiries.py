"""The expiries of a root in the store as one series, in any timeframe: the same roll dates, and nothing kills it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.history import History, Moment
from minhos.market_data.instruments import Instruments
from minhos.market_data.intake.roll_dates import record_roll_dates, roll_dates_path
from minhos.market_data.intake.take_in import remove_series
from minhos.market_data.rolls.schedule import read_schedule
from minhos.market_data.sessions import sessions_between
from minhos.market_data.store import BarStore
from tests.market_data.rolls.expiring_market import bars_of, daily_bars_of, december_roll, level, us, weekdays

DAYS = weekdays("2025-12-08", 10)
Fill = Callable[..., History]


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars")


@pytest.fixture
def fill(store: BarStore, instruments: Instruments) -> Fill:
    def filled(*series: BarSeries) -> History:
        for number, one in enumerate(series):
            store.upsert(one, source="test", recorded_at=number + 1)
        return History(store, instruments)

    return filled


def renamed(series: BarSeries, symbol: str) -> BarSeries:
    return BarSeries(symbol, series.timeframe_seconds, series.bar_end, series.values)


def closing_rush(instruments: Instruments) -> list[BarSeries]:
    """5-minute bars of both expiries; from Friday the 12th on NQH26 is traded more, thanks to the last 45 minutes."""
    nq = instruments.find("NQ")
    sessions = sessions_between(nq, date(2025, 12, 8), date(2025, 12, 17))
    made = []
    for code, price in (("NQZ25", 25_000.0), ("NQH26", 25_250.0)):
        ends, rows = [], []
        for number, (opened, close) in enumerate(
            zip(sessions.open_us.tolist(), sessions.close_us.tolist(), strict=True)
        ):
            for end in range(opened + 300_000_000, close + 1, 300_000_000):
                rush = end > close - 2_700_000_000
                volume = 100.0 if code == "NQZ25" else (200.0 if rush else 98.0) if number >= 4 else 10.0
                ends.append(end)
                rows.append([*[price] * 4, volume, *[np.nan] * 3])
        made.append(BarSeries(code, 300, np.array(ends), np.array(rows)))
    return made


def test_roll_dates_do_not_depend_on_the_timeframe_that_is_asked_for(fill: Fill, instruments: Instruments) -> None:
    history = fill(*closing_rush(instruments))
    found = {
        seconds: history.continuous("NQ", seconds, adjustment="ratio").schedule.rolls
        for seconds in (300, 900, 1800, 3600, 14_400, 86_400)
    }
    dates = {seconds: [roll.first_session for roll in rolls] for seconds, rolls in found.items()}
    assert dates == {seconds: [date(2025, 12, 15)] for seconds in found}
    assert {roll.decided_us for rolls in found.values() for roll in rolls} == {us("2025-12-12T22:00")}


def test_looking_records_nothing(fill: Fill, store: BarStore) -> None:
    history = fill(*december_roll().values())
    history.continuous("NQ", 3600, adjustment="ratio")
    history.roll_schedule("NQ")
    assert not (store.root / "_rolls").exists()


def test_an_intake_records_the_dates_of_all_that_is_stored(fill: Fill, store: BarStore) -> None:
    history = fill(*december_roll().values())
    assert record_roll_dates(store, ["NQH26", "NQZ25", "BTCUSDT"], None) == ("NQ rolls: NQZ25 to NQH26 on 2025-12-16",)
    recorded = read_schedule(roll_dates_path(store.root, "NQ"))
    assert recorded == history.roll_schedule("NQ")
    shown = history.continuous("NQ", 3600, adjustment="none").schedule
    assert [roll.first_session for roll in shown.rolls] == [roll.first_session for roll in recorded.rolls]
    assert json.loads(roll_dates_path(store.root, "NQ").read_text())["last_days"]["NQZ25"] == "2025-12-18"


def test_roll_dates_go_with_the_bars_that_decided_them(fill: Fill, store: BarStore) -> None:
    fill(*december_roll().values())
    record_roll_dates(store, ["NQZ25"], None)
    other = roll_dates_path(store.root, "ES")
    other.write_bytes(roll_dates_path(store.root, "NQ").read_bytes().replace(b"NQ", b"ES"))
    remove_series(store, "NQH26", 3600)
    assert [path.name for path in other.parent.iterdir()] == ["ES.json"]


def test_one_expiry_alone_has_no_dates_to_record(fill: Fill, store: BarStore) -> None:
    fill(december_roll()["NQZ25"])
    assert record_roll_dates(store, ["NQZ25"], None) == ()


def test_dates_that_can_no_longer_be_decided_are_told_and_not_kept(fill: Fill, store: BarStore) -> None:
    fill(*december_roll().values())
    record_roll_dates(store, ["NQZ25"], None)
    market = dict.fromkeys(weekdays("2025-09-01", 10), 1e6)
    fill(*(daily_bars_of(code, market) for code in ("NQU25", "NQM26")))
    fill(*(daily_bars_of(code, market) for code in ("NQU26",)))
    (words,) = record_roll_dates(store, ["NQU26"], None)
    assert words.startswith("NQ: no roll dates, NQM26 and NQU26 have the same volume")
    assert not roll_dates_path(store.root, "NQ").exists()


def test_an_expiry_of_which_only_daily_bars_are_stored_is_left_out_of_finer_series_with_words(fill: Fill) -> None:
    september = daily_bars_of("NQU25", dict.fromkeys(weekdays("2025-09-01", 10), 1000.0))
    history = fill(*december_roll().values(), september)
    joined = history.continuous("NQ", 3600, adjustment="ratio")
    assert joined.schedule.held == ("NQZ25", "NQH26")
    assert joined.words == ("NQU25 is left out of the 1h bars of NQ: the store has 1d of it",)
    daily = history.continuous("NQ", 86_400, adjustment="none")
    assert (daily.schedule.held, daily.words) == (("NQU25", "NQZ25", "NQH26"), ())
    with pytest.raises(
        BadInputError, match=r"NQ: no expiry has 5m bars .*NQU25: the store has 1d of it; NQZ25: the store has 1h"
    ):
        history.continuous("NQ", 300, adjustment="none")


def test_an_expiry_whose_bars_fit_no_coarser_ones_is_left_out_with_the_reason(fill: Fill) -> None:
    both = december_roll()
    history = fill(both["NQZ25"], renamed(daily_bars_of("NQH26", dict.fromkeys(DAYS, 7.0)), "NQH26"))
    with pytest.raises(BadInputError, match="runs from one 2h bar into the next"):
        history.continuous("NQ", 7200, adjustment="none")
    fitting = bars_of("NQM26", dict.fromkeys(DAYS, 7.0), hours=(4, 2, 0))
    halves = BarSeries("NQM26", 7200, fitting.bar_end, fitting.values)
    joined = fill(halves).continuous("NQ", 7200, adjustment="none")
    assert joined.schedule.contracts == ("NQM26",)
    assert "NQZ25 is left out of the 2h bars of NQ: NQZ25: the 1h bar from" in joined.words[0]


def test_months_that_are_not_held_are_not_even_read(fill: Fill) -> None:
    serial = daily_bars_of("NQF26", dict.fromkeys(DAYS, 10.0))
    joined = fill(*december_roll().values(), serial).continuous("NQ", 3600, adjustment="ratio")
    assert (joined.schedule.contracts, joined.words) == (("NQZ25", "NQH26"), ())
    with pytest.raises(BadInputError, match=r"GCF26: no bars of a month that GC is held in \(GJMQZ\)"):
        fill(renamed(serial, "GCF26")).continuous("GC", 86_400, adjustment="none")


def test_two_names_of_one_contract_are_one_contract(fill: Fill) -> None:
    both = december_roll()
    old = both["NQZ25"]
    other = renamed(old.slice(0, 20), "NQZ5")
    alone = fill(*both.values()).continuous("NQ", 3600, adjustment="ratio")
    joined = fill(other).continuous("NQ", 3600, adjustment="ratio")
    assert joined.schedule.held == ("NQZ25", "NQH26")
    np.testing.assert_array_equal(joined.series.values, alone.series.values)
    assert joined.words == (
        "NQZ5 and NQZ25 are the same contract: NQZ25, which has more bars, counts; of NQZ5 only what lies before or "
        "after all bars of NQZ25",
    )


def test_what_only_the_other_name_has_before_and_after_is_used(fill: Fill) -> None:
    both = december_roll()
    old = both["NQZ25"]
    middle, whole = renamed(old.slice(10, 45), "NQZ25"), old
    edges = BarSeries(
        "NQZ5",
        3600,
        np.concatenate([whole.bar_end[:12], whole.bar_end[40:]]),
        np.concatenate([whole.values[:12], whole.values[40:]]),
    )
    joined = fill(middle, edges, both["NQH26"]).continuous("NQ", 3600, adjustment="none")
    assert joined.schedule.contracts == ("NQZ25", "NQH26")
    until = int(joined.roll_bar.argmax())
    np.testing.assert_array_equal(joined.series.values[:until], whole.values[:until])


def test_a_name_that_cannot_give_the_timeframe_is_helped_by_the_one_that_can(fill: Fill) -> None:
    both = december_roll()
    daily = daily_bars_of("NQZ5", dict.fromkeys(weekdays("2025-06-02", 200), 1000.0))
    joined = fill(*both.values(), daily).continuous("NQ", 3600, adjustment="ratio")
    assert joined.schedule.held == ("NQZ5", "NQH26")
    assert len(joined.series) == 50


def test_a_series_without_a_later_expiry_says_that_it_is_held_for_too_long(fill: Fill) -> None:
    late = bars_of("NQZ25", dict.fromkeys([*DAYS, date(2025, 12, 22)], 7.0))
    schedule = fill(late).continuous("NQ", 3600, adjustment="ratio").schedule
    assert schedule.overdue == date(2025, 12, 18)
    assert "the latest day to hold it was 2025-12-18, and no later expiry of NQ is there" in schedule.words[1]


def test_an_earlier_end_does_not_know_a_later_roll(fill: Fill) -> None:
    history = fill(*december_roll().values())
    before = history.continuous("NQ", 3600, adjustment="ratio", moment=Moment(end=us("2025-12-15T22:00")))
    assert before.schedule.rolls == ()
    assert before.series.column("close")[-1] == level(us("2025-12-15T22:00"))
    assert not before.schedule.overdue
