"""Stack: calibrate and stack the members, fit the win probability; once for the honest last fold, once for the release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.api import EnsembleSettings, LastFold, evaluate_last_fold, fit_ensemble
from minhos.capabilities.position_sizing.api import bootstrap_means, correlation_section
from minhos.files import read_json, write_json, write_npz
from minhos.market_data.bars import read_bars
from minhos.night.recipe import RECIPE
from minhos.night.run import Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan
from minhos.night.steps.train import folds_of
from minhos.training.metrics import classification
from minhos.training.profiles import training_profile
from minhos.training.samples import Samples
from minhos_client.contract import MEMBERS

__all__ = ["stack"]

DRAWS = 2000


def stack(run_folder: str) -> str:
    """Write ``evaluation.json``, ``evaluation.npz`` and ``evaluation_parameters.json`` (what was known before the last
    fold, and what it says of that fold), then ``ensemble/`` (what the release carries, fitted on all folds)."""
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        request, _ = load_plan(run)
        samples = Samples.load(run.folder / "features.npz")
        folds = folds_of(samples, training_profile(request.profile))
        oof = {name: _oof(run.folder / "models" / name / "oof.npz") for name in MEMBERS}
        settings = EnsembleSettings()
        progress("evaluating on the last fold, with everything fitted before it")
        last = evaluate_last_fold(samples, oof, folds, seed=RECIPE.seed, settings=settings)
        _write_evaluation(run, samples, last, oof, folds[-1].start_us)
        progress("fitting stacking, calibration and win probability for the release")
        fit = fit_ensemble(samples, oof, folds, seed=RECIPE.seed, settings=settings)
        fit.save(run.folder / "ensemble")
        base = read_json(run.folder / "parameters.json")
        write_json(
            run.folder / "ensemble" / "parameters.json",
            {**base, **fit.parameters(), "correlation": _correlation(run, samples, None)},
        )
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in fit.stacking["weights"].items())
        evaluation = read_json(run.folder / "evaluation.json")
        return StepResult((evaluation["words"], f"weights of the release: {weights}"), {"samples": len(samples)})

    run.step("stack", work)
    return run_folder


def _oof(path: Path) -> npt.NDArray[np.float32]:
    with np.load(path, allow_pickle=False) as stored:
        p: npt.NDArray[np.float32] = stored["p"]
    return p


def _write_evaluation(
    run: Run, samples: Samples, last: LastFold, oof: dict[str, npt.NDArray[np.float32]], start_us: int
) -> None:
    """Nothing here knew a bar of the last fold: not the fit, nor the volatility reference, nor the correlation."""
    rows = last.rows
    base = read_json(run.folder / "parameters.json")
    before = samples.t1 <= start_us
    column = samples.state_names.index("volatility")
    for number, symbol in enumerate(samples.symbols):
        seen = samples.state[before & (samples.instrument == number), column]
        if seen.size:
            base["instruments"][symbol]["volatility_reference"] = float(np.median(seen))
    write_json(
        run.folder / "evaluation_parameters.json",
        {**base, **last.fit.parameters(), "correlation": _correlation(run, samples, start_us), "edge_proven": True},
    )
    write_npz(run.folder / "evaluation.npz", {"rows": rows, **vars(last.applied)})
    up = samples.up[rows]
    block = samples.horizon_bars * len(samples.symbols)
    named: dict[str, npt.NDArray[Any]] = {"ensemble": last.applied.p_up, **{name: oof[name][rows] for name in MEMBERS}}
    table = [_row(name, p, up, last.fit.metrics["overlap"], block) for name, p in named.items()]
    ensemble = table[0]
    stop, target = samples.stop_ticks[rows].astype(float), samples.target_ticks[rows].astype(float)
    break_even = float(np.mean((stop + samples.cost_ticks[rows]) / (stop + target)))
    words = (
        f"out of sample (last fold, {len(rows)} decisions, {ensemble['effective_samples']:.0f} effective): accuracy "
        f"{ensemble['accuracy']:.1%} (90 % interval {ensemble['accuracy_low']:.1%} to {ensemble['accuracy_high']:.1%}, "
        f"base rate {ensemble['base_rate']:.1%}); a trade must win {break_even:.1%} to break even after costs"
    )
    write_json(
        run.folder / "evaluation.json",
        {
            "decisions": len(rows),
            "accuracy": ensemble["accuracy"],
            "accuracy_low": ensemble["accuracy_low"],
            "base_rate": ensemble["base_rate"],
            "log_loss": ensemble["log_loss"],
            "break_even_win": break_even,
            "member_log_loss": {row["model"]: row["log_loss"] for row in table[1:]},
            "table": table,
            "words": words,
        },
    )


def _row(name: str, p: npt.NDArray[Any], up: npt.NDArray[np.int8], overlap: float, block: int) -> dict[str, Any]:
    """Accuracy and log loss of one model, with the block-bootstrap interval of the accuracy."""
    seen = classification(p, up, overlap)
    right = ((p >= 0.5) == (up > 0)).astype(np.float64)
    means = bootstrap_means(right, block=block, draws=DRAWS, seed=RECIPE.seed)
    low, high = float(means[int(0.05 * DRAWS)]), float(means[int(0.95 * DRAWS)])
    return {"model": name, **seen, "accuracy_low": low, "accuracy_high": high}


def _correlation(run: Run, samples: Samples, until_us: int | None) -> dict[str, Any]:
    closes = {}
    for symbol in samples.symbols:
        series = read_bars(run.folder / "bars" / f"{symbol}.parquet")
        known = slice(None) if until_us is None else series.bar_end < until_us
        closes[symbol] = (series.bar_end[known], series.values[known, 3])
    return correlation_section(closes)
