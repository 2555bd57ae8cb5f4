"""A night and a scheduler never run DAGs from the same database at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from minhos.errors import NightError
from minhos.night.airflow import one_runner, start_standalone


def test_the_second_runner_is_refused_in_its_own_words_until_the_first_has_ended(tmp_path: Path) -> None:
    environment = {"AIRFLOW_HOME": str(tmp_path / "airflow")}
    with (
        one_runner(environment, "first"),
        pytest.raises(NightError, match=r"^second$"),
        one_runner(environment, "second"),
    ):
        pytest.fail("two at once")
    with one_runner(environment, "third"):
        pass


def test_another_home_is_another_runner(tmp_path: Path) -> None:
    with (
        one_runner({"AIRFLOW_HOME": str(tmp_path / "one")}, "one"),
        one_runner({"AIRFLOW_HOME": str(tmp_path / "two")}, "two"),
    ):
        pass


def test_airflow_is_not_started_while_a_night_runs(tmp_path: Path) -> None:
    environment = {"AIRFLOW_HOME": str(tmp_path)}
    with (
        one_runner(environment, "night"),
        pytest.raises(NightError, match=r"a night or another scheduler uses .*: wait for its end"),
    ):
        start_standalone(environment)
