"""What the operating system must add, found first and installed only where the user may. Standard library only."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from minhos.environments import find_libpython, has_libgomp
from minhos.errors import SetupError

__all__ = ["Need", "install", "missing"]


OWN_LIBPYTHON = (
    "uv python install 3.11 (or PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install 3.11), "
    "then make PYTHON=/path/to/python3.11"
)


@dataclass(frozen=True)
class Need:
    """Something missing: what it is, why it is needed, and the Debian/Ubuntu package that has it."""

    what: str
    why: str
    package: str


def missing(*, need_pip: bool) -> list[Need]:
    """What this machine lacks for the running interpreter. ``need_pip``: uv must be installed by pip first."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    needs = []
    if need_pip and importlib.util.find_spec("ensurepip") is None:
        needs.append(Need("Python's ensurepip", "virtual environments get their pip from it", f"python{version}-venv"))
    if find_libpython([sys.executable]) is None:
        needs.append(Need(f"libpython{version}.so.1.0", "Triton's Python backend loads it", f"libpython{version}"))
    if not has_libgomp():
        needs.append(Need("libgomp.so.1", "LightGBM loads it", "libgomp1"))
    return needs


def install(needs: list[Need]) -> None:
    """Install the packages with apt-get, as root or through ``sudo -n``.

    Raises:
        SetupError: one line with the command to type, when this user may not install or apt-get failed.
    """
    packages = [need.package for need in needs]
    command = "apt-get install -y --no-install-recommends " + " ".join(packages)
    reasons = "; ".join(f"{need.what} ({need.why})" for need in needs)
    if shutil.which("apt-get") is None:
        raise SetupError(f"missing: {reasons}. Install it with this system's package manager, then run make again")
    prefix = _privilege()
    if prefix is None:
        raise SetupError(f"missing: {reasons}. Type: sudo {command}")
    if _run([*prefix, *command.split()])[0] == 0:
        return
    _run([*prefix, "apt-get", "update"])  # a fresh container has no package lists yet
    status, last = _run([*prefix, *command.split()])
    if status != 0:
        advice = f"Type: sudo {command}"
        if "Unable to locate package libpython" in last:
            advice = f"Take a Python that brings its own: {OWN_LIBPYTHON}"
        raise SetupError(f"missing: {reasons}, and apt-get could not install it ({last}). {advice}")


def _privilege() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and _run(["sudo", "-n", "true"])[0] == 0:
        return ["sudo", "-n"]
    return None


def _run(command: list[str]) -> tuple[int, str]:
    """Exit status and last line of what a program says (its errors, where it has any)."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
    return done.returncode, said[-1].strip()
