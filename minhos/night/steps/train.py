"""Train: one model family through the folds and once more on everything. Mapped over the families."""

from __future__ import annotations

from pathlib import Path

from minhos.capabilities.ensemble.api import train_family
from minhos.night.recipe import RECIPE
from minhos.night.run import Progress, Run, StepResult
from minhos.night.steps.ingest import load_profile
from minhos.training.profiles import TrainingProfile
from minhos.training.samples import Samples
from minhos.training.splits import Fold, walk_forward

__all__ = ["folds_of", "train"]


def train(run_folder: str, family: str) -> str:
    """Write ``models/<family>/``: the ONNX model of all samples, the out-of-fold probabilities, the record."""
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        profile = load_profile(run)
        samples = Samples.load(run.folder / "features.npz")
        record = train_family(
            family,
            samples,
            folds_of(samples, profile),
            profile=profile,
            seed=RECIPE.seed,
            out=run.folder / "models" / family,
            progress=progress,
        )
        seen = record["out_of_fold"]
        words = (
            f"out of fold: accuracy {seen['accuracy']:.1%} (base rate {seen['base_rate']:.1%}), log loss "
            f"{seen['log_loss']:.4f} (base {seen['base_log_loss']:.4f}); ONNX differs by {record['onnx_parity']:.0e}"
        )
        shares = list(record["importance"]["share"].items())[:3]
        most = ", ".join(f"{feature} {share:.0%}" for feature, share in shares)
        return StepResult((words, f"listens most to {most}"), {"folder": str(run.folder / "models" / family)})

    run.step(f"train[{family}]", work)
    return run_folder


def folds_of(samples: Samples, profile: TrainingProfile) -> list[Fold]:
    """The walk-forward folds of a profile: the same in every task, because samples and profile are."""
    return walk_forward(
        samples.t0,
        samples.t1,
        folds=profile.folds,
        embargo_us=profile.embargo_bars * samples.timeframe_seconds * 1_000_000,
        min_train_fraction=profile.min_train_fraction,
        train_fraction=profile.train_fraction,
        test_fraction=profile.test_fraction,
        stride_fraction=profile.stride_fraction,
    )
