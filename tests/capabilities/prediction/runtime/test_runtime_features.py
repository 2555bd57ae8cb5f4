"""Features: ranges, causality, batch and window alike, lags, neutral values, invariance to units."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from builders import fake_bars, fake_ends, fake_frame, wild_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.capabilities.prediction.runtime.catalogue import CATALOGUE, Frame
from minhos.capabilities.prediction.runtime.features import (
    available,
    compute,
    default_sequence,
    lookback,
    split_lag,
    window,
    with_lags,
)
from minhos.capabilities.prediction.runtime.surroundings import SURROUNDINGS
from minhos_client.contract import BAR_COLUMNS, MAX_WINDOW

NAMES = tuple(CATALOGUE)
LAGGED = with_lags(NAMES, {"log_return_1": 3, "close_location": 2, "since_open_60": 1})
WIDTH = window(LAGGED)
ROOT = Path(__file__).resolve().parents[4]
SHARE_REACHED = 0.5
Bars = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return fake_bars(np.random.default_rng(7), 300)


def values(bars: Bars, names: tuple[str, ...], ends: npt.NDArray[np.int64] | None = None, tick: float = 0.25) -> Bars:
    """With the surroundings of bars that end at ``ends`` [T], the last at the builders' usual moment by default."""
    times = fake_ends(bars.shape[-2]) if ends is None else ends
    return compute(bars, names, frame=fake_frame(bars, times, tick))


def column(bars: Bars, name: str) -> Bars:
    return values(bars, (name,))[:, 0]


class TestRange:
    @settings(max_examples=60, deadline=None)
    @given(SEEDS)
    def test_every_value_of_a_sound_market_is_finite_and_in_the_declared_range(self, seed: int) -> None:
        found = values(wild_bars(seed), NAMES)[WIDTH - 20 :]
        assert np.isfinite(found).all()
        slack = 1e-9
        for name, low, high in zip(NAMES, found.min(axis=0), found.max(axis=0), strict=True):
            assert CATALOGUE[name].low - slack <= low <= high <= CATALOGUE[name].high + slack, name

    def test_the_ranges_are_no_wider_than_wild_markets_need(self) -> None:
        found = np.concatenate([values(wild_bars(seed), NAMES)[64:] for seed in range(300)])
        reached = dict(zip(NAMES, zip(found.min(axis=0), found.max(axis=0), strict=True), strict=True))
        one_instrument = {"instrument_code"}
        for name in set(NAMES) - one_instrument:
            feature, (low, high) = CATALOGUE[name], reached[name]
            if np.isfinite(feature.high):
                assert high > SHARE_REACHED * feature.high, name
            if feature.low < 0.0 and np.isfinite(feature.low) and np.isfinite(feature.high):
                assert low < SHARE_REACHED * feature.low, name

    def test_what_has_no_bound_says_so(self) -> None:
        unbounded = {name for name, one in CATALOGUE.items() if not np.isfinite(one.low)}
        assert {"log_return_1", "macd_12_26", "ma_distance_50", "vwap_distance_20"} <= unbounded
        assert all(one.low < one.high for one in CATALOGUE.values())


class TestCausality:
    @settings(max_examples=30, deadline=None)
    @given(SEEDS, st.integers(70, 119))
    def test_a_truncated_history_gives_the_same_last_row(self, seed: int, t: int) -> None:
        bars, ends = wild_bars(seed, 120), fake_ends(120)
        early = values(bars[: t + 1], LAGGED, ends[: t + 1])
        np.testing.assert_array_equal(early[t], values(bars, LAGGED, ends)[t])

    @pytest.mark.parametrize("name", LAGGED)
    def test_nothing_before_the_lookback_is_read(self, bars: Bars, name: str) -> None:
        back, ends = lookback([name]), fake_ends(300)
        other, times = bars.copy(), ends.copy()
        other[: 100 - back + 1] *= 1.7
        times[: 100 - back + 1] -= 3_600_000_000
        whole = values(bars, (name,), ends)[100, 0]
        assert whole == values(other, (name,), times)[100, 0]
        assert whole == values(bars[101 - back : 101], (name,), ends[101 - back : 101])[-1, 0]

    @pytest.mark.parametrize("name", LAGGED)
    def test_the_first_rows_are_nan_and_no_others(self, bars: Bars, name: str) -> None:
        missing = np.isnan(column(bars, name))
        assert missing[: lookback([name]) - 1].all()
        assert not missing[lookback([name]) - 1 :].any()

    def test_a_history_too_short_for_a_feature_has_none_of_it(self, bars: Bars) -> None:
        assert np.isnan(values(bars[:10], ("ma_distance_50", "log_return_12@3"))).all()


class TestBatchAndWindow:
    """A feature over a whole history is, bit by bit, what a served window of it gives."""

    def check(self, bars: Bars) -> None:
        ends = fake_ends(len(bars))
        view = np.lib.stride_tricks.sliding_window_view
        batch = np.moveaxis(view(bars, WIDTH, axis=0), -1, 1)
        served = compute(batch, LAGGED, frame=fake_frame(batch, view(ends, WIDTH)))
        whole = values(bars, LAGGED, ends)[WIDTH - 1 :]
        np.testing.assert_allclose(served[:, -1], whole, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(served[:, -1], whole)

    @settings(max_examples=15, deadline=None)
    @given(SEEDS)
    def test_on_wild_bars(self, seed: int) -> None:
        self.check(wild_bars(seed, 160))

    def test_late_in_a_long_history(self) -> None:
        bars, ends = fake_bars(np.random.default_rng(3), 120_000), fake_ends(120_000)
        ends = ends[-1] - 60_000_000 * np.arange(len(ends) - 1, -1, -1)  # of one minute: within the session table
        whole = values(bars, LAGGED, ends)
        for t in (60_000, 90_001, 119_999):
            one = slice(t - WIDTH + 1, t + 1)
            np.testing.assert_array_equal(values(bars[one], LAGGED, ends[one])[-1], whole[t])

    def test_on_real_bars(self) -> None:
        folder = Path(os.environ.get("MINHOS_REAL_DATA", ROOT.parent / "shared" / "data"))
        file = folder / "crypto_orderflow" / "BTCUSDT_30m.csv"
        if not file.is_file():
            pytest.skip(f"no real data: {file} is absent (set MINHOS_REAL_DATA)")
        table = np.genfromtxt(file, delimiter=",", skip_header=1, usecols=(1, 2, 3, 4, 5, 8, 9), max_rows=2000)
        table = table[np.isfinite(table).all(axis=1)]
        self.check(np.column_stack([table[:, :5], table[:, 4] - table[:, 6], table[:, 6], table[:, 5]]))


class TestLags:
    def test_a_lag_is_the_value_of_so_many_bars_before(self, bars: Bars) -> None:
        found = values(bars, ("rsi_14", "rsi_14@1", "rsi_14@7"))
        np.testing.assert_array_equal(found[1:, 1], found[:-1, 0])
        np.testing.assert_array_equal(found[7:, 2], found[:-7, 0])

    def test_lags_follow_the_names_and_only_of_what_is_there(self) -> None:
        assert with_lags(("a", "rsi_14"), {"rsi_14": 2, "macd_12_26": 3}) == ("a", "rsi_14", "rsi_14@1", "rsi_14@2")

    def test_a_lag_lengthens_the_window(self) -> None:
        assert lookback(["macd_histogram_9@4"]) == lookback(["macd_histogram_9"]) + 4
        deepest = MAX_WINDOW - window(["macd_histogram_9"])
        assert window([f"macd_histogram_9@{deepest}"]) == MAX_WINDOW
        with pytest.raises(ValueError, match=f"need {MAX_WINDOW + 1} bars; the contract allows {MAX_WINDOW}"):
            window([f"macd_histogram_9@{deepest + 1}"])

    @pytest.mark.parametrize("name", ["rsi_14@0", "rsi_14@", "rsi_14@-1", "rsi_14@01", "rsi_14@1.5", "rsi_14@1@2"])
    def test_a_lag_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="is no feature with a lag: write rsi_14@1"):
            split_lag(name)

    def test_lags_of_nothing_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"unknown features \['astrology'\]"):
            with_lags(NAMES, {"astrology": 1})
        with pytest.raises(ValueError, match=r"lags must be whole numbers above 0, got {'rsi_14': 0}"):
            with_lags(NAMES, {"rsi_14": 0})


class TestUnits:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), SEEDS)
    def test_prices_and_volumes_in_other_units_change_nothing(self, price: float, volume: float, seed: int) -> None:
        bars = fake_bars(np.random.default_rng(seed), WIDTH)
        other = bars.copy()
        other[:, :4] *= price
        other[:, 4:7] *= volume
        scaled = values(other, NAMES, tick=0.25 * price)
        np.testing.assert_allclose(scaled[64:], values(bars, NAMES)[64:], rtol=1e-6, atol=1e-7)

    def test_an_outside_bar_that_reaches_as_far_up_as_down_has_no_direction_in_any_unit(self) -> None:
        bars = np.ones((40, 8))
        bars[:, :4] = [19_000.0, 19_002.5, 18_995.25, 19_000.0]
        bars[-3, 1:3] = 19_003.75, 18_994.0
        for unit in (1.0, 1.4563238700407055, 0.1, 3.7):
            other = bars.copy()
            other[:, :4] *= unit
            assert column(other, "direction_14")[-1] == 0.0, unit


class TestFlatAndEmptyBars:
    def test_flat_bars_without_trade_are_neutral_and_finite(self) -> None:
        bars = np.zeros((80, 8))
        bars[:, :4] = 123.45
        neutral = {
            "rsi_14": 0.5,
            "stochastic_14": 0.5,
            "volatility_ratio_6_24": 1.0,
            "volume_ratio_20": 1.0,
            "volume_average_5_20": 1.0,
            "trade_size_ratio_20": 1.0,
            "amihud_ratio_6_24": 1.0,
            "instrument_code": 0.5,
            "since_open_60": 390 / 450,  # the builders' last bar ends after the close
            "session_progress": 1.0,
        }
        row = values(bars, NAMES)[-1]
        assert dict(zip(NAMES, row, strict=True)) == {name: neutral.get(name, 0.0) for name in NAMES}

    @settings(max_examples=40, deadline=None)
    @given(SEEDS)
    def test_any_mixture_of_flat_empty_and_usual_bars_is_finite(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        bars = fake_bars(rng, 80)
        flat = rng.random(80) < rng.random()
        bars[flat, :4] = bars[0, 3]
        bars[rng.random(80) < rng.random(), 4:] = 0.0
        bars[rng.random(80) < 0.3, 7] = 0.0
        assert np.isfinite(values(bars, NAMES)[64:]).all()

    def test_a_close_outside_its_bar_gives_numbers_all_the_same(self, bars: Bars) -> None:
        broken = bars.copy()
        broken[:, 0], broken[:, 3] = broken[:, 1] * 1.05, broken[:, 2] / 1.05
        assert np.isfinite(values(broken, NAMES)[64:]).all()


class TestColumns:
    def test_columns_that_a_feature_does_not_read_may_hold_anything(self, bars: Bars) -> None:
        columns = BAR_COLUMNS[:5]
        holes = bars.copy()
        holes[:, 5:] = np.nan
        names = available((*columns, *SURROUNDINGS))
        np.testing.assert_array_equal(values(holes, names), values(bars, names))

    def test_what_the_source_lacks_is_left_out(self) -> None:
        assert available((*BAR_COLUMNS, *SURROUNDINGS)) == NAMES
        assert set(NAMES) - set(available((*BAR_COLUMNS, "session"))) == {"instrument_code", "tick_atr"}
        without_flow = available([c for c in BAR_COLUMNS if c not in ("bid_volume", "ask_volume")])
        assert not any("flow" in name or "delta" in name or "kyle" in name for name in without_flow)
        assert not any("volume" in name or "vwap" in name for name in available(BAR_COLUMNS[:4]))

    @pytest.mark.parametrize("columns", [BAR_COLUMNS, BAR_COLUMNS[:5], BAR_COLUMNS[:4]])
    def test_the_lstm_gets_eight_features_of_any_source_with_prices(self, columns: tuple[str, ...]) -> None:
        names = default_sequence(columns)
        assert len(set(names)) == 8
        assert set(names) <= set(available(columns))

    def test_the_window_is_the_longest_lookback_and_nineteen_steps(self) -> None:
        assert lookback(NAMES) == 65
        assert window(NAMES) == 84
        assert window(["log_return_1"]) == 25 + 19

    def test_features_of_the_session_need_its_surroundings(self, bars: Bars) -> None:
        with pytest.raises(ValueError, match="features of the session and the instrument need the surroundings"):
            compute(bars, ["since_open_60"], frame=Frame(bars))

    def test_unknown_names_are_refused_with_the_allowed_ones(self) -> None:
        with pytest.raises(ValueError, match=r"unknown features \['astrology'\]; allowed: .*rsi_14"):
            lookback(["astrology"])
        with pytest.raises(ValueError, match=r"unknown bar columns \['moon'\]"):
            available(["moon"])
