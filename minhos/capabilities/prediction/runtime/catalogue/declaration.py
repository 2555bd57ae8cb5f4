"""What is said of a feature, once: its name, lookback, needs, range, formula and source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from minhos.capabilities.prediction.runtime.catalogue.frame import Frame
from minhos.capabilities.prediction.runtime.rolling import FloatArray

__all__ = ["FLOW", "PRICES", "TRADES", "UNBOUNDED", "VOLUME", "Compute", "Feature"]

Compute = Callable[[Frame], FloatArray]

PRICES: Final = frozenset({"open", "high", "low", "close"})
VOLUME: Final = PRICES | {"volume"}
FLOW: Final = PRICES | {"bid_volume", "ask_volume"}
TRADES: Final = VOLUME | {"trades"}

UNBOUNDED: Final = (-inf, inf)


@dataclass(frozen=True)
class Feature:
    """One feature.

    ``lookback``: bars that it reads, up to and with its own. ``needs``: the bar columns and surroundings that it reads.
    ``low``, ``high``: its values lie in ``low..high`` for bars whose open and close lie within high and low; infinite
    where they have no bound. ``source``: its formula and where that comes from. ``compute``: a function of a `Frame` that
    returns ``[..., T - lookback + 1]`` or more, aligned at the end: the last element belongs to the last bar.

    Prices and volumes enter as ratios only, so every feature is unchanged when all prices (the tick with them) or all
    volumes are multiplied by a constant. What is undefined on a flat or empty bar has a stated neutral value; a finite,
    positive input never gives NaN (but for a moment outside the release's session table).
    """

    name: str
    lookback: int
    needs: frozenset[str]
    low: float
    high: float
    source: str
    compute: Compute
