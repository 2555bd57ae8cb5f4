"""The vocabulary of trading code: an account going in, a decision per instrument coming out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos_client.contract import (
    MEMBERS,
    OUTPUTS,
    WATERFALL_STEPS,
    Array,
    Reason,
    decode_bytes,
    reason_words,
)

__all__ = ["Account", "Decision"]


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account as ``PORTFOLIO`` carries it. Money in the account currency, the three last between 0 and 1.

    ``positions`` are signed contracts held now, one per instrument of the request, or one number for all.
    The values are not judged here: an unusable account gets the reason BAD_PORTFOLIO and size 0 from the sizer.

    >>> Account(equity=100_000.0).rows(2).shape
    (2, 6)
    """

    equity: float
    start_equity: float | None = None
    peak_equity: float | None = None
    positions: float | Sequence[float] = 0.0
    adoption: float = 1.0
    size_multiplier: float = 1.0

    def rows(self, count: int) -> npt.NDArray[np.float64]:
        """``PORTFOLIO`` float64 [count, 6]; an unknown start is today's equity, an unknown peak the larger of the two.

        Raises ValueError when ``positions`` has another length than the request.
        """
        start = self.equity if self.start_equity is None else self.start_equity
        peak = max(self.equity, start) if self.peak_equity is None else self.peak_equity
        positions = np.asarray(self.positions, np.float64)
        if positions.ndim and positions.shape != (count,):
            raise ValueError(
                f"Account.positions has shape {positions.shape}, the request {count} instruments: "
                "give one number per instrument, in the same order"
            )
        rows = np.empty((count, 6))
        rows[:] = (self.equity, start, peak, 0.0, self.adoption, self.size_multiplier)
        rows[:, 3] = positions
        return rows


@dataclass(frozen=True)
class Decision:
    """One row of an answer, in plain Python values; names, units and meaning are those of the contract.

    Times are UTC microseconds. ``direction`` is -1, 0 or 1; ``contracts`` the signed target position;
    ``risk_fraction`` and ``notional_fraction`` are fractions of equity, signed by direction.
    """

    instrument: str
    release: str
    direction: int
    p_up: float
    confidence: float
    agreement: float
    member_p_up: dict[str, float]
    regime: dict[str, float]
    p_win_low: float
    p_win: float
    p_win_high: float
    stop_ticks: int
    target_ticks: int
    horizon_bars: int
    risk_fraction: float
    notional_fraction: float
    contracts: int
    waterfall: dict[str, float]
    reasons: Reason
    valid_until: int
    data_through: int

    @property
    def reason_words(self) -> list[str]:
        """Why the decision is what it is, in words."""
        return reason_words(int(self.reasons))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: every field, with ``reasons`` as the number and ``reason_words`` beside it."""
        return {**asdict(self), "reasons": int(self.reasons), "reason_words": self.reason_words}

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    @classmethod
    def from_outputs(
        cls, outputs: Mapping[str, Array], instruments: Sequence[str], regime_names: Sequence[str]
    ) -> list[Decision]:
        """The rows of the contract's output tensors.

        Raises ValueError when a tensor is missing or its first dimension is not the number of instruments.
        """
        count = len(instruments)
        for spec in OUTPUTS:
            if spec.name not in outputs:
                raise ValueError(f"the answer has no {spec.name}: the server does not speak this contract")
            if outputs[spec.name].shape[:1] != (count,):
                raise ValueError(f"{spec.name} has shape {outputs[spec.name].shape}, the request {count} instruments")
        columns: dict[str, list[Any]] = {
            name: value.reshape(count, -1).tolist() for name, value in outputs.items() if name != "RELEASE"
        }
        releases = decode_bytes(outputs["RELEASE"])
        return [
            cls(
                instrument=instrument,
                release=releases[row],
                direction=columns["DIRECTION"][row][0],
                p_up=columns["P_UP"][row][0],
                confidence=columns["CONFIDENCE"][row][0],
                agreement=columns["AGREEMENT"][row][0],
                member_p_up=dict(zip(MEMBERS, columns["MEMBER_P_UP"][row], strict=True)),
                regime=dict(zip(regime_names, columns["REGIME"][row], strict=True)),
                p_win_low=columns["P_WIN"][row][0],
                p_win=columns["P_WIN"][row][1],
                p_win_high=columns["P_WIN"][row][2],
                stop_ticks=columns["STOP_TICKS"][row][0],
                target_ticks=columns["TARGET_TICKS"][row][0],
                horizon_bars=columns["HORIZON_BARS"][row][0],
                risk_fraction=columns["RISK_FRACTION"][row][0],
                notional_fraction=columns["NOTIONAL_FRACTION"][row][0],
                contracts=columns["CONTRACTS"][row][0],
                waterfall=dict(zip(WATERFALL_STEPS, columns["WATERFALL"][row], strict=True)),
                reasons=Reason(columns["REASONS"][row][0]),
                valid_until=columns["VALID_UNTIL"][row][0],
                data_through=columns["DATA_THROUGH"][row][0],
            )
            for row, instrument in enumerate(instruments)
        ]
