"""Airflow as a program: its environment, its database, and one run of the nightly DAG. ``minhos`` never imports it.

The embedded default is SQLite under the home, which is always Airflow's home too: nobody else's installation is touched. A
setting that the environment carries (``AIRFLOW__DATABASE__SQL_ALCHEMY_CONN`` and so on) is left as it is.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minhos.config import REPOSITORY, Settings
from minhos.errors import NightError
from minhos.serving.processes import end_session, tied

__all__ = ["airflow_environment", "migrate", "one_runner", "start_nightly", "start_standalone"]

NO_TELEMETRY = {
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "true",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

PROGRAMS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
GRACE_SECONDS = 15.0
POLL_SECONDS = 0.5


def airflow_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of every Airflow program that this platform starts: loopback, four workers, no telemetry."""
    programs = Path(sys.executable).parent
    defaults = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{settings.airflow_port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{settings.airflow_port}/execution/",
        "AIRFLOW__API__WORKERS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    ours = {
        "AIRFLOW_HOME": str(settings.airflow_home),
        "MINHOS_HOME": str(settings.home),
        "PATH": f"{programs}{os.pathsep}{environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
    }
    return {**defaults, **environ, **ours, **NO_TELEMETRY}


def migrate(settings: Settings, environment: Mapping[str, str]) -> None:
    """Bring Airflow's database to this version; once per version and home.

    Raises:
        NightError: The database could not be made; the message names the log.
    """
    from importlib.metadata import version

    connection = environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "")
    which = hashlib.sha256(connection.encode()).hexdigest()[:8]
    stamp = settings.airflow_home / f".migrated-{version('apache-airflow')}-{which}"
    if stamp.exists():
        return
    settings.airflow_home.mkdir(parents=True, exist_ok=True)
    log = settings.logs / "airflow-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        done = subprocess.run(
            [_airflow(), "db", "migrate"], env=dict(environment), stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        raise NightError(f"Airflow's database could not be prepared (status {done.returncode}): see {log}")
    stamp.touch()


@contextmanager
def one_runner(environment: Mapping[str, str], words: str) -> Iterator[None]:
    """Only one at a time runs DAGs from this database: a night of the command line, or the scheduler.

    A scheduler takes every run that it finds as its own: it would start the tasks of a command line's run a second
    time, and set its running task back when it looks for orphans.

    Raises:
        NightError: The other one is running; ``words`` says what that means and what to do.
    """
    folder = Path(environment["AIRFLOW_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "runner.lock").open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NightError(words) from error
        yield


def start_nightly(environment: Mapping[str, str], params: Mapping[str, Any], log: Path) -> subprocess.Popen[bytes]:
    """Start one run of the DAG ``nightly`` in a session of its own; its output goes to ``log``.

    It ends with the caller. Airflow swallows SIGTERM while a task runs, hence SIGKILL: a step survives it by design.
    """
    with log.open("wb") as stream:
        return subprocess.Popen(
            tied([_airflow(), "dags", "test", "nightly", "--conf", json.dumps(params)], number=signal.SIGKILL),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_standalone(environment: Mapping[str, str]) -> int:
    """Airflow's scheduler and web interface in the foreground; returns 0 when interrupted, after all of it has ended.

    Not ``airflow standalone``: that one opens two log servers on every address of the machine (ports 8793 and 8794,
    no setting turns them off), and leaves its children running when it is killed. The logs are files that the web
    interface of the same machine reads by itself.

    Raises:
        NightError: A night runs now, or one of the programs ended by itself; the others are stopped.
    """
    busy = f"a night or another scheduler uses {environment['AIRFLOW_HOME']} now: wait for its end, then start Airflow again"
    with one_runner(environment, busy):
        return _run_programs(environment)


def _run_programs(environment: Mapping[str, str]) -> int:
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, options in PROGRAMS.items():
            started[name] = subprocess.Popen(
                tied([_airflow(), name, *options]),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        while True:
            for name, process in started.items():
                if process.poll() is not None:
                    raise NightError(
                        f"airflow {name} ended by itself with status {process.returncode}: its last lines say why "
                        f"(is port {environment['AIRFLOW__API__PORT']} taken?)"
                    )
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return 0
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            end_session(process, grace_seconds=GRACE_SECONDS)


def _airflow() -> str:
    return str(Path(sys.executable).parent / "airflow")
