"""The measured columns: what is left out, where thresholds come from, and that one fault is told once."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.instruments import load_instruments
from minhos.market_data.validation import RawBars
from minhos.market_data.validation.measure import Measured, measure
from tests.market_data.validation.made_bars import (
    ASK,
    BID,
    CLOSE,
    HIGH,
    HOUR,
    LAST,
    LOW,
    MINUTE,
    MNQ,
    OPEN,
    TRADES,
    VOLUME,
    made_bars,
    us,
    with_cells,
)


def measured(bars: RawBars, session: date = LAST) -> Measured:
    return measure(bars, load_instruments(None).find(bars.symbol), session=session)


def part(bars: RawBars, rows: slice) -> RawBars:
    return RawBars(bars.symbol, bars.timeframe_seconds, bars.bar_end[rows], bars.values[rows])


def over_limit(found: Measured, name: str) -> list[int]:
    return np.flatnonzero(found.frame[name].to_numpy() > found.most(name)).tolist()


class TestColumns:
    def test_a_source_without_flow_has_no_columns_of_it(self) -> None:
        bars = made_bars()
        bars.values[:, VOLUME:] = np.nan
        columns = set(measured(bars).frame.columns)
        assert not columns & {"volume", "flow_gap", "unmoved", "excess_trades", "volume_surprise"}
        assert {"move", "still", "outside"} <= columns

    def test_bars_missing_here_and_there_are_seen_without_a_count_of_trades(self) -> None:
        bars = made_bars()
        values = bars.values.copy()
        values[:, VOLUME:] = np.nan
        values[:, HIGH] += 0.25  # no bar is of a single trade
        whole = RawBars(bars.symbol, 300, bars.bar_end, values)
        assert measured(whole).frame["torn"].iloc[0] == 0.0
        kept = np.random.default_rng(3).random(len(values)) > 0.05
        torn = measured(RawBars(bars.symbol, 300, bars.bar_end[kept], values[kept]))
        assert torn.frame["torn"].iloc[0] == pytest.approx(0.05, abs=0.01)

    def test_a_source_that_opens_later_than_the_market_is_not_torn(self) -> None:
        bars = made_bars()
        local = bars.bar_end % (24 * HOUR)
        kept = (local <= 22 * HOUR) | (local > 23 * HOUR + 6 * 5 * MINUTE)  # the first half-hour after the break
        late = measured(RawBars(bars.symbol, 300, bars.bar_end[kept], bars.values[kept]))
        assert (late.frame["lost"] > 0).sum() >= 10
        assert late.frame["torn"].iloc[0] == 0.0

    def test_repeats_are_measured_only_where_a_volume_tells_them_from_chance(self) -> None:
        bars = made_bars()
        assert {"repeated", "copied"} <= set(measured(bars).frame.columns)
        values = bars.values.copy()
        values[:, VOLUME:] = np.nan
        found = measured(RawBars(bars.symbol, bars.timeframe_seconds, bars.bar_end, values))
        assert {"repeated", "copied"}.isdisjoint(found.frame.columns)
        assert "still" in found.frame.columns

    def test_with_too_few_bars_for_the_noise_its_measures_are_left_out(self) -> None:
        found = measured(part(made_bars(), slice(0, 9)), session=date(2025, 11, 3))
        assert not {"move", "spike", "wick", "new_base", "still", "copied"} & set(found.frame.columns)
        assert "move" in measured(part(made_bars(), slice(0, 10)), session=date(2025, 11, 3)).frame.columns

    def test_of_times_out_of_order_nothing_of_the_calendar_is_measured(self) -> None:
        bars = made_bars()
        bars.bar_end[50] = bars.bar_end[49]
        found = measured(bars)
        assert not {"outside", "missing", "sessions_missing", "day_shift"} & set(found.frame.columns)
        assert not found.frame["in_session"].any()

    def test_a_rule_that_a_source_often_breaks_is_none_of_its_rules(self) -> None:
        bars = made_bars()
        bars.values[::5, ASK] += 1.0
        bars.values[::5, TRADES] = bars.values[::5, VOLUME] + 1.0
        assert not {"flow_gap", "excess_trades"} & set(measured(bars).frame.columns)

    def test_stamps_that_are_often_beside_the_grid_have_another_one(self) -> None:
        bars = made_bars()
        moved = RawBars(bars.symbol, 300, bars.bar_end - 60_000_000, bars.values)
        assert "off_bar_grid" not in measured(moved).frame.columns

    def test_bars_of_the_session_are_counted_by_their_trading_date(self) -> None:
        assert measured(made_bars()).frame["in_session"].sum() == 276

    def test_a_session_that_is_none_is_refused(self) -> None:
        with pytest.raises(BadInputError, match="2025-11-22 is a Saturday"):
            measured(made_bars(), session=date(2025, 11, 22))

    def test_no_bars_are_measured_too(self) -> None:
        assert len(measured(part(made_bars(), slice(0, 0))).frame) == 0


class TestLearning:
    def test_nothing_is_learned_from_the_session_itself(self) -> None:
        bars = made_bars()
        spoiled = with_cells(bars, *((row, HIGH, bars.values[row, HIGH] + 500.0) for row in range(-250, 0)))
        for name in ("wick", "move", "inside"):
            assert measured(spoiled).most(name) == pytest.approx(measured(bars).most(name), rel=0.05)

    def test_nothing_is_learned_from_rows_whose_facts_are_wrong(self) -> None:
        bars = made_bars()
        spoiled = bars.values.copy()
        spoiled[:1000:2, [OPEN, CLOSE]] = spoiled[:1000:2, [HIGH]] + 2000.0  # outside low to high, by far
        found = measured(RawBars(bars.symbol, 300, bars.bar_end, spoiled))
        assert found.most("wick") == pytest.approx(measured(bars).most("wick"), rel=0.2)

    def test_a_limit_says_where_it_comes_from_and_one_that_is_not_there_allows_all(self) -> None:
        found = measured(made_bars())
        assert "learned from 3864 values" in found.told("move")["limit"]  # 14 sessions before the last
        assert found.told("move")["learned"]
        assert (found.most("nothing"), found.told("nothing")) == (np.inf, {"limit": "", "learned": False})

    def test_what_a_night_may_do_is_learned_from_nights_alone(self) -> None:
        bars = made_bars(last=date(2025, 12, 19))
        gone = np.zeros(len(bars.bar_end), dtype=bool)
        gone[np.random.default_rng(2).choice(np.arange(100, len(gone) - 100), 400, replace=False)] = True
        closes = bars.values[~gone]
        after = np.flatnonzero(np.diff(np.flatnonzero(~gone)) > 1) + 1
        closes[after[::3], :4] += 400.0  # a dirty jump after every third hole in a session
        whole, torn = measured(bars), measured(RawBars(bars.symbol, 300, bars.bar_end[~gone], closes))
        assert torn.most("across") <= 1.5 * whole.most("across")

    def test_prices_on_the_tick_grid_are_those_that_traded(self) -> None:
        bars = made_bars()
        adjusted = RawBars(bars.symbol, 300, bars.bar_end, bars.values * np.array([1.01] * 4 + [1.0] * 4))
        assert measured(adjusted).frame["ticks_off_grid"].max() > 0.1
        found = measure(adjusted, MNQ, session=LAST, traded=bars)
        assert found.frame["ticks_off_grid"].max() < 1e-6

    @pytest.mark.parametrize("first", [date(2025, 9, 1), date(2024, 6, 3)])
    def test_one_week_an_hour_late_is_found_in_a_short_history_and_in_a_long_one(self, first: date) -> None:
        bars = made_bars(first=first, timeframe_seconds=900)
        week = (bars.bar_end > us("2025-09-28T22:00")) & (bars.bar_end <= us("2025-10-03T21:00"))
        late = bars.bar_end + np.where(week, HOUR, 0)
        found = measured(RawBars(bars.symbol, 900, late, bars.values))
        days = found.frame["bar_end"][over_limit(found, "outside_in_week")].to_numpy().astype("datetime64[us]")
        assert np.unique(days.astype("datetime64[D]")).astype(str).tolist() == [
            "2025-09-29", "2025-09-30", "2025-10-01", "2025-10-02", "2025-10-03",
        ]  # fmt: skip


class TestOneFaultIsToldOnce:
    def test_the_bar_after_one_on_another_level_has_not_moved(self) -> None:
        bars = made_bars()
        found = measured(with_cells(bars, *((1000, price, bars.values[1000, price] + 2000.0) for price in range(4))))
        assert np.flatnonzero(found.frame["foreign"]).tolist() == [1000]
        assert over_limit(found, "move") == []
        assert over_limit(found, "spike") == []

    def test_bars_between_bars_of_another_level_are_no_spikes(self) -> None:
        bars = made_bars()
        rows = range(1000, 1020, 2)
        cells = ((row, price, bars.values[row, price] + 2000.0) for row in rows for price in range(4))
        found = measured(with_cells(bars, *cells))
        assert np.flatnonzero(found.frame["foreign"]).tolist() == list(rows)
        assert over_limit(found, "spike") == []
        assert over_limit(found, "move") == []

    def test_a_wick_on_the_way_back_is_still_seen(self) -> None:
        bars = made_bars()
        cells = [(1000, price, bars.values[1000, price] + 2000.0) for price in range(4)]
        found = measured(with_cells(bars, *cells, (1001, LOW, bars.values[1001, LOW] - 3000.0)))
        assert over_limit(found, "wick") == [1001]


class TestExpiry:
    def test_bars_after_the_last_trading_day_are_marked(self) -> None:
        found = measured(made_bars(first=date(2025, 12, 1), last=date(2025, 12, 23)), session=date(2025, 12, 23))
        late = found.frame.loc[found.frame["after_expiry"] > 0, "bar_end"]
        assert len(late) == 2 * 276  # the 22nd and the 23rd
        assert found.notes["expiry"] == "the last trading day of MNQZ25 is 2025-12-19"

    def test_what_has_no_expiry_is_not_asked(self) -> None:
        bars = made_bars("BTCUSDT", timeframe_seconds=3600)
        assert "after_expiry" not in measured(bars).frame.columns


class TestCoverage:
    def test_the_usual_session_is_a_share_of_the_fullest_one(self) -> None:
        bars = made_bars()
        assert measured(bars).usual_coverage == 1.0
        local = (bars.bar_end % (24 * HOUR)) / HOUR
        day = (local > 14) & (local <= 21)
        day[:276] = True
        thin = RawBars(bars.symbol, 300, bars.bar_end[day], bars.values[day])
        assert measured(thin).usual_coverage == pytest.approx(84 / 276)

    def test_lost_bars_are_those_between_busy_ones(self) -> None:
        bars = made_bars()
        kept = np.ones(len(bars.bar_end), dtype=np.bool_)
        kept[[500, 501, 900]] = False
        quiet = with_cells(bars, *((899, column, 5.0) for column in (VOLUME, BID, ASK, TRADES)))
        found = measured(RawBars(bars.symbol, 300, quiet.bar_end[kept], quiet.values[kept]))
        lost = found.frame["lost"].to_numpy()
        assert lost[lost > 0].tolist() == [2.0]
        assert found.frame["torn"].iloc[0] == pytest.approx(1 / (len(kept) - 3))
