"""Programs that this platform starts: they end when it ends, and everything that they started with them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["end_session", "session_members", "tied"]

POLL_SECONDS = 0.05


def tied(command: Sequence[str], *, number: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command, started so that the kernel sends it signal ``number`` when the thread that starts it dies.

    A process that is killed cannot stop what it started; this can. ``setpriv`` (util-linux) sets it and becomes the
    command, so the process id stays; on a system without it the command is as it was.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", number.name.removeprefix("SIG"), *command] if setpriv else list(command)


def session_members(session: int) -> list[int]:
    """The living processes of a session (zombies are dead), whatever groups they have made in it."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, _parent, _group, own_session = text[text.rindex(")") + 2 :].split()[:4]
        if int(own_session) == session and state != "Z":
            members.append(int(folder.name))
    return members


def end_session(process: subprocess.Popen[bytes], *, grace_seconds: float) -> None:
    """End a process that leads its own session, and all of the session: SIGTERM, then SIGKILL to who stays.

    By session, because Airflow puts each task into a process group of its own. The leader may be gone already.
    """
    deadline = time.monotonic() + grace_seconds
    _signal(process.pid, signal.SIGTERM)
    while session_members(process.pid) and time.monotonic() < deadline:
        process.poll()
        time.sleep(POLL_SECONDS)
    while session_members(process.pid):
        _signal(process.pid, signal.SIGKILL)
        process.poll()
        time.sleep(POLL_SECONDS)
    process.wait()


def _signal(session: int, number: signal.Signals) -> None:
    for member in session_members(session):
        try:
            os.kill(member, number)
        except ProcessLookupError:
            continue
