"""Publish: build the release and make the running Triton answer with it; or say why it is held."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from minhos.config import Settings
from minhos.files import read_json, write_json
from minhos.night.recipe import RECIPE
from minhos.night.request_bars import latest_bars
from minhos.night.run import Progress, Run, StepResult
from minhos.night.server import control_server
from minhos.night.steps.ingest import load_plan
from minhos.serving.publisher import live_release
from minhos.serving.publisher import publish as publish_release
from minhos.serving.release import Release, build_release, load_release
from minhos_client.contract import MEMBERS
from minhos_client.decision import Account

__all__ = ["publish"]

LIBRARIES = ("numpy", "onnxruntime", "keras", "scikit-learn", "xgboost", "lightgbm", "catboost", "tensorflow-cpu")


def publish(run_folder: str) -> str:
    """Write ``release.json``. Always done again, because it is about the server that runs now; publishing what is live
    is proven again and changes nothing.

    Raises:
        NightError: No server runs.
        ServingError: The server refused; what was live before stays live.
    """
    run = Run(Path(run_folder))
    run.step("publish", lambda progress: _publish(run, progress), repeat=True)
    return run_folder


def _publish(run: Run, progress: Progress) -> StepResult:
    settings = Settings.from_environment(os.environ)
    gate = read_json(run.folder / "gate.json")
    if not gate["sound"]:
        write_json(run.folder / "release.json", {"release": None, "held": gate["words"]})
        return StepResult((gate["words"][0],), {"release": None})
    release = _build(run, settings, gate)
    progress(f"built {release.id}")
    with control_server(settings) as control:
        newer = _newer_than(release, live_release(control), settings, force=load_plan(run)[0].force)
        if newer:
            write_json(run.folder / "release.json", {"release": None, "held": [newer]})
            return StepResult((newer,), {"release": None})
        result = publish_release(release, repository=settings.model_repository, control=control, progress=progress)
    write_json(run.folder / "release.json", {"release": release.id, "path": str(release.path), "held": []})
    words = f"{release.id} is live" if result.changed else f"{release.id} was live already"
    return StepResult((words, result.proof.words), {"release": release.id})


def _build(run: Run, settings: Settings, gate: dict[str, Any]) -> Release:
    """The release of this run: content-addressed, so the same training twice is the same folder."""
    request, plan = load_plan(run)
    ensemble = run.folder / "ensemble"
    parameters = {**read_json(ensemble / "parameters.json"), "edge_proven": gate["edge_proven"]}
    symbols = sorted(parameters["instruments"])
    golden = latest_bars(run.folder, symbols, parameters["window"])
    onnx = {name: run.folder / "models" / name / "model.onnx" for name in MEMBERS}
    return build_release(
        releases=settings.releases,
        parameters=parameters,
        onnx={**onnx, "win_probability": ensemble / "win_probability.onnx"},
        manifest={
            "session": str(plan.session),
            "profile": request.profile,
            "synthetic": plan.synthetic,
            "symbols": symbols,
            "data_hash": plan.data_hash,
            "gate": gate["words"],
            "evaluation": read_json(run.folder / "evaluation.json")["words"],
            "libraries": {name: version(name) for name in LIBRARIES},
        },
        golden_inputs=golden.tensors(Account(equity=RECIPE.start_equity)),
    )


def _newer_than(release: Release, live: str | None, settings: Settings, *, force: bool) -> str | None:
    """Why the live release must stay, in words; None when the candidate may replace it.

    An older night never demotes a newer one of the same instruments and timeframe, and made-up data never replace a
    market's; ``force`` overrides both.
    """
    if live is None or live == release.id or force or not (settings.releases / live).exists():
        return None
    serving = load_release(settings.releases / live).manifest
    mine = release.manifest
    if mine.facts.get("synthetic") and not serving.facts.get("synthetic"):
        return f"held: {live} was trained on real data and serves; synthetic data do not replace it (FORCE=1 would)"
    same = (mine.symbols, mine.timeframe_seconds) == (serving.symbols, serving.timeframe_seconds)
    if same and serving.data_through > mine.data_through:
        return f"held: {live} serves and knows later data than {release.id} (FORCE=1 would publish it)"
    return None
