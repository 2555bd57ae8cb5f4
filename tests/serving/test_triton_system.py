"""The server runner: one server per home, loopback only, keys required, nothing left behind."""

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from minhos.errors import ServingError, SetupError
from minhos.serving.control import TritonControl
from minhos.serving.publisher import live_release, publish
from minhos.serving.state import ServerState, read_state, write_state
from minhos.serving.triton import ServerSettings, TritonServer, free_port, running_server, stop_server
from tests.serving.tiny_release import SERVING, request, tiny_release

pytestmark = pytest.mark.system


def settings(home: Path, **changes: object) -> ServerSettings:
    given = {
        "home": home,
        "serving_environment": SERVING,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
    }
    return ServerSettings(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    with TritonServer(settings(tmp_path_factory.mktemp("home"))) as server:
        yield server


def stubs(home: Path) -> list[int]:
    """The Python-backend processes of this home's servers that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(str(home / "serving" / "backends").encode()):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def state_of(server: TritonServer) -> ServerState:
    assert server.state is not None
    return server.state


def test_other_commands_find_the_running_server(server: TritonServer) -> None:
    found = running_server(server.settings.home)
    assert found == server.state
    assert TritonControl(state_of(server).url, key=state_of(server).key()).index() == {}


def test_a_second_server_on_the_same_home_is_refused(server: TritonServer) -> None:
    with pytest.raises(ServingError, match=f"already runs \\(pid {state_of(server).pid}"):
        TritonServer(settings(server.settings.home)).start()
    assert running_server(server.settings.home) == server.state


def test_it_listens_on_loopback_only(server: TritonServer) -> None:
    state = state_of(server)
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A" and int(port, 16) in {state.grpc_port, state.metrics_port}:
                listening.add(address)
    assert listening
    for address in listening:
        assert address.endswith("0100007F"), f"{address} is not loopback"


def test_models_cannot_be_loaded_without_the_key(server: TritonServer) -> None:
    with TritonControl(state_of(server).url) as stranger, pytest.raises(ServingError, match="restricted"):
        stranger.load("trade")
    assert stat.S_IMODE(Path(state_of(server).key_file).stat().st_mode) == 0o600


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServingError, match=f"grpc port {port} .*MINHOS_GRPC_PORT"):
            TritonServer(settings(tmp_path, grpc_port=port)).start()
    assert read_state(tmp_path) is None


def test_a_missing_environment_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no serving environment in .*make setup"):
        TritonServer(settings(tmp_path, serving_environment=tmp_path / "nowhere")).start()


def test_a_server_that_ends_while_starting_shows_its_last_words(tmp_path: Path) -> None:
    broken = TritonServer(settings(tmp_path, config_name="two words --no-such-option"))
    broken._command = lambda *_, **__: [str(SERVING / "bin" / "python"), "-c", "raise SystemExit('no such option')"]  # type: ignore[method-assign]
    with pytest.raises(ServingError, match=r"ended with status 1 while starting(?s:.*)no such option"):
        broken.start()
    assert read_state(tmp_path) is None and not (tmp_path / "serving" / "key").exists()


def test_a_state_file_of_a_dead_server_is_no_server(tmp_path: Path) -> None:
    key = tmp_path / "serving" / "key"
    key.parent.mkdir()
    key.write_text("old")
    dead = ServerState(
        pid=os.getpid(),  # alive, but another process than the one that wrote the file
        started_ticks=1,
        grpc_port=1,
        metrics_port=2,
        repository="r",
        key_file=str(key),
        log_file="l",
        shm_prefix="minhos_gone_",
    )
    write_state(tmp_path, dead)
    assert running_server(tmp_path) is None
    assert stop_server(tmp_path) is False
    assert read_state(tmp_path) is None and not key.exists()


def test_an_unreadable_state_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "state.json").write_text(json.dumps({"pid": 1}))
    with pytest.raises(ServingError, match=r"state\.json is not a server state of this version"):
        running_server(tmp_path)


class TestALifeOfAServer:
    def test_it_serves_again_after_a_restart_and_a_crash_and_leaves_nothing(self, tmp_path: Path) -> None:
        first, second = tiny_release(tmp_path, seed=1), tiny_release(tmp_path, seed=2)
        with TritonServer(settings(tmp_path)) as server, server.control() as control:
            publish(first, repository=server.settings.models, control=control)
            prefix = state_of(server).shm_prefix
            assert list(Path("/dev/shm").glob(f"{prefix}*")) != []
        assert list(Path("/dev/shm").glob(f"{prefix}*")) == []
        assert running_server(tmp_path) is None

        crashing = TritonServer(settings(tmp_path))
        state = crashing.start()
        with crashing.control() as control:
            assert live_release(control) == first.id
        os.kill(state.pid, signal.SIGKILL)
        crashing.wait()
        assert running_server(tmp_path) is None
        orphans = set(stubs(tmp_path))
        assert orphans, "a killed server cannot end its stubs"

        said: list[str] = []
        again = TritonServer(settings(tmp_path))
        again.start(said.append)
        try:
            assert list(Path("/dev/shm").glob(f"{state.shm_prefix}*")) == []
            assert len(stubs(tmp_path)) == len(set(stubs(tmp_path)) - orphans)
            assert len(said) == 1 and "Triton answers on 127.0.0.1" in said[0]
            with again.control() as control:
                publish(second, repository=again.settings.models, control=control)
                assert control.index()[f"trade__{first.id}"] == "READY", "the release before stays loaded"
                assert control.infer("trade", request())["RELEASE"][0, 0] == second.id.encode()
                last = state_of(again)
            assert stop_server(tmp_path) is True
        finally:
            again.stop()
        assert list(Path("/dev/shm").glob(f"{last.shm_prefix}*")) == []
        assert stubs(tmp_path) == []
        assert read_state(tmp_path) is None

    def test_a_broken_alias_is_said_and_the_server_stays_for_a_repair(self, tmp_path: Path) -> None:
        release = tiny_release(tmp_path)
        with TritonServer(settings(tmp_path)) as server, server.control() as control:
            publish(release, repository=server.settings.models, control=control)
        (server.settings.models / f"experts__{release.id}" / "1" / "model.py").write_text("raise ValueError('broken')")
        said: list[str] = []
        repaired = TritonServer(settings(tmp_path))
        repaired.start(said.append)
        try:
            assert "could not be loaded" in said[-1] and "publish" in said[-1]
            with repaired.control() as control:
                assert live_release(control) is None
                other = tiny_release(tmp_path, seed=2)
                publish(other, repository=repaired.settings.models, control=control)
                assert live_release(control) == other.id
        finally:
            repaired.stop()
