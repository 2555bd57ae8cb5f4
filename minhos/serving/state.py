"""Which server runs on this home: one small file that every command reads."""

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from minhos.errors import ServingError
from minhos.files import write_bytes
from minhos.serving.processes import session_members

__all__ = ["ServerState", "clear_state", "process_start", "read_state", "running_server", "write_state"]


@dataclass(frozen=True)
class ServerState:
    """A started server. ``started_ticks`` (kernel clock ticks) tells its process from a later one of the same pid."""

    pid: int
    started_ticks: int
    grpc_port: int
    metrics_port: int
    repository: str
    key_file: str
    log_file: str
    shm_prefix: str

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def alive(self) -> bool:
        return process_start(self.pid) == self.started_ticks

    def key(self) -> str:
        """The secret of the restricted protocols.

        Raises ServingError when the key file is gone or not readable by this user.
        """
        try:
            return Path(self.key_file).read_text().strip()
        except OSError as error:
            raise ServingError(
                f"cannot read the server's key {self.key_file} ({error.strerror}): "
                "publish as the user who started the server, or restart it"
            ) from error


def process_start(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] == "Z" else int(fields[19])


def _file(home: Path) -> Path:
    return home / "serving" / "state.json"


def write_state(home: Path, state: ServerState) -> None:
    write_bytes(_file(home), json.dumps(asdict(state), indent=1).encode())


def read_state(home: Path) -> ServerState | None:
    """What the state file says, alive or not; None without a file.

    Raises ServingError when the file is not one that this version wrote.
    """
    try:
        return ServerState(**json.loads(_file(home).read_text()))
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, TypeError) as error:
        raise ServingError(
            f"{_file(home)} is not a server state of this version ({error}): stop any old tritonserver and delete the file"
        ) from error


def running_server(home: Path) -> ServerState | None:
    """The live server of this home; a state file left by a crash counts as none."""
    state = read_state(home)
    return state if state is not None and state.alive() else None


def clear_state(home: Path, state: ServerState) -> None:
    """Removes what a dead server left: its stubs, its shared memory (by its own prefix), its key, the state file.

    A killed server cannot end its Python-backend stubs, and they never notice: they are found by the server's
    session together with the path of this home's stub, so that a stranger with a re-used id is safe.
    """
    stub = str((home / "serving" / "backends").absolute())
    for pid in session_members(state.pid):
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").startswith(stub):
                os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended by itself meanwhile
    for segment in Path("/dev/shm").glob(f"{state.shm_prefix}*"):  # noqa: S108 - where Triton puts them
        if segment.stat().st_uid == os.getuid():
            segment.unlink(missing_ok=True)
    for path in (Path(state.key_file), _file(home)):
        path.unlink(missing_ok=True)
