"""Bringing a release live without a request that fails or an answer that mixes two releases.

Triton has no transaction over several models. What holds under load (measured in docs/architecture.md) is a set of
models named after their release, proven while nobody uses them, and an alias of one step that is flipped to it.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minhos.errors import ServingError
from minhos.files import fsync_folder, fsync_tree
from minhos.serving.alias import live_release, restore_alias, write_alias
from minhos.serving.blueprint import ALIAS, BLUEPRINT, stamp_release
from minhos.serving.control import TritonControl
from minhos.serving.golden import Proof, prove
from minhos.serving.release import Release, verify_release

__all__ = ["PublishResult", "live_release", "publish"]

STAGING = ".staging-"
DRAIN_SECONDS = 30.0
GONE = frozenset({"", "UNAVAILABLE"})


@dataclass(frozen=True)
class PublishResult:
    """What a publish did. ``changed`` is False when the release was live already and was only proven again."""

    release: str
    previous: str | None
    changed: bool
    proof: Proof
    retired: tuple[str, ...]
    seconds: float


def _quiet(_: str) -> None:
    """Progress that nobody watches."""


def publish(
    release: Release,
    *,
    repository: Path,
    control: TritonControl,
    progress: Callable[[str], None] = _quiet,
    blueprint: Path = BLUEPRINT,
    keep: int = 2,
) -> PublishResult:
    """Makes ``release`` the one that ``trade`` answers for.

    :param repository: the folder that the running server serves.
    :param control: the server, with its key.
    :param keep: releases that stay loaded, the live one included; older ones are drained, unloaded and removed.

    Raises ServingError when the release is not what was built, when it does not load, does not answer its golden
    requests, or another publish is running. In every such case what was live before stays live.
    """
    started = time.monotonic()
    verify_release(release.path)
    golden = release.golden()
    repository.mkdir(parents=True, exist_ok=True)
    with _one_publisher(repository):
        previous = live_release(control)
        if previous == release.id:
            proof = prove(partial(control.infer, ALIAS), golden, release_id=release.id)
            _require(proof, release.id, "it is live, but no longer gives its golden answers; restart the server")
            progress(f"{release.id} is live already: {proof.words}")
            return PublishResult(release.id, previous, False, proof, (), time.monotonic() - started)
        with ExitStack() as undo:
            undo.callback(_withdraw, release.id, repository, control, progress)
            _make_visible(release, repository, blueprint)
            progress(f"staged {release.id}")
            control.load(_ensemble(release.id))
            proof = prove(partial(control.infer, _ensemble(release.id)), golden, release_id=release.id)
            _require(proof, release.id, "the server does not compute what training computed")
            progress(proof.words)
            if previous is not None:
                control.load(_ensemble(previous))  # in its own name, so that it outlives the alias's step
            undo.callback(_put_back, repository, previous, control, progress)
            write_alias(repository, release.id)
            control.load(ALIAS)
            _require(
                prove(partial(control.infer, ALIAS), golden, release_id=release.id),
                release.id,
                f"`{ALIAS}` does not answer for it",
            )
            undo.pop_all()
        progress(f"{release.id} is live" + (f" in place of {previous}" if previous else ""))
        retired = _retire(repository, control, keep=_kept(repository, release.id, previous, keep), progress=progress)
    return PublishResult(release.id, previous, True, proof, retired, time.monotonic() - started)


def _ensemble(release_id: str) -> str:
    return f"{ALIAS}__{release_id}"


def _require(proof: Proof, release_id: str, problem: str) -> None:
    if not proof.passes:
        raise ServingError(f"release {release_id} is not published, {problem}: {proof.words}")


@contextmanager
def _one_publisher(repository: Path) -> Iterator[None]:
    with (repository / ".publish.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServingError(f"another publish into {repository} is running: wait for it and try again") from error
        for left in repository.glob(f"{STAGING}*"):
            shutil.rmtree(left)
        yield


def _make_visible(release: Release, repository: Path, blueprint: Path) -> None:
    """Whole, durable folders, members first and the ensemble last; a folder that is there is never touched."""
    staging = repository / f"{STAGING}{os.getpid()}"
    staging.mkdir()
    try:
        folders = stamp_release(release, staging, blueprint)
        fsync_tree(staging)
        for folder in folders:
            if not (repository / folder.name).exists():
                folder.rename(repository / folder.name)
        fsync_folder(repository)
    finally:
        shutil.rmtree(staging)


def _withdraw(release_id: str, repository: Path, control: TritonControl, progress: Callable[[str], None]) -> None:
    """Takes a release that did not become live out again."""
    try:
        _unload(release_id, repository, control)
    except ServingError as error:
        progress(f"{release_id} could not be unloaded: {error}")
        return
    _remove(release_id, repository)
    progress(f"{release_id} was withdrawn")


def _put_back(repository: Path, previous: str | None, control: TritonControl, progress: Callable[[str], None]) -> None:
    try:
        restore_alias(repository, previous, control)
    except ServingError as error:
        progress(f"the earlier alias is on disk again, but the server did not take it: {error}")
        return
    progress(f"{previous} is live again" if previous else "nothing is live, as before")


def _folders(release_id: str, repository: Path) -> list[Path]:
    """The folders of a release, the ensemble first."""
    return sorted(repository.glob(f"*__{release_id}"), key=lambda path: path.name != _ensemble(release_id))


def _unload(release_id: str, repository: Path, control: TritonControl) -> None:
    """Unloads every model of a release and waits until requests in flight are answered."""
    names = [path.name for path in _folders(release_id, repository)]
    states = control.index()
    for name in names:
        if states.get(name, "") not in GONE:
            control.unload(name)
    deadline = time.monotonic() + DRAIN_SECONDS
    while True:
        states = control.index()
        busy = [name for name in names if states.get(name, "") not in GONE]
        if not busy:
            return
        if time.monotonic() > deadline:
            raise ServingError(f"{', '.join(busy)} did not unload within {DRAIN_SECONDS:.0f} s")
        time.sleep(0.02)


def _remove(release_id: str, repository: Path) -> None:
    for folder in _folders(release_id, repository):
        shutil.rmtree(folder)


def _releases(repository: Path) -> list[str]:
    """Every release that has a folder in the repository (a killed publisher leaves some without an ensemble)."""
    return sorted({path.name.split("__", 1)[1] for path in repository.glob("*__*")})


def _kept(repository: Path, live: str, previous: str | None, keep: int) -> set[str]:
    """The live release, the one before it, then the newest whole ones, ``keep`` in all."""
    ensembles = sorted(repository.glob(_ensemble("*")), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    order = [live, *([previous] if previous else []), *(path.name.split("__", 1)[1] for path in ensembles)]
    return set(list(dict.fromkeys(order))[: max(keep, 1)])


def _retire(
    repository: Path, control: TritonControl, *, keep: set[str], progress: Callable[[str], None]
) -> tuple[str, ...]:
    retired = []
    for release_id in _releases(repository):
        if release_id in keep:
            continue
        try:
            _unload(release_id, repository, control)
        except ServingError as error:
            progress(f"{release_id} stays for now: {error}")
            continue
        _remove(release_id, repository)
        retired.append(release_id)
        progress(f"{release_id} is retired")
    return tuple(retired)
