"""What the ensemble says of rows: the runtime's own fusion over samples, kept as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.fusion.stacking import Section, knots_of
from minhos.capabilities.ensemble.runtime.fusion import Fused, Stacking, fuse_members, side_of
from minhos.capabilities.prediction.runtime.feature_set import STATE_COLUMNS
from minhos.errors import NightError
from minhos.training.samples import Samples
from minhos_client.contract import MEMBERS

__all__ = ["Applied", "applied_of", "fuse_rows", "member_matrix", "nothing_applied", "put_rows", "regimes_of"]

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Applied:
    """What the ensemble says of N rows. Outside its rows (out-of-fold arrays) floats are NaN and ``side`` is 0.

    ``p_up``, ``p_up_width`` (of its Venn-Abers pair), ``confidence``, ``agreement``, ``win_raw`` float64 [N]; ``side`` int8
    [N] (+1 up, -1 down); ``p_win`` float64 [N, 3]: low, point, high that the trade on ``side`` reaches its target before
    its stop.
    """

    p_up: Float
    p_up_width: Float
    confidence: Float
    agreement: Float
    side: npt.NDArray[np.int8]
    win_raw: Float
    p_win: Float


def regimes_of(samples: Samples) -> tuple[tuple[str, ...], Float]:
    """Names and filtered probabilities float64 [N, R] of the samples' regimes, each known when its row was decided."""
    start = len(STATE_COLUMNS)
    names = tuple(name.removeprefix("regime_") for name in samples.state_names[start:])
    if not names:
        raise NightError(f"ensemble: the samples have no regime, only {', '.join(samples.state_names)}")
    return names, samples.state[:, start:]


def member_matrix(members: Mapping[str, npt.NDArray[Any]], count: int) -> Float:
    """Raw probabilities float64 [N, 5] in the contract's member order; NightError names a member that is missing."""
    wrong = [name for name in MEMBERS if name not in members or np.shape(members[name]) != (count,)]
    if wrong:
        raise NightError(
            f"ensemble: member probabilities of {', '.join(wrong)} are missing or not of length {count}; "
            f"it takes one array per member of {', '.join(MEMBERS)}"
        )
    return np.clip(np.stack([np.asarray(members[name], dtype=np.float64) for name in MEMBERS], axis=1), 0, 1)


def fuse_rows(
    raw: Float,
    tabular: npt.NDArray[np.float32],
    regime: Float,
    stacking: Stacking,
    calibration: Section,
) -> Fused:
    """The runtime's fusion over rows that nothing refuses: ``raw [N, 5]``, ``tabular [N, F]``, ``regime [N, R]``."""
    return fuse_members(
        member_raw=raw,
        tabular=tabular,
        regime=regime,
        refused=np.zeros(len(raw), dtype=bool),
        stacking=stacking,
        calibration=knots_of(calibration),
    )


def applied_of(fused: Fused, win_raw: Float, p_win: Float) -> Applied:
    """The fused rows with their win scores [N] and win intervals [N, 3]."""
    p_up = fused.p_up[:, 0]
    return Applied(
        p_up=p_up,
        p_up_width=fused.p_up_interval[:, 1] - fused.p_up_interval[:, 0],
        confidence=fused.confidence[:, 0],
        agreement=fused.agreement[:, 0],
        side=side_of(p_up).astype(np.int8),
        win_raw=win_raw,
        p_win=p_win,
    )


def nothing_applied(count: int) -> Applied:
    """``count`` rows of which nothing is said yet."""
    return Applied(
        p_up=np.full(count, np.nan),
        p_up_width=np.full(count, np.nan),
        confidence=np.full(count, np.nan),
        agreement=np.full(count, np.nan),
        side=np.zeros(count, dtype=np.int8),
        win_raw=np.full(count, np.nan),
        p_win=np.full((count, 3), np.nan),
    )


def put_rows(target: Applied, rows: npt.NDArray[np.int64], part: Applied) -> None:
    """Write the rows of ``part`` into ``target``."""
    for name, array in vars(target).items():
        array[rows] = getattr(part, name)
