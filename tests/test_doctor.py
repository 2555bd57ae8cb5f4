import importlib.metadata
import json
import socket
from pathlib import Path

import pytest
from rich.console import Console

from minhos import doctor
from minhos.config import Settings
from minhos.doctor import Check
from minhos.environments import Environment, write_stamp


def test_every_check_reports_and_none_raises_on_an_empty_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "not yet", serving_environment=tmp_path / "no environment")

    checks = doctor.diagnose(settings)

    assert len({check.name for check in checks}) == len(checks)
    by_name = {check.name: check for check in checks}
    assert by_name["serving environment"].status == "fail"
    assert by_name["serving environment"].advice == "type: make setup"
    assert by_name["tritonserver"].status == by_name["libpython"].status == "fail"
    assert by_name["home"].status == "ok"
    assert all(check.advice for check in checks if check.status != "ok")
    assert not (tmp_path / "not yet").exists()


def test_the_table_fits_a_hundred_columns_and_the_json_has_every_field() -> None:
    checks = [Check("Python", "ok", "3.11.7"), Check("disk", "fail", "[0.1] " + "x" * 150, "free some space")]
    console = Console(width=100)
    with console.capture() as captured:
        console.print(doctor.render(checks))
    lines = captured.get().splitlines()

    assert max(len(line) for line in lines) <= 100
    assert any("[0.1]" in line for line in lines)
    assert any("free some space" in line for line in lines)
    assert json.loads(doctor.to_json(checks))[0] == {
        "name": "Python",
        "status": "ok",
        "found": "3.11.7",
        "advice": "",
    }


@pytest.mark.parametrize(
    ("version", "status"), [((3, 11, 9), "ok"), ((3, 12, 0), "ok"), ((3, 13, 1), "fail"), ((3, 10, 2), "fail")]
)
def test_python_is_3_11_or_3_12(version: tuple[int, int, int], status: str) -> None:
    assert doctor.check_python(version).status == status


def test_an_environment_is_missing_then_stale_then_current(tmp_path: Path) -> None:
    lock = tmp_path / "serving.txt"
    lock.write_text("numpy==1.26.4\n")
    environment = Environment("serving", tmp_path / "env", lock)
    assert doctor.check_environment(environment).status == "fail"

    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    (environment.folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    assert doctor.check_environment(environment).status == "warn"

    write_stamp(environment, (3, 11))
    assert doctor.check_environment(environment).status == "ok"

    lock.write_text("numpy==1.26.5\n")
    stale = doctor.check_environment(environment)
    assert (stale.status, stale.advice) == ("warn", "type: make setup")
    assert stale.found.endswith("not made from the present serving.txt")


def test_an_environment_whose_project_file_changed_says_that_only_the_project_is_stale(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "platform.txt").write_text("numpy==2.4.6\n")
    environment = Environment("platform", tmp_path / "env", tmp_path / "platform.txt", (tmp_path,))
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    (environment.folder / "pyvenv.cfg").write_text("version = 3.11.7\n")
    write_stamp(environment, (3, 11))
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")

    stale = doctor.check_environment(environment)

    assert (stale.status, stale.advice) == ("warn", "type: make setup")
    assert stale.found.endswith("its packages are current, but a pyproject.toml has changed since")


def test_a_missing_libgomp_fails_with_the_package_to_install() -> None:
    def refuse(name: str) -> object:
        raise OSError(name)

    missing = doctor.check_libgomp(refuse)

    assert (missing.status, missing.advice) == ("fail", "type: sudo apt-get install libgomp1")
    assert "LightGBM" in missing.found
    assert doctor.check_libgomp(lambda name: None).status == "ok"
    assert "libgomp" in {check.name for check in doctor.diagnose(Settings())}


@pytest.mark.parametrize(("version", "status"), [("3.3.2", "ok"), ("2.11.0", "fail")])
def test_airflow_is_version_3(version: str, status: str) -> None:
    assert doctor.check_airflow(lambda name: version).status == status


def test_a_missing_airflow_fails_without_importing_it() -> None:
    def version_of(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    assert doctor.check_airflow(version_of).found == "not installed"


def test_a_used_port_warns_and_names_the_variable_to_set() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        used = doctor.check_port("Triton gRPC port", port)
    free = doctor.check_port("Triton gRPC port", port)

    assert used.status == "warn"
    assert "MINHOS_GRPC_PORT" in used.advice
    assert free.status == "ok"


@pytest.mark.parametrize("name", ["Triton gRPC port", "Triton metrics port", "Airflow port", "MLflow port"])
def test_the_variable_that_a_port_names_is_a_real_setting(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        advice = doctor.check_port(name, taken.getsockname()[1]).advice

    Settings.from_environment({advice.split("set ")[1]: "9000"})


def test_a_home_that_cannot_be_written_fails() -> None:
    assert doctor.check_home(Path("/proc/minhos")).status == "fail"


def test_a_gpu_is_named_and_none_is_fine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_gpu().status == "ok"

    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Test GPU, 81559 MiB, 580.1'\n")
    program.chmod(0o755)
    assert doctor.check_gpu().found.startswith("Test GPU, 81559 MiB, 580.1")

    program.write_text("#!/bin/sh\necho 'no devices were found' >&2; exit 9\n")
    broken = doctor.check_gpu()
    assert broken.status == "warn"
    assert "no devices were found" in broken.found
