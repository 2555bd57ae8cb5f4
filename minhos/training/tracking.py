"""Experiments on record: MLflow's database and artifacts of a home, and the registered model's aliases.

Everything is local: one SQLite file and a folder. MLflow takes three seconds to import, so it is imported on first use.
Telemetry is off. Several processes may record at once; the database is made by one of them.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from minhos.errors import SetupError
from minhos.locks import exclusive

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")  # read when MLflow is imported

__all__ = ["CHALLENGER", "CHAMPION", "Record", "Tracking", "database_uri"]

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
_DATABASE: Final = "mlflow.db"
_WAIT_SECONDS: Final = 60.0
_LONGEST_PARAMETER: Final = 6000  # MLflow's own limit

Status = Literal["FINISHED", "FAILED"]


def database_uri(folder: Path) -> str:
    """MLflow's address of the database in `folder`."""
    return f"sqlite:///{folder.absolute() / _DATABASE}?timeout={_WAIT_SECONDS:.0f}"


@dataclass(frozen=True)
class Record:
    """What there is to record of one run.

    `key`: its identity in the experiment; a run that is on record with it is not recorded again. `metrics`: one number each;
    `curves`: one for each step (fold, epoch), oldest first. What is not finite is left out. `artifacts`: files and folders
    that are copied; those that are not there are left out.
    """

    name: str
    key: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Path] = ()
    status: Status = "FINISHED"


class Tracking:
    """The records of a home, in `folder`. Raises `SetupError` where they cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def client(self) -> Any:
        """MLflow's client (`mlflow.MlflowClient`); the database is made, or brought to this version, at the first look."""
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        uri = database_uri(self.folder)

        def busy(holder: str) -> SetupError:
            return SetupError(
                f"{self.folder}: {holder} has been making the database of experiments for a minute; try again"
            )

        with exclusive(self.folder / ".making.lock", busy=busy, wait_seconds=_WAIT_SECONDS), _told(self.folder):
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            client.search_experiments(max_results=1)
        return client

    def record(self, experiment: str, record: Record, *, parent: str | None = None) -> str:
        """Put a run on record, whole or not at all; the id of the run, also where it was there already."""
        with _told(self.folder):
            experiment_id = self._experiment(experiment)
            known = self._known(experiment_id, record.key)
            if known is not None:
                return known
            now = time.time_ns() // 1_000_000
            tags = {**record.tags, "minhos.key": record.key}
            if parent is not None:
                tags["mlflow.parentRunId"] = parent
            run = self.client.create_run(experiment_id, run_name=record.name, tags={"minhos.unfinished": "true"})
            run_id = str(run.info.run_id)
            self.client.log_batch(
                run_id, metrics=_metrics(record, now), params=_params(record.params), tags=_tags(tags)
            )
            for path in record.artifacts:
                if path.is_dir():
                    self.client.log_artifacts(run_id, str(path), artifact_path=path.name)
                elif path.is_file():
                    self.client.log_artifact(run_id, str(path))
            self.client.set_terminated(run_id, status=record.status)
            self.client.delete_tag(run_id, "minhos.unfinished")  # last: without it the run counts
        return run_id

    def register(self, model: str, *, release: str, source: Path, run_id: str, alias: str) -> str:
        """Give a release its version of a registered model, and the alias; the version's number.

        The champion is no challenger.
        """
        from mlflow.exceptions import MlflowException

        with _told(self.folder):
            try:
                self.client.create_registered_model(model)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            version = self._version(model, release)
            if version is None:
                made = self.client.create_model_version(
                    model, source=source.absolute().as_uri(), run_id=run_id, tags={"release": release}
                )
                version = str(made.version)
            self.client.set_registered_model_alias(model, alias, version)
            if alias == CHAMPION and self.release_of(model, CHALLENGER) == release:
                self.client.delete_registered_model_alias(model, CHALLENGER)
        return version

    def release_of(self, model: str, alias: str) -> str | None:
        """The release that an alias names; None where it names none."""
        from mlflow.exceptions import MlflowException

        try:
            tags = self.client.get_model_version_by_alias(model, alias).tags
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
        return str(tags["release"])

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                location = (self.folder / "artifacts").absolute().as_uri()
                return str(self.client.create_experiment(name, artifact_location=location))
            except MlflowException as error:  # another process was quicker
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id)

    def _known(self, experiment_id: str, key: str) -> str | None:
        runs = self.client.search_runs([experiment_id], filter_string=f"tags.`minhos.key` = '{key}'", max_results=10)
        whole = [run for run in runs if "minhos.unfinished" not in run.data.tags]
        return str(whole[0].info.run_id) if whole else None

    def _version(self, model: str, release: str) -> str | None:
        found = self.client.search_model_versions(f"name = '{model}' and tags.release = '{release}'")
        return str(found[0].version) if found else None


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What MLflow and its database raise, as an error of ours that says where."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise SetupError(
            f"{folder}: the record of experiments cannot be read or written ({lines[0]}); look after the space on the disk, "
            "the permissions and the MLflow version that made it; training itself goes on without it"
        ) from error


def _metrics(record: Record, now_ms: int) -> list[Any]:
    from mlflow.entities import Metric

    single = [Metric(name, float(value), now_ms, 0) for name, value in record.metrics.items() if math.isfinite(value)]
    curves = [
        Metric(name, float(value), now_ms, step)
        for name, values in record.curves.items()
        for step, value in enumerate(values)
        if math.isfinite(value)
    ]
    return single + curves


def _params(params: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(name, str(value)[:_LONGEST_PARAMETER]) for name, value in params.items()]


def _tags(tags: Mapping[str, str]) -> list[Any]:
    from mlflow.entities import RunTag

    return [RunTag(name, str(value)) for name, value in tags.items()]
