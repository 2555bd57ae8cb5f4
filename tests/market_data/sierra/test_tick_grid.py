from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.sierra.tick_grid import market_prices


def blurred(*prices: float) -> np.ndarray:
    return np.array(prices, dtype=np.float32).astype(np.float64)


def test_the_noise_of_float32_is_gone_to_the_last_bit() -> None:
    assert blurred(62.07)[0] != 62.07
    prices, off_grid = market_prices(blurred(62.07, -37.63, 0.0, 61.92), multiplier=1.0, tick_size=0.01)
    assert prices.tolist() == [62.07, -37.63, 0.0, 61.92]
    assert not off_grid.any()


@given(
    tick=st.sampled_from(["0.25", "0.01", "0.00005", "0.03125", "0.0001", "0.1", "5", "0.0000005", "1e-8"]),
    whole=st.integers(-1_000_000, 1_000_000),
)
def test_every_multiple_of_a_tick_becomes_the_number_that_its_text_is_read_as(tick: str, whole: int) -> None:
    price = float(Decimal(tick) * whole)
    prices, off_grid = market_prices(blurred(price), multiplier=1.0, tick_size=float(tick))
    assert (prices[0], off_grid[0]) == (price, False)


def test_the_multiplier_scales_native_prices() -> None:
    prices, off_grid = market_prices(blurred(404_875.0), multiplier=0.01, tick_size=0.25)
    assert (prices.tolist(), off_grid.tolist()) == ([4048.75], [False])


def test_a_price_off_the_grid_is_left_and_marked() -> None:
    prices, off_grid = market_prices(blurred(100.03, 100.11, 100.25), multiplier=1.0, tick_size=0.25)
    assert off_grid.tolist() == [True, True, False]
    assert prices[:2].tolist() == blurred(100.03, 100.11).tolist()
    assert market_prices(blurred(100.02), multiplier=1.0, tick_size=0.25)[0].tolist() == [100.0]  # under 0.1 tick


def test_large_prices_are_rounded_as_long_as_float32_tells_ticks_apart() -> None:
    # near 100 000 neighbouring float32 numbers are 1/128 apart: 0.01 is told, 0.001 is not
    prices, off_grid = market_prices(blurred(100_000.13), multiplier=1.0, tick_size=0.01)
    assert (prices.tolist(), off_grid.tolist()) == ([100_000.13], [False])
    assert market_prices(blurred(100_000.13), multiplier=1.0, tick_size=0.001)[1].tolist() == [True]


def test_without_a_tick_size_nothing_is_rounded() -> None:
    prices, off_grid = market_prices(blurred(62.07), multiplier=2.0, tick_size=None)
    assert (prices.tolist(), off_grid.tolist()) == ((2 * blurred(62.07)).tolist(), [False])


@pytest.mark.parametrize("bad", [0.0, -0.25, float("nan"), float("inf")])
def test_multiplier_and_tick_size_must_be_positive(bad: float) -> None:
    with pytest.raises(BadInputError, match=r"a price multiplier of .* must be positive"):
        market_prices(blurred(1.0), multiplier=bad, tick_size=None)
    with pytest.raises(BadInputError, match=r"a tick size of .* must be positive"):
        market_prices(blurred(1.0), multiplier=1.0, tick_size=bad)
