"""The serving environment is found whole, or what it lacks is named with the command that brings it."""

import sys
from pathlib import Path

import pytest

from minhos.errors import SetupError
from minhos.serving.installation import ServingInstallation, find_installation


def environment(folder: Path, *, without: str = "") -> Path:
    """The layout of a serving environment, with empty files."""
    packages = folder / "lib" / "python3.11" / "site-packages"
    triton = packages / "pytriton" / "tritonserver"
    for part in (
        triton / "bin" / "tritonserver",
        triton / "python_backend_stubs" / "3.11" / "triton_python_backend_stub",
        triton / "backends" / "python" / "libtriton_python.so",
        triton / "backends" / "python" / "triton_python_backend_utils.py",
        packages / "nvidia_pytriton.libs" / "libtritonserver.so",
    ):
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(part.name)
    if without:
        (triton / without).unlink()
    return folder


def test_it_is_found_with_its_python_version(tmp_path: Path) -> None:
    found = find_installation(environment(tmp_path))
    assert found.python_version == "3.11"
    assert found.binary.is_file() and found.stub.is_file()


@pytest.mark.parametrize("part", ["bin/tritonserver", "python_backend_stubs/3.11/triton_python_backend_stub"])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    with pytest.raises(SetupError, match=f"lacks .*{part}.*make setup"):
        find_installation(environment(tmp_path, without=part))


def test_the_servers_environment_leaves_our_code_behind(tmp_path: Path) -> None:
    found = find_installation(environment(tmp_path))
    variables = found.environment({"PYTHONPATH": "/ours", "HOME": "/home-of-a-trader", "SECRET": "x", "PATH": "/ours"})
    assert "/ours" not in "".join(variables.values())
    assert variables["HOME"] == "/home-of-a-trader" and "SECRET" not in variables
    assert variables["PATH"].startswith(str(tmp_path / "bin"))


def test_the_backend_folder_is_made_once_and_again_when_the_wheel_changed(tmp_path: Path) -> None:
    found = find_installation(environment(tmp_path / "environment"))
    folder = found.prepare_backends(tmp_path / "home")
    first = (folder / "python" / "triton_python_backend_stub").stat()
    assert found.prepare_backends(tmp_path / "home") == folder
    assert (folder / "python" / "triton_python_backend_stub").stat().st_ino == first.st_ino
    found.stub.write_text("another version")
    found.prepare_backends(tmp_path / "home")
    assert (folder / "python" / "triton_python_backend_stub").read_text() == "another version"
    assert {path.name for path in (folder / "python").iterdir()} == {
        "libtriton_python.so",
        "triton_python_backend_utils.py",
        "triton_python_backend_stub",
    }


def test_a_library_that_the_loader_misses_is_named_with_the_command(tmp_path: Path) -> None:
    loader = tmp_path / "bin" / "ldd"
    loader.parent.mkdir(parents=True)
    loader.write_text(
        "#!/bin/sh\necho '\tlibpython3.11.so.1.0 => not found'\necho '\tlibc.so.6 => /lib/libc.so.6 (0x1)'\n"
    )
    loader.chmod(0o755)
    found = find_installation(environment(tmp_path))
    with pytest.raises(SetupError, match=r"needs libpython3\.11\.so\.1\.0, .*apt-get install libpython3\.11"):
        found.check_loader()


def test_the_interpreters_own_library_is_preferred(tmp_path: Path) -> None:
    root = tmp_path / "environment"
    base = tmp_path / "python"
    (base / "bin").mkdir(parents=True)
    (base / "lib").mkdir()
    (base / "lib" / "libpython3.11.so.1.0").touch()
    (base / "bin" / "python3.11").touch()
    environment(root)
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to(base / "bin" / "python3.11")
    found = ServingInstallation(root, "3.11", root / "lib" / "python3.11" / "site-packages")
    assert str(base / "lib") in found.environment({})["LD_LIBRARY_PATH"].split(":")
    assert sys.prefix not in found.environment({})["LD_LIBRARY_PATH"]
