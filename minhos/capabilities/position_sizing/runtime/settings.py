"""What the sizer needs to know: thresholds, barriers, sizing limits, instruments, correlation. Frozen and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Barriers", "Correlation", "FloatArray", "Instrument", "Sizing", "Thresholds"]

FloatArray = npt.NDArray[np.float64]


def _number(name: str, value: object, low: float, high: float = math.inf, *, above: bool = False) -> None:
    """``value`` must be a finite number in ``low..high`` (``above``: strictly above ``low``)."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not low <= value <= high or (above and value == low):  # type: ignore[operator]
        limit = f"{'> ' if above else '>= '}{low}" + ("" if high == math.inf else f" and <= {high}")
        raise ValueError(f"{name} must be a finite number {limit}, got {value!r}")


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number in {low}..{high}, got {value!r}")


@dataclass(frozen=True)
class Thresholds:
    """Least confidence and agreement (0..1) for a direction other than 0."""

    confidence: float
    agreement: float

    def __post_init__(self) -> None:
        _number("confidence", self.confidence, 0.0, 1.0)
        _number("agreement", self.agreement, 0.0, 1.0)


@dataclass(frozen=True)
class Barriers:
    """Stop and target in multiples of the ATR, horizon in bars: what the win probability speaks of."""

    stop_atr: float
    target_atr: float
    horizon_bars: int

    def __post_init__(self) -> None:
        _number("stop_atr", self.stop_atr, 0.0, 100.0, above=True)
        _number("target_atr", self.target_atr, 0.0, 100.0, above=True)
        _whole("horizon_bars", self.horizon_bars, 1, 10_000)


@dataclass(frozen=True)
class Sizing:
    """Kelly's fraction and the caps; fractions of equity. ``max_drawdown``: at this loss from the peak the size is 0.

    ``interval_z`` turns the half-width of the win interval into a standard deviation (1.645 for a 90 % interval).
    """

    kelly_fraction: float
    max_risk_fraction: float
    max_notional_fraction: float
    max_drawdown: float
    interval_z: float

    def __post_init__(self) -> None:
        _number("kelly_fraction", self.kelly_fraction, 0.0, 1.0)
        _number("max_risk_fraction", self.max_risk_fraction, 0.0, 1.0)
        _number("max_notional_fraction", self.max_notional_fraction, 0.0, 1000.0)
        _number("max_drawdown", self.max_drawdown, 0.0, 1.0, above=True)
        _number("interval_z", self.interval_z, 0.0, 10.0, above=True)


@dataclass(frozen=True)
class Instrument:
    """One row of the instrument table. ``point_value``: account currency per point of price and contract.

    Costs of a round trip: ``cost_ticks_round_trip`` (commission and slippage in ticks) plus
    ``cost_fraction_round_trip`` of the price (fees of crypto and shares; 0 for futures).
    ``volatility_reference``: usual realised volatility of log returns per bar.
    """

    tick_size: float
    point_value: float
    currency: str
    cost_ticks_round_trip: float
    cost_fraction_round_trip: float
    max_contracts: int
    volatility_reference: float

    def __post_init__(self) -> None:
        _number("tick_size", self.tick_size, 0.0, above=True)
        _number("point_value", self.point_value, 0.0, above=True)
        if not isinstance(self.currency, str) or not self.currency:
            raise ValueError(f"currency must be a non-empty text, got {self.currency!r}")
        _number("cost_ticks_round_trip", self.cost_ticks_round_trip, 0.0)
        _number("cost_fraction_round_trip", self.cost_fraction_round_trip, 0.0, 1.0)
        _whole("max_contracts", self.max_contracts, 0, 2**31 - 1)
        _number("volatility_reference", self.volatility_reference, 0.0, above=True)


@dataclass(frozen=True, eq=False)
class Correlation:
    """Correlation of the universe's returns: ``matrix`` float64 [S, S] in the order of ``symbols``."""

    symbols: tuple[str, ...]
    matrix: FloatArray

    def __post_init__(self) -> None:
        symbols = tuple(self.symbols)
        if len(set(symbols)) != len(symbols) or not all(isinstance(symbol, str) for symbol in symbols):
            raise ValueError(f"symbols must be different texts, got {symbols}")
        matrix = np.array(self.matrix, dtype=np.float64)
        size = len(symbols)
        if matrix.shape != (size, size) or not np.isfinite(matrix).all():
            raise ValueError(f"matrix must be finite of shape {(size, size)}, got shape {matrix.shape}")
        if np.abs(matrix - matrix.T).max(initial=0.0) > 1e-9 or np.abs(np.diag(matrix) - 1.0).max(initial=0.0) > 1e-9:
            raise ValueError("matrix must be symmetric with ones on its diagonal")
        if np.abs(matrix).max(initial=0.0) > 1.0 + 1e-9:
            raise ValueError("matrix must hold correlations in -1..1")
        matrix.flags.writeable = False
        object.__setattr__(self, "symbols", symbols)
        object.__setattr__(self, "matrix", matrix)
