"""From the blueprint in git to the folders that Triton serves: placeholders filled in, the release copied beside.

``model_repository/`` is the blueprint. Its ``trade`` is the alias; every other folder becomes ``<model>__<release>``
(``trade_release`` becomes ``trade__<release>``).
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from minhos.errors import ServingError
from minhos.serving import sessions
from minhos.serving.release import MODELS, Release
from minhos_client import contract

__all__ = [
    "ALIAS",
    "ALIAS_CONFIGS",
    "BLUEPRINT",
    "CONFIGS",
    "PYTHON_MODELS",
    "placeholders",
    "stamp_release",
    "stamped",
]

ALIAS = "trade"
ALIAS_CONFIGS = "alias"
BLUEPRINT = Path(__file__).resolve().parents[2] / "model_repository"
CONFIGS = ("config.pbtxt", "configs/cpu.pbtxt")
PYTHON_MODELS = ("features", "fusion", "kelly", "experts")
RELEASE_ENSEMBLE = "trade_release"
PLACEHOLDER = re.compile(r"@([A-Z_]+)@")


def placeholders(release: Release) -> dict[str, str]:
    """What stands for ``@NAME@``: tensor sizes, and the metadata that clients read from the ensemble's parameters."""
    parameters, manifest = release.parameters(), release.manifest
    regimes, tabular = parameters["regime"]["names"], parameters["features"]["tabular"]
    values: dict[str, object] = {
        "W": manifest.window,
        "F": len(tabular),
        "R": len(regimes),
        "S": 3 + len(regimes),
        "K": manifest.win_feature_count,
        "CONTRACT_VERSION": contract.VERSION,
        "DATA_THROUGH": manifest.data_through,
        "TIMEFRAME_SECONDS": manifest.timeframe_seconds,
        "WINDOW": manifest.window,
        "MAX_AGE_SECONDS": parameters["max_age_seconds"],
        "MAX_STALENESS_SECONDS": parameters["max_staleness_seconds"],
        "COLUMNS": parameters["columns"],
        "TABULAR_FEATURES": tabular,
        "SEQUENCE_FEATURES": parameters["features"]["sequence"],
        "REGIME_NAMES": regimes,
        "SYMBOLS": list(manifest.symbols),
        "HORIZON_BARS": parameters["barriers"]["horizon_bars"],
        "EDGE_PROVEN": manifest.edge_proven,
    }
    return {name: _escaped(json.dumps(value)) for name, value in values.items()} | {"RELEASE": release.id}


def _escaped(text: str) -> str:
    """Text as it stands between the quotes of a protobuf text file."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def stamped(template: str, values: Mapping[str, str], *, where: str) -> str:
    """``template`` with every ``@NAME@`` replaced.

    Raises ServingError for a name without a value.
    """
    unknown = sorted(set(PLACEHOLDER.findall(template)) - set(values))
    if unknown:
        raise ServingError(
            f"{where} has placeholders without a value: {', '.join(unknown)}; known: {', '.join(values)}"
        )
    return PLACEHOLDER.sub(lambda match: values[match[1]], template)


def stamp_release(release: Release, staging: Path, blueprint: Path = BLUEPRINT) -> list[Path]:
    """Makes every model folder of a release in ``staging``, in the order in which they may become visible.

    :returns: the folders, named ``<model>__<release>``; the ensemble is the last. In its ``alias/`` it has the
        configurations of ``trade`` for this release, so that going back needs nothing but the repository.
    """
    values = placeholders(release)
    made = [_member(release, name, staging, blueprint, values) for name in MODELS]
    made += [_python(release, name, staging, blueprint, values) for name in PYTHON_MODELS]
    ensemble = _folder(release, RELEASE_ENSEMBLE, ALIAS, staging, blueprint, values)
    _write_configs(ensemble / ALIAS_CONFIGS, blueprint / ALIAS, values)
    return [*made, ensemble]


def _write_configs(folder: Path, source: Path, values: Mapping[str, str]) -> None:
    (folder / "configs").mkdir(parents=True)
    for name in CONFIGS:
        text = stamped((source / name).read_text(encoding="utf-8"), values, where=str(source / name))
        (folder / name).write_text(text, encoding="utf-8")


def _folder(
    release: Release, source: str, name: str, staging: Path, blueprint: Path, values: Mapping[str, str]
) -> Path:
    folder = staging / f"{name}__{release.id}"
    _write_configs(folder, blueprint / source, values)
    (folder / "1").mkdir()
    return folder


def _member(release: Release, name: str, staging: Path, blueprint: Path, values: Mapping[str, str]) -> Path:
    folder = _folder(release, name, name, staging, blueprint, values)
    shutil.copyfile(release.onnx(name), folder / "1" / "model.onnx")
    shutil.copyfile(blueprint / "shared" / "member.py", folder / "1" / "model.py")
    _shared(folder / "1", blueprint)
    return folder


def _python(release: Release, name: str, staging: Path, blueprint: Path, values: Mapping[str, str]) -> Path:
    folder = _folder(release, name, name, staging, blueprint, values)
    version = folder / "1"
    shutil.copyfile(blueprint / name / "1" / "model.py", version / "model.py")
    _shared(version, blueprint)
    shutil.copytree(release.path / "runtime", version / "release" / "runtime", copy_function=shutil.copyfile)
    shutil.copyfile(release.path / "parameters.json", version / "release" / "parameters.json")
    (version / "release" / "release_id").write_text(release.id)
    if name == "experts":
        shutil.copytree(release.path / "onnx", version / "release" / "onnx", copy_function=shutil.copyfile)
    return folder


def _shared(version: Path, blueprint: Path) -> None:
    """The files beside every ``model.py``.

    ``__pycache__`` is an empty file so that no interpreter can make a folder of it: the backend's stub writes bytecode
    whatever the environment says, which makes the model look newer, and the next load would load it a second time.
    """
    (version / "__pycache__").touch()
    shutil.copyfile(blueprint / "shared" / "steps.py", version / "steps.py")
    shutil.copyfile(Path(sessions.__file__), version / "sessions.py")
