"""What a release knows before anything is learned: features by columns, sessions and universe; sessions up to its expiry."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from minhos.capabilities.prediction.runtime.catalogue import CATALOGUE
from minhos.capabilities.prediction.runtime.features import default_sequence
from minhos.capabilities.prediction.runtime.surroundings import SurroundingsTable
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import load_instruments
from minhos.market_data.sessions import session_bounds, trading_dates
from minhos.night.parameters import feature_parameters, surroundings_table
from minhos.night.recipe import RECIPE, Inputs
from minhos_client.contract import BAR_COLUMNS

MINUTE_US = 60_000_000
TABLE = load_instruments(None)
LAGS = [f"{name}@{k}" for name in ("log_return_1", "order_flow_imbalance_1") for k in (1, 2, 3)]


def series(symbol: str, seconds: int = 1800, days: int = 20, missing: tuple[str, ...] = ()) -> BarSeries:
    """Bars around the clock to the end of Wednesday, 2025-12-24 (a half-day of the CME)."""
    last = int(np.datetime64("2025-12-25", "us").astype(np.int64))
    ends = last - seconds * 1_000_000 * np.arange(days * 86_400 // seconds - 1, -1, -1, dtype=np.int64)
    values = np.ones((len(ends), 8))
    values[:, [BAR_COLUMNS.index(name) for name in missing]] = np.nan
    return BarSeries(symbol, seconds, ends, values)


def tabular(*bars: BarSeries, **choices: object) -> list[str]:
    recipe = RECIPE.model_copy(update={"inputs": Inputs(**choices)})  # type: ignore[arg-type]
    return feature_parameters(bars, recipe)["features"]["tabular"]  # type: ignore[no-any-return]


class TestFeatures:
    def test_the_trees_take_every_feature_and_the_lags_of_the_recipe(self) -> None:
        assert tabular(series("ESZ25"), series("CLG26")) == [*CATALOGUE, *LAGS]

    def test_one_instrument_needs_no_code(self) -> None:
        assert set(CATALOGUE) - set(tabular(series("ESZ25"))) == {"instrument_code"}

    def test_daily_bars_have_no_place_in_a_session(self) -> None:
        found = set(CATALOGUE) - set(tabular(series("ESZ25", 86_400, 100), series("CLG26", 86_400, 100)))
        assert found == {"since_open_60", "to_close_60", "session_progress"}

    def test_lags_of_what_a_source_lacks_are_left_out_with_it(self) -> None:
        found = tabular(series("ESZ25", missing=("bid_volume", "ask_volume")))
        assert [name for name in found if "@" in name] == LAGS[:3]

    def test_lags_and_the_sequence_are_choices_of_the_recipe(self) -> None:
        assert tabular(series("ESZ25"), lags={"rsi_14": 1})[-1:] == ["rsi_14@1"]
        assert feature_parameters([series("ESZ25")], RECIPE)["features"]["sequence"] == list(
            default_sequence(BAR_COLUMNS)
        )
        eight = tuple(CATALOGUE)[:8]
        recipe = RECIPE.model_copy(update={"inputs": Inputs(sequence=eight)})
        assert feature_parameters([series("ESZ25")], recipe)["features"]["sequence"] == list(eight)

    def test_the_recipe_keeps_the_window_within_the_contract(self) -> None:
        assert feature_parameters([series("ESZ25")], RECIPE)["window"] == 84


class TestSurroundings:
    symbols = ("ESZ25", "NQZ25", "CLG26")
    bars = tuple(series(symbol) for symbol in symbols)
    instruments = {symbol: TABLE.find(symbol) for symbol in symbols}  # noqa: RUF012 - never changed

    def test_codes_are_places_in_the_alphabet_whatever_the_order_of_the_universe(self) -> None:
        found = surroundings_table(self.bars, self.instruments, RECIPE)["instruments"]
        assert {symbol: one["code"] for symbol, one in found.items()} == {
            "CLG26": pytest.approx(1 / 6),
            "ESZ25": 0.5,
            "NQZ25": pytest.approx(5 / 6),
        }

    def test_instruments_with_the_same_hours_share_a_table(self) -> None:
        found = surroundings_table(self.bars, self.instruments, RECIPE)
        assert list(found["sessions"]) == ["ESZ25", "CLG26"]
        assert [one["session"] for one in found["instruments"].values()] == ["ESZ25", "ESZ25", "CLG26"]

    def test_every_bar_and_every_moment_until_the_expiry_has_its_session_of_the_calendar(self) -> None:
        table = SurroundingsTable(**surroundings_table(self.bars, self.instruments, RECIPE))
        ends = self.bars[0].bar_end
        later = ends[-1] + 1800 * 1_000_000 * np.arange(round(RECIPE.max_age_days * 48) + 1)
        moments = np.concatenate([ends, later])
        es = self.instruments["ESZ25"]
        since, to = table.sessions["ESZ25"].minutes(moments)
        assert np.isfinite(since).all() and np.isfinite(to).all()
        days = trading_dates(moments, es, timeframe_seconds=1800)
        for day in np.unique(days).tolist():
            opened, closed = session_bounds(day, es)
            known = np.minimum(moments[days == np.datetime64(day)], closed)
            np.testing.assert_array_equal(since[days == np.datetime64(day)], (known - opened) / MINUTE_US)
            np.testing.assert_array_equal(to[days == np.datetime64(day)], (closed - known) / MINUTE_US)

    def test_a_half_day_is_near_its_end_at_noon(self) -> None:
        table = SurroundingsTable(**surroundings_table(self.bars, self.instruments, RECIPE))
        _, closed = session_bounds(date(2025, 12, 24), self.instruments["ESZ25"])
        assert closed == np.datetime64("2025-12-24T18:15", "us").astype(np.int64)
        since, to = table.sessions["ESZ25"].minutes(np.array([closed - 15 * MINUTE_US]))
        assert (since[0], to[0]) == (19 * 60.0, 15.0)
