"""Fusion: calibrated members -> linear stacking on logits -> calibrated probability of up, confidence, agreement.

Everything here is row by row; training applies the same functions to out-of-fold members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.runtime.calibration import FloatArray, Knots, apply_isotonic, interval_of
from minhos_client.contract import MEMBERS

__all__ = [
    "ENSEMBLE",
    "WIN_FEATURES",
    "Fused",
    "Stacking",
    "agreement_share",
    "calibrate_members",
    "confidence_of",
    "fuse_members",
    "logit",
    "side_of",
    "sigmoid",
    "stack",
    "win_feature_names",
    "win_features",
]

ENSEMBLE: Final = "ensemble"
WIN_FEATURES: Final = ("confidence", "agreement", "side_logit", "side")
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Stacking:
    """Linear meta-learner on the members' logits whose weights move with the regime.

    ``intercept + sum over members of weight * logit`` with ``weight = sum over regimes r of p_r * weights[r][member]``:
    one weight >= 0 per regime and member, mixed by the filtered probabilities. Regimes in the order of REGIME.
    """

    intercept: float
    weights: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        if not isinstance(self.intercept, int | float) or not np.isfinite(self.intercept):
            raise ValueError(f"intercept must be a finite number, got {self.intercept!r}")
        if not isinstance(self.weights, Mapping) or not self.weights:
            raise ValueError(f"weights must name the regimes and, in each, its members' weights, got {self.weights!r}")
        for regime, weights in self.weights.items():
            if not isinstance(weights, Mapping) or set(weights) != set(MEMBERS):
                raise ValueError(f"weights of {regime} must name exactly the members {list(MEMBERS)}, got {weights!r}")
            if not all(isinstance(w, int | float) and np.isfinite(w) and w >= 0 for w in weights.values()):
                raise ValueError(f"weights of {regime} must be finite and >= 0, got {dict(weights)}")

    @property
    def matrix(self) -> FloatArray:
        """Weights [R, 5], members in the contract's order."""
        return np.array([[own[name] for name in MEMBERS] for own in self.weights.values()], dtype=np.float64)

    def at(self, regime: FloatArray) -> FloatArray:
        """The weights at filtered probabilities ``regime [N, R]`` -> [N, 5]."""
        # Products summed in one order: BLAS may round a row differently in another batch.
        result: FloatArray = (regime[:, :, None] * self.matrix).sum(axis=1)
        return result


@dataclass(frozen=True, eq=False)
class Fused:
    """What the fusion step says of B rows: all float64 [B, 1] but members [B, 5], regime [B, R], features f32 [B, K].

    A refused row has p_up and members 1/2, confidence and agreement 0 and features 0. A row whose members gave no
    number has NaN in ``p_up``: the sizer refuses it. ``p_up_interval`` [B, 2] is the Venn-Abers pair around ``p_up`` (0 and
    1 where there is no prediction); it is for evaluation and for people, the contract's interval is that of P_WIN.
    """

    p_up: FloatArray
    p_up_interval: FloatArray
    confidence: FloatArray
    agreement: FloatArray
    member_p_up: FloatArray
    regime: FloatArray
    win_features: npt.NDArray[np.float32]


def logit(p: FloatArray) -> FloatArray:
    """``ln(p / (1-p))``; ``p`` strictly inside 0..1."""
    result: FloatArray = np.log(p) - np.log1p(-p)
    return result


def sigmoid(z: FloatArray) -> FloatArray:
    """``1 / (1 + e**-z)`` without overflow."""
    result: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * z))
    return result


def calibrate_members(member_raw: FloatArray, calibration: Mapping[str, Knots]) -> FloatArray:
    """Each member through its own knots, ``[N, 5] -> [N, 5]`` in the contract's member order."""
    columns = [apply_isotonic(member_raw[:, index], calibration[name]) for index, name in enumerate(MEMBERS)]
    return np.stack(columns, axis=1)


def stack(member_p_up: FloatArray, intercept: float, weights: FloatArray) -> FloatArray:
    """Stacked, not yet calibrated probability of up, ``[N, 5]`` and ``weights [N, 5]`` -> ``[N]``."""
    return sigmoid(intercept + (logit(member_p_up) * weights).sum(axis=1))


def side_of(p_up: FloatArray) -> FloatArray:
    """The ensemble's side: 1.0 where ``p_up >= 1/2``, else -1.0."""
    return np.where(p_up >= 0.5, 1.0, -1.0)


def confidence_of(p_up: FloatArray) -> FloatArray:
    """``2 |p_up - 1/2|``, 0..1."""
    result: FloatArray = 2.0 * np.abs(p_up - 0.5)
    return result


def agreement_share(member_p_up: FloatArray, p_up: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted share of members on the ensemble's side, ``[N, 5], [N], weights [N, 5] -> [N]`` in 0..1.

    Weights are the stacking weights in the row's regime (equal when all are 0); a member at exactly 1/2 counts half.
    """
    total = weights.sum(axis=1, keepdims=True)
    share = np.where(total > 0.0, weights / np.where(total > 0.0, total, 1.0), 1.0 / len(MEMBERS))
    lean = np.sign(member_p_up - 0.5) * side_of(p_up)[:, None]
    result: FloatArray = np.clip(((0.5 + 0.5 * lean) * share).sum(axis=1), 0.0, 1.0)
    return result


def win_feature_names(tabular: Sequence[str]) -> tuple[str, ...]:
    """Names of the win model's K inputs, in order."""
    return (*WIN_FEATURES, *tabular)


def win_features(
    p_up: FloatArray, confidence: FloatArray, agreement: FloatArray, tabular: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The win model's inputs, float32 [N, 4+F]: confidence, agreement, logit of the side's probability, side, tabular.

    ``p_up``, ``confidence``, ``agreement`` are [N]. The side's probability is ``max(p_up, 1 - p_up)``.
    """
    head = np.stack([confidence, agreement, logit(np.maximum(p_up, 1.0 - p_up)), side_of(p_up)], axis=1)
    return np.concatenate([head.astype(np.float32), tabular], axis=1)


def fuse_members(
    *,
    member_raw: npt.NDArray[np.floating],
    tabular: npt.NDArray[np.float32],
    regime: FloatArray,
    refused: npt.NDArray[np.bool_],
    stacking: Stacking,
    calibration: Mapping[str, Knots],
) -> Fused:
    """The whole fusion step over B rows: ``member_raw [B, 5]``, ``tabular [B, F]``, ``regime [B, R]``, ``refused [B]``."""
    raw = member_raw.astype(np.float64)
    usable = ((raw >= -_ROUNDING) & (raw <= 1.0 + _ROUNDING)).all(axis=1)
    alive = (usable & ~refused)[:, None]
    members = calibrate_members(np.where(alive, raw, 0.5), calibration)
    weights = stacking.at(regime)
    stacked = stack(members, stacking.intercept, weights)
    p_up = apply_isotonic(stacked, calibration[ENSEMBLE])
    confidence = confidence_of(p_up)
    agreement = agreement_share(members, p_up, weights)
    features = win_features(p_up, confidence, agreement, tabular)
    nothing = np.where(refused, 0.5, np.nan)
    return Fused(
        p_up=np.where(alive[:, 0], p_up, nothing)[:, None],
        p_up_interval=np.where(alive, interval_of(stacked, calibration[ENSEMBLE])[:, [0, 2]], np.array([0.0, 1.0])),
        confidence=np.where(alive[:, 0], confidence, 0.0)[:, None],
        agreement=np.where(alive[:, 0], agreement, 0.0)[:, None],
        member_p_up=np.where(alive, members, 0.5),
        regime=regime,
        win_features=np.where(alive, features, np.float32(0.0)),
    )
