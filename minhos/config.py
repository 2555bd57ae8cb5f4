"""Settings: the one typed, frozen object that says where things are and which ports they use.

They come from ``MINHOS_*`` environment variables and nowhere else; an unknown one is an error, so that a misspelt
variable is never silently ignored. Settings describe a machine, not an experiment: they do not enter a run's key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from minhos.errors import ConfigError

__all__ = ["REPOSITORY", "Settings"]

REPOSITORY: Final = Path(__file__).resolve().parents[1]

Port = Annotated[int, Field(ge=1024, le=65535)]

PREFIX: Final = "MINHOS_"
NOT_SETTINGS: Final = frozenset({"MINHOS_REAL_DATA"})  # where the tests find real files; read by the tests alone


class Settings(BaseModel):
    """Where the state lives and where the services listen. Relative paths are taken from the repository's root.

    ``home`` holds all state (bars, runs, releases, databases); ``data`` is the folder of market data that a night reads when
    none is asked for (None: the synthetic exchange). ``grpc_host`` is where Triton is reached: loopback, unless the server
    runs in another container; then ``triton_key`` is the key of its restricted protocols (a secret: it never prints).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = REPOSITORY / "var"
    data: Path | None = None
    grpc_host: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")] = "127.0.0.1"
    grpc_port: Port = 8001
    metrics_port: Port = 8002
    triton_key: SecretStr | None = None
    airflow_port: Port = 8080
    mlflow_port: Port = 5000
    serving_environment: Path = REPOSITORY / ".venv-serving"

    @model_validator(mode="before")
    @classmethod
    def _resolve_paths(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        resolved = dict(values)
        for name in ("home", "data", "serving_environment"):
            if isinstance(resolved.get(name), str | Path):
                resolved[name] = REPOSITORY / Path(resolved[name]).expanduser()
        return resolved

    @model_validator(mode="after")
    def _ports_differ(self) -> Settings:
        names = ("grpc_port", "metrics_port", "airflow_port", "mlflow_port")
        ports = {name: getattr(self, name) for name in names}
        if len(set(ports.values())) < len(ports):
            raise ValueError(f"the ports must differ from each other, got {ports}")
        return self

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Settings from ``MINHOS_HOME``, ``MINHOS_GRPC_PORT`` and so on; what is unset (or empty) has its default.

        Raises:
            ConfigError: an unknown ``MINHOS_*`` variable, or a value out of range; the message names the variable.
        """
        known = {PREFIX + name.upper(): name for name in cls.model_fields}
        given = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
        unknown = sorted(given.keys() - known.keys() - NOT_SETTINGS)
        if unknown:
            raise ConfigError(
                f"unknown environment variable {', '.join(unknown)}; known are "
                f"{', '.join(sorted(known.keys() | NOT_SETTINGS))}. Unset it or correct its name"
            )
        values = {known[key]: value for key, value in given.items() if key in known and value != ""}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = []
            for problem in error.errors():
                where = PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else "settings"
                got = f", got {problem['input']!r}" if problem["loc"] else ""
                problems.append(f"{where}: {problem['msg']}{got}")
            raise ConfigError("; ".join(problems)) from error

    @property
    def grpc_url(self) -> str:
        """Where Triton answers gRPC, ``host:port``."""
        return f"{self.grpc_host}:{self.grpc_port}"

    @property
    def bars(self) -> Path:
        """The bar store."""
        return self.home / "bars"

    @property
    def quarantine(self) -> Path:
        """The quarantine's ledger."""
        return self.home / "quarantine.sqlite"

    @property
    def validation(self) -> Path:
        """What `minhos validate` found: a folder per series."""
        return self.home / "validation"

    @property
    def runs(self) -> Path:
        """One folder per night."""
        return self.home / "runs"

    @property
    def releases(self) -> Path:
        """Immutable releases, one folder each."""
        return self.home / "releases"

    @property
    def model_repository(self) -> Path:
        """The live repository that Triton reads, stamped from the blueprint in git."""
        return self.home / "model_repository"

    @property
    def serving(self) -> Path:
        """What a running Triton keeps: its backend directory, pid and lock files."""
        return self.home / "serving"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own state: database, configuration, task logs."""
        return self.home / "airflow"

    @property
    def tracking(self) -> Path:
        """The record of experiments: MLflow's database and artifacts."""
        return self.home / "mlflow"

    @property
    def logs(self) -> Path:
        """Logs of the services that the platform starts."""
        return self.home / "logs"

    def hash(self) -> str:
        """SHA-256 of the settings, the identity of this machine's configuration (64 hex digits)."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
