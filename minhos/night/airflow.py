"""Airflow as a program: its environment, its database, and one run of the nightly DAG. ``minhos`` never imports it.

The embedded default is SQLite under the home; a configuration that the user's environment already carries
(``AIRFLOW__DATABASE__SQL_ALCHEMY_CONN`` and so on) is left as it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minhos.config import REPOSITORY, Settings
from minhos.errors import NightError

__all__ = ["airflow_environment", "migrate", "start_nightly", "start_standalone"]

NO_TELEMETRY = {
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "true",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


def airflow_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of every Airflow program that this platform starts: loopback, four workers, no telemetry."""
    programs = Path(sys.executable).parent
    defaults = {
        "AIRFLOW_HOME": str(settings.airflow_home),
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

    stamp = settings.airflow_home / f".migrated-{version('apache-airflow')}"
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


def start_nightly(environment: Mapping[str, str], params: Mapping[str, Any], log: Path) -> subprocess.Popen[bytes]:
    """Start one run of the DAG ``nightly`` in a process (and process group) of its own; its output goes to ``log``."""
    with log.open("wb") as stream:
        return subprocess.Popen(
            [_airflow(), "dags", "test", "nightly", "--conf", json.dumps(params)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_standalone(environment: Mapping[str, str]) -> int:
    """Airflow's scheduler and web interface in the foreground, until interrupted; its exit status."""
    return subprocess.run([_airflow(), "standalone"], env=dict(environment), check=False).returncode


def _airflow() -> str:
    return str(Path(sys.executable).parent / "airflow")
