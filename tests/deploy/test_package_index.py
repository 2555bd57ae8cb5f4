"""pip's configuration in uv's terms: where a company's mirror is configured for pip alone, uv finds it too."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

MIRROR = "https://mirror.example/simple"
OTHER = "https://other.example/simple"


@pytest.fixture
def index(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("package_index")


@pytest.fixture
def pip_python() -> str:
    """An interpreter that has pip."""
    for python in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return str(python)
    pytest.skip("no interpreter here has pip")


def test_pips_own_reading_of_its_files_and_variables_is_what_counts(
    index: ModuleType, pip_python: str, tmp_path: Path
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://wrong.example/simple\ntimeout = 60\ntrusted-host =\n    a.example\n    b.example\n"
        f"[install]\nindex-url = {MIRROR}\n[download]\ncert = /nowhere.pem\n"
    )
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PIP_CONFIG_FILE": str(file), "PIP_PROXY": "http://p:3128"}

    options = index.pip_configuration(["/nowhere/python", pip_python], home)

    assert options["index-url"] == MIRROR
    assert options["trusted-host"].split() == ["a.example", "b.example"]
    assert options["proxy"] == "http://p:3128"
    assert options.get("cert") != "/nowhere.pem"


def test_where_nobody_has_pip_its_variables_still_count(index: ModuleType) -> None:
    options = index.pip_configuration(["/nowhere/python"], {"PIP_INDEX_URL": MIRROR, "PIP_EXTRA_INDEX_URL": OTHER})

    assert options == {"index-url": MIRROR, "extra-index-url": OTHER}


def test_a_mirror_becomes_uvs_default_index_and_the_systems_certificates_count(
    index: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca-certificates.crt"
    bundle.touch()
    monkeypatch.setattr(index, "SYSTEM_BUNDLE", bundle)

    settings = index.uv_settings({"index-url": MIRROR}, {})

    assert settings.environment == {"UV_DEFAULT_INDEX": MIRROR, "UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
    assert settings.arguments == ()
    assert settings.words == (f"packages come from {MIRROR}, as pip is configured",)


def test_further_indexes_are_searched_whole_because_uv_would_stop_at_the_first_that_knows_a_package(
    index: ModuleType,
) -> None:
    extra = f"{OTHER}\nfile:///opt/simple"

    settings = index.uv_settings({"extra-index-url": extra, "cert": "/ca.pem"}, {})

    assert settings.environment == {
        "UV_INDEX": f"{OTHER} file:///opt/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_find_links_are_said_to_be_left_out_and_are_all_there_is_without_an_index(index: ModuleType) -> None:
    left_out = index.uv_settings({"find-links": "/wheels /more"}, {})
    alone = index.uv_settings({"find-links": "/wheels /more", "no-index": "true", "index-url": MIRROR}, {})

    assert (left_out.environment, left_out.arguments) == ({}, ())
    assert left_out.words == ("pip's find-links are not searched: the locks need none of them",)
    assert (alone.environment, alone.arguments) == ({"UV_FIND_LINKS": "/wheels,/more"}, ("--no-index",))


def test_certificates_proxy_and_trusted_hosts_come_along(index: ModuleType, tmp_path: Path) -> None:
    pip = {
        "index-url": MIRROR,
        "cert": str(tmp_path),
        "client-cert": "/me.pem",
        "trusted-host": "a.example\nb.example",
        "proxy": "http://proxy.example:3128",
    }

    assert index.uv_settings(pip, {}).environment == {
        "UV_DEFAULT_INDEX": MIRROR,
        "SSL_CERT_DIR": str(tmp_path),
        "SSL_CLIENT_CERT": "/me.pem",
        "UV_INSECURE_HOST": "a.example b.example",
        "ALL_PROXY": "http://proxy.example:3128",
    }


def test_what_the_user_said_to_uv_stays(index: ModuleType) -> None:
    pip = {"index-url": MIRROR, "extra-index-url": OTHER, "cert": "/ca.pem", "proxy": "http://proxy.example:3128"}
    own = {"SSL_CERT_FILE": "/own.pem", "UV_INDEX_STRATEGY": "unsafe-first-match", "ALL_PROXY": "http://own:1"}

    assert index.uv_settings(pip, own).environment == {"UV_DEFAULT_INDEX": MIRROR, "UV_INDEX": OTHER}


def test_the_bundle_that_pips_requests_would_use_is_uvs_too(index: ModuleType) -> None:
    assert index.uv_settings({}, {"REQUESTS_CA_BUNDLE": "/ca.pem"}).environment == {"SSL_CERT_FILE": "/ca.pem"}


def test_a_password_in_an_indexs_address_is_never_printed(index: ModuleType) -> None:
    settings = index.uv_settings({"index-url": "https://me:secret@mirror.example/simple"}, {})

    assert settings.environment["UV_DEFAULT_INDEX"] == "https://me:secret@mirror.example/simple"
    assert settings.words == (f"packages come from {MIRROR}, as pip is configured",)


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"])
def test_a_uv_that_has_an_index_variable_is_left_alone(index: ModuleType, variable: str) -> None:
    assert index.uv_has_its_own({variable: MIRROR}, [])
    assert not index.uv_has_its_own({variable: ""}, [])


@pytest.mark.parametrize(
    ("text", "own"),
    [
        (f'index-url = "{MIRROR}"\n', True),
        (f'[[index]]\nurl = "{MIRROR}"\ndefault = true\n', True),
        (f'[pip]\nindex-url = "{MIRROR}"\n', True),
        ('link-mode = "copy"\n', False),
        ("not toml", False),
    ],
)
def test_a_uv_whose_own_file_names_an_index_is_left_alone(
    index: ModuleType, tmp_path: Path, text: str, own: bool
) -> None:
    (tmp_path / "config/uv").mkdir(parents=True)
    (tmp_path / "config/uv/uv.toml").write_text(text)
    files = index.uv_files({"XDG_CONFIG_HOME": str(tmp_path / "config")}, tmp_path / "checkout")

    assert index.uv_has_its_own({}, [file for file in files if tmp_path in file.parents]) is own
