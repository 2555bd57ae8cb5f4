"""What the tick alone gives a predictor: where a close lies within its tick, and that a tie is not "up".

The price is a martingale, its log normal over the horizon with variance s^2. A close is the tick under the price, or the one
above it by a fair coin. With f the place of the price within its tick (0 to 1), c the coin, d = s x price / tick the
deviation in ticks, the next close is higher by a tick at least with probability

    P = (Phi((f - c - s d / 2) / d) + Phi((f - c - 1 - s d / 2) / d)) / 2

(its coin is 1 or 0; -s d / 2 is the martingale's drift in ticks). Nobody knows more than f, c and the volatility to come:
the mean of max(P, 1 - P) is the limit of every predictor. It is about 1/2 + 0.25 / d: 0.51 where d is 25 ticks.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from minhos.market_data.synthetic.steps import Floats

__all__ = ["bounce_limit"]

_PLACES: Final = 16


def bounce_limit(variance: Floats, ticks: Floats) -> float:
    """The limit. `variance` float64 [N]: of the log price over the horizon of a decision; `ticks` [N]: price / tick then."""
    from scipy.special import ndtr

    s = np.sqrt(variance)
    d = s * ticks
    total = 0.0
    for place in (np.arange(_PLACES) + 0.5) / _PLACES:
        for coin in (0, 1):
            z = (place - coin) / d - s / 2
            up = (ndtr(z) + ndtr(z - 1 / d)) / 2
            total += float(np.mean(np.maximum(up, 1 - up)))
    return total / (2 * _PLACES)
