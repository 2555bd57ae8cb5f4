"""The set-up, run as a user runs it, in a small copy of the tree with a stand-in for uv: no network and no packages."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from minhos.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
CARRIED = ("scripts", "minhos/__init__.py", "minhos/environments.py", "minhos/errors.py")


def script(name: str) -> ModuleType:
    """A module of scripts/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"minhos_scripts_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    before = list(sys.path), sys.dont_write_bytecode
    spec.loader.exec_module(module)
    sys.path[:], sys.dont_write_bytecode = before
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the set-up reads, and a `uv` that notes its arguments and does what `uv.sh` says."""
    root = tmp_path / "checkout"
    for name in CARRIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    for name in ("pyproject.toml", "clients/pyproject.toml", "requirements/platform.txt", "requirements/serving.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"# {name}\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/uv.log\n. {tmp_path}/uv.sh\n')
    (tools / "uv").chmod(0o755)
    (tmp_path / "uv.sh").write_text("echo 'Resolved 2 packages'; echo ' + numpy==2.4.6'\n")
    return root


def set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tools = checkout.parent / "tools"
    return subprocess.run(
        [str(checkout / "scripts" / "setup")],
        env={
            **{key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHON", "VIRTUAL_ENV"}},
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_fresh_checkout_gets_both_environments_and_the_next_set_up_is_silent_and_quick(checkout: Path) -> None:
    first = set_up(checkout)

    assert (first.returncode, first.stderr) == (0, "")
    assert "setup: platform environment (.venv, Python 3.1" in first.stdout
    assert "setup:   Resolved 2 packages" in first.stdout
    assert "numpy==" not in first.stdout
    assert (checkout / ".venv/bin/python").exists() and (checkout / ".venv-serving/bin/python").exists()
    calls = (checkout.parent / "uv.log").read_text().splitlines()
    assert ["--require-hashes" in call for call in calls] == [True, False, True]
    assert f"--editable {checkout} --editable {checkout / 'clients'}" in calls[1]
    assert not any("index" in call for call in calls)

    began = time.monotonic()
    second = set_up(checkout)

    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert time.monotonic() - began < 2.0
    assert (checkout.parent / "uv.log").read_text().splitlines() == calls


def test_the_set_up_imports_nothing_that_must_be_installed() -> None:
    """-S leaves site-packages out: what a fresh machine has."""
    bare = [sys.executable, "-I", "-S", str(ROOT / "scripts" / "bootstrap.py"), "--help"]

    assert subprocess.run(bare, capture_output=True, check=False).returncode == 0


def test_only_the_environment_whose_lock_changed_is_made_again(checkout: Path) -> None:
    set_up(checkout)
    (checkout / "requirements/serving.txt").write_text("numpy==1.26.4\n")
    (checkout / ".venv-serving/old").touch()

    again = set_up(checkout)

    assert again.returncode == 0
    assert "serving environment" in again.stdout
    assert "platform environment" not in again.stdout
    assert not (checkout / ".venv-serving/old").exists()


def test_a_failed_install_shows_its_last_lines_and_the_next_set_up_starts_over(checkout: Path) -> None:
    uv = checkout.parent / "uv.sh"
    works = uv.read_text()
    uv.write_text("echo 'hash mismatch for numpy'; exit 2\n")

    failed = set_up(checkout)

    assert failed.returncode == 1
    assert "hash mismatch for numpy" in failed.stderr
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("setup: could not install requirements/platform.txt (exit code 2")
    assert "Traceback" not in failed.stderr

    uv.write_text(works)
    (checkout / ".venv/half installed").touch()
    assert set_up(checkout).returncode == 0
    assert not (checkout / ".venv/half installed").exists()


def test_two_set_ups_at_once_do_the_work_once(checkout: Path) -> None:
    with (checkout / "requirements/platform.txt").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; sys.path.insert(0, 'scripts'); import bootstrap\nwith bootstrap.only_one(): pass",
            ],
            cwd=checkout,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout is not None
        said = waiting.stdout.readline()
        assert waiting.poll() is None
    waiting.communicate(timeout=20)

    assert "another set-up of this checkout is running" in said
    assert waiting.returncode == 0


def test_a_python_that_is_not_3_11_or_3_12_is_refused_in_one_line(checkout: Path) -> None:
    refused = set_up(checkout, PYTHON="/bin/true-but-not-python")

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "setup: PYTHON=/bin/true-but-not-python is not a Python 3.11 or 3.12; name one that is, or leave PYTHON unset"
    ]


def test_uv_is_installed_by_pip_with_the_pin_and_hashes_of_the_lock(tmp_path: Path) -> None:
    bootstrap = script("bootstrap")
    lock = tmp_path / "platform.txt"
    lock.write_text(
        "urllib3==2.5.0 \\\n    --hash=sha256:aa\nuv==0.13.9 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
        "    # via -r platform.in\nuvicorn==0.40.0 \\\n    --hash=sha256:dd\n"
    )

    assert bootstrap.locked("uv", lock) == "uv==0.13.9 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert bootstrap.locked("uv", ROOT / "requirements/platform.txt").startswith("uv==")


@pytest.mark.parametrize(
    ("apt", "root", "message"),
    [
        (
            False,
            True,
            r"^missing: libgomp\.so\.1 \(LightGBM loads it\)\. Install it with this system's package manager",
        ),
        (True, False, r"Type: sudo apt-get install -y --no-install-recommends libgomp1$"),
    ],
)
def test_what_a_user_may_not_install_is_one_line_with_the_command_to_type(
    monkeypatch: pytest.MonkeyPatch, apt: bool, root: bool, message: str
) -> None:
    packages = script("system_packages")
    monkeypatch.setattr(
        packages.shutil, "which", lambda name: "/usr/bin/apt-get" if apt and name == "apt-get" else None
    )
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(packages, "_run", lambda command: pytest.fail(f"ran {command}"))

    with pytest.raises(SetupError, match=message) as caught:
        packages.install([packages.Need("libgomp.so.1", "LightGBM loads it", "libgomp1")])
    assert "\n" not in str(caught.value)


def test_root_installs_and_fetches_the_package_lists_only_when_the_first_try_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages = script("system_packages")
    ran: list[str] = []

    def run(command: list[str]) -> int:
        ran.append(" ".join(command))
        return 100 if len(ran) == 1 else 0

    monkeypatch.setattr(packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "_run", run)

    packages.install([packages.Need("libgomp.so.1", "LightGBM loads it", "libgomp1")])

    install = "apt-get install -y --no-install-recommends libgomp1"
    assert ran == [install, "apt-get update", install]


def test_what_this_interpreter_lacks_is_named_with_its_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = script("system_packages")
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(packages.ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(packages, "find_libpython", lambda command: None)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"

    needs = packages.missing(need_pip=True)

    assert [need.package for need in needs] == [f"python{version}-venv", f"libpython{version}", "libgomp1"]
    assert len(packages.missing(need_pip=False)) == 2
