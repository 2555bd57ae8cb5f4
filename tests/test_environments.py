import shutil
import sys
from pathlib import Path

import pytest

from minhos.environments import (
    Environment,
    expected_stamp,
    find_libpython,
    has_libgomp,
    has_locked_packages,
    is_current,
    python_version_of,
    write_stamp,
)

PYTHON = (3, 11)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A finished environment with one project; the interpreter itself is an empty file."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("[project]\n")
    lock = tmp_path / "platform.txt"
    lock.write_text("numpy==2.4.6\n")
    made = Environment("platform", tmp_path / ".venv", lock, (project,))
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    (made.folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    write_stamp(made, PYTHON)
    return made


def test_a_finished_environment_is_current(environment: Environment) -> None:
    assert is_current(environment)
    assert is_current(environment, PYTHON)


def test_another_python_is_not_what_was_asked_for(environment: Environment) -> None:
    assert not is_current(environment, (3, 12))


def test_a_changed_lock_or_project_file_makes_it_stale(environment: Environment) -> None:
    environment.lock.write_text("numpy==2.4.7\n")
    assert not is_current(environment)

    environment.lock.write_text("numpy==2.4.6\n")
    assert is_current(environment)

    (environment.projects[0] / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    assert not is_current(environment)


def test_a_changed_project_file_leaves_the_locked_packages_as_they_are(environment: Environment) -> None:
    (environment.projects[0] / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    assert has_locked_packages(environment, PYTHON)
    assert not has_locked_packages(environment, (3, 12))

    environment.lock.write_text("numpy==2.4.7\n")
    assert not has_locked_packages(environment)


def test_packages_without_the_project_are_not_yet_a_current_environment(environment: Environment) -> None:
    write_stamp(environment, PYTHON, projects=False)
    assert has_locked_packages(environment)
    assert not is_current(environment)


def test_an_environment_without_projects_is_current_once_its_packages_are_there(environment: Environment) -> None:
    bare = Environment("serving", environment.folder, environment.lock)
    write_stamp(bare, PYTHON, projects=False)
    assert is_current(bare)


def test_an_interrupted_set_up_has_no_stamp_and_is_not_current(environment: Environment) -> None:
    environment.stamp.unlink()
    assert not is_current(environment)


def test_an_environment_whose_interpreter_is_gone_is_not_current(environment: Environment) -> None:
    environment.python.unlink()
    environment.python.symlink_to("/nowhere/python3.11")
    assert not is_current(environment)


def test_a_copied_environment_is_not_current_because_its_scripts_point_to_the_old_place(
    environment: Environment, tmp_path: Path
) -> None:
    copy = Environment("platform", tmp_path / "elsewhere", environment.lock, environment.projects)
    shutil.copytree(environment.folder, copy.folder)
    assert not is_current(copy)


def test_a_missing_lock_is_not_current_instead_of_an_error(environment: Environment) -> None:
    environment.lock.unlink()
    assert not is_current(environment)
    with pytest.raises(FileNotFoundError):
        expected_stamp(environment, PYTHON)


@pytest.mark.parametrize("line", ["version = 3.12.1", "version_info = 3.12.1.final.0"])
def test_the_version_is_read_from_either_way_of_writing_pyvenv_cfg(tmp_path: Path, line: str) -> None:
    (tmp_path / "pyvenv.cfg").write_text(f"home = /usr/bin\n{line}\n")
    assert python_version_of(Environment("serving", tmp_path, tmp_path / "lock")) == (3, 12)


def test_libpython_comes_from_the_loader_first_and_else_from_beside_the_interpreter() -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    asked: list[str] = []

    def loader(name: str) -> str:
        asked.append(name)
        return f"lib{name}.so.1.0"

    assert find_libpython([sys.executable], loader) == f"libpython{version}.so.1.0"
    assert asked == [f"python{version}"]
    beside = find_libpython([sys.executable], lambda name: None)
    assert beside is None or Path(beside).exists()


def test_an_interpreter_that_does_not_start_has_no_libpython() -> None:
    assert find_libpython(["false"], lambda name: "never asked") is None


def test_libgomp_is_there_when_the_loader_loads_it() -> None:
    def refuse(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    asked: list[str] = []
    assert has_libgomp(asked.append)
    assert asked == ["libgomp.so.1"]
    assert not has_libgomp(refuse)
