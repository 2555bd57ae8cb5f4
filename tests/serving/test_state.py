"""The state file names a process and nothing but that process."""

import os
import subprocess
import sys
from pathlib import Path

from minhos.serving.state import ServerState, clear_state, process_start, read_state, running_server, write_state


def state(home: Path, pid: int, started: int) -> ServerState:
    return ServerState(
        pid=pid,
        started_ticks=started,
        grpc_port=8001,
        metrics_port=8002,
        repository=str(home / "model_repository"),
        key_file=str(home / "serving" / "key"),
        log_file=str(home / "serving" / "triton.log"),
        shm_prefix="minhos_test_state_",
    )


def home_of(tmp_path: Path) -> Path:
    (tmp_path / "serving").mkdir()
    return tmp_path


def test_it_comes_back_and_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    written = state(home, os.getpid(), process_start(os.getpid()) or 0)
    (home / "serving" / "key").write_text("secret\n")
    write_state(home, written)
    assert running_server(home) == written
    assert (written.url, written.key()) == ("127.0.0.1:8001", "secret")
    assert "secret" not in (home / "serving" / "state.json").read_text()


def test_without_a_file_there_is_no_server(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None and running_server(tmp_path) is None


def test_a_process_that_ended_is_gone_even_while_nobody_waits_for_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.DEVNULL)
    started = process_start(child.pid)
    assert started is not None
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert process_start(child.pid) is None
    child.wait()
    assert process_start(child.pid) is None


def test_clearing_never_ends_a_stranger_of_the_same_group(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        clear_state(home, state(home, stranger.pid, 1))
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
