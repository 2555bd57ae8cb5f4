"""Learning by hand: interrupted and gone on with, on record as a challenger; MLflow's interface on loopback."""

from __future__ import annotations

import signal
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from system_home import Home, make_home, wait_for

from minhos.files import read_json
from minhos.market_data.synthetic import write_exchange
from minhos.training.tracking import CHALLENGER, CHAMPION, Tracking

pytestmark = [
    pytest.mark.system,
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's use of SQLAlchemy
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("learning"))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from datetime import date

    folder = tmp_path_factory.mktemp("market")
    write_exchange(folder, seed=6, sessions=11, end=date(2026, 3, 5))
    return folder


def run_folder(home: Home) -> Path:
    """Of the one run that this home has; there is no outcome of a night."""
    (request,) = home.settings.runs.glob("*/request.json")
    return request.parent


def test_training_that_was_interrupted_goes_on_where_it_was(home: Home, market: Path) -> None:
    process, log = home.start_logged("train", "--data", str(market), "--family", "xgboost", "--family", "lstm")
    wait_for(lambda: "ok train[xgboost]" in log.read_text(), 120, "the first family")
    wait_for(lambda: "train[lstm]" in log.read_text(), 60, "the second family to begin")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 1
    assert "training was interrupted" in log.read_text()
    assert "Traceback" not in log.read_text()
    done = home.minhos("train", "--data", str(market), "--family", "xgboost", "--family", "lightgbm")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "== train[xgboost]" in done.stdout, "what was finished is not done again"
    assert not (run_folder(home) / "gate.json").exists(), "two models are no ensemble"


def test_all_families_make_a_challenger_and_publish_nothing(home: Home, market: Path) -> None:
    done = home.minhos("train", "--data", str(market))
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert "TF_ENABLE_ONEDNN_OPTS" not in done.stdout + done.stderr
    assert "== train[xgboost]" in done.stdout
    gate, release = read_json(run_folder(home) / "gate.json"), run_folder(home) / "release.json"
    assert gate["words"][0] in " ".join(done.stdout.split())
    assert done.returncode == (0 if gate["sound"] else 3)
    assert not home.settings.model_repository.exists()
    tracking = Tracking(home.settings.tracking)
    if gate["sound"]:
        assert tracking.release_of("trade", CHALLENGER) == read_json(release)["candidate"]
    assert release.exists() == gate["sound"]
    assert tracking.release_of("trade", CHAMPION) is None


def test_an_unknown_family_is_one_line(home: Home) -> None:
    done = home.minhos("train", "--family", "oracle")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the model families are lstm, random_forest" in done.stderr


def test_mlflow_listens_on_loopback_alone_and_leaves_nothing(home: Home) -> None:
    process, log = home.start_logged("mlflow")
    address = f"http://127.0.0.1:{home.settings.mlflow_port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=2) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    try:
        wait_for(answers, 90, "MLflow to answer")
        mine = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        listening = {
            connection.laddr.ip
            for one in mine
            for connection in one.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
        assert len(mine) <= 4, [one.cmdline() for one in mine]
    finally:
        process.terminate()
        process.wait(timeout=30)
    time.sleep(1)
    assert not [one for one in mine if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
