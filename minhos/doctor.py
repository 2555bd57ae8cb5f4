"""`minhos doctor`: everything the platform needs from this machine, checked one by one, with what to do about it.

Nothing heavy is imported and nothing is changed: versions are read from package metadata, Triton only prints its
help, ports are probed on loopback, and the only file written is a probe in the home folder, removed at once.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from minhos.config import REPOSITORY, Settings
from minhos.environments import (
    SUPPORTED_PYTHONS,
    Environment,
    has_libgomp,
    has_locked_packages,
    is_current,
    platform_environment,
    python_version_of,
    serving_environment,
)
from minhos.errors import MinhosError

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Check", "diagnose", "render", "to_json"]

Status = Literal["ok", "warn", "fail"]

GIB: Final = 1024**3
DISK_FAIL_GIB: Final = 1.0
DISK_WARN_GIB: Final = 5.0
MEMORY_WARN_GIB: Final = 4.0  # training and Triton side by side in the quick profile
PROBE_SECONDS: Final = 20.0
ZONES: Final = ("America/Chicago", "America/New_York", "UTC")


@dataclass(frozen=True)
class Check:
    """One finding. ``advice`` says what to do; it is empty when there is nothing to do."""

    name: str
    status: Status
    found: str
    advice: str = ""


def diagnose(settings: Settings) -> list[Check]:
    """Every check, in the order in which a newcomer would fix things. A check reports; it never raises for what it finds."""
    return [
        check_python(sys.version_info[:3]),
        check_environment(platform_environment(REPOSITORY)),
        check_environment(Environment("serving", settings.serving_environment, serving_environment(REPOSITORY).lock)),
        check_airflow(importlib.metadata.version),
        check_libpython(settings),
        check_libgomp(ctypes.CDLL),
        check_tritonserver(settings),
        *(
            check_port(name, port)
            for name, port in (
                ("Triton gRPC port", settings.grpc_port),
                ("Triton metrics port", settings.metrics_port),
                ("Airflow port", settings.airflow_port),
                ("MLflow port", settings.mlflow_port),
            )
        ),
        check_home(settings.home),
        check_disk(settings.home),
        check_memory(),
        check_gpu(),
        check_time_zones(),
    ]


def render(checks: Sequence[Check]) -> Table:
    """The checks as a table of at most 100 columns."""
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    table = Table(title="MinhOS doctor", width=100)
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found, and what to do")
    for check in checks:
        words = Text(check.found + (f"\n{check.advice}" if check.advice else ""))
        table.add_row(Text(check.name), Text(check.status, style=colours[check.status]), words)
    return table


def to_json(checks: Sequence[Check]) -> str:
    """The checks as a JSON list of objects with the fields of :class:`Check`."""
    return json.dumps([asdict(check) for check in checks], indent=2)


def check_python(version: Sequence[int]) -> Check:
    """The interpreter that runs the platform."""
    found = ".".join(str(part) for part in version)
    if tuple(version[:2]) in SUPPORTED_PYTHONS:
        return Check("Python", "ok", found)
    return Check("Python", "fail", found, "use 3.11 or 3.12: make clean, then make setup PYTHON=python3.11")


def check_environment(environment: Environment) -> Check:
    """An environment against the lock in this checkout, by its stamp."""
    name = f"{environment.name} environment"
    version = python_version_of(environment)
    if version is None:
        return Check(name, "fail", f"{environment.folder} is not there", "type: make setup")
    found = f"{environment.folder}, Python {version[0]}.{version[1]}"
    if is_current(environment):
        return Check(name, "ok", f"{found}, as {environment.lock.name} says")
    if has_locked_packages(environment):
        words = "its packages are current, but a pyproject.toml has changed since"
        return Check(name, "warn", f"{found}; {words}", "type: make setup")
    return Check(name, "warn", f"{found}, not made from the present {environment.lock.name}", "type: make setup")


def check_airflow(version_of: Callable[[str], str]) -> Check:
    """Airflow's version from its metadata: importing it takes seconds and writes a configuration."""
    try:
        version = version_of("apache-airflow")
    except importlib.metadata.PackageNotFoundError:
        return Check("Airflow", "fail", "not installed", "type: make setup")
    if version.split(".")[0] != "3":
        return Check("Airflow", "fail", version, "the DAGs are written for Airflow 3: type make setup")
    return Check("Airflow", "ok", version)


def check_libpython(settings: Settings) -> Check:
    """The libraries of Triton's Python backend, asked of the loader as the server will ask it."""
    from minhos.serving.installation import find_installation

    try:
        installation = find_installation(settings.serving_environment)
        installation.check_loader()
    except MinhosError as error:
        return Check("libpython", "fail", str(error), "make setup installs it where this user may")
    return Check("libpython", "ok", f"libpython{installation.python_version} found for Triton's Python backend")


def check_libgomp(load: Callable[[str], object]) -> Check:
    """The one library that a package of the platform environment (LightGBM) takes from the operating system."""
    if has_libgomp(load):
        return Check("libgomp", "ok", "libgomp.so.1 loads")
    return Check(
        "libgomp", "fail", "the loader has no libgomp.so.1: LightGBM needs it", "type: sudo apt-get install libgomp1"
    )


def check_tritonserver(settings: Settings) -> Check:
    """The server binary starts (``--help``)."""
    from minhos.serving.installation import find_installation

    try:
        installation = find_installation(settings.serving_environment)
        answer = subprocess.run(
            [str(installation.binary), "--help"],
            env=installation.environment(os.environ),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
            check=False,
        )
    except MinhosError as error:
        return Check("tritonserver", "fail", str(error), "type: make setup")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("tritonserver", "fail", f"{installation.binary}: {error}", "it needs Linux on x86-64, glibc 2.35")
    if "model-repository" not in answer.stdout + answer.stderr:
        last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
        return Check("tritonserver", "fail", f"exit code {answer.returncode}: {last}", "it needs glibc 2.35 or newer")
    return Check("tritonserver", "ok", "the server of nvidia-pytriton starts (loopback use only)")


def check_port(name: str, port: int) -> Check:
    """A free port is fine; a used one is fine too when it is ours, so it only warns."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            variable = name.removeprefix("Triton ").replace(" ", "_").upper()
            advice = f"fine when `minhos serve` or `minhos airflow` runs; else set MINHOS_{variable}"
            return Check(name, "warn", f"127.0.0.1:{port} is in use ({error.strerror})", advice)
    return Check(name, "ok", f"127.0.0.1:{port} is free")


def check_home(home: Path) -> Check:
    """State can be written: a probe file is made (in the nearest existing folder) and removed."""
    nearest = nearest_existing(home)
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        return Check(
            "home", "fail", f"cannot write in {nearest} ({error.strerror})", "set MINHOS_HOME to a folder of yours"
        )
    return Check("home", "ok", f"{home} is writable" + ("" if nearest == home else " (made at the first run)"))


def check_disk(home: Path) -> Check:
    """Free space where the state lives."""
    free = shutil.disk_usage(nearest_existing(home)).free / GIB
    found = f"{free:.1f} GiB free for {home}"
    if free < DISK_FAIL_GIB:
        return Check("disk", "fail", found, "free some space, or set MINHOS_HOME to a larger disk")
    if free < DISK_WARN_GIB:
        return Check("disk", "warn", found, "runs and releases grow every night: free some space soon")
    return Check("disk", "ok", found)


def check_memory() -> Check:
    """Memory that programs may still take (of this machine; a container's own limit is not seen)."""
    import psutil

    memory = psutil.virtual_memory()
    available = memory.available / GIB
    found = f"{available:.1f} of {memory.total / GIB:.1f} GiB available"
    if available < MEMORY_WARN_GIB:
        return Check("memory", "warn", found, f"a night wants about {MEMORY_WARN_GIB:.0f} GiB: close something first")
    return Check("memory", "ok", found)


def check_gpu() -> Check:
    """A GPU is welcome, none is fine: the embedded server uses the CPU profile either way."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return Check("GPU", "ok", "none (no nvidia-smi): the CPU profile serves")
    query = [command, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("GPU", "warn", f"nvidia-smi does not answer ({error})", "the CPU profile serves; check the driver")
    lines = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
    if answer.returncode != 0 or not lines:
        words = (answer.stderr or answer.stdout).strip().splitlines()[:1]
        return Check(
            "GPU", "warn", f"nvidia-smi: {''.join(words) or 'no GPU'}", "the CPU profile serves; check the driver"
        )
    return Check("GPU", "ok", "; ".join(lines) + " (docker-compose.yml serves with it)")


def check_time_zones() -> Check:
    """Sessions need time zone data."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        for zone in ZONES:
            ZoneInfo(zone)
    except ZoneInfoNotFoundError as error:
        return Check("time zones", "fail", str(error), "type: sudo apt-get install tzdata")
    return Check("time zones", "ok", ", ".join(ZONES))


def nearest_existing(path: Path) -> Path:
    """The path itself or its nearest parent that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
