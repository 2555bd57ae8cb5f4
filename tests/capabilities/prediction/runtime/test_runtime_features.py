"""Features: TA-Lib goldens, causality, neutral values, invariance to units."""

import numpy as np
import numpy.typing as npt
import pytest
import talib
from builders import fake_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.capabilities.prediction.runtime.catalogue import CATALOGUE, atr, realised_volatility
from minhos.capabilities.prediction.runtime.features import (
    available,
    compute,
    default_sequence,
    lookback,
    window,
)
from minhos_client.contract import BAR_COLUMNS

NAMES = tuple(CATALOGUE)
Bars = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def bars() -> Bars:
    return fake_bars(np.random.default_rng(7), 300)


def column(bars: Bars, name: str) -> Bars:
    return compute(bars, [name])[:, 0]


class TestAgainstTaLib:
    """Where TA-Lib's definition is windowed it must agree; where it smooths for ever, its first value is the window's."""

    def test_average_true_range_is_the_simple_mean_of_trange(self, bars: Bars) -> None:
        reach = talib.TRANGE(bars[:, 1], bars[:, 2], bars[:, 3])
        np.testing.assert_allclose(atr(bars), talib.SMA(reach, 14)[14:], rtol=1e-10)

    def test_bollinger_z(self, bars: Bars) -> None:
        upper, middle, _ = talib.BBANDS(bars[:, 3], timeperiod=20, nbdevup=1.0, nbdevdn=1.0)
        expected = (bars[:, 3] - middle) / (upper - middle)
        np.testing.assert_allclose(column(bars, "bollinger_z_20")[19:], expected[19:], rtol=1e-5, atol=1e-6)

    def test_stochastic_is_fast_k(self, bars: Bars) -> None:
        fast_k, _ = talib.STOCHF(bars[:, 1], bars[:, 2], bars[:, 3], fastk_period=14, fastd_period=1)
        np.testing.assert_allclose(column(bars, "stochastic_14")[13:], fast_k[13:] / 100.0, atol=1e-12)

    @pytest.mark.parametrize("n", [1, 3, 6, 12])
    def test_log_returns_are_the_logarithm_of_rocr(self, bars: Bars, n: int) -> None:
        expected = np.log(talib.ROCR(bars[:, 3], timeperiod=n))
        np.testing.assert_allclose(column(bars, f"log_return_{n}")[n:], expected[n:], atol=1e-12)

    @pytest.mark.parametrize("n", [10, 20, 50])
    def test_moving_average_distance(self, bars: Bars, n: int) -> None:
        reach = talib.SMA(talib.TRANGE(bars[:, 1], bars[:, 2], bars[:, 3]), 14)
        expected = (bars[:, 3] - talib.SMA(bars[:, 3], n)) / reach
        np.testing.assert_allclose(column(bars, f"ma_distance_{n}")[49:], expected[49:], atol=1e-8)

    def test_rsi_is_the_first_value_of_wilders_which_is_a_simple_mean(self, bars: Bars) -> None:
        ours = column(bars, "rsi_14")
        for t in range(14, 60):
            assert ours[t] == pytest.approx(talib.RSI(bars[t - 14 : t + 1, 3].copy(), 14)[-1] / 100.0, abs=1e-12)

    def test_volume_ratio(self, bars: Bars) -> None:
        expected = bars[:, 4] / talib.SMA(bars[:, 4].copy(), 20)
        np.testing.assert_allclose(column(bars, "volume_ratio_20")[19:], expected[19:], atol=1e-9)


class TestGoldensByHand:
    def test_order_flow_imbalance_sums_before_it_divides(self) -> None:
        bars = np.ones((12, 8))
        bars[:, 5], bars[:, 6] = 1.0, 3.0
        bars[-1, 5:7] = [10.0, 0.0]
        assert column(bars, "order_flow_imbalance_1")[-1] == -1.0
        assert column(bars, "order_flow_imbalance_6")[-1] == pytest.approx((5 * 2.0 - 10.0) / (5 * 4.0 + 10.0))

    def test_parkinson_of_a_constant_range(self) -> None:
        bars = np.ones((14, 8))
        bars[:, 1], bars[:, 2] = np.e, 1.0
        assert column(bars, "parkinson_14")[-1] == pytest.approx(1 / np.sqrt(4 * np.log(2)))

    def test_realised_volatility_of_alternating_moves(self) -> None:
        bars = np.ones((25, 8))
        bars[::2, 3] = np.exp(0.01)
        assert realised_volatility(bars)[-1] == pytest.approx(0.01)

    def test_trade_size_ratio_weighs_trades(self) -> None:
        bars = np.ones((20, 8))
        bars[:, 4], bars[:, 7] = 2.0, 1.0
        bars[-1, [4, 7]] = [40.0, 2.0]
        assert column(bars, "trade_size_ratio_20")[-1] == pytest.approx(20.0 / ((19 * 2 + 40) / (19 + 2)))

    def test_flow_lead_pairs_the_flow_with_the_next_move(self) -> None:
        bars = np.ones((30, 8))
        moves = np.where(np.arange(30) % 2 == 0, 0.01, -0.01)
        bars[:, 3] = np.exp(np.cumsum(moves))
        bars[:, 5] = np.where(moves > 0, 2.0, 0.0)
        bars[:, 6] = np.where(moves > 0, 0.0, 2.0)
        # The flow of a bar is opposite to its own move and so always of the sign of the next one.
        assert column(bars, "flow_lead_12")[-1] == pytest.approx(1.0)
        assert column(bars, "flow_move_1")[-1] == pytest.approx(-1.0)


class TestCausality:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(60, 119))
    def test_a_truncated_history_gives_the_same_last_row(self, seed: int, t: int) -> None:
        bars = fake_bars(np.random.default_rng(seed), 120)
        np.testing.assert_array_equal(compute(bars[: t + 1], NAMES)[t], compute(bars, NAMES)[t])

    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_before_the_lookback_is_read(self, bars: Bars, name: str) -> None:
        back = CATALOGUE[name].lookback
        other = bars.copy()
        other[: 100 - back + 1] *= 1.7
        assert column(bars, name)[100] == column(other, name)[100]
        assert column(bars, name)[100] == column(bars[101 - back : 101], name)[-1]

    @pytest.mark.parametrize("name", NAMES)
    def test_the_first_rows_are_nan_and_no_others(self, bars: Bars, name: str) -> None:
        missing = np.isnan(column(bars, name))
        assert missing[: CATALOGUE[name].lookback - 1].all()
        assert not missing[CATALOGUE[name].lookback - 1 :].any()

    def test_batched_windows_equal_the_history(self, bars: Bars) -> None:
        width = window(NAMES)
        batch = np.moveaxis(np.lib.stride_tricks.sliding_window_view(bars, width, axis=0), -1, 1)
        np.testing.assert_array_equal(compute(batch, NAMES)[:, -1], compute(bars, NAMES)[width - 1 :])


class TestUnits:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
    def test_prices_and_volumes_in_other_units_change_nothing(self, price: float, volume: float, seed: int) -> None:
        bars = fake_bars(np.random.default_rng(seed), 70)
        other = bars.copy()
        other[:, :4] *= price
        other[:, 4:7] *= volume
        np.testing.assert_allclose(compute(other, NAMES)[49:], compute(bars, NAMES)[49:], rtol=1e-6, atol=1e-7)


class TestFlatAndEmptyBars:
    def test_flat_bars_without_trade_are_neutral_and_finite(self) -> None:
        bars = np.zeros((80, 8))
        bars[:, :4] = 123.45
        neutral = {
            "rsi_14": 0.5,
            "stochastic_14": 0.5,
            "volatility_ratio_6_24": 1.0,
            "volume_ratio_20": 1.0,
            "trade_size_ratio_20": 1.0,
        }
        row = compute(bars, NAMES)[-1]
        assert dict(zip(NAMES, row, strict=True)) == {name: neutral.get(name, 0.0) for name in NAMES}

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_any_mixture_of_flat_empty_and_usual_bars_is_finite(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        bars = fake_bars(rng, 80)
        flat = rng.random(80) < rng.random()
        bars[flat, :4] = bars[0, 3]
        bars[rng.random(80) < rng.random(), 4:] = 0.0
        bars[rng.random(80) < 0.3, 7] = 0.0
        assert np.isfinite(compute(bars, NAMES)[49:]).all()


class TestColumns:
    def test_columns_that_a_feature_does_not_read_may_hold_anything(self, bars: Bars) -> None:
        columns = BAR_COLUMNS[:5]
        holes = bars.copy()
        holes[:, 5:] = np.nan
        names = available(columns)
        np.testing.assert_array_equal(compute(holes, names), compute(bars, names))

    def test_what_the_source_lacks_is_left_out(self) -> None:
        assert available(BAR_COLUMNS) == NAMES
        without_flow = available([c for c in BAR_COLUMNS if c not in ("bid_volume", "ask_volume")])
        assert not any("flow" in name for name in without_flow)
        assert not any("volume" in name or "vwap" in name for name in available(BAR_COLUMNS[:4]))

    @pytest.mark.parametrize("columns", [BAR_COLUMNS, BAR_COLUMNS[:5], BAR_COLUMNS[:4]])
    def test_the_lstm_gets_eight_features_of_any_source_with_prices(self, columns: tuple[str, ...]) -> None:
        names = default_sequence(columns)
        assert len(set(names)) == 8
        assert set(names) <= set(available(columns))

    def test_the_window_is_the_longest_lookback_and_nineteen_steps(self) -> None:
        assert lookback(NAMES) == 50
        assert window(NAMES) == 69
        assert window(["log_return_1"]) == 25 + 19

    def test_unknown_names_are_refused_with_the_allowed_ones(self) -> None:
        with pytest.raises(ValueError, match=r"unknown features \['astrology'\]; allowed: .*rsi_14"):
            lookback(["astrology"])
        with pytest.raises(ValueError, match=r"unknown bar columns \['moon'\]"):
            available(["moon"])
