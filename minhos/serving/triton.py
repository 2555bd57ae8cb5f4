"""Running Triton on this machine: loopback only, HTTP off, models controlled by the holder of a key.

This 2024 server has known, since fixed, security holes: it is for one machine's own users and never the production
default (that is NVIDIA's current image, ``docker-compose.yml``). The key is handed over on the command line, the
only way this server takes it, so users of the same machine can see it in the process list.
"""

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from minhos.errors import ServingError
from minhos.serving.control import KEY_NAME, TritonControl
from minhos.serving.installation import ServingInstallation, find_installation
from minhos.serving.processes import tied
from minhos.serving.state import (
    ServerState,
    clear_state,
    process_start,
    read_state,
    running_server,
    write_state,
)

__all__ = ["ServerSettings", "TritonServer", "free_port", "running_server", "stop_server"]

ALIAS = "trade"
RESTRICTED = "model-repository,shared-memory,statistics,trace,logging"
LOOPBACK = "127.0.0.1"
LOG_LINES_SHOWN = 12


def _quiet(_: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """What a server needs: ``home`` for its own files, the live ``repository``, two ports on loopback.

    ``config_name`` picks the form of every model: ``cpu`` reads ``configs/cpu.pbtxt``, None ``config.pbtxt``.
    ``tied``: the server ends with the process that started it, even when that is killed and cannot stop it.
    """

    home: Path
    serving_environment: Path
    grpc_port: int
    metrics_port: int
    repository: Path | None = None
    config_name: str | None = "cpu"
    ready_timeout_seconds: float = 60.0
    stop_timeout_seconds: float = 15.0
    tied: bool = False

    @property
    def models(self) -> Path:
        return (self.repository or self.home / "model_repository").absolute()

    @property
    def folder(self) -> Path:
        return (self.home / "serving").absolute()


def free_port() -> int:
    """A TCP port of loopback that nobody uses now (for tests and benchmarks)."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class TritonServer:
    """One tritonserver process: ``start``, ``wait``, ``stop``; as a context manager it stops at the end."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.state: ServerState | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def control(self) -> TritonControl:
        """A connection that may load and unload models."""
        if self.state is None:
            raise ServingError("the Triton server has not been started: call start() first")
        return TritonControl(self.state.url, key=self.state.key())

    def start(self, progress: Callable[[str], None] = _quiet) -> ServerState:
        """Starts the server and returns once it answers; what it serves is in its repository.

        A live alias ``trade`` is loaded at once; a broken one is said through ``progress`` and in the log, and the
        server stays up so that a publish can repair it.
        Raises SetupError (environment incomplete) or ServingError (already running, port taken, crash, not ready).
        """
        settings = self.settings
        installation = find_installation(settings.serving_environment)
        installation.check_loader()
        settings.folder.mkdir(parents=True, exist_ok=True)
        settings.models.mkdir(parents=True, exist_ok=True)
        with _start_lock(settings.folder):
            self._refuse_second()
            for name, port in (("grpc", settings.grpc_port), ("metrics", settings.metrics_port)):
                _refuse_taken(name, port)
            state = self._spawn(installation)
        self.state = state
        try:
            self._wait_ready(progress)
        except BaseException:
            self.stop()
            raise
        return state

    def _refuse_second(self) -> None:
        home = self.settings.home
        old = read_state(home)
        if old is None:
            return
        if old.alive():
            raise ServingError(
                f"a Triton server of {home} already runs (pid {old.pid}, {old.url}): use it, or stop it with "
                "`minhos serve --stop`"
            )
        clear_state(home, old)

    def _spawn(self, installation: ServingInstallation) -> ServerState:
        settings = self.settings
        key = secrets.token_hex(16)
        key_file = settings.folder / "key"
        key_file.unlink(missing_ok=True)
        with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(key)
        prefix = f"minhos_{secrets.token_hex(4)}_"
        log_file = settings.folder / "triton.log"
        command = self._command(installation, key=key, shm_prefix=prefix)
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                tied(command) if settings.tied else command,
                env=installation.environment(os.environ),
                cwd=settings.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        state = ServerState(
            pid=self._process.pid,
            started_ticks=process_start(self._process.pid) or 0,
            grpc_port=settings.grpc_port,
            metrics_port=settings.metrics_port,
            repository=str(settings.models),
            key_file=str(key_file),
            log_file=str(log_file),
            shm_prefix=prefix,
        )
        write_state(settings.home, state)
        return state

    def _command(self, installation: ServingInstallation, *, key: str, shm_prefix: str) -> list[str]:
        settings = self.settings
        command = [
            str(installation.binary),
            f"--model-repository={settings.models}",
            "--model-control-mode=explicit",
            "--disable-auto-complete-config",
            "--exit-on-error=false",
            "--strict-readiness=false",
            "--exit-timeout-secs=5",
            f"--backend-directory={installation.prepare_backends(settings.home).absolute()}",
            f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
            "--allow-http=false",
            f"--grpc-address={LOOPBACK}",
            f"--grpc-port={settings.grpc_port}",
            f"--metrics-address={LOOPBACK}",
            f"--metrics-port={settings.metrics_port}",
            f"--grpc-restricted-protocol={RESTRICTED}:{KEY_NAME}={key}",
        ]
        if settings.config_name is not None:
            command.append(f"--model-config-name={settings.config_name}")
        if (settings.models / ALIAS / "config.pbtxt").exists():
            command.append(f"--load-model={ALIAS}")
        return command

    def _wait_ready(self, progress: Callable[[str], None]) -> None:
        process, state = self._process, self.state
        assert process is not None and state is not None
        deadline = time.monotonic() + self.settings.ready_timeout_seconds
        with self.control() as control:
            while not control.server_ready():
                if process.poll() is not None:
                    raise ServingError(
                        f"tritonserver ended with status {process.returncode} while starting; last lines of "
                        f"{state.log_file}:\n{self.last_log_lines()}"
                    )
                if time.monotonic() > deadline:
                    raise ServingError(
                        f"tritonserver was not ready after {self.settings.ready_timeout_seconds:.0f} s; last lines of "
                        f"{state.log_file}:\n{self.last_log_lines()}"
                    )
                time.sleep(0.05)
            progress(f"Triton answers on {state.url} (pid {state.pid}, log {state.log_file})")
            if (self.settings.models / ALIAS / "config.pbtxt").exists() and not control.model_ready(ALIAS):
                progress(f"the live alias `{ALIAS}` could not be loaded, see {state.log_file}: publish a release again")

    def last_log_lines(self, count: int = LOG_LINES_SHOWN) -> str:
        """The end of the server's log."""
        if self.state is None:
            return ""
        lines = Path(self.state.log_file).read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])

    def wait(self) -> int:
        """Blocks until the server ends by itself or by a signal; returns its exit status."""
        if self._process is None:
            raise ServingError("the Triton server has not been started: call start() first")
        return self._process.wait()

    def stop(self) -> None:
        """Ends the server and its stubs, then removes the state file, the key and the shared memory. Idempotent."""
        if self.state is None:
            return
        _end(self.state, self._process, self.settings.stop_timeout_seconds)
        clear_state(self.settings.home, self.state)
        self._process = None
        self.state = None


def stop_server(home: Path, *, timeout_seconds: float = 15.0) -> bool:
    """Ends the server that another process started on this home; False when none ran."""
    state = read_state(home)
    if state is None:
        return False
    alive = state.alive()
    if alive:
        _end(state, None, timeout_seconds)
    clear_state(home, state)
    return alive


def _end(state: ServerState, process: subprocess.Popen[bytes] | None, timeout_seconds: float) -> None:
    """SIGTERM to the server, then, when it does not listen, SIGKILL to its own process group."""

    def gone() -> bool:
        return process.poll() is not None if process is not None else not state.alive()

    if not gone():
        os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_seconds
    while not gone() and time.monotonic() < deadline:
        time.sleep(0.02)
    if not gone():
        os.killpg(state.pid, signal.SIGKILL)
        if process is not None:
            process.wait()


@contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    with (folder / "start.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServingError(
                f"another process is starting a Triton server in {folder}: wait for it, then look with `minhos status`"
            ) from error
        yield


def _refuse_taken(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ServingError(
                f"Triton's {name} port {port} on {LOOPBACK} cannot be used ({error.strerror}): stop what listens there, "
                f"or choose another with MINHOS_{name.upper()}_PORT"
            ) from error
