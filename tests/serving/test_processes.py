"""Programs end with their starter, and all of their group ends with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minhos.serving.processes import end_session, session_members, tied

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def _gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_the_whole_session_ends_even_who_ignores_sigterm_in_a_group_of_its_own() -> None:
    leader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], process_group=0)",
        ],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert leader.stdout is not None
    assert leader.stdout.readline() == b"up\n"
    leader.wait(timeout=10)
    (member,) = session_members(leader.pid)
    end_session(leader, grace_seconds=0.3)
    leader.stdout.close()
    assert _gone(member)
    assert session_members(leader.pid) == []


def test_ending_a_session_that_has_ended_is_nothing() -> None:
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    end_session(process, grace_seconds=1.0)
    end_session(process, grace_seconds=1.0)
    assert process.returncode == 0


def test_a_tied_program_ends_when_its_starter_is_killed() -> None:
    code = (
        "import subprocess, time\n"
        "from minhos.serving.processes import tied\n"
        "print(subprocess.Popen(tied(['sleep', '60']), start_new_session=True).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    child = int(starter.stdout.readline())
    while b"sleep" not in (Path("/proc") / str(child) / "cmdline").read_bytes().split(b"\0")[0]:
        time.sleep(0.01)  # setpriv is about to become the program
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    assert _gone(child)


def test_without_setpriv_the_command_is_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    assert tied(["airflow", "version"]) == ["airflow", "version"]
