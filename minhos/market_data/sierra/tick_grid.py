"""Prices of a binary file in the market's own numbers: multiplied, and put on the tick grid that float32 has blurred."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError

__all__ = ["market_prices"]

_NOISE_TICKS: Final = 0.1

Floats = npt.NDArray[np.float64]


def market_prices(
    stored: Floats, *, multiplier: float, tick_size: float | None
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Prices as people quote them, float64 of the shape of `stored`, and which of them are not on the tick grid.

    `stored`: float32 numbers of a file, as float64. Price = stored x `multiplier`. With a `tick_size` a price within 0.1
    tick of the grid, or within what float32 can blur, becomes its multiple, the very float64 that its decimal text is read
    as (62.07, not 62.06999969); one that is further away is left as it is and marked, for it is no noise. Without one
    nothing is rounded or marked. Raises `BadInputError` for a multiplier or tick size that is not positive.
    """
    if not (np.isfinite(multiplier) and multiplier > 0):
        raise BadInputError(f"a price multiplier of {multiplier} is not possible: it must be positive (1 leaves as is)")
    prices = stored * multiplier
    if tick_size is None:
        return prices, np.zeros(prices.shape, dtype=np.bool_)
    if not (np.isfinite(tick_size) and tick_size > 0):
        raise BadInputError(f"a tick size of {tick_size} is not possible: it must be positive")
    ticks = prices / tick_size
    whole = np.round(ticks)
    half_step = np.spacing(np.abs(stored)) * 2.0**28  # of float32, which has 29 bits less than float64
    blur = half_step * multiplier / tick_size
    off_grid = np.abs(ticks - whole) > np.clip(blur, _NOISE_TICKS, 0.5)
    off_grid |= blur >= 0.5  # neighbouring ticks are one number here: nothing says which it was
    exact = Decimal(repr(float(tick_size)))
    exponent = exact.as_tuple().exponent
    decimals = max(0, -exponent) if isinstance(exponent, int) else 0
    # a quotient of two whole numbers is the float64 nearest to the decimal, which whole * tick_size is not
    on_grid = whole * float(exact.scaleb(decimals)) / 10.0**decimals
    return np.where(off_grid, prices, on_grid), off_grid
