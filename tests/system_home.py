"""A home of its own for a system test, the command line run in it, and what the tests ask about both."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from minhos.config import REPOSITORY, Settings
from minhos.files import sha256_of
from minhos.night.events import Event, EventLog
from minhos.serving.triton import free_port

__all__ = ["Home", "contents", "make_home", "wait_for"]

MINHOS = Path(sys.executable).parent / "minhos"
COPIED = ("releases", "runs", "model_repository")


@dataclass(frozen=True)
class Home:
    """A home of its own with free ports; ``minhos`` runs the command line in it."""

    settings: Settings
    environment: dict[str, str]

    def minhos(self, *arguments: str, timeout: float = 540) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(MINHOS), *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(MINHOS), *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start_logged(self, *arguments: str) -> tuple[subprocess.Popen[str], Path]:
        """Start a command whose output goes to a file: nobody has to read along so that it can go on."""
        log = self.settings.home / f"{'-'.join(arguments[:1])}-{time.monotonic_ns()}.out"
        with log.open("w") as stream:
            process = subprocess.Popen(
                [str(MINHOS), *arguments],
                env=self.environment,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return process, log

    @contextmanager
    def serving(self) -> Iterator[None]:
        """``minhos serve`` in the background; stopped at the end."""
        server, log = self.start_logged("serve")
        try:
            wait_for(
                lambda: "Triton answers on" in log.read_text() or server.poll() is not None, 90, "the server to answer"
            )
            assert server.poll() is None, log.read_text()
            yield
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)

    def copy_to(self, folder: Path) -> Home:
        """Another home with the same runs, releases and live models, as if restored from a copy. Nothing runs in it."""
        other = make_home(folder)
        for name in COPIED:
            shutil.copytree(self.settings.home / name, folder / name)
        return other

    def run_folder(self) -> Path:
        folders = sorted(self.settings.runs.glob("*/outcome.json"), key=lambda path: path.stat().st_mtime_ns)
        return folders[-1].parent

    def json(self, name: str) -> Any:
        return json.loads((self.run_folder() / name).read_text(encoding="utf-8"))

    def decide(self) -> list[dict[str, Any]]:
        """What the live release says of the newest bars of its night."""
        answer = self.minhos("decide", "--json", timeout=60)
        assert answer.returncode == 0, answer.stderr
        decisions: list[dict[str, Any]] = json.loads(answer.stdout)
        return decisions

    def processes(self) -> list[psutil.Process]:
        """Every living process of this home: it has the home in its command line or as its ``MINHOS_HOME``."""
        home = str(self.settings.home)
        found = []
        for process in psutil.process_iter():
            if process.pid == os.getpid():
                continue
            try:
                ours = any(home in part for part in process.cmdline()) or process.environ().get("MINHOS_HOME") == home
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                continue
        return found

    def wait_for_event(
        self, wanted: Callable[[Event], bool], process: subprocess.Popen[str], *, since: int, seconds: float = 300
    ) -> Event:
        """The first event after ``since`` that is wanted; fails when ``process`` ends before."""
        found: list[Event] = []

        def seen() -> bool:
            assert process.poll() is None, f"the night ended with status {process.returncode}: {self.events(since)}"
            found.extend(event for event in self.events(since) if wanted(event))
            return bool(found)

        wait_for(seen, seconds, "an event of the night")
        return found[0]

    def events(self, since: int) -> list[Event]:
        """What has happened after the position ``since``."""
        return EventLog(self.settings.runs / "events.jsonl").since(since)[0]

    def events_end(self) -> int:
        """The position behind the last event so far."""
        return EventLog(self.settings.runs / "events.jsonl").end()


def make_home(folder: Path) -> Home:
    """A fresh home in ``folder``."""
    ports: Sequence[int] = [free_port() for _ in range(4)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MINHOS_", "AIRFLOW"))}
    environment |= {
        "MINHOS_HOME": str(folder),
        "MINHOS_GRPC_PORT": str(ports[0]),
        "MINHOS_METRICS_PORT": str(ports[1]),
        "MINHOS_AIRFLOW_PORT": str(ports[2]),
        "MINHOS_MLFLOW_PORT": str(ports[3]),
    }
    return Home(Settings.from_environment(environment), environment)


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until the condition holds.

    Raises:
        AssertionError: It did not in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


def contents(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file of a folder: its hash, its time in ns and its inode, so that a rewrite with the same bytes shows too."""
    return {
        str(path.relative_to(folder)): (sha256_of(path), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
