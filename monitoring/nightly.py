"""The drift step of the night: tonight's features against the older samples, before anything is trained on them."""

from __future__ import annotations

from pathlib import Path

from minhos.files import write_json
from minhos.night.recipe import RECIPE
from minhos.night.run import Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan
from minhos.training.samples import Samples
from monitoring.drift import MIN_ROWS, drift_report

__all__ = ["drift"]

SESSION_MARGIN = 2  # the current rows are at least this many times the fewest that can be judged


def drift(run_folder: str) -> str:
    """Write ``drift/report.html``, ``drift/report.json`` and ``drift.json``. Drift informs; it stops nothing."""
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        _, plan = load_plan(run)
        samples = Samples.load(run.folder / "features.npz")
        rows = max(_rows_of_last_day(samples), SESSION_MARGIN * MIN_ROWS)
        progress(f"comparing the last {min(rows, len(samples))} samples with the older ones")
        result = drift_report(
            reference=samples.tabular[:-rows],
            current=samples.tabular[-rows:],
            names=samples.tabular_names,
            out=run.folder / "drift",
            seed=RECIPE.seed,
        )
        write_json(run.folder / "drift.json", result.as_json())
        return StepResult((result.words,), {"status": result.status, "session": str(plan.session)})

    run.step("drift", work)
    return run_folder


def _rows_of_last_day(samples: Samples) -> int:
    day_us = 86_400_000_000
    return int((samples.t0 > samples.t0[-1] - day_us).sum())
