"""Make both environments from their hash-locked requirements. Runs before anything is installed: standard library only.

An environment is finished when its stamp says so (see ``minhos.environments``); anything else is made again from nothing,
so an interrupted set-up leaves no trace. No package index is named here: the user's own uv configuration holds, else pip's.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in (ROOT, ROOT / "scripts"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
sys.dont_write_bytecode = True

from package_index import UvSettings, pip_configuration, uv_files, uv_has_its_own, uv_settings  # noqa: E402

from minhos.environments import (  # noqa: E402
    SUPPORTED_PYTHONS,
    Environment,
    has_locked_packages,
    is_current,
    platform_environment,
    serving_environment,
    write_stamp,
)
from minhos.errors import SetupError  # noqa: E402

__all__ = ["main"]

UV_PROGRESS = ("Resolved", "Downloading", "Prepared", "Installed")  # the rest of uv's talk is shown on failure only


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is not current; ``--check`` only answers (exit code 0: current, 1: not)."""
    parser = argparse.ArgumentParser(prog="setup", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 0 when both environments are current"
    )
    options = parser.parse_args(arguments)
    environments = (platform_environment(ROOT), serving_environment(ROOT))
    try:
        if options.check:
            return 0 if all(is_current(environment) for environment in environments) else 1
        make(environments)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; the next make starts the unfinished environment over", file=sys.stderr)
        return 130
    return 0


def make(environments: Sequence[Environment]) -> None:
    """Make every environment that is not current, one set-up at a time on this checkout."""
    python = (sys.version_info[0], sys.version_info[1])
    if python not in SUPPORTED_PYTHONS:
        raise SetupError(f"this is Python {python[0]}.{python[1]}; the platform runs on 3.11 and 3.12")
    if all(is_current(environment, python) for environment in environments):
        return
    with only_one():
        stale = [environment for environment in environments if not is_current(environment, python)]
        if stale:
            began = time.monotonic()
            add_system_packages(environments[0])
            for environment in stale:
                build(environment, python, tools=environments[0])
            say(f"set-up finished in {time.monotonic() - began:.0f} s; the next make spends no time on it")


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the checkout's set-up lock; a second set-up waits for the first and then finds its work done."""
    with (ROOT / "requirements" / "platform.txt").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout is running; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def add_system_packages(platform: Environment) -> None:
    """Find, and where the user may, install what the operating system must add."""
    from system_packages import install, missing

    needs = missing(need_pip=uv_of(platform) is None)
    if needs:
        say("installing system packages: " + ", ".join(need.package for need in needs))
        install(needs)
        left = missing(need_pip=uv_of(platform) is None)
        if left:
            names = ", ".join(f"{need.what} (package {need.package})" for need in left)
            raise SetupError(f"apt-get reported success and yet this is still missing: {names}")


def build(environment: Environment, python: tuple[int, int], *, tools: Environment) -> None:
    """Make one environment from nothing, or only install its projects again where its packages are the lock's.

    Its stamp is written last. ``tools`` is the environment that may hold uv.
    """
    title = f"{environment.name} environment ({environment.folder.name}, Python {python[0]}.{python[1]})"
    if has_locked_packages(environment, python) and uv_of(tools) is not None:
        say(f"{title}: its packages are current, installing the project again")
        write_stamp(environment, python, projects=False)
    else:
        say(title)
        remove(environment)
        install_packages(environment, tools=tools)
        write_stamp(environment, python, projects=False)
    if environment.projects:
        editable = [part for project in environment.projects for part in ("--editable", str(project))]
        built_here = ["--no-deps", "--no-build-isolation"]  # its build tools are among the packages
        run([*uv_install(environment, tools), *built_here, *editable], "install the project")
    write_stamp(environment, python)


def install_packages(environment: Environment, *, tools: Environment) -> None:
    """Make the virtual environment and install its lock, from where the user's configuration says."""
    with_pip = environment is tools and shutil.which("uv") is None
    base = getattr(sys, "_base_executable", sys.executable)
    pip_choice = [] if with_pip else ["--without-pip"]
    run([base, "-m", "venv", *pip_choice, str(environment.folder)], f"make {environment.folder}")
    if with_pip:
        install_uv(environment)
    source = package_source((tools.python, base))
    for words in source.words:
        say("  " + words)
    locked_packages = ["--require-hashes", "--requirement", str(environment.lock)]
    command = [*uv_install(environment, tools), *source.arguments, *locked_packages]
    run(command, f"install {environment.lock.relative_to(ROOT)}", source.environment)


def uv_install(environment: Environment, tools: Environment) -> list[str]:
    """The command that installs into an environment."""
    return [str(uv_of(tools)), "pip", "install", "--python", str(environment.python)]


@cache
def package_source(pythons: tuple[Path | str, ...]) -> UvSettings:
    """What uv must be told of the user's pip configuration: nothing where uv has its own."""
    if uv_has_its_own(os.environ, uv_files(os.environ, ROOT)):
        return UvSettings()
    return uv_settings(pip_configuration(pythons, inherited()), os.environ)


def remove(environment: Environment) -> None:
    """Take stamp and command away first: an environment that is only half removed must never look finished."""
    if environment.folder.is_symlink():
        environment.folder.unlink()
    for sign in (environment.stamp, environment.folder / "bin" / "minhos"):
        sign.unlink(missing_ok=True)
    if environment.folder.exists():
        shutil.rmtree(environment.folder)


def uv_of(platform: Environment) -> Path | str | None:
    """The uv to use: the user's own on PATH, else the platform environment's."""
    own = platform.folder / "bin" / "uv"
    return shutil.which("uv") or (own if own.exists() else None)


def install_uv(platform: Environment) -> None:
    """Install the locked uv, its hashes checked, with the environment's own pip."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="uv-", encoding="utf-8") as requirement:
        requirement.write(locked("uv", platform.lock))
        requirement.flush()
        quiet = ["--quiet", "--disable-pip-version-check"]
        pip = [str(platform.python), "-m", "pip", "install", *quiet]
        run([*pip, "--require-hashes", "--requirement", requirement.name], "install uv with pip")


def locked(package: str, lock: Path) -> str:
    """The lines of one package in a lock: its pin and the hashes that follow it."""
    block: list[str] = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if block and not line.startswith(" "):
            break
        if block or line.startswith(f"{package}=="):
            block.append(line)
    if not block:
        raise SetupError(f"{lock.relative_to(ROOT)} does not pin {package}; type: make lock")
    return "\n".join(line for line in block if not line.lstrip().startswith("#")) + "\n"


def inherited() -> dict[str, str]:
    """The user's environment without what would lead a Python of ours to other packages."""
    return {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}


def run(command: list[str], what: str, added: Mapping[str, str] | None = None) -> None:
    """Run one step, show its progress lines indented, and on failure its last lines. ``added``: variables for it alone.

    Raises:
        SetupError: the step failed; the message says which step and what to try.
    """
    environment = inherited() | dict(added or {})
    tail: deque[str] = deque(maxlen=20)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        for line in process.stdout or ():
            tail.append(line.rstrip())
            if line.strip().startswith(UV_PROGRESS):
                say("  " + line.strip())
    if process.returncode != 0:
        print("\n".join(tail), file=sys.stderr)
        raise SetupError(
            f"could not {what} (exit code {process.returncode}, its last lines are above). Check the network; "
            "behind a mirror, configure pip (PIP_INDEX_URL or pip.conf) or uv (UV_DEFAULT_INDEX), then run make again"
        )


def say(words: str) -> None:
    print(f"setup: {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
