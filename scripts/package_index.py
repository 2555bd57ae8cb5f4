"""The user's pip configuration in uv's terms: uv reads none of pip's files and variables. Standard library only.

What is found here goes into the environment of the uv that the set-up starts, and nowhere else. Whoever has configured uv
itself (a ``UV_*`` index variable, an index in a ``uv.toml``) is left alone. uv's names: its environment reference; pip's:
``pip install --help``.
"""

from __future__ import annotations

import ast
import re
import ssl
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["UvSettings", "pip_configuration", "uv_files", "uv_has_its_own", "uv_settings"]

INDEX_VARIABLES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_CONFIG_FILE",
)
INDEX_KEYS = ("index", "default-index", "index-url", "extra-index-url", "find-links", "no-index")
SECTIONS = ("global", "install", ":env:")  # pip's order: a later one wins
OPTION = re.compile(r"(global|install|:env:)\.([a-z-]+)=(.+)")
SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")  # Debian's and Ubuntu's package ca-certificates
OFF = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class UvSettings:
    """What uv is given: variables, arguments, and words for people on what was taken over and what was left out."""

    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def pip_configuration(pythons: Iterable[Path | str], environ: Mapping[str, str]) -> dict[str, str]:
    """pip's options by their long names, as the first of these interpreters that has pip reads them.

    pip merges its own files (system, user, environment) and its ``PIP_*`` variables. Where no interpreter has pip, nobody
    reads its files, and the variables alone are left.
    """
    found = {
        key.removeprefix("PIP_").lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("PIP_")
    }
    for python in pythons:
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "config", "list"]
        try:
            answer = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
        except OSError:
            continue
        if answer.returncode == 0:
            return _options(answer.stdout)
    return found


def _options(listing: str) -> dict[str, str]:
    """The lines ``section.option='value'`` of ``pip config list`` that ``pip install`` would obey."""
    by_section: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        match = OPTION.fullmatch(line.strip())
        if match:
            section, option, value = match.groups()
            by_section[section][option] = str(ast.literal_eval(value))
    return {option: value for section in SECTIONS for option, value in by_section[section].items()}


def uv_has_its_own(environ: Mapping[str, str], files: Iterable[Path]) -> bool:
    """Whether the user told uv where packages come from: by a variable, or in one of these ``uv.toml`` files."""
    return any(environ.get(name) for name in INDEX_VARIABLES) or any(_names_an_index(file) for file in files)


def uv_files(environ: Mapping[str, str], root: Path) -> list[Path]:
    """The ``uv.toml`` files that uv reads when it is started in ``root``."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "/nowhere") / ".config")
    system = [Path(folder) for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if folder]
    folders = [home / "uv", *(folder / "uv" for folder in system), Path("/etc/uv"), root, *root.parents]
    return [folder / "uv.toml" for folder in folders]


def _names_an_index(file: Path) -> bool:
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent, or for uv to complain about
        return False
    tables = (settings, settings.get("pip"))
    return any(key in table for table in tables if isinstance(table, dict) for key in INDEX_KEYS)


def uv_settings(pip: Mapping[str, str], environ: Mapping[str, str]) -> UvSettings:
    """uv's settings for what pip is configured to do.

    Args:
        pip: pip's options (``index-url``, ``extra-index-url``, ``cert``, ...) and their values.
        environ: the user's environment; what it already says to uv (certificates, proxy, strategy) stays.

    Further indexes are searched as pip does it, every version of all of them; uv would else stop at the first index that
    knows a package and miss the locked version. (The locks' hashes say which file is the right one.) pip's ``find-links``
    are used with ``no-index`` only, where they are all there is: a lock needs none of them else, and uv, unlike pip, ends
    when such a folder is not there.
    """
    given: dict[str, str] = {}
    arguments: tuple[str, ...] = ()
    words: list[str] = []
    further = pip.get("extra-index-url", "").split()
    links = pip.get("find-links", "").split()
    if pip.get("no-index", "").lower() not in OFF:
        arguments = ("--no-index",)
        given["UV_FIND_LINKS"] = ",".join(links)
        words.append("packages come from pip's find-links alone (its no-index)")
    else:
        index = pip.get("index-url") or pip.get("pypi-url") or ""
        if index:
            given["UV_DEFAULT_INDEX"] = index
        if further:
            given |= {"UV_INDEX": " ".join(further), "UV_INDEX_STRATEGY": "unsafe-best-match"}
        if index or further:
            places = ", ".join(_bare(url) for url in [index or "uv's default index", *further])
            words.append(f"packages come from {places}, as pip is configured")
        if links:
            words.append("pip's find-links are not searched: the locks need none of them")
    given |= _connection(pip, environ, own_index="UV_DEFAULT_INDEX" in given)
    return UvSettings({key: value for key, value in given.items() if not environ.get(key)}, arguments, tuple(words))


def _connection(pip: Mapping[str, str], environ: Mapping[str, str], *, own_index: bool) -> dict[str, str]:
    """Certificates, proxy and trusted hosts."""
    given: dict[str, str] = {}
    own_certificates = any(
        environ.get(key) for key in ("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS")
    )
    bundle = pip.get("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    if bundle and not own_certificates:
        given["SSL_CERT_DIR" if Path(bundle).is_dir() else "SSL_CERT_FILE"] = bundle
    elif own_index and not own_certificates and (SYSTEM_BUNDLE.exists() or ssl.get_default_verify_paths().cafile):
        # pip trusts what the system trusts, a company's own authority too; uv brings a list of its own
        given |= {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}  # the second for a uv before 0.11
    if pip.get("client-cert"):
        given["SSL_CLIENT_CERT"] = pip["client-cert"]
    if pip.get("trusted-host"):
        given["UV_INSECURE_HOST"] = " ".join(pip["trusted-host"].split())
    if pip.get("proxy"):
        given["ALL_PROXY"] = pip["proxy"]
    return given


def _bare(url: str) -> str:
    """An index without the name and password that its address may carry."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
