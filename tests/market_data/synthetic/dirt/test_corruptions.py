"""Every kind of dirt, at every strength: it changes what it says it changes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments
from minhos.market_data.synthetic.dirt import CORRUPTIONS, STRENGTHS, Corrupted
from minhos_client.contract import BAR_COLUMNS

EVERY_ROW = {"wrong_zone", "stamped_at_start"}


@pytest.fixture
def series(clean_series: Callable[..., BarSeries]) -> BarSeries:
    return clean_series(1200)


def spoiled(name: str, series: BarSeries, instruments: Instruments, strength: int, seed: int = 3) -> Corrupted:
    rng = np.random.Generator(np.random.PCG64(seed))
    return CORRUPTIONS[name].apply(series, instruments.find(series.symbol), strength, rng)  # type: ignore[arg-type]


def column(spoiled: Corrupted, name: str) -> np.ndarray:
    return spoiled.values[spoiled.rows, BAR_COLUMNS.index(name)]


def test_there_are_many_kinds_each_with_a_name_and_words() -> None:
    assert len(CORRUPTIONS) >= 30
    assert STRENGTHS == ("weak", "medium", "strong")
    assert all(one.name == name and one.description for name, one in CORRUPTIONS.items())


@pytest.mark.parametrize("strength", [0, 1, 2])
@pytest.mark.parametrize("name", list(CORRUPTIONS))
class TestEveryKind:
    def test_the_label_is_true_and_the_clean_bars_stay(
        self, name: str, strength: int, series: BarSeries, instruments: Instruments
    ) -> None:
        before_ends, before_values = series.bar_end.copy(), series.values.copy()
        found = spoiled(name, series, instruments, strength)
        np.testing.assert_array_equal(series.bar_end, before_ends)
        np.testing.assert_array_equal(series.values, before_values)
        assert found.rows.shape == found.bar_end.shape == found.values.shape[:1]
        assert found.rows.any()
        assert found.rows.all() == (name in EVERY_ROW)
        assert found.words
        if len(found.bar_end) == len(series) and name not in ("unsorted_rows", "roll_jump"):
            different = (found.bar_end != series.bar_end) | ~np.all(
                (found.values == series.values) | (np.isnan(found.values) & np.isnan(series.values)), axis=1
            )
            assert not (different & ~found.rows).any()
            assert different[found.rows].mean() > 0.9  # a stale bar may have been flat before

    def test_the_same_seed_plants_the_same_dirt(
        self, name: str, strength: int, series: BarSeries, instruments: Instruments
    ) -> None:
        once, again = (spoiled(name, series, instruments, strength) for _ in range(2))
        np.testing.assert_array_equal(once.bar_end, again.bar_end)
        np.testing.assert_array_equal(once.values, again.values)
        np.testing.assert_array_equal(once.rows, again.rows)

    def test_a_fault_of_another_kind_stays_on_the_tick_grid(
        self, name: str, strength: int, series: BarSeries, instruments: Instruments
    ) -> None:
        prices = spoiled(name, series, instruments, strength).values[:, :4]
        ticks = prices[np.isfinite(prices)] / 0.25
        assert bool(np.abs(ticks - np.round(ticks)).max() > 1e-6) == (name == "off_tick_grid")


class TestWhatIsWrong:
    def test_prices_against_each_other(self, series: BarSeries, instruments: Instruments) -> None:
        wrong = spoiled("high_below_low", series, instruments, 1)
        np.testing.assert_allclose(column(wrong, "low") - column(wrong, "high"), 4 * 0.25)
        wrong = spoiled("open_outside_range", series, instruments, 0)
        np.testing.assert_allclose(column(wrong, "open") - column(wrong, "high"), 0.25)
        wrong = spoiled("close_outside_range", series, instruments, 2)
        np.testing.assert_allclose(column(wrong, "low") - column(wrong, "close"), 20 * 0.25)

    def test_prices_that_are_none(self, series: BarSeries, instruments: Instruments) -> None:
        missing = spoiled("missing_price", series, instruments, 2)
        assert (np.isnan(missing.values[missing.rows, :4]).sum(axis=1) == 1).all()
        assert np.isinf(column(spoiled("infinite_price", series, instruments, 0), "high")).all()
        assert (column(spoiled("zero_price", series, instruments, 1), "close") == 0).all()
        turned = spoiled("negated_price", series, instruments, 1)
        assert (column(turned, "high") < 0).all()
        assert (column(turned, "high") >= column(turned, "low")).all()

    def test_a_spike_goes_out_and_back(self, series: BarSeries, instruments: Instruments) -> None:
        found = spoiled("outlier_spike", series, instruments, 0)
        (row,) = np.flatnonzero(found.rows)
        close = found.values[:, 3]
        out, back = close[row] - close[row - 1], close[row + 1] - close[row]
        assert out * back < 0
        assert min(abs(out), abs(back)) > 20.0

    def test_units_rolls_and_bases(self, series: BarSeries, instruments: Instruments) -> None:
        hundred = spoiled("unit_jump", series, instruments, 2)
        np.testing.assert_array_equal(hundred.values[600:, :4], series.values[600:, :4] * 100)
        rolled = spoiled("roll_jump", series, instruments, 1)
        (row,) = np.flatnonzero(rolled.rows)
        shift = rolled.values[row:, :4] - series.values[row:, :4]
        assert np.unique(shift).size == 1
        assert abs(shift[0, 0]) == pytest.approx(0.02 * series.column("close")[row - 1], abs=0.25)
        mixed = np.flatnonzero(spoiled("mixed_price_bases", series, instruments, 0).rows)
        assert set(np.diff(mixed).tolist()) == {2}

    def test_counts(self, series: BarSeries, instruments: Instruments) -> None:
        assert (column(spoiled("zero_volume", series, instruments, 1), "volume") == 0).all()
        assert (column(spoiled("negative_count", series, instruments, 1), "volume") < 0).all()
        assert (column(spoiled("wrapped_count", series, instruments, 1), "volume") > 2**31 - 1).all()
        parts = spoiled("parts_do_not_add_up", series, instruments, 0)
        gap = column(parts, "bid_volume") + column(parts, "ask_volume") - column(parts, "volume")
        np.testing.assert_array_equal(gap, [1.0])
        many = spoiled("more_trades_than_volume", series, instruments, 0)
        np.testing.assert_array_equal(column(many, "trades") - column(many, "volume"), [1.0])

    def test_times_that_repeat_or_go_back(self, series: BarSeries, instruments: Instruments) -> None:
        for name in ("duplicate_rows", "conflicting_rows"):
            found = spoiled(name, series, instruments, 1)
            np.testing.assert_array_equal(np.diff(found.bar_end, prepend=0) == 0, found.rows)
        found = spoiled("unsorted_rows", series, instruments, 1)
        np.testing.assert_array_equal(np.diff(found.bar_end, prepend=0) < 0, found.rows)

    def test_clocks(self, series: BarSeries, instruments: Instruments) -> None:
        hour = 3_600_000_000
        late = spoiled("clock_shift", series, instruments, 0)
        assert set(np.unique(late.bar_end - series.bar_end).tolist()) == {0, hour}
        assert (late.bar_end[late.rows] - series.bar_end[late.rows] == hour).all()
        zone = spoiled("wrong_zone", series, instruments, 1)
        assert set(np.unique(zone.bar_end - series.bar_end).tolist()) == {-5 * hour}
        early = spoiled("stamped_at_start", series, instruments, 0)
        assert set(np.unique(early.bar_end - series.bar_end).tolist()) == {-300_000_000}

    def test_bars_that_are_missing_or_too_many(self, series: BarSeries, instruments: Instruments) -> None:
        for name in ("session_gap", "missing_coverage", "truncated", "mixed_timeframes"):
            found = spoiled(name, series, instruments, 1)
            assert len(found.bar_end) < len(series)
            assert np.isin(found.bar_end, series.bar_end).all()
        cut = spoiled("truncated", series, instruments, 0)
        assert np.flatnonzero(cut.rows).tolist() == [len(cut.bar_end) - 1]
        longer = spoiled("mixed_timeframes", series, instruments, 0)
        assert longer.values[:, 4].sum() == series.values[:, 4].sum()
        flat = spoiled("bars_while_closed", series, instruments, 1)
        assert len(flat.bar_end) == len(series) + flat.rows.sum()
        assert (np.diff(flat.bar_end) > 0).all()


def test_a_kind_that_does_not_fit_is_refused(series: BarSeries, instruments: Instruments) -> None:
    values = series.values.copy()
    values[:, 4:] = np.nan
    bare = BarSeries(series.symbol, series.timeframe_seconds, series.bar_end, values)
    assert not CORRUPTIONS["parts_do_not_add_up"].fits(bare)
    with pytest.raises(BadInputError, match=r"parts_do_not_add_up cannot be planted .* needs 100 bars and ask_volume"):
        spoiled("parts_do_not_add_up", bare, instruments, 0)
    with pytest.raises(BadInputError, match="needs 100 bars"):
        spoiled("unit_jump", series.slice(0, 99), instruments, 0)
