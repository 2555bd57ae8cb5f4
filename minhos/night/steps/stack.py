"""Stack: calibrate and stack the members, fit the win probability; once for the honest last fold, once for the release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.api import EnsembleSettings, evaluate_last_fold, fit_ensemble
from minhos.capabilities.position_sizing.api import correlation_section
from minhos.files import read_json, write_json, write_npz
from minhos.market_data.bars import read_bars
from minhos.night.evaluation import evaluation_of, parameters_before
from minhos.night.recipe import RECIPE
from minhos.night.run import VALIDATED, Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan, load_profile
from minhos.night.steps.train import folds_of
from minhos.training.samples import Samples
from minhos_client.contract import MEMBERS

__all__ = ["stack", "weight_words"]


def stack(run_folder: str) -> str:
    """Write ``evaluation.json``, ``evaluation.npz`` and ``evaluation_parameters.json`` (what was known before the last
    fold, and what it says of that fold), then ``ensemble/`` (what the release carries, fitted on all folds), and
    ``importance.json`` (the session's feature shares by family: one such file per run is their course over time)."""
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        _, plan = load_plan(run)
        samples = Samples.load(run.folder / "features.npz")
        profile = load_profile(run)
        folds = folds_of(samples, profile)
        oof = {name: _oof(run.folder / "models" / name / "oof.npz") for name in MEMBERS}
        settings = EnsembleSettings()
        progress("evaluating on the last fold, with everything fitted before it")
        before, after = (_correlation(run, samples, until) for until in (folds[-1].start_us, None))
        last = evaluate_last_fold(
            samples, oof, folds, seed=RECIPE.seed, settings=settings, correlation=mean_correlation(before)
        )
        base = read_json(run.folder / "parameters.json")
        evaluation = evaluation_of(samples, last, oof, seed=RECIPE.seed)
        known = parameters_before(
            base,
            samples,
            last,
            start_us=folds[-1].start_us,
            correlation=before,
            regime=read_json(run.folder / "regimes.json")[-1],
        )
        write_json(run.folder / "evaluation_parameters.json", known)
        write_npz(run.folder / "evaluation.npz", {"rows": last.rows, **vars(last.applied)})
        write_json(run.folder / "evaluation.json", evaluation)
        progress("fitting stacking, calibration and win probability for the release")
        fit = fit_ensemble(
            samples, oof, folds, seed=RECIPE.seed, settings=settings, correlation=mean_correlation(after)
        )
        fit.save(run.folder / "ensemble")
        write_json(
            run.folder / "ensemble" / "parameters.json",
            {**base, **fit.parameters(), "correlation": after},
        )
        importance = {name: read_json(run.folder / "models" / name / "record.json")["importance"] for name in MEMBERS}
        write_json(
            run.folder / "importance.json",
            {
                "session": str(plan.session),
                "timeframe_seconds": samples.timeframe_seconds,
                "profile": profile.name,
                "families": importance,
            },
        )
        return StepResult((*evaluation["words"], *weight_words(fit.metrics)), {"samples": len(samples)})

    run.step("stack", work)
    return run_folder


def weight_words(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """The members' weights in the release, and whether they move with the regime."""
    mean = ", ".join(f"{name} {weight:.2f}" for name, weight in metrics["mean_weights"].items())
    if metrics["regime_ridge"] is None:
        return (f"weights of the release: {mean}; the same in every regime, moving them gained nothing out of sample",)
    moves = ", ".join(f"{name} by {weight:.2f}" for name, weight in metrics["weight_ranges"].items())
    return (f"weights of the release, on average: {mean}; from regime to regime they move: {moves}",)


def _oof(path: Path) -> npt.NDArray[np.float32]:
    with np.load(path, allow_pickle=False) as stored:
        p: npt.NDArray[np.float32] = stored["p"]
    return p


def _correlation(run: Run, samples: Samples, until_us: int | None) -> dict[str, Any]:
    closes = {}
    for symbol in samples.symbols:
        series = read_bars(run.folder / VALIDATED / f"{symbol}.parquet")
        known = slice(None) if until_us is None else series.bar_end < until_us
        closes[symbol] = (series.bar_end[known], series.values[known, 3])
    return correlation_section(closes)


def mean_correlation(section: dict[str, Any]) -> float:
    """Mean of the matrix outside its diagonal; 0 for one instrument."""
    matrix = np.array(section["matrix"])
    count = len(matrix)
    return 0.0 if count < 2 else float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))
