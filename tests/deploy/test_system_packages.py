"""What the operating system must add: found, named with its package, installed where the user may."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from minhos.errors import SetupError

Script = Callable[[str], ModuleType]


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
    script: Script, monkeypatch: pytest.MonkeyPatch, apt: bool, root: bool, message: str
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
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages = script("system_packages")
    ran: list[str] = []

    def run(command: list[str]) -> tuple[int, str]:
        ran.append(" ".join(command))
        return (100, "E: Unable to locate package libgomp1") if len(ran) == 1 else (0, "")

    monkeypatch.setattr(packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "_run", run)

    packages.install([packages.Need("libgomp.so.1", "LightGBM loads it", "libgomp1")])

    install = "apt-get install -y --no-install-recommends libgomp1"
    assert ran == [install, "apt-get update", install]


def test_a_failed_apt_get_is_one_line_with_its_own_last_words(
    script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packages = script("system_packages")
    apt = tmp_path / "apt-get"
    apt.write_text(
        "#!/bin/sh\necho 'Reading package lists...'\necho 'W: old' >&2\necho 'E: no such package' >&2\nexit 100\n"
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)

    with pytest.raises(
        SetupError, match=r"apt-get could not install it \(E: no such package\)\. Type: sudo apt-get"
    ) as caught:
        packages.install([packages.Need("libgomp.so.1", "LightGBM loads it", "libgomp1")])
    assert "\n" not in str(caught.value)


def test_a_libpython_that_the_distribution_does_not_have_comes_with_another_python(
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages = script("system_packages")
    monkeypatch.setattr(packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "_run", lambda command: (100, "E: Unable to locate package libpython3.11"))

    with pytest.raises(SetupError, match=r"uv python install 3\.11"):
        packages.install([packages.Need("libpython3.11.so.1.0", "Triton loads it", "libpython3.11")])


def test_what_this_interpreter_lacks_is_named_with_its_debian_package(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = script("system_packages")
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(packages, "has_libgomp", lambda: False)
    monkeypatch.setattr(packages, "find_libpython", lambda command: None)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"

    needs = packages.missing(need_pip=True)

    assert [need.package for need in needs] == [f"python{version}-venv", f"libpython{version}", "libgomp1"]
    assert len(packages.missing(need_pip=False)) == 2
