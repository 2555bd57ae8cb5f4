"""One process at a time, by a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minhos.errors import MinhosError, SetupError

__all__ = ["exclusive"]

_RETRY_SECONDS = 0.05


@contextmanager
def exclusive(
    path: Path,
    *,
    busy: Callable[[str], MinhosError],
    wait_seconds: float = 0.0,
    waiting: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the folder is made where it is missing.

    Where another process holds it: wait up to `wait_seconds` (`waiting` is called once, with the holder in words),
    then raise what `busy` makes of the holder's words (`process 4711`). `SetupError` where the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise SetupError(
            f"{path}: cannot make this lock file ({error.strerror}); the folder must be writable and the disk not full"
        ) from error
    with opened as stream:
        until = time.monotonic() + wait_seconds
        told = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                holder = _holder(path)
                if time.monotonic() >= until:
                    raise busy(holder) from error
                if waiting is not None and not told:
                    waiting(holder)
                    told = True
                time.sleep(_RETRY_SECONDS)
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def _holder(path: Path) -> str:
    pid = path.read_text().strip()
    return f"process {pid}" if pid else "another process"
