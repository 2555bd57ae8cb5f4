"""The two environments: what they are made of, the stamp that says they are current, and Triton's libpython.

Standard library only: ``scripts/bootstrap.py`` imports it before any environment exists, and ``minhos doctor`` judges
with the same functions, so that both always agree on what "current" means.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "STAMP_NAME",
    "SUPPORTED_PYTHONS",
    "Environment",
    "expected_stamp",
    "find_libpython",
    "has_libgomp",
    "has_locked_packages",
    "is_current",
    "platform_environment",
    "python_version_of",
    "serving_environment",
    "tritonserver_binary",
    "write_stamp",
]

SUPPORTED_PYTHONS: Final = ((3, 11), (3, 12))
STAMP_NAME: Final = ".minhos-setup"
RECIPE: Final = "1"  # raise it when the way an environment is made changes: every environment is then made again


@dataclass(frozen=True)
class Environment:
    """One virtual environment: ``lock`` is its hash-locked requirements file, ``projects`` are installed editable."""

    name: str
    folder: Path
    lock: Path
    projects: tuple[Path, ...] = ()

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.folder / STAMP_NAME


def platform_environment(root: Path) -> Environment:
    """``.venv``: Airflow, training, validation, drift, the client, the tools; with `minhos` and the client itself."""
    return Environment(
        name="platform",
        folder=root / ".venv",
        lock=root / "requirements" / "platform.txt",
        projects=(root, root / "clients"),
    )


def serving_environment(root: Path) -> Environment:
    """``.venv-serving``: the Triton binary and what its Python backend imports (NumPy < 2)."""
    return Environment(name="serving", folder=root / ".venv-serving", lock=root / "requirements" / "serving.txt")


def python_version_of(environment: Environment) -> tuple[int, int] | None:
    """(major, minor) of an existing environment, read from its ``pyvenv.cfg``; None when it has none."""
    try:
        lines = (environment.folder / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() in {"version", "version_info"}:
            parts = value.strip().split(".")
            if len(parts) >= 2 and parts[0].isdigit() and parts[1].isdigit():
                return int(parts[0]), int(parts[1])
    return None


def expected_stamp(environment: Environment, python: tuple[int, int]) -> str:
    """What the stamp of a current environment says: a line for its packages and, where it has projects, one for those.

    Two lines, because a rule edited in a ``pyproject.toml`` asks for the editable installs again (a second), never for
    the packages (gigabytes).

    Raises:
        FileNotFoundError: the lock or a project's ``pyproject.toml`` is missing from the checkout.
    """
    lines = [_packages_line(environment, python)]
    if environment.projects:
        lines.append(_hash(*((project / "pyproject.toml").read_bytes() for project in environment.projects)))
    return "\n".join(lines)


def _packages_line(environment: Environment, python: tuple[int, int]) -> str:
    """The folder is part of it, because a virtual environment that was copied or moved still points to its old place."""
    parts = (RECIPE, environment.name, str(environment.folder.resolve()), f"{python[0]}.{python[1]}")
    return _hash(*(part.encode() for part in parts), environment.lock.read_bytes())


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def is_current(environment: Environment, python: tuple[int, int] | None = None) -> bool:
    """True when the environment was finished for this very lock (and for ``python``, when a version is asked for)."""
    return _stamp_says(environment, python, lambda stamp, expected: stamp == expected)


def has_locked_packages(environment: Environment, python: tuple[int, int] | None = None) -> bool:
    """True when its packages are the lock's, whatever became of the projects' own files since."""
    return _stamp_says(environment, python, lambda stamp, expected: stamp[:1] == expected[:1])


def _stamp_says(
    environment: Environment, python: tuple[int, int] | None, same: Callable[[list[str], list[str]], bool]
) -> bool:
    found = python_version_of(environment)
    if found is None or (python is not None and found != python) or not environment.python.exists():
        return False
    try:
        stamp = environment.stamp.read_text(encoding="utf-8").splitlines()
        return same(stamp, expected_stamp(environment, found).splitlines())
    except OSError:
        return False


def write_stamp(environment: Environment, python: tuple[int, int], *, projects: bool = True) -> None:
    """Say that the environment is finished: the last act of a set-up, by rename, so that half a set-up never counts.

    ``projects=False`` says that only its packages are there.
    """
    lines = expected_stamp(environment, python).splitlines()
    descriptor, name = tempfile.mkstemp(dir=environment.folder, prefix=STAMP_NAME)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines if projects else lines[:1]) + "\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(environment.stamp)


def has_libgomp(load: Callable[[str], object] = ctypes.CDLL) -> bool:
    """Whether the loader finds the ``libgomp.so.1`` that LightGBM's wheel is linked to and does not bring along."""
    try:
        load("libgomp.so.1")
    except OSError:
        return False
    return True


def find_libpython(
    python: Sequence[str], loader: Callable[[str], str | None] = ctypes.util.find_library
) -> Path | str | None:
    """The shared ``libpythonX.Y`` that Triton's Python backend can load, or None.

    ``python`` is the command of the serving interpreter. The loader's own cache comes first (Debian's package
    ``libpythonX.Y``): the answer is the bare file name. Else the library beside the interpreter (``sysconfig``: pyenv
    and conda keep one outside the loader's path): the answer is its full path, and its folder belongs on
    ``LD_LIBRARY_PATH`` of whoever starts Triton.
    """
    query = (
        "import sys, sysconfig as s; v = s.get_config_var;"
        "print('%d.%d' % sys.version_info[:2]); print(v('LIBDIR') or ''); print(v('INSTSONAME') or '')"
    )
    answer = subprocess.run([*python, "-I", "-S", "-c", query], capture_output=True, text=True, check=False)
    lines = answer.stdout.splitlines()
    if answer.returncode != 0 or len(lines) < 3:
        return None
    version, folder, name = lines[:3]
    cached = loader(f"python{version}")
    if cached:
        return cached
    if folder and ".so" in name and (Path(folder) / name).exists():
        return Path(folder) / name
    return None


def tritonserver_binary(environment: Environment) -> Path | None:
    """The ``tritonserver`` of the serving environment's wheel, or None when it is not there."""
    found = sorted(environment.folder.glob("lib/python3.*/site-packages/pytriton/tritonserver/bin/tritonserver"))
    return found[0] if found else None
