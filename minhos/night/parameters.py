"""`parameters.json` put together: what a release's runtime needs, from the recipe, the instruments and what was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from minhos.capabilities.prediction.runtime.features import available, default_sequence, window, with_lags
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import sessions_from_to
from minhos.market_data.timeframes import DAY_SECONDS
from minhos.night.recipe import Recipe
from minhos.training.isotonic import IDENTITY
from minhos_client.contract import BAR_COLUMNS, MEMBERS, VERSION

__all__ = [
    "ONE_REGIME",
    "columns_in_use",
    "feature_parameters",
    "instrument_table",
    "surroundings_in_use",
    "surroundings_table",
    "untrained",
]


def columns_in_use(series: Sequence[BarSeries]) -> list[str]:
    """The contract columns that every instrument has; a column that one of them lacks is used for none."""
    return [name for name in BAR_COLUMNS if all(one.has(name) for one in series)]


def surroundings_in_use(series: Sequence[BarSeries]) -> list[str]:
    """What features may read beside the columns: the session of intraday bars, and who it is where there are several."""
    intraday = series[0].timeframe_seconds < DAY_SECONDS
    return [*(["session"] if intraday else []), "tick_size", *(["code"] if len(series) > 1 else [])]


def feature_parameters(series: Sequence[BarSeries], recipe: Recipe) -> dict[str, Any]:
    """The sections that are known before anything is learned: time, window, columns, features, thresholds, sizing."""
    columns = columns_in_use(series)
    tabular = with_lags(available([*columns, *surroundings_in_use(series)]), recipe.inputs.lags)
    sequence = recipe.inputs.sequence or default_sequence(columns)
    seconds = series[0].timeframe_seconds
    return {
        "contract_version": VERSION,
        "timeframe_seconds": seconds,
        "window": window([*tabular, *sequence]),
        "data_through": max(int(one.bar_end[-1]) for one in series),
        "max_age_seconds": int(recipe.max_age_days * 86_400),
        "max_staleness_seconds": int(recipe.max_staleness_bars * seconds),
        "columns": columns,
        "features": {"tabular": list(tabular), "sequence": list(sequence)},
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


def surroundings_table(
    series: Sequence[BarSeries], instruments: Mapping[str, Instrument], recipe: Recipe
) -> dict[str, Any]:
    """The ``surroundings`` section: sessions from before the first bar until after the release expires; codes.

    Instruments with the same hours share a table, which has the name of the first of them. A code is the instrument's
    place in the alphabetical list: which one it is, and nothing that was measured on its bars.
    """
    first_us = min(int(one.bar_end[0]) for one in series)
    last_us = max(int(one.bar_end[-1]) for one in series) + round(recipe.max_age_days * DAY_SECONDS) * 1_000_000
    owners: dict[Any, str] = {}
    sessions = {}
    for symbol, instrument in instruments.items():
        if owners.setdefault(instrument.session, symbol) == symbol:
            found = sessions_from_to(first_us, last_us, instrument.session)
            sessions[symbol] = {
                "open_seconds": (found.open_us // 1_000_000).tolist(),
                "close_seconds": (found.close_us // 1_000_000).tolist(),
            }
    ranks = {symbol: rank for rank, symbol in enumerate(sorted(instruments))}
    listing = {
        symbol: {"session": owners[instrument.session], "code": (ranks[symbol] + 0.5) / len(ranks)}
        for symbol, instrument in instruments.items()
    }
    return {"sessions": sessions, "instruments": listing}


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
