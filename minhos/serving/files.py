"""Files that another process may read at any moment: durable before visible, and hashed."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["canonical_json", "fsync_folder", "fsync_tree", "sha256_of", "write_atomic", "write_durable"]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON with one spelling per value (sorted keys, no spaces, no NaN), as UTF-8: fit to be hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def write_durable(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes ``content`` and forces it to the disk. The file is visible while it grows: see ``write_atomic``."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes beside ``path``, forces it to the disk and renames: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_durable(temporary, content, mode=mode)
    temporary.rename(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Forces a folder's entries (names, renames) to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(root: Path) -> None:
    """Forces every file and folder under ``root``, and ``root`` itself, to the disk."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        fsync_folder(Path(folder))
