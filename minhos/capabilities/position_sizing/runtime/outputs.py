"""The contract's output tensors of a decided portfolio, in the contract's dtypes and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.position_sizing.runtime.decision import Decided
from minhos.capabilities.position_sizing.runtime.settings import FloatArray
from minhos_client.contract import encode_bytes

__all__ = ["contract_outputs"]


def contract_outputs(
    decided: Decided,
    *,
    silent: npt.NDArray[np.bool_],
    p_up: FloatArray,
    confidence: FloatArray,
    agreement: FloatArray,
    member_p_up: FloatArray,
    regime: FloatArray,
    horizon_bars: int,
    valid_until: npt.NDArray[np.int64],
    release_id: str,
    data_through: int,
) -> dict[str, npt.NDArray[Any]]:
    """One dict of the contract's outputs for B rows.

    ``silent`` bool [B]: rows without a prediction. They say so: P_UP and members 1/2, confidence and agreement 0,
    regime 0 in every state, no barriers. ``valid_until`` [B] UTC us: when the last bar becomes stale or the release
    expires, whichever comes first, so never before AS_OF in a row that is served; 0 in the answer of a refused row.
    """
    mute = silent[:, None]
    sized = decided.sized
    return {
        "DIRECTION": _column(decided.direction, np.int32),
        "P_UP": np.where(mute, 0.5, p_up),
        "CONFIDENCE": np.where(mute, 0.0, confidence),
        "AGREEMENT": np.where(mute, 0.0, agreement),
        "MEMBER_P_UP": np.where(mute, 0.5, member_p_up),
        "REGIME": np.where(mute, 0.0, regime),
        "P_WIN": decided.p_win,
        "STOP_TICKS": _column(decided.stop_ticks, np.int32),
        "TARGET_TICKS": _column(decided.target_ticks, np.int32),
        "HORIZON_BARS": _column(np.where(silent, 0, horizon_bars), np.int32),
        "RISK_FRACTION": sized.waterfall[:, -1:].copy(),
        "NOTIONAL_FRACTION": _column(sized.notional_fraction, np.float64),
        "CONTRACTS": _column(sized.contracts, np.int32),
        "WATERFALL": sized.waterfall,
        "REASONS": _column(decided.reasons, np.int64),
        "VALID_UNTIL": _column(np.where(decided.refused, 0, valid_until), np.int64),
        "RELEASE": encode_bytes([release_id] * silent.shape[0]),
        "DATA_THROUGH": np.full((silent.shape[0], 1), data_through, dtype=np.int64),
    }


def _column(values: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return values.astype(dtype)[:, None]
