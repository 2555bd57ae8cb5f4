"""Track: put a night on record in MLflow, however it ended: the models, what they said, the gate's words, the release."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from minhos.config import Settings
from minhos.errors import SetupError
from minhos.files import read_json
from minhos.market_data.timeframes import timeframe_name
from minhos.night.identity import code_hash, run_key
from minhos.night.recipe import RECIPE
from minhos.night.run import Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan, load_profile
from minhos.training.tracking import CHALLENGER, CHAMPION, Record, Tracking

__all__ = ["MODEL", "experiment_of", "track"]

MODEL: Final = "trade"
"""The registered model: its versions are releases, its aliases say which one serves and which one would like to."""
_EVALUATED: Final = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "base_rate",
    "log_loss",
    "calibration_error",
    "decisions",
)
_TRADED: Final = ("trades", "sized_trades", "mean_r", "mean_r_low", "growth", "max_drawdown")
_DOCUMENTS: Final = (
    "evaluation.json",
    "backtest.json",
    "gate.json",
    "parameters.json",
    "validation.json",
    "release.json",
)


def track(run_folder: str) -> str:
    """Record what the run has so far, once; where the release serves, it becomes the champion.

    A record that cannot be written is told and costs nothing else: what was published stays published.
    """
    run = Run(Path(run_folder))

    def work(_progress: Progress) -> StepResult:
        settings = Settings.from_environment(os.environ)
        try:
            return StepResult(_recorded(run, Tracking(settings.tracking), settings))
        except SetupError as error:
            return StepResult((f"NOT ON RECORD: {error}",))

    run.step("track", work, repeat=True)
    return run_folder


def experiment_of(timeframe_name: str, *, synthetic: bool) -> str:
    """Nights of one timeframe are compared with each other; made-up markets never with real ones."""
    return f"nights {timeframe_name}{' synthetic' if synthetic else ''}"


def _recorded(run: Run, tracking: Tracking, settings: Settings) -> tuple[str, ...]:
    _, plan = load_plan(run)
    experiment = experiment_of(timeframe_name(plan.timeframe_seconds), synthetic=plan.synthetic)
    families = {path.parent.name: read_json(path) for path in sorted(run.folder.glob("models/*/record.json"))}
    tags = {
        "session": str(plan.session),
        "symbols": ",".join(plan.symbols),
        "data_hash": plan.data_hash,
        "code_hash": code_hash(),
        "synthetic": str(plan.synthetic),
        "run": run.name,
    }
    profile = load_profile(run)
    documents = {name: _document(run.folder / name) for name in _DOCUMENTS}
    gate, release = documents["gate.json"], documents["release.json"]
    if "words" in gate:
        tags["gate"] = " | ".join(gate["words"])
    if release.get("release"):
        tags["release"] = release["release"]
    night = Record(
        name=run.name,
        key=run_key({"run": run.name, "families": families, "documents": documents}),
        params={"profile": profile.name, **_flat("recipe", RECIPE.model_dump(mode="json"))},
        metrics={
            **_numbers(documents["evaluation.json"], _EVALUATED),
            **_numbers(documents["backtest.json"], _TRADED),
            "sound": float(bool(gate.get("sound"))),
            "edge_proven": float(bool(gate.get("edge_proven"))),
        },
        tags=tags,
        artifacts=[run.folder / name for name in _DOCUMENTS],
        status="FINISHED" if gate else "FAILED",
    )
    parent = tracking.record(experiment, night)
    for name, record in families.items():
        tracking.record(
            experiment, _family(run, name, record, profile.model_dump(mode="json"), tags, night.key), parent=parent
        )
    words = [f"on record in MLflow, experiment {experiment!r}: the night and {len(families)} models"]
    for alias, name in ((CHAMPION, release.get("release")), (CHALLENGER, release.get("candidate"))):
        if name:
            source = settings.releases / name
            version = tracking.register(MODEL, release=name, source=source, run_id=parent, alias=alias)
            words.append(f"{name} is version {version} of {MODEL!r} and its {alias}")
    return tuple(words)


def _family(
    run: Run, name: str, record: Mapping[str, Any], profile: Mapping[str, Any], tags: Mapping[str, str], night: str
) -> Record:
    folds = record["folds"]
    return Record(
        name=f"{run.name} {name}",
        key=f"{night}/{name}",
        params={"family": name, "seed": record["seed"], **_flat("profile", profile)},
        metrics={
            **{f"out_of_fold_{key}": value for key, value in record["out_of_fold"].items()},
            "onnx_parity": record["onnx_parity"],
            "seconds": record["seconds"],
        },
        curves={
            f"fold_{key}": [fold[key] for fold in folds] for key in ("accuracy", "base_rate", "log_loss", "seconds")
        },
        tags={**tags, "family": name},
        artifacts=[run.folder / "models" / name / file for file in ("record.json", "model.onnx")],
    )


def _document(path: Path) -> Any:
    return read_json(path) if path.is_file() else {}


def _numbers(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(document[name]) for name in names if isinstance(document.get(name), int | float)}


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as `prefix.name.name`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(f"{prefix}.{name}", value) if isinstance(value, Mapping) else {f"{prefix}.{name}": value}
    return flat
