"""How the prices of earlier contracts are put into units of the newest one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.rolls.schedule import Roll, RollPrices
from minhos_client.contract import BAR_COLUMNS

__all__ = ["ADJUSTMENTS", "Adjustment", "PriceScale", "price_scale", "why_no_ratio"]

Adjustment = Literal["none", "difference", "ratio"]
ADJUSTMENTS: tuple[Adjustment, ...] = ("none", "difference", "ratio")
_PRICES = slice(BAR_COLUMNS.index("open"), BAR_COLUMNS.index("close") + 1)


@dataclass(frozen=True, eq=False)
class PriceScale:
    """Adjusted price = traded price x `ratio` + `shift`, bar by bar: float64 [T] each, 1 and 0 for the newest contract."""

    ratio: npt.NDArray[np.float64]
    shift: npt.NDArray[np.float64]

    def adjusted(self, traded: BarSeries) -> BarSeries:
        """The bars with open, high, low and close in units of the newest contract; volumes as they are."""
        if bool((self.ratio == 1.0).all()) and not self.shift.any():
            return traded
        values = traded.values.copy()
        values[:, _PRICES] *= self.ratio[:, np.newaxis]
        values[:, _PRICES] += self.shift[:, np.newaxis]
        return replace(traded, values=values)


def price_scale(contract: npt.NDArray[np.int64], rolls: Sequence[Roll], adjustment: Adjustment) -> PriceScale:
    """The scale of bars of which bar t is of the contract number `contract[t]` [T], with a roll after each but the last.

    Raises `BadInputError` for a roll without prices (unless "none"), and with "ratio" for one at which a price is not
    positive.
    """
    ratios, shifts = np.ones(len(rolls) + 1), np.zeros(len(rolls) + 1)
    if adjustment == "ratio":
        ratios[:-1] = np.cumprod([_prices_of(roll).ratio for roll in reversed(rolls)])[::-1]
    elif adjustment == "difference":
        shifts[:-1] = np.cumsum([_prices_of(roll).difference for roll in reversed(rolls)])[::-1]
    return PriceScale(ratio=ratios[contract], shift=shifts[contract])


def why_no_ratio(traded: BarSeries, rolls: Sequence[Roll]) -> str | None:
    """Why these bars cannot be adjusted by ratio, in words: a price that is not positive; None where they can."""
    for roll in rolls:
        if roll.prices is not None and min(roll.prices.price_from, roll.prices.price_to) <= 0:
            return f"{roll.prices.price_from:g} and {roll.prices.price_to:g} at {iso(roll.prices.at_us)} have no ratio"
    prices = traded.values[:, _PRICES]
    rows = np.flatnonzero((prices <= 0).any(axis=1))
    if rows.size:
        return f"a price of {prices[rows[0]].min():g} at {iso(int(traded.bar_end[rows[0]]))} has no ratio to another"
    return None


def _prices_of(roll: Roll) -> RollPrices:
    if roll.prices is None:
        raise BadInputError(
            f"{roll.from_contract} and {roll.to_contract} have no bar in common before the roll at "
            f"{iso(roll.effective_us)}, so the step between them is not known; give bars of {roll.to_contract} from before "
            'it, or use adjustment="none"'
        )
    return roll.prices
