"""The catalogue of features, a file per idea; each feature is declared once (`declaration.Feature`).

Part of the runtime that a release carries: NumPy, the standard library and the contract only.
"""

from __future__ import annotations

from typing import Final

from minhos.capabilities.prediction.runtime.catalogue import (
    microstructure,
    prices,
    surroundings,
    technical,
    volatility,
    volumes,
)
from minhos.capabilities.prediction.runtime.catalogue.declaration import Feature
from minhos.capabilities.prediction.runtime.catalogue.frame import (
    ATR_BARS,
    VOLATILITY_BARS,
    Frame,
    atr,
    ratio,
    realised_volatility,
)

__all__ = [
    "ATR_BARS",
    "CATALOGUE",
    "GROUPS",
    "VOLATILITY_BARS",
    "Feature",
    "Frame",
    "atr",
    "ratio",
    "realised_volatility",
]

GROUPS: Final[dict[str, tuple[Feature, ...]]] = {
    "price": prices.FEATURES,
    "technical": technical.FEATURES,
    "volatility": volatility.FEATURES,
    "volume": volumes.FEATURES,
    "microstructure": microstructure.FEATURES,
    "session and instrument": surroundings.FEATURES,
}

CATALOGUE: Final[dict[str, Feature]] = {feature.name: feature for group in GROUPS.values() for feature in group}
