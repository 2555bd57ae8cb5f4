"""`parameters.json` put together: what a release's runtime needs, from the recipe, the instruments and what was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from minhos.capabilities.prediction.runtime.features import available, default_sequence, window
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.night.recipe import Recipe
from minhos.training.isotonic import IDENTITY
from minhos_client.contract import BAR_COLUMNS, MEMBERS, VERSION

__all__ = ["ONE_REGIME", "columns_in_use", "feature_parameters", "instrument_table", "untrained"]


def columns_in_use(series: Sequence[BarSeries]) -> list[str]:
    """The contract columns that every instrument has; a column that one of them lacks is used for none."""
    return [name for name in BAR_COLUMNS if all(one.has(name) for one in series)]


def feature_parameters(series: Sequence[BarSeries], recipe: Recipe) -> dict[str, Any]:
    """The sections that are known before anything is learned: time, window, columns, features, thresholds, sizing."""
    columns = columns_in_use(series)
    tabular, sequence = list(available(columns)), list(default_sequence(columns))
    seconds = series[0].timeframe_seconds
    return {
        "contract_version": VERSION,
        "timeframe_seconds": seconds,
        "window": window([*tabular, *sequence]),
        "data_through": max(int(one.bar_end[-1]) for one in series),
        "max_age_seconds": int(recipe.max_age_days * 86_400),
        "max_staleness_seconds": int(recipe.max_staleness_bars * seconds),
        "columns": columns,
        "features": {"tabular": tabular, "sequence": sequence},
        "thresholds": recipe.thresholds.model_dump(),
        "barriers": {
            "stop_atr": recipe.stop_atr,
            "target_atr": recipe.target_atr,
            "horizon_bars": recipe.horizon_bars,
        },
        "sizing": recipe.sizing.model_dump(),
        "edge_proven": False,
    }


def instrument_table(
    instruments: Mapping[str, Instrument], volatility: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """The ``instruments`` section; ``volatility`` is each symbol's reference (median per-bar volatility of training)."""
    return {
        symbol: {
            "tick_size": instrument.tick_size,
            "point_value": instrument.point_value,
            "currency": instrument.currency,
            "cost_ticks_round_trip": instrument.cost_ticks_round_trip,
            "cost_fraction_round_trip": instrument.cost_fraction_round_trip,
            "max_contracts": instrument.max_contracts,
            "volatility_reference": volatility[symbol],
        }
        for symbol, instrument in instruments.items()
    }


_ALWAYS: Final = {"transition": [[1.0]], "means": [0.0], "stds": [1.0], "stationary": [1.0]}
ONE_REGIME: Final = {
    "names": ["any_any"],
    "volatility": {"names": ["any"], **_ALWAYS},
    "trend": {"names": ["any"], **_ALWAYS},
    "trend_bars": 2,
}
"""The ``regime`` section before any filter is fitted: one regime that is always there."""


def untrained(symbols: Sequence[str], regime: Mapping[str, Any] = ONE_REGIME) -> dict[str, Any]:
    """The learned sections before learning: identities that make the runtime's features step usable on its own.

    Nothing is ever decided with them: the win table knows nothing, so every decision is neutral.
    """
    equal = {name: 1.0 / len(MEMBERS) for name in MEMBERS}
    return {
        "regime": dict(regime),
        "stacking": {"intercept": 0.0, "weights": dict.fromkeys(regime["names"], equal)},
        "calibration": dict.fromkeys((*MEMBERS, "ensemble"), IDENTITY),
        "win": {
            "x": [0.0, 1.0],
            "low": [0.0, 0.0],
            "point": [0.5, 0.5],
            "high": [1.0, 1.0],
            "samples": 0,
            "min_samples": 1,
        },
        "correlation": {"symbols": list(symbols), "matrix": np.eye(len(symbols)).tolist()},
    }
