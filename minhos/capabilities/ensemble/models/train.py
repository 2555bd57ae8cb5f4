"""One family through the folds and once more on everything: model, out-of-fold probabilities, record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.models.pieces import Pieces, fold_key, time_left
from minhos.capabilities.ensemble.models.registry import family
from minhos.files import write_json, write_npz
from minhos.training.families import Family, Progress, TrainingData
from minhos.training.importance import importance_of
from minhos.training.leaks import check_fold, check_seen
from minhos.training.metrics import classification, mean_overlap
from minhos.training.profiles import TrainingProfile
from minhos.training.samples import Samples
from minhos.training.splits import Fold
from minhos.training.uniqueness import sample_weights

__all__ = ["fold_answers", "train_family"]


def train_family(
    name: str,
    samples: Samples,
    folds: Sequence[Fold],
    *,
    profile: TrainingProfile,
    seed: int,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Train the family ``name`` and write ``model.onnx``, ``oof.npz`` and, last, ``record.json`` into ``out``.

    ``oof.npz`` holds ``p`` float32 [N]: the probability of each fold's test rows from a model fitted on that fold's
    training rows alone, NaN elsewhere. ``model.onnx`` is refitted on all samples. The record (returned too) has each
    fold's accuracy beside its base rate, log loss, sizes, seconds, the final model's feature importance, and the parity of
    the export.

    Every fit weighs its rows by the uniqueness of their labels among themselves. A fold is kept as soon as it is finished:
    training that was cut short goes on behind the last one.

    Raises ConfigError for an unknown family, LeakError for a fold that is not purged and a model that has seen more than
    its fold's training rows, NightError when a fit or an export fails its checks.
    """
    learner = family(name)
    overlap = mean_overlap(samples.t0, samples.t1, samples.instrument)
    embargo_us = folds[0].embargo_us
    p = np.full(len(samples), np.nan, dtype=np.float32)
    reports = []
    started = time.perf_counter()
    pieces, rows_done, spent = Pieces(out), 0, 0.0
    to_do = sum(len(fold.train) for fold in folds) + len(samples)
    for k, fold in enumerate(folds):
        where = f"{name}, fold {k + 1} of {len(folds)}"
        progress(f"{name}: fold {k + 1}/{len(folds)}")
        check_fold(fold, samples.t0, samples.t1, where=where)
        data = _data(learner, samples, fold.train, embargo_us)
        key = fold_key(data, _inputs(learner, samples)[fold.test], profile=profile, seed=_seed(seed, k))
        kept = pieces.get(k, key)
        if kept is None:
            began = time.perf_counter()
            answers = _answers(
                learner, samples, fold, data, profile=profile, seed=_seed(seed, k), where=where, progress=progress
            )
            report = classification(answers, samples.up[fold.test], overlap)
            report.update(train_samples=len(fold.train), seconds=round(time.perf_counter() - began, 2))
            pieces.put(k, key, answers, report)
        else:
            answers, report = kept
        p[fold.test] = answers
        reports.append(report)
        how = f"in {report['seconds']:.1f} s" if kept is None else "done before"
        rows_done, spent = rows_done + len(fold.train), spent + report["seconds"]
        progress(
            f"{name}: fold {k + 1}/{len(folds)} accuracy {report['accuracy']:.3f} (base rate {report['base_rate']:.3f}) "
            f"{how}{time_left(rows_done, spent, to_do - rows_done)}"
        )
    progress(f"{name}: final fit on {len(samples)} samples")
    everything = np.arange(len(samples), dtype=np.int64)
    final = learner.fit(
        _data(learner, samples, everything, embargo_us),
        seed=_seed(seed, len(folds)),
        profile=profile,
        progress=progress,
    )
    out.mkdir(parents=True, exist_ok=True)
    parity = final.to_onnx(out / "model.onnx")
    write_npz(out / "oof.npz", {"p": p})
    tested = np.concatenate([fold.test for fold in folds])
    record = {
        "family": name,
        "profile": profile.name,
        "seed": seed,
        "input": learner.input,
        "samples": len(samples),
        "overlap": overlap,
        "folds": reports,
        "out_of_fold": classification(p[tested], samples.up[tested], overlap),
        "importance": importance_of(final, _inputs(learner, samples), _names(learner, samples), seed=seed),
        "onnx_parity": parity,
        "onnx_bytes": (out / "model.onnx").stat().st_size,
        "seconds": round(time.perf_counter() - started, 2),
    }
    write_json(out / "record.json", record)
    pieces.clear()
    return record


def fold_answers(
    learner: Family,
    samples: Samples,
    fold: Fold,
    *,
    profile: TrainingProfile,
    seed: int,
    where: str,
    progress: Progress,
) -> npt.NDArray[np.float32]:
    """P(up) of a fold's test rows, float32, by a model fitted on its training rows alone.

    Raises LeakError for a fold that is not purged and a model that has seen more than its training rows.
    """
    check_fold(fold, samples.t0, samples.t1, where=where)
    data = _data(learner, samples, fold.train, fold.embargo_us)
    return _answers(learner, samples, fold, data, profile=profile, seed=seed, where=where, progress=progress)


def _answers(
    learner: Family,
    samples: Samples,
    fold: Fold,
    data: TrainingData,
    *,
    profile: TrainingProfile,
    seed: int,
    where: str,
    progress: Progress,
) -> npt.NDArray[np.float32]:
    fitted = learner.fit(data, seed=seed, profile=profile, progress=progress)
    check_seen(fitted.seen, fold, where=where)
    return fitted.predict_p_up(_inputs(learner, samples)[fold.test])


def _inputs(learner: Family, samples: Samples) -> Any:
    return samples.sequence if learner.input == "sequence" else samples.tabular


def _names(learner: Family, samples: Samples) -> tuple[str, ...]:
    return samples.sequence_names if learner.input == "sequence" else samples.tabular_names


def _data(learner: Family, samples: Samples, rows: Any, embargo_us: int) -> TrainingData:
    return TrainingData(
        x=_inputs(learner, samples)[rows],
        y=samples.up[rows],
        t0=samples.t0[rows],
        t1=samples.t1[rows],
        embargo_us=embargo_us,
        weight=sample_weights(samples.t0[rows], samples.t1[rows], samples.instrument[rows]),
    )


def _seed(seed: int, k: int) -> int:
    """One independent seed per fit, the same for every run."""
    return int(np.random.SeedSequence([seed, k]).generate_state(1)[0]) % 2**31
