"""The win probability: XGBoost on what the ensemble says, then a Venn-Abers table with a 90 % interval.

The label is the trade that the decision names: its target before its stop, on the ensemble's side. The model is
small on purpose: it ranks trades; the table, fitted on out-of-fold scores only, says what a rank is worth. Its interval
spans two things on effective counts (rows / overlap of their labels): what one more trade would make of the calibration
(the Venn-Abers pair, about 1 / count wide) and what chance may have done to the trades that there are (Wilson 1927, about
1 / sqrt(count) wide). The pair alone would call a table of 200 trades almost exact, and break-even is a point or two away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from minhos.errors import NightError
from minhos.training.isotonic import bins_of, pooled, venn_abers
from minhos.training.metrics import wilson
from minhos.training.onnx_export import prove, write_model
from minhos.training.xgboost_onnx import xgboost_graph

__all__ = ["FittedWin", "WinSettings", "fit_win_model", "fit_win_table"]

Float32 = npt.NDArray[np.float32]
_FEWEST_ROWS = 50


class WinSettings(BaseModel):
    """Size of the win model and of its table; ``min_samples`` are the effective trades below which it is flagged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: int = Field(default=60, ge=1)
    depth: int = Field(default=2, ge=1, le=6)
    learning_rate: float = Field(default=0.05, gt=0.0, le=1.0)
    threads: int = Field(default=1, ge=1)
    max_knots: int = Field(default=8, ge=2)
    samples_per_knot: int = Field(default=40, ge=1)
    min_samples: int = Field(default=200, ge=0)
    interval_z: float = Field(default=1.645, gt=0.0)


@dataclass(frozen=True)
class FittedWin:
    """A fitted win model and rows to prove its export on."""

    model: Any
    proof_rows: Float32

    def predict(self, x: Float32) -> Float32:
        """The raw win score in 0..1, float32 [N], of win features float32 [N, K]."""
        score: Float32 = self.model.predict_proba(x)[:, 1].astype(np.float32)
        return score

    def to_onnx(self, path: Path) -> float:
        """Write the canonical ONNX file (``x`` -> ``p_up``, here: the win score); returns the parity gap."""
        model = xgboost_graph(self.model, self.proof_rows.shape[1])
        gap = prove(model, self.predict, self.proof_rows, name="win_probability")
        write_model(model, path)
        return gap


def fit_win_model(x: Float32, won: npt.NDArray[np.int8], *, seed: int, settings: WinSettings) -> FittedWin:
    """Fit on win features float32 [N, K] and labels int8 [N]; raises NightError when there is nothing to learn from."""
    if len(won) < _FEWEST_ROWS or np.unique(won).size < 2:
        raise NightError(
            f"win probability: {len(won)} out-of-fold trades, {int(np.sum(won))} of them won; it needs at least "
            f"{_FEWEST_ROWS} with wins and losses: use more history or fewer folds"
        )
    from xgboost import XGBClassifier

    model = XGBClassifier(
        n_estimators=settings.trees,
        max_depth=settings.depth,
        learning_rate=settings.learning_rate,
        min_child_weight=30,
        subsample=0.8,
        colsample_bytree=0.5,
        reg_lambda=10.0,
        tree_method="hist",
        random_state=seed,
        n_jobs=settings.threads,
    )
    model.fit(x, won)
    return FittedWin(model, x[-512:])


def fit_win_table(
    score: npt.NDArray[Any], won: npt.NDArray[Any], *, overlap: float, settings: WinSettings
) -> dict[str, Any]:
    """The ``win`` section of ``parameters.json`` from out-of-fold scores [N] and their labels [N].

    ``x`` strictly rising; ``low <= point <= high``, each never falling; ``samples`` counts effective trades. Without
    any trade the interval is 0..1.
    """
    effective = len(score) / overlap
    count = min(settings.max_knots, max(1, int(effective // settings.samples_per_knot)))
    shared = {"samples": int(effective), "min_samples": settings.min_samples}
    if not len(score):
        return {"x": [0.5], "low": [0.0], "point": [0.5], "high": [1.0], **shared}
    bins = bins_of(np.clip(score, 0.0, 1.0), won, count)
    weight = bins.rows / overlap
    low, point, high = venn_abers(bins.rate, weight)
    chance_low, chance_high = wilson(*pooled(bins.rate, weight), settings.interval_z)
    # A bound never contradicts the table's order; where blocks of different size disagree, the wider bound counts.
    low = np.minimum(low, np.minimum.accumulate(chance_low[::-1])[::-1])
    high = np.maximum(high, np.maximum.accumulate(chance_high))
    return {
        "x": bins.x.tolist(),
        "low": low.tolist(),
        "point": point.tolist(),
        "high": high.tolist(),
        **shared,
    }
