"""Programs that this platform starts: they end when it ends, and their whole process group with them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["end_group", "group_members", "tied"]

POLL_SECONDS = 0.05


def tied(command: Sequence[str]) -> list[str]:
    """The command, started so that the kernel sends it SIGTERM when the thread that starts it dies.

    A process that is killed cannot stop what it started; this can. ``setpriv`` (util-linux) sets it and becomes the
    command, so the process id stays; on a system without it the command is as it was.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else list(command)


def group_members(group: int) -> list[int]:
    """The living processes of a process group (zombies are dead)."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = text[text.rindex(")") + 2 :].split()
        if int(fields[2]) == group and fields[0] != "Z":
            members.append(int(folder.name))
    return members


def end_group(process: subprocess.Popen[bytes], *, grace_seconds: float) -> None:
    """End a process that leads its own group, and all of the group: SIGTERM, then SIGKILL to who stays.

    The leader may be gone already; its group is ended all the same.
    """
    deadline = time.monotonic() + grace_seconds
    _signal(process.pid, signal.SIGTERM)
    while group_members(process.pid) and time.monotonic() < deadline:
        process.poll()
        time.sleep(POLL_SECONDS)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    """Signal a group that has living members; the id of an empty group may belong to somebody else by now."""
    if not group_members(group):
        return
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
