"""The DAG as Airflow sees it: no import errors, nothing heavy at the top, the chain of the design, the trigger form.

Airflow is asked in a process of its own: it reads its configuration at import.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minhos.config import REPOSITORY, Settings
from minhos.night.airflow import airflow_environment

pytestmark = pytest.mark.system

ASK = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag(sys.argv[1], collect_dags=True)
heavy = sorted({name.split(".")[0] for name in set(sys.modules) - before} & set(sys.argv[2].split(",")))
dag = bag.dags["nightly"]
print("ANSWER" + json.dumps({
    "errors": {str(key): value for key, value in bag.import_errors.items()},
    "dags": sorted(bag.dags),
    "heavy": heavy,
    "edges": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
    "mapped": sorted(task.task_id for task in dag.tasks if task.is_mapped),
    "params": sorted(dag.params),
    "catchup": dag.catchup,
    "max_active_runs": dag.max_active_runs,
    "owners": sorted({task.owner for task in dag.tasks}),
    "tags": sorted(dag.tags),
}))
"""
HEAVY = "tensorflow,keras,evidently,great_expectations,xgboost,lightgbm,catboost,sklearn,minhos"


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    environment = airflow_environment(settings, os.environ)
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(REPOSITORY / "dags"), HEAVY],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("ANSWER"))
    return dict(json.loads(line.removeprefix("ANSWER")))


def test_it_imports_without_errors_and_without_heavy_libraries(answer: dict[str, Any]) -> None:
    assert answer["errors"] == {}
    assert answer["dags"] == ["nightly"]
    assert answer["heavy"] == []


def test_the_steps_follow_each_other_and_training_is_mapped(answer: dict[str, Any]) -> None:
    chain = ["ingest", "validate", "features", "drift", "train", "stack", "backtest", "gate", "publish", "smoke_test"]
    for step, following in itertools.pairwise(chain):
        assert following in answer["edges"][step], step
    assert answer["edges"]["smoke_test"] == [], "a leaf: its failure is the night's"
    assert answer["edges"]["track"] == []
    assert {"smoke_test", "track"} <= set(answer["edges"]["publish"])
    assert answer["mapped"] == ["train"]


def test_the_trigger_form_has_every_parameter_and_nights_never_overlap(answer: dict[str, Any]) -> None:
    assert {"session", "universe", "profile", "force", "data", "map", "instruments", "timeframe"} == set(
        answer["params"]
    )
    assert (answer["catchup"], answer["max_active_runs"]) == (False, 1)
    assert (answer["owners"], answer["tags"]) == (["minhos"], ["minhos", "nightly"])


def test_the_dag_file_is_wiring_only() -> None:
    text = (REPOSITORY / "dags" / "nightly.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    top = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0] for node in top
    }
    assert roots <= {"__future__", "datetime", "typing", "zoneinfo", "airflow"}


def test_the_members_of_the_dag_are_the_contracts() -> None:
    from minhos_client.contract import MEMBERS

    tree = ast.parse(Path(REPOSITORY / "dags" / "nightly.py").read_text(encoding="utf-8"))
    assigned = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    assert tuple(ast.literal_eval(assigned["MEMBERS"])) == MEMBERS
