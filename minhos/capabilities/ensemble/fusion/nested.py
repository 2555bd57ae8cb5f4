"""The nested, time-ordered fit of everything behind the members: nothing is ever fitted on what it then predicts.

With folds numbered from 0 and every stage seeing only rows whose labels were known when its fold began:

    fold 0    members only (out-of-fold probabilities)
    fold 1    calibration and stacking from fold 0
    fold 2    calibration and stacking from folds 0-1, ensemble table and win model from fold 1
    fold k    calibration and stacking from folds 0..k-1, ensemble table and win model from folds 1..k-1

What a release carries is fitted the same way on all of them: the stacker on out-of-fold members, the ensemble's table
and the win model on out-of-fold stacks, the win table on out-of-fold win scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.fusion.applied import (
    Applied,
    applied_of,
    fuse_rows,
    member_matrix,
    nothing_applied,
    put_rows,
    regimes_of,
)
from minhos.capabilities.ensemble.fusion.settings import EnsembleSettings
from minhos.capabilities.ensemble.fusion.stacking import (
    Past,
    Section,
    choose_shrinkage,
    fit_members,
    fit_stacking,
)
from minhos.capabilities.ensemble.runtime.calibration import WinTable, interval_of
from minhos.capabilities.ensemble.runtime.fusion import ENSEMBLE, Stacking
from minhos.capabilities.position_sizing.api import FittedWin, fit_win_model, fit_win_table
from minhos.errors import ConfigError, NightError
from minhos.files import write_npz
from minhos.training.isotonic import fit_knots
from minhos.training.leaks import check_fold
from minhos.training.metrics import classification, mean_overlap
from minhos.training.samples import Samples
from minhos.training.splits import Fold, known_before, past_out_of_fold
from minhos_client.contract import MEMBERS

__all__ = ["Applied", "EnsembleFit", "LastFold", "evaluate_last_fold", "fit_ensemble"]

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EnsembleFit:
    """The fitted sections of ``parameters.json``, the win model, out-of-fold outputs [N] and metrics (JSON values)."""

    calibration: Section
    stacking: dict[str, Any]
    win: dict[str, Any]
    win_model: FittedWin
    oof: Applied
    metrics: dict[str, Any]

    def parameters(self) -> dict[str, Any]:
        """The ``calibration``, ``stacking`` and ``win`` sections of ``parameters.json``."""
        return {"calibration": self.calibration, "stacking": self.stacking, "win": self.win}

    def apply(
        self, member_raw: Mapping[str, npt.NDArray[Any]], tabular: npt.NDArray[np.float32], regime: Float
    ) -> Applied:
        """The runtime's fusion over raw member probabilities [N], tabular features float32 [N, F], regimes [N, R]."""
        stacking = Stacking(**self.stacking)
        fused = fuse_rows(member_matrix(member_raw, len(tabular)), tabular, regime, stacking, self.calibration)
        raw = self.win_model.predict(fused.win_features).astype(np.float64)
        return applied_of(fused, raw, interval_of(raw, WinTable(**self.win)))

    def save(self, folder: Path) -> float:
        """Write ``win_probability.onnx`` and ``oof.npz``; returns the win model's parity gap."""
        gap = self.win_model.to_onnx(folder / "win_probability.onnx")
        write_npz(folder / "oof.npz", vars(self.oof))
        return gap


@dataclass(frozen=True)
class LastFold:
    """The honest evaluation: ``fit`` knew nothing of the last fold; ``applied`` speaks of its ``rows`` int64 [M]."""

    fit: EnsembleFit
    rows: npt.NDArray[np.int64]
    applied: Applied


def evaluate_last_fold(
    samples: Samples,
    member_oof: Mapping[str, npt.NDArray[Any]],
    folds: Sequence[Fold],
    *,
    seed: int,
    settings: EnsembleSettings,
    correlation: float = 0.0,
) -> LastFold:
    """Fit on all folds but the last, on labels known when it began, and apply to the last.

    ``correlation``: as for ``fit_ensemble``, of the bars known when the last fold began.
    """
    last = folds[-1]
    earlier = [
        replace(fold, test=fold.test[known_before(samples.t1[fold.test], last.start_us, last.embargo_us)])
        for fold in folds[:-1]
    ]
    fit = fit_ensemble(samples, member_oof, earlier, seed=seed, settings=settings, correlation=correlation)
    raw = {name: np.asarray(member_oof[name])[last.test] for name in MEMBERS}
    regime = regimes_of(samples)[1][last.test]
    return LastFold(fit=fit, rows=last.test, applied=fit.apply(raw, samples.tabular[last.test], regime))


def fit_ensemble(
    samples: Samples,
    member_oof: Mapping[str, npt.NDArray[Any]],
    folds: Sequence[Fold],
    *,
    seed: int,
    settings: EnsembleSettings,
    correlation: float = 0.0,
) -> EnsembleFit:
    """Fit calibration, stacking, the ensemble's table, the win model and its table on out-of-fold members.

    ``correlation``: mean correlation of the instruments' returns; decisions at one moment that move together are fewer
    effective samples.

    ``member_oof``: raw probabilities [N] per member, finite on every fold's test rows. Needs three folds.
    Raises ConfigError for fewer folds, NightError for members that are missing or not out-of-fold everywhere.
    """
    if len(folds) < 3:
        raise ConfigError(
            f"ensemble: got {len(folds)} folds; it needs 3 (members, stacker, win model), one more for an evaluation"
        )
    raw = member_matrix(member_oof, len(samples))
    tested = np.concatenate([fold.test for fold in folds])
    if not np.isfinite(raw[tested]).all():
        raise NightError(
            f"ensemble: {int((~np.isfinite(raw[tested])).any(axis=1).sum())} of {len(tested)} test rows lack a member's "
            "out-of-fold probability; train every family on the same folds first"
        )
    for k, fold in enumerate(folds):
        check_fold(fold, samples.t0, samples.t1, where=f"ensemble, fold {k + 1} of {len(folds)}")
    work = _Work(samples, raw, settings, correlation, folds[0].embargo_us)
    oof = nothing_applied(len(samples))
    features = np.zeros((len(samples), 0), dtype=np.float32)
    for k in range(1, len(folds)):
        rows = folds[k].test
        past = past_out_of_fold(samples.t1, folds, k)
        stacked = past_out_of_fold(samples.t1, folds[1:], k - 1)
        calibration, stacking, _ = work.first_stage(past)
        regime = work.regime[rows]
        work.stacks[rows] = fuse_rows(raw[rows], samples.tabular[rows], regime, stacking, calibration).p_up[:, 0]
        calibration[ENSEMBLE] = work.ensemble_table(work.stacks[stacked], stacked)
        fused = fuse_rows(raw[rows], samples.tabular[rows], regime, stacking, calibration)
        if not features.shape[1]:
            features = np.zeros((len(samples), fused.win_features.shape[1]), dtype=np.float32)
        features[rows] = fused.win_features
        win_raw, p_win = np.full(len(rows), np.nan), np.full((len(rows), 3), np.nan)
        if k >= 2:
            won = work.won(oof.side, stacked)
            model = fit_win_model(features[stacked], won, seed=seed + k, settings=settings.win)
            win_raw = model.predict(features[rows]).astype(np.float64)
            scored = stacked[np.isfinite(oof.win_raw[stacked])]
            if len(scored):
                p_win = interval_of(win_raw, WinTable(**work.win_table(oof, scored)))
        put_rows(oof, rows, applied_of(fused, win_raw, p_win))
    stacked = np.concatenate([fold.test for fold in folds[1:]])
    scored = np.concatenate([fold.test for fold in folds[2:]])
    calibration, stacking, regime_ridge = work.first_stage(tested)
    calibration[ENSEMBLE] = work.ensemble_table(work.stacks[stacked], stacked)
    return EnsembleFit(
        calibration=calibration,
        stacking={"intercept": stacking.intercept, "weights": stacking.weights},
        win=work.win_table(oof, scored),
        win_model=fit_win_model(features[stacked], work.won(oof.side, stacked), seed=seed, settings=settings.win),
        oof=oof,
        metrics={**work.metrics(oof, stacked, scored), **_movement(stacking, work.regime[tested], regime_ridge)},
    )


class _Work:
    """What every stage shares: samples, raw members [N, 5], regimes [N, R], settings, out-of-fold stacks [N]. A label's life
    is an outcome too, so each stage counts the overlap of its own rows alone."""

    def __init__(
        self, samples: Samples, raw: Float, settings: EnsembleSettings, correlation: float, embargo_us: int
    ) -> None:
        self.samples, self.raw, self.settings, self.correlation = samples, raw, settings, correlation
        self.names, self.regime = regimes_of(samples)
        self.embargo_us = embargo_us
        self.stacks = np.full(len(samples), np.nan)

    def overlap(self, rows: npt.NDArray[np.int64]) -> float:
        own = self.samples
        return mean_overlap(own.t0[rows], own.t1[rows], own.instrument[rows], correlation=self.correlation)

    def first_stage(self, rows: npt.NDArray[np.int64]) -> tuple[Section, Stacking, float]:
        """The members' calibration, the stack and how strongly its regimes are held together, from past rows alone."""
        own = self.samples
        if np.unique(own.up[rows]).size < 2:
            raise NightError(f"stacking: {len(rows)} out-of-fold samples with one label only; use more history")
        past = Past(
            raw=self.raw[rows],
            regime=self.regime[rows],
            up=own.up[rows],
            t0=own.t0[rows],
            t1=own.t1[rows],
            embargo_us=self.embargo_us,
            overlap=self.overlap(rows),
        )
        members = fit_members(past, self.settings)
        ridge = choose_shrinkage(past, self.names, self.settings)
        return members, fit_stacking(past, members, self.names, self.settings, regime_ridge=ridge), ridge

    def ensemble_table(self, stacks: Float, rows: npt.NDArray[np.int64]) -> dict[str, list[float]]:
        return fit_knots(
            stacks,
            self.samples.up[rows],
            overlap=self.overlap(rows),
            max_knots=self.settings.max_knots,
            rows_per_knot=self.settings.samples_per_knot,
            prior_rows=self.settings.prior_samples,
        )

    def won(self, side: npt.NDArray[np.int8], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        return np.where(side[rows] > 0, self.samples.win_long[rows], self.samples.win_short[rows])

    def win_table(self, oof: Applied, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        """A trade's outcome is known when it ends, mostly long before the horizon: its overlap is that of the trades."""
        own = self.samples
        ends = np.where(oof.side[rows] > 0, own.exit_us_long[rows], own.exit_us_short[rows])
        overlap = mean_overlap(own.t0[rows], ends, own.instrument[rows], correlation=self.correlation)
        return fit_win_table(oof.win_raw[rows], self.won(oof.side, rows), overlap=overlap, settings=self.settings.win)

    def metrics(self, oof: Applied, stacked: npt.NDArray[np.int64], scored: npt.NDArray[np.int64]) -> dict[str, Any]:
        up, overlap = self.samples.up[stacked], self.overlap(stacked)
        members = {name: classification(self.raw[stacked, column], up, overlap) for column, name in enumerate(MEMBERS)}
        return {
            "overlap": overlap,
            "ensemble": classification(oof.p_up[stacked], up, overlap),
            "members": members,
            "win": classification(oof.win_raw[scored], self.won(oof.side, scored), overlap),
        }


def _movement(stacking: Stacking, regime: Float, ridge: float) -> dict[str, Any]:
    """How the weights move: members' mean weights, and the range of each over the regimes. JSON values."""
    matrix, mean = stacking.matrix, stacking.at(regime).mean(axis=0)
    return {
        "mean_weights": dict(zip(MEMBERS, mean.tolist(), strict=True)),
        "weight_ranges": dict(zip(MEMBERS, np.ptp(matrix, axis=0).tolist(), strict=True)),
        "regime_ridge": ridge if np.isfinite(ridge) else None,
    }
