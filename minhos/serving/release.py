"""Releases: immutable, content-addressed bundles of models, runtime code, parameters and golden answers.

``<releases>/<id>/`` holds ``manifest.json``, ``parameters.json``, ``onnx/<model>.onnx``, ``runtime/`` and
``golden.npz``. The id is ``<data-through date>-<timeframe>-<12 hex>``, the hex of a hash over everything that
decides an answer and the manifest's facts; the same training twice is the same release and no second folder.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from minhos.errors import ServingError
from minhos.files import canonical_json, fsync_folder, fsync_tree, sha256_of, write_durable
from minhos.serving.golden import check_request, write_golden
from minhos.serving.in_process import answer_golden, in_process_chain, plain
from minhos.serving.manifest import GOLDEN, MANIFEST, MODELS, Manifest, Release, hashes_of, identify, load_release
from minhos.serving.snapshot import snapshot_sources
from minhos_client import contract
from minhos_client.tensors import tensors_hash

if TYPE_CHECKING:
    from minhos.chain import Parameters

__all__ = [
    "MODELS",
    "Manifest",
    "Release",
    "build_release",
    "in_process_chain",
    "list_releases",
    "load_release",
    "verify_release",
]

STAGING = ".staging-"

Array = npt.NDArray[Any]


def build_release(
    *,
    releases: Path,
    parameters: Mapping[str, Any],
    onnx: Mapping[str, Path],
    manifest: Mapping[str, Any],
    golden_inputs: Sequence[Mapping[str, Array]],
) -> Release:
    """Makes a release, or finds the one that has the same content.

    :param releases: the folder of all releases; staging happens in it, so that the last step is one rename.
    :param parameters: the content of ``parameters.json`` (docs/architecture.md), validated by the runtime itself.
    :param onnx: a file for each of ``MODELS``: input ``x``, output ``p_up`` float32 [N, 1].
    :param manifest: facts for people (training window, metrics, the gate's words, library versions): JSON values
        without anything that changes from run to run, since they are part of the identity.
    :param golden_inputs: requests of the contract. The first is kept whole and as its first row alone; the others are
        candidates, of which a few that lead to a position are kept (``golden_choice``): some hundreds are welcome.

    Raises ServingError when models are missing, parameters or golden request are refused, or a model cannot be run.
    """
    if sorted(onnx) != sorted(MODELS):
        raise ServingError(f"a release has the models {', '.join(MODELS)}; given were {', '.join(sorted(onnx))}")
    if not golden_inputs:
        raise ServingError("no golden request was given: a release is proven by asking it, give one at least")
    window = _checked(parameters).window
    for number, request in enumerate(golden_inputs):
        check_request(request, window=window, name=f"golden request {number}" if number else "golden request")
    requests = [{name: plain(value) for name, value in request.items()} for request in golden_inputs]
    releases.mkdir(parents=True, exist_ok=True)
    with _building(releases) as staging:
        _fill(staging, parameters, onnx)
        content = Manifest(
            release="",
            contract_version=contract.VERSION,
            data_through=parameters["data_through"],
            timeframe_seconds=parameters["timeframe_seconds"],
            window=parameters["window"],
            win_feature_count=0,
            edge_proven=parameters["edge_proven"],
            symbols=tuple(sorted(parameters["instruments"])),
            golden_requests_sha256=_hashes(requests),
            facts=dict(manifest),
            files=hashes_of(staging),
        )
        release_id = identify(content)
        target = releases / release_id
        if target.exists():
            return verify_release(target)
        golden, win_feature_count = answer_golden(staging, release_id, parameters, requests)
        write_golden(staging / GOLDEN, golden)
        content = content.model_copy(
            update={
                "release": release_id,
                "win_feature_count": win_feature_count,
                "files": {**content.files, GOLDEN: sha256_of(staging / GOLDEN)},
            }
        )
        write_durable(staging / MANIFEST, content.model_dump_json(indent=1).encode())
        for path in staging.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        fsync_tree(staging)
        staging.rename(target)
        fsync_folder(releases)
    return Release(path=target, manifest=content)


def verify_release(path: Path) -> Release:
    """Reads a release and checks every byte of it against the manifest and the manifest against the id.

    Raises ServingError, which names each file that is missing, changed or foreign, or the contract version.
    """
    release = load_release(path)
    manifest = release.manifest
    if manifest.contract_version != contract.VERSION:
        raise ServingError(
            f"release {release.id} speaks version {manifest.contract_version} of the decision contract, this "
            f"platform version {contract.VERSION}: train a new release"
        )
    found = hashes_of(path)
    found.pop(MANIFEST, None)
    wrong = (
        [f"{name} is missing" for name in sorted(set(manifest.files) - set(found))]
        + [f"{name} is foreign" for name in sorted(set(found) - set(manifest.files))]
        + [f"{name} was changed" for name in sorted(found) if manifest.files.get(name, found[name]) != found[name]]
    )
    if path.name != release.id or identify(manifest) != release.id:
        wrong.append(f"{MANIFEST} or the folder's name was changed (the content is {identify(manifest)})")
    if wrong:
        raise ServingError(
            f"release {path} is not what was built: {'; '.join(wrong)}; delete the folder and publish again"
        )
    return release


def list_releases(releases: Path) -> list[Release]:
    """Every release of a folder, the one with the newest data first."""
    if not releases.is_dir():
        return []
    found = [load_release(path.parent) for path in releases.glob(f"[!.]*/{MANIFEST}")]
    return sorted(found, key=lambda release: (release.manifest.data_through, release.id), reverse=True)


def _checked(parameters: Mapping[str, Any]) -> "Parameters":
    """The parameters as the runtime reads them, so that a release that cannot be served is never built."""
    from minhos.chain import Parameters

    try:
        return Parameters.from_json(parameters)
    except ValueError as error:
        raise ServingError(f"the runtime refuses the release's parameters: {error}") from error


def _hashes(requests: Sequence[Mapping[str, Array]]) -> tuple[str, ...]:
    """What was given, not what is kept of it: so the id is known before anything is asked."""
    whole, *candidates = requests
    first_row = {name: value[:1] for name, value in whole.items()}
    joined = {f"{number}.{name}": value for number, one in enumerate(candidates) for name, value in one.items()}
    return tuple(tensors_hash(one) for one in (whole, first_row, joined) if one)


def _fill(staging: Path, parameters: Mapping[str, Any], onnx: Mapping[str, Path]) -> None:
    (staging / "onnx").mkdir()
    for name, path in onnx.items():
        if not path.is_file():
            raise ServingError(f"the model {name} has no file {path}: train it first")
        shutil.copyfile(path, staging / "onnx" / f"{name}.onnx")
    for name, path in snapshot_sources().items():
        target = staging / "runtime" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    try:
        write_durable(staging / "parameters.json", canonical_json(dict(parameters)))
    except ValueError as error:
        raise ServingError(f"the parameters are not JSON: {error}") from error


@contextmanager
def _building(releases: Path) -> Iterator[Path]:
    """A staging folder that is gone afterwards; one builder at a time, which clears what a killed one left."""
    with (releases / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in releases.glob(f"{STAGING}*"):
            shutil.rmtree(left)
        staging = releases / f"{STAGING}{os.getpid()}"
        staging.mkdir()
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
