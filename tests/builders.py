"""Small, deterministic stand-ins for data and models: parameters of a tiny release, bar windows, linear predictors.

``from builders import tiny_parameters``: the folder ``tests`` is on pytest's path (``pythonpath`` in pyproject.toml).
Nothing here replaces a component of the chain: the predictors stand where the ONNX sessions stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.runtime.catalogue import Frame
from minhos.capabilities.prediction.runtime.features import available, default_sequence, window, with_lags
from minhos.capabilities.prediction.runtime.surroundings import SURROUNDINGS, Places, SurroundingsTable
from minhos_client.contract import BAR_COLUMNS, MEMBERS, encode_bytes

__all__ = [
    "DATA_THROUGH",
    "REGIMES",
    "TIMEFRAME_SECONDS",
    "fake_bars",
    "fake_ends",
    "fake_frame",
    "fake_request",
    "fake_windows",
    "linear_predictors",
    "tiny_parameters",
    "tiny_surroundings",
    "wild_bars",
]

TIMEFRAME_SECONDS = 1800
DATA_THROUGH = 1_735_689_600_000_000  # 2025-01-01T00:00Z
MICROSECONDS = 1_000_000
REGIMES = ("calm_ranging", "calm_trending", "volatile_ranging", "volatile_trending")

Predictor = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def tiny_parameters(symbols: Sequence[str], bid_ask: bool = True) -> dict[str, Any]:
    """``parameters.json`` of a tiny release with a proven edge; without ``bid_ask`` those columns are not used.

    The first instrument is like the micro contract MNQ, the second like ES, and so on in turn.
    """
    columns = list(BAR_COLUMNS) if bid_ask else [c for c in BAR_COLUMNS if c not in ("bid_volume", "ask_volume")]
    tabular = list(with_lags(available([*columns, *SURROUNDINGS]), {"log_return_1": 3, "close_location": 2}))
    sequence = list(default_sequence(columns))
    size = len(symbols)
    correlation = np.full((size, size), 0.5) + 0.5 * np.eye(size)
    instruments = {
        symbol: {
            "tick_size": 0.25,
            "point_value": (2.0, 50.0)[index % 2],
            "currency": "USD",
            "cost_ticks_round_trip": 1.0,
            "cost_fraction_round_trip": 0.0,
            "max_contracts": 10,
            "volatility_reference": 0.01,
        }
        for index, symbol in enumerate(symbols)
    }
    return {
        "contract_version": 1,
        "timeframe_seconds": TIMEFRAME_SECONDS,
        "window": window([*tabular, *sequence]),
        "data_through": DATA_THROUGH,
        "max_age_seconds": 345_600,
        "max_staleness_seconds": 5400,
        "columns": columns,
        "features": {"tabular": tabular, "sequence": sequence},
        "regime": {
            "names": list(REGIMES),
            "volatility": {
                "names": ["calm", "volatile"],
                "transition": [[0.97, 0.03], [0.06, 0.94]],
                "means": [0.0001, -0.0002],
                "stds": [0.0007, 0.002],
                "stationary": [2 / 3, 1 / 3],
            },
            "trend": {
                "names": ["ranging", "trending"],
                "transition": [[0.95, 0.05], [0.1, 0.9]],
                "means": [0.15, 0.4],
                "stds": [0.1, 0.15],
                "stationary": [2 / 3, 1 / 3],
            },
            "trend_bars": 16,
        },
        "stacking": {
            "intercept": 0.0,
            "weights": {
                "calm_ranging": dict(zip(MEMBERS, (0.3, 0.2, 0.2, 0.2, 0.1), strict=True)),
                "calm_trending": dict(zip(MEMBERS, (0.3, 0.2, 0.2, 0.2, 0.1), strict=True)),
                "volatile_ranging": dict(zip(MEMBERS, (0.25, 0.25, 0.2, 0.2, 0.1), strict=True)),
                "volatile_trending": dict(zip(MEMBERS, (0.35, 0.2, 0.15, 0.2, 0.1), strict=True)),
            },
        },
        "calibration": {
            name: {
                "x": [0.0, 0.5, 1.0],
                "low": [0.04, 0.49, 0.94],
                "point": [0.05, 0.5, 0.95],
                "high": [0.06, 0.51, 0.96],
            }
            for name in (*MEMBERS, "ensemble")
        },
        "win": {
            "x": [0.0, 0.5, 1.0],
            "low": [0.3, 0.55, 0.75],
            "point": [0.35, 0.6, 0.8],
            "high": [0.4, 0.65, 0.85],
            "samples": 1000,
            "min_samples": 200,
        },
        "thresholds": {"confidence": 0.02, "agreement": 0.5},
        "barriers": {"stop_atr": 1.0, "target_atr": 1.0, "horizon_bars": 6},
        "sizing": {
            "kelly_fraction": 0.25,
            "max_risk_fraction": 0.02,
            "max_notional_fraction": 3.0,
            "max_drawdown": 0.2,
            "interval_z": 1.645,
        },
        "edge_proven": True,
        "correlation": {"symbols": list(symbols), "matrix": correlation.tolist()},
        "instruments": instruments,
        "surroundings": tiny_surroundings(symbols),
    }


def tiny_surroundings(symbols: Sequence[str]) -> dict[str, Any]:
    """Two markets, in turn: one open all day, one for 6.5 h; every day from 2024-10 to 2025-06."""
    days = DATA_THROUGH // MICROSECONDS + 86_400 * np.arange(-90, 180)
    hours = {"all_day": (0, 86_400), "day": (14 * 3600 + 1800, 21 * 3600)}
    return {
        "sessions": {
            name: {"open_seconds": (days + opens).tolist(), "close_seconds": (days + closes).tolist()}
            for name, (opens, closes) in hours.items()
        },
        "instruments": {
            symbol: {"session": list(hours)[index % 2], "code": (index + 0.5) / len(symbols)}
            for index, symbol in enumerate(symbols)
        },
    }


def fake_bars(rng: np.random.Generator, bars: int, *, start_price: float = 20_000.0) -> npt.NDArray[np.float64]:
    """A random walk on a 0.25 grid with order flow and trades, ``float64 [bars, 8]``; a few bars without trade."""
    close = start_price * np.exp(np.cumsum(rng.normal(0.0, 0.001, bars)))
    close = np.round(close * 4) / 4
    opened = np.concatenate([[close[0]], close[:-1]])
    wick = np.round(rng.exponential(8.0, (2, bars)) * 4) / 4
    volume = rng.integers(0, 2000, bars).astype(np.float64)
    ask = np.floor(volume * rng.uniform(0.2, 0.8, bars))
    trades = np.ceil(volume / rng.integers(1, 5, bars))
    high, low = np.maximum(opened, close) + wick[0], np.minimum(opened, close) - wick[1]
    return np.stack([opened, high, low, close, volume, volume - ask, ask, trades], axis=1)


def wild_bars(seed: int, count: int = 100) -> npt.NDArray[np.float64]:
    """Sound bars of any kind: jumps, runs, flat stretches, closes on the extremes, volumes of 12 orders, none at all."""
    rng = np.random.default_rng(seed)
    move = rng.standard_t(1.5, count) * 10.0 ** rng.uniform(-5, -1.5) + 10.0 ** rng.uniform(-6, -2) * rng.normal()
    move = np.where(rng.random(count) < rng.random() ** 2, 0.0, np.clip(move, -0.5, 0.5))
    move[rng.integers(count)] += (rng.random() < 0.2) * rng.normal(0.0, 3.0)  # a split that was not adjusted
    close = 100.0 * np.exp(np.cumsum(move))
    gap = np.where(rng.random(count) < 0.3, rng.normal(0.0, 0.01, count), 0.0)
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(gap)
    wick = np.where(rng.random((2, count)) < rng.random(), 0.0, np.abs(rng.standard_t(2, (2, count))) * 0.002)
    high, low = np.maximum(opened, close) * np.exp(wick[0]), np.minimum(opened, close) * np.exp(-wick[1])
    volume = np.exp(rng.normal(0.0, 10.0 ** rng.uniform(-1, 0.8), count)) * (rng.random(count) > rng.random() ** 2)
    side = rng.beta(*10.0 ** rng.uniform(-1, 1, 2), count)
    known = volume * (rng.random(count) > rng.random() ** 2)
    trades = np.ceil(volume / rng.uniform(0.5, 20.0, count)) * (rng.random(count) > 0.1)
    return np.stack([opened, high, low, close, volume, known * (1 - side), known * side, trades], axis=1)


def fake_ends(bars: int) -> npt.NDArray[np.int64]:
    """``bar_end`` int64 [bars], the last at DATA_THROUGH."""
    return DATA_THROUGH - TIMEFRAME_SECONDS * MICROSECONDS * np.arange(bars - 1, -1, -1, dtype=np.int64)


def fake_frame(bars: npt.NDArray[np.float64], bar_end: npt.NDArray[np.int64], tick_size: float = 0.25) -> Frame:
    """The frame of ``bars [T, 8]`` or ``[B, T, 8]`` that end at ``bar_end [T]``, in the market of 6.5 h a day."""
    symbols = ("A", "B", "C")
    table = SurroundingsTable(**tiny_surroundings(symbols))
    places = Places(table, symbols, np.full(len(symbols), tick_size))
    if bars.ndim == 2:
        return Frame(bars, places.of_history("B", bar_end))
    rows = np.full(len(bars), 1, dtype=np.int64)
    return Frame(bars, places.of_windows(rows, np.broadcast_to(bar_end, bars.shape[:2])))


def fake_windows(
    rng: np.random.Generator, rows: int, width: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """``(bars float64 [rows, width, 8], bar_end int64 [rows, width])``; the last bar of each row ends at DATA_THROUGH."""
    bars = np.stack([fake_bars(rng, width) for _ in range(rows)])
    return bars, np.repeat(fake_ends(width)[None, :], rows, axis=0)


def fake_request(
    rng: np.random.Generator, symbols: Sequence[str], width: int, *, equity: float = 1_000_000.0
) -> dict[str, npt.NDArray[Any]]:
    """The contract's inputs, one row per symbol, asked one minute after the last bar."""
    rows = len(symbols)
    bars, bar_end = fake_windows(rng, rows, width)
    return {
        "BARS": bars,
        "BAR_END": bar_end,
        "AS_OF": bar_end[:, -1:] + 60 * MICROSECONDS,
        "INSTRUMENT": encode_bytes(list(symbols)),
        "PORTFOLIO": np.tile([equity, equity, equity, 0.0, 1.0, 1.0], (rows, 1)),
    }


def linear_predictors(parameters: Mapping[str, Any]) -> dict[str, Predictor]:
    """Five members and ``win_probability``: a logistic function of the bounded mean input, the same on every machine."""
    sizes = {name: len(parameters["features"]["tabular"]) for name in MEMBERS}
    sizes["lstm"] = 20 * len(parameters["features"]["sequence"])
    sizes["win_probability"] = sizes["xgboost"] + 4

    def linear(size: int, phase: float) -> Predictor:
        weights = np.cos(phase + np.arange(size)) / np.sqrt(size)

        def predict(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            flat = np.clip(x.reshape(x.shape[0], size).astype(np.float64), -5.0, 5.0)
            score = (flat * weights).sum(axis=1, keepdims=True)
            p: npt.NDArray[np.float32] = (1.0 / (1.0 + np.exp(-score))).astype(np.float32)
            return p

        return predict

    return {name: linear(size, float(index)) for index, (name, size) in enumerate(sizes.items())}
