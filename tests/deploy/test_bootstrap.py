"""The set-up, run as a user runs it, in a small copy of the tree with a stand-in for uv: no network and no packages."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Script = Callable[[str], ModuleType]

ROOT = Path(__file__).resolve().parents[2]
CARRIED = ("scripts", "minhos/__init__.py", "minhos/environments.py", "minhos/errors.py")

NOT_A_USERS = {"PYTHONPATH", "PYTHON", "VIRTUAL_ENV"} | {key for key in os.environ if key.startswith(("PIP_", "UV_"))}


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
            **{key: value for key, value in os.environ.items() if key not in NOT_A_USERS},
            "PIP_CONFIG_FILE": os.devnull,
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_fresh_checkout_gets_both_environments_and_the_next_set_up_does_nothing(checkout: Path) -> None:
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

    second = set_up(checkout)

    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
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


def test_a_changed_project_file_installs_the_project_again_and_rebuilds_nothing(checkout: Path) -> None:
    set_up(checkout)
    log = checkout.parent / "uv.log"
    before = len(log.read_text().splitlines())
    (checkout / "pyproject.toml").write_text("[tool.ruff]\nline-length = 120\n")
    (checkout / ".venv/kept").touch()

    again = set_up(checkout)

    assert again.returncode == 0
    assert "serving environment" not in again.stdout
    assert "installing the project again" in again.stdout
    calls = log.read_text().splitlines()[before:]
    assert len(calls) == 1 and "--editable" in calls[0] and "--require-hashes" not in calls[0]
    assert (checkout / ".venv/kept").exists()
    assert set_up(checkout).stdout == ""


def test_a_changed_project_file_needs_no_python_but_the_environments_own(checkout: Path, tmp_path: Path) -> None:
    set_up(checkout)
    (checkout / "pyproject.toml").write_text("[tool.ruff]\n")
    tools = checkout.parent / "tools"
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or name)

    again = set_up(checkout, PATH=str(tools))

    assert (again.returncode, again.stderr) == (0, "")
    assert "installing the project again" in again.stdout


def test_a_mirror_that_only_pip_knows_is_handed_to_uv_and_to_nobody_else(checkout: Path) -> None:
    uv = checkout.parent / "uv.sh"
    uv.write_text(f'echo "$UV_DEFAULT_INDEX" >> {checkout.parent}/index.log\n')

    done = set_up(checkout, PIP_INDEX_URL="https://me:secret@mirror.example/simple")

    assert "packages come from https://mirror.example/simple, as pip is configured" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    mirror = "https://me:secret@mirror.example/simple"
    assert (checkout.parent / "index.log").read_text().splitlines() == [mirror, "", mirror]
    assert not any(b"secret" in file.read_bytes() for file in checkout.rglob("*") if file.is_file())


def test_a_uv_with_an_index_of_its_own_gets_nothing_of_pips(checkout: Path) -> None:
    uv = checkout.parent / "uv.sh"
    uv.write_text(f'echo "$UV_DEFAULT_INDEX$UV_INDEX" >> {checkout.parent}/index.log\n')

    set_up(checkout, PIP_EXTRA_INDEX_URL="https://pip.example/simple", UV_DEFAULT_INDEX="https://uv.example/simple")

    assert set((checkout.parent / "index.log").read_text().splitlines()) == {"https://uv.example/simple"}


def test_an_interrupted_install_of_the_project_is_done_again_even_when_its_file_is_as_before(checkout: Path) -> None:
    set_up(checkout)
    uv = checkout.parent / "uv.sh"
    works, project = uv.read_text(), checkout / "pyproject.toml"
    was = project.read_text()
    uv.write_text("exit 2\n")
    project.write_text("[tool.ruff]\n")
    assert set_up(checkout).returncode == 1

    project.write_text(was)
    uv.write_text(works)

    assert "installing the project again" in set_up(checkout).stdout


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


def test_uv_is_installed_by_pip_with_the_pin_and_hashes_of_the_lock(script: Script, tmp_path: Path) -> None:
    bootstrap = script("bootstrap")
    lock = tmp_path / "platform.txt"
    lock.write_text(
        "urllib3==2.5.0 \\\n    --hash=sha256:aa\nuv==0.13.9 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
        "    # via -r platform.in\nuvicorn==0.40.0 \\\n    --hash=sha256:dd\n"
    )

    assert bootstrap.locked("uv", lock) == "uv==0.13.9 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert bootstrap.locked("uv", ROOT / "requirements/platform.txt").startswith("uv==")


def without_python(tmp_path: Path, offered: str) -> Path:
    """Programs of a machine that has no Python; its apt offers one version (or none)."""
    tools = tmp_path / "bare"
    tools.mkdir()
    for name in ("sh", "dirname", "grep"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "apt-cache").write_text(f'#!/bin/sh\n[ "$2" = "python{offered}-venv" ]\n')
    (tools / "apt-cache").chmod(0o755)
    return tools


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        ("3.11", "type: sudo apt-get install python3.11 python3.11-venv"),
        ("3.12", "type: sudo apt-get install python3.12 python3.12-venv"),
        ("3.13", "uv python install 3.11"),
        ("3.13", "pyenv install 3.11"),
    ],
)
def test_a_machine_without_a_fitting_python_is_told_what_its_distribution_offers_or_a_general_way(
    checkout: Path, tmp_path: Path, offered: str, words: str
) -> None:
    refused = subprocess.run(
        [str(checkout / "scripts" / "setup")],
        env={"PATH": str(without_python(tmp_path, offered))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert words in line
    assert f"apt-get install python{offered}" in line or offered == "3.13"
