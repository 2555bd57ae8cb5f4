"""The decision contract, version 1: what goes into the Triton ensemble ``trade`` and what comes out.

Names, dtypes, shapes, reason bits and nothing else: NumPy and the standard library only, because a release
carries this very file in its runtime snapshot. Everything that speaks the contract imports it from here.

A request is ``B`` instruments of one portfolio at one moment. Times are UTC microseconds since the epoch;
``BAR_END`` is the moment a bar was complete and so known. The runtime never reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "BAR_COLUMNS",
    "BYTES",
    "INPUTS",
    "MAX_WINDOW",
    "MEMBERS",
    "OUTPUTS",
    "PORTFOLIO_FIELDS",
    "REASON_WORDS",
    "SEQUENCE_STEPS",
    "VERSION",
    "WATERFALL_STEPS",
    "Array",
    "Reason",
    "TensorSpec",
    "decode_bytes",
    "encode_bytes",
    "reason_words",
]

VERSION: Final = 1

BAR_COLUMNS: Final = ("open", "high", "low", "close", "volume", "bid_volume", "ask_volume", "trades")
MEMBERS: Final = ("lstm", "random_forest", "xgboost", "lightgbm", "catboost")
PORTFOLIO_FIELDS: Final = (
    "equity",
    "start_equity",
    "peak_equity",
    "position_contracts",
    "adoption",
    "size_multiplier",
)
WATERFALL_STEPS: Final = (
    "raw_kelly",
    "shrink",
    "fraction",
    "volatility",
    "correlation",
    "drawdown",
    "adoption",
    "breakers",
    "caps",
    "rounding",
)
SEQUENCE_STEPS: Final = 20
MAX_WINDOW: Final = 128

BYTES: Final = "BYTES"

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of the contract. ``dims`` leaves the batch out; ``W`` and ``R`` are fixed per release."""

    name: str
    dtype: str
    dims: tuple[int | str, ...]


INPUTS: Final = (
    TensorSpec("BARS", "FP64", ("W", len(BAR_COLUMNS))),
    TensorSpec("BAR_END", "INT64", ("W",)),
    TensorSpec("AS_OF", "INT64", (1,)),
    TensorSpec("INSTRUMENT", BYTES, (1,)),
    TensorSpec("PORTFOLIO", "FP64", (len(PORTFOLIO_FIELDS),)),
)

OUTPUTS: Final = (
    TensorSpec("DIRECTION", "INT32", (1,)),
    TensorSpec("P_UP", "FP64", (1,)),
    TensorSpec("CONFIDENCE", "FP64", (1,)),
    TensorSpec("AGREEMENT", "FP64", (1,)),
    TensorSpec("MEMBER_P_UP", "FP64", (len(MEMBERS),)),
    TensorSpec("REGIME", "FP64", ("R",)),
    TensorSpec("P_WIN", "FP64", (3,)),
    TensorSpec("STOP_TICKS", "INT32", (1,)),
    TensorSpec("TARGET_TICKS", "INT32", (1,)),
    TensorSpec("HORIZON_BARS", "INT32", (1,)),
    TensorSpec("RISK_FRACTION", "FP64", (1,)),
    TensorSpec("NOTIONAL_FRACTION", "FP64", (1,)),
    TensorSpec("CONTRACTS", "INT32", (1,)),
    TensorSpec("WATERFALL", "FP64", (len(WATERFALL_STEPS),)),
    TensorSpec("REASONS", "INT64", (1,)),
    TensorSpec("VALID_UNTIL", "INT64", (1,)),
    TensorSpec("RELEASE", BYTES, (1,)),
    TensorSpec("DATA_THROUGH", "INT64", (1,)),
)


class Reason(IntFlag):
    """Why a decision is what it is; several bits may be set. New bits are appended, old ones never move."""

    UNKNOWN_INSTRUMENT = 1 << 0
    BAD_INPUT = 1 << 1
    STALE_BARS = 1 << 2
    RELEASE_EXPIRED = 1 << 3
    BAD_PORTFOLIO = 1 << 4
    LOW_CONFIDENCE = 1 << 5
    LOW_AGREEMENT = 1 << 6
    NEUTRAL = 1 << 7
    NO_PROVEN_EDGE = 1 << 8
    NO_KELLY_EDGE = 1 << 9
    CAP_POSITION = 1 << 10
    CAP_RISK = 1 << 11
    CAP_NOTIONAL = 1 << 12
    DRAWDOWN_REDUCED = 1 << 13
    ADOPTION_REDUCED = 1 << 14
    BREAKER_REDUCED = 1 << 15
    UNDER_ONE_CONTRACT = 1 << 16
    CORRELATION_REDUCED = 1 << 17
    VOLATILITY_REDUCED = 1 << 18
    FEW_CALIBRATION_SAMPLES = 1 << 19


REASON_WORDS: Final[dict[Reason, str]] = {
    Reason.UNKNOWN_INSTRUMENT: "the release does not know this instrument",
    Reason.BAD_INPUT: "the bars are unusable (missing or non-finite values, times out of order or from the future)",
    Reason.STALE_BARS: "the last bar is older than the release allows",
    Reason.RELEASE_EXPIRED: "the release is older than its maximum age",
    Reason.BAD_PORTFOLIO: "the portfolio row is out of range",
    Reason.LOW_CONFIDENCE: "confidence is under the release's threshold",
    Reason.LOW_AGREEMENT: "agreement of the members is under the release's threshold",
    Reason.NEUTRAL: "the win probability is not above break-even over its whole interval",
    Reason.NO_PROVEN_EDGE: "the release has not proven an edge after costs: watched on paper, never sized",
    Reason.NO_KELLY_EDGE: "the Kelly fraction is not positive",
    Reason.CAP_POSITION: "capped by the maximum number of contracts",
    Reason.CAP_RISK: "capped by the maximum risk per trade",
    Reason.CAP_NOTIONAL: "capped by the maximum notional",
    Reason.DRAWDOWN_REDUCED: "reduced for the account's drawdown",
    Reason.ADOPTION_REDUCED: "reduced by the adoption level",
    Reason.BREAKER_REDUCED: "reduced by a circuit breaker",
    Reason.UNDER_ONE_CONTRACT: "the size is under one whole contract",
    Reason.CORRELATION_REDUCED: "reduced because bets of this portfolio move together",
    Reason.VOLATILITY_REDUCED: "reduced because volatility is above its reference",
    Reason.FEW_CALIBRATION_SAMPLES: "the win probability rests on few calibration samples",
}


def reason_words(bits: int) -> list[str]:
    """The words of every bit set in ``bits``, in bit order; an unknown bit is named by its number."""
    words = [text for flag, text in REASON_WORDS.items() if bits & flag]
    unknown = bits & ~sum(REASON_WORDS)
    if unknown:
        words.append(f"reason bits {unknown:#x} that this version of the contract does not know")
    return words


def encode_bytes(texts: list[str]) -> npt.NDArray[np.object_]:
    """Strings as a BYTES tensor of shape ``[len(texts), 1]`` (UTF-8)."""
    return np.array([[text.encode()] for text in texts], dtype=np.object_)


def decode_bytes(tensor: Array) -> list[str]:
    """The strings of a BYTES tensor, flattened (elements may be ``bytes`` or ``str``)."""
    return [item.decode() if isinstance(item, bytes) else str(item) for item in tensor.reshape(-1)]
