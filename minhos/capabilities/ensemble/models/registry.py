"""Every member family by its name in the contract."""

from __future__ import annotations

from typing import Final

from minhos.capabilities.ensemble.models.catboost import CatBoost
from minhos.capabilities.ensemble.models.lightgbm import LightGbm
from minhos.capabilities.ensemble.models.random_forest import RandomForest
from minhos.capabilities.ensemble.models.xgboost import XGBoost
from minhos.capabilities.prediction.api import Lstm
from minhos.errors import ConfigError
from minhos.training.families import Family

__all__ = ["FAMILIES", "family"]

FAMILIES: Final[dict[str, Family]] = {
    "lstm": Lstm(),
    "random_forest": RandomForest(),
    "xgboost": XGBoost(),
    "lightgbm": LightGbm(),
    "catboost": CatBoost(),
}


def family(name: str) -> Family:
    """The family called ``name``; raises ConfigError naming the known ones."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise ConfigError(
            f"model family: got {name!r}, but the registry has {', '.join(FAMILIES)}; add a file and a line there"
        ) from None
