"""Files that another process may read at any moment: whole or not there, durable before visible, and hashed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import NightError

__all__ = [
    "canonical_json",
    "fsync_folder",
    "fsync_tree",
    "read_json",
    "sha256_of",
    "write_bytes",
    "write_durable",
    "write_json",
    "write_npz",
    "write_text",
]


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> Path:
    """Replace ``path`` by ``content`` in one step: a reader or a crash sees the old file or the new one.

    The folder is made where it is missing; the content is on the disk before the name points to it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)  # mkstemp makes private files; a server may run as another user
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)
    return path


def write_text(path: Path, text: str) -> Path:
    """Replace ``path`` by ``text`` as UTF-8, in one step."""
    return write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> Path:
    """Replace ``path`` by ``value`` as indented JSON; NaN and infinities are refused (they are not JSON)."""
    return write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> Path:
    """Replace ``path`` by ``arrays`` as one npz file without pickles; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return write_bytes(path, buffer.getvalue())


def read_json(path: Path) -> Any:
    """The value in ``path``.

    Raises:
        NightError: The file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NightError(f"{path} is missing: run the step that writes it first") from error
    except json.JSONDecodeError as error:
        raise NightError(f"{path} is not valid JSON ({error}): run the night again with FORCE=1") from error


def canonical_json(value: Any) -> bytes:
    """JSON with one spelling per value (sorted keys, no spaces, no NaN), as UTF-8: fit to be hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_durable(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write ``content`` and force it to the disk. The file is visible while it grows: see ``write_bytes``."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def fsync_folder(folder: Path) -> None:
    """Force a folder's entries (names, renames) to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(root: Path) -> None:
    """Force every file and folder under ``root``, and ``root`` itself, to the disk."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        fsync_folder(Path(folder))
