"""The Makefile and `.ci/run` as a user types them, with stand-ins for the programs that they call."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile and `.ci/run` alone; set-up succeeds and `minhos` prints its arguments."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    program(tmp_path / "scripts/setup", "exit 0")
    program(tmp_path / ".venv/bin/minhos", 'echo "minhos $*"')
    return tmp_path


def typed(checkout: Path, *command: str, tools: Path | None = None) -> subprocess.CompletedProcess[str]:
    outer = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "FORCE", "DATA", "MAP"}
    environment = {key: value for key, value in os.environ.items() if key not in outer}
    if tools is not None:
        environment["PATH"] = f"{tools}:{environment['PATH']}"
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_force_is_asked_for_by_1_true_and_yes(checkout: Path, value: str) -> None:
    assert typed(checkout, "make", "run", f"FORCE={value}").stdout == "minhos night --force\n"


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_a_force_of_0_false_or_no_does_not_force(checkout: Path, value: str) -> None:
    assert typed(checkout, "make", "run", f"FORCE={value}").stdout == "minhos night\n"


def test_any_other_force_is_refused_in_one_line_instead_of_guessed(checkout: Path) -> None:
    refused = typed(checkout, "make", "run", "FORCE=maybe")

    assert refused.returncode != 0
    assert refused.stdout == ""
    assert "FORCE=maybe: 1, true or yes force; 0, false or no do not" in refused.stderr


def test_the_doctor_looks_at_a_machine_whose_set_up_fails(checkout: Path) -> None:
    program(checkout / "scripts/setup", "echo 'setup: no network' >&2", "exit 1")

    seen = typed(checkout, "make", "doctor")

    assert (seen.returncode, seen.stdout) == (0, "minhos doctor\n")


def test_the_doctor_sets_a_new_checkout_up_and_says_so(checkout: Path) -> None:
    minhos = checkout / ".venv/bin/minhos"
    shutil.move(minhos, checkout / "minhos")
    program(checkout / "scripts/setup", f"mv {checkout}/minhos {minhos}")

    seen = typed(checkout, "make", "doctor")

    assert seen.returncode == 0
    first, last = seen.stdout.splitlines()
    assert "set-up has not been done" in first
    assert last == "minhos doctor"


def test_the_doctor_looks_at_what_a_failed_first_set_up_left(checkout: Path) -> None:
    minhos = checkout / ".venv/bin/minhos"
    shutil.move(minhos, checkout / "minhos")
    program(checkout / "scripts/setup", f"mv {checkout}/minhos {minhos}", "exit 1")

    assert typed(checkout, "make", "doctor").stdout.endswith("minhos doctor\n")


def test_a_first_set_up_that_leaves_no_minhos_ends_the_doctor_with_its_own_words(checkout: Path) -> None:
    (checkout / ".venv/bin/minhos").unlink()
    program(checkout / "scripts/setup", "echo 'setup: no network' >&2", "exit 1")

    seen = typed(checkout, "make", "doctor")

    assert seen.returncode != 0
    assert "setup: no network" in seen.stderr
    assert "not found" not in seen.stderr


def test_ci_ends_with_the_status_of_the_tests_that_failed_and_runs_no_more(checkout: Path, tmp_path: Path) -> None:
    program(tmp_path / "tools/make", 'echo "made $1"', "exit 5")

    ended = typed(checkout, ".ci/run", tools=tmp_path / "tools")

    assert (ended.returncode, ended.stdout) == (5, "made test\n")


def test_ci_prints_what_the_tests_print_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    program(tmp_path / "tools/make", 'echo "12 passed, 1 skipped in $1"')

    ended = typed(checkout, ".ci/run", tools=tmp_path / "tools")

    assert ended.returncode == 0
    assert ended.stdout == "12 passed, 1 skipped in test\n12 passed, 1 skipped in test-system\n"
    assert ended.stderr == ""
