"""The alias ``trade``: the one file that says which release is live."""

import os
import shutil
from pathlib import Path

from minhos.errors import ServingError
from minhos.files import fsync_folder, write_bytes
from minhos.serving.blueprint import ALIAS, ALIAS_CONFIGS, CONFIGS
from minhos.serving.control import TritonControl

__all__ = ["live_release", "restore_alias", "write_alias"]

MTIME_STEP_NS = 1_000_000


def live_release(control: TritonControl) -> str | None:
    """The release that ``trade`` answers for now; None when nothing is live."""
    if not control.model_ready(ALIAS):
        return None
    release = control.parameters(ALIAS).get("release")
    if not release:
        raise ServingError(
            f"the model `{ALIAS}` of the Triton at {control.url} does not name a release: it is not one of ours, "
            "publish to another server"
        )
    return release


def write_alias(repository: Path, release_id: str) -> None:
    """Points the alias to a release of the repository; its configurations are replaced one by one, each by rename.

    Triton reloads a model only when the newest time in its folder grows, so the times are made to grow even on a
    clock that stands or was set back.
    """
    source, folder = repository / f"{ALIAS}__{release_id}" / ALIAS_CONFIGS, repository / ALIAS
    texts = {name: (source / name).read_bytes() for name in CONFIGS}
    (folder / "1").mkdir(parents=True, exist_ok=True)
    (folder / "configs").mkdir(exist_ok=True)
    newest = max(path.stat().st_mtime_ns for path in (folder, *folder.rglob("*")))
    for name, text in texts.items():
        path = folder / name
        write_bytes(path, text)
        grown = max(path.stat().st_mtime_ns, newest + MTIME_STEP_NS)
        os.utime(path, ns=(grown, grown))
    fsync_folder(folder)


def restore_alias(repository: Path, release_id: str | None, control: TritonControl) -> None:
    """Points the alias to the release that was live before and loads it; without one the alias goes away.

    Raises ServingError when the server does not take it.
    """
    if release_id is not None:
        write_alias(repository, release_id)
        control.load(ALIAS)
        return
    control.unload(ALIAS)
    shutil.rmtree(repository / ALIAS)
