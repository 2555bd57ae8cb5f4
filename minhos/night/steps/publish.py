"""Publish: build the release and make the running Triton answer with it; or say why it is held."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from minhos.config import Settings
from minhos.files import read_json, write_json
from minhos.night.recipe import RECIPE
from minhos.night.request_bars import replay
from minhos.night.run import Progress, Run, StepResult
from minhos.night.server import control_server
from minhos.night.steps.ingest import load_plan, load_profile
from minhos.night.succession import what_is_lost, why_held
from minhos.serving.manifest import Manifest
from minhos.serving.publisher import live_release
from minhos.serving.publisher import publish as publish_release
from minhos.serving.release import Release, build_release, load_release
from minhos_client.contract import MEMBERS
from minhos_client.decision import Account

__all__ = ["build_candidate", "publish"]

LIBRARIES = ("numpy", "onnxruntime", "keras", "scikit-learn", "xgboost", "lightgbm", "catboost")
GOLDEN_MOMENTS = 300  # the newest; some of those with a position become golden requests
TENSORFLOW = ("tensorflow-cpu", "tensorflow")  # by the machine


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
    release = build_candidate(run, settings)
    progress(f"built {release.id}")
    with control_server(settings) as control:
        serving = _serving(live_release(control), settings)
        held = why_held(release.manifest, serving, force=load_plan(run)[0].force)
        if held:
            write_json(run.folder / "release.json", {"release": None, "candidate": release.id, "held": [held]})
            return StepResult((held,), {"release": None})
        result = publish_release(release, repository=settings.model_repository, control=control, progress=progress)
    losses = what_is_lost(release.manifest, serving)
    write_json(
        run.folder / "release.json",
        {"release": release.id, "path": str(release.path), "held": [], "lost": list(losses)},
    )
    words = f"{release.id} is live" if result.changed else f"{release.id} was live already"
    return StepResult((words, *losses, result.proof.words), {"release": release.id})


def build_candidate(run: Run, settings: Settings) -> Release:
    """The release of a run that its gate found sound: content-addressed, the same training twice is the same folder."""
    gate = read_json(run.folder / "gate.json")
    _, plan = load_plan(run)
    ensemble = run.folder / "ensemble"
    parameters = {**read_json(ensemble / "parameters.json"), "edge_proven": gate["edge_proven"]}
    symbols = sorted(parameters["instruments"])
    account = Account(equity=RECIPE.start_equity)
    moments = replay(run.folder, symbols, parameters["window"], GOLDEN_MOMENTS)
    onnx = {name: run.folder / "models" / name / "model.onnx" for name in MEMBERS}
    return build_release(
        releases=settings.releases,
        parameters=parameters,
        onnx={**onnx, "win_probability": ensemble / "win_probability.onnx"},
        manifest={
            "session": str(plan.session),
            "profile": load_profile(run).name,
            "synthetic": plan.synthetic,
            "symbols": symbols,
            "data_hash": plan.data_hash,
            "gate": gate["words"],
            "evaluation": read_json(run.folder / "evaluation.json")["words"],
            "libraries": _versions(),
        },
        golden_inputs=[one.tensors(account) for one in moments],
    )


def _versions() -> dict[str, str]:
    """The libraries whose version may change a model."""
    found = {name: version(name) for name in LIBRARIES}
    for name in TENSORFLOW:
        try:
            return {**found, "tensorflow": version(name)}
        except PackageNotFoundError:
            continue
    return found


def _serving(live: str | None, settings: Settings) -> Manifest | None:
    """What the live release says of itself; None when nothing serves or its folder is gone."""
    if live is None or not (settings.releases / live).exists():
        return None
    return load_release(settings.releases / live).manifest
