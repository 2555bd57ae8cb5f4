"""The import rules hold, and they catch what they say: each is broken on purpose in a copy of the tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from import_reader import imported

ROOT = Path(__file__).resolve().parents[1]
DAGS = sorted((ROOT / "dags").glob("*.py"))


def allowed_in_a_dag(name: str) -> bool:
    top = name.split(".", maxsplit=1)[0]
    night = name == "minhos.night" or name.startswith("minhos.night.")
    return night or top in {"monitoring", "airflow"} or top in sys.stdlib_module_names


@pytest.mark.parametrize("file", DAGS, ids=lambda file: file.name)
def test_a_dag_imports_the_night_monitoring_airflow_and_the_standard_library(file: Path) -> None:
    assert {name for name in imported(file) if not allowed_in_a_dag(name)} == set()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in ("minhos", "monitoring", "dags", "clients"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", root)
    return root


def lint(tree: Path) -> str:
    program = Path(sys.executable).parent / "lint-imports"
    assert program.exists(), "import-linter is in the lock: make setup"
    done = subprocess.run(
        [str(program), "--config", ".importlinter"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree / 'clients'}:{tree}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "line", "broken"),
    [
        ("dags/wrong.py", "from minhos.training import splits", "A DAG calls the night and monitoring"),
        ("dags/wrong.py", "def task():\n    import pandas", "A DAG calls the night and monitoring"),
        ("minhos/night/wrong.py", "import dags.nightly", "Imports point one way"),
        ("minhos/training/wrong.py", "from minhos_client.client import TradeClient", "know the decision contract"),
        ("minhos/market_data/wrong.py", "import minhos_client", "know the decision contract"),
    ],
)
def test_a_rule_catches_who_breaks_it(tree: Path, where: str, line: str, broken: str) -> None:
    wrong = tree / where
    wrong.write_text(f'"""Wrong on purpose."""\n{line}\n')
    try:
        said = lint(tree)
    finally:
        wrong.unlink()

    assert any(broken in text and " BROKEN" in text for text in said.splitlines()), said
