"""The nightly DAG under Airflow's own scheduler, triggered as an operator does it, beside a running server."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from system_home import Home, make_home, wait_for

from minhos.config import REPOSITORY
from minhos.night.airflow import airflow_environment
from minhos_client.contract import MEMBERS

pytestmark = [pytest.mark.system, pytest.mark.thorough]

AIRFLOW = Path(sys.executable).parent / "airflow"
PROGRAMS = ("scheduler", "dag-processor", "triggerer")
SESSION = "2026-03-04"  # the one before the last: only an explicit request gets it
TASKS = {
    "ingest",
    "validate",
    "features",
    "drift",
    "train",
    "stack",
    "backtest",
    "gate",
    "publish",
    "smoke_test",
    "track",
}
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@dataclass(frozen=True)
class Airflow:
    """A running ``minhos airflow`` (``pid``), the command line with its environment, and its REST interface."""

    pid: int
    home: Home
    environment: dict[str, str]
    url: str

    def processes(self) -> list[psutil.Process]:
        """Everything that ``minhos airflow`` has started. By descent: Airflow's servers overwrite what they are called."""
        return psutil.Process(self.pid).children(recursive=True)

    def cli(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(AIRFLOW), *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def token(self) -> str:
        """A bearer token for the admin that the simple auth manager has made."""
        passwords = self.home.settings.airflow_home / "simple_auth_manager_passwords.json.generated"
        user, password = next(iter(json.loads(passwords.read_text()).items()))
        answer = self.ask("/auth/token", body={"username": user, "password": password})
        return str(answer["access_token"])

    def ask(self, path: str, *, token: str | None = None, body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def healthy(self) -> bool:
        """The scheduler, the DAG processor and the triggerer all beat."""
        try:
            health = self.ask("/api/v2/monitor/health")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return all(health[name.replace("-", "_")]["status"] == "healthy" for name in PROGRAMS)


@pytest.fixture(scope="module")
def served_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A fresh home whose server waits for a first release."""
    home = make_home(tmp_path_factory.mktemp("airflow_home"))
    with home.serving():
        yield home


@pytest.fixture(scope="module")
def airflow(served_home: Home) -> Iterator[Airflow]:
    home = served_home
    program, log = home.start_logged("airflow")
    running = Airflow(
        program.pid,
        home,
        airflow_environment(home.settings, home.environment),
        f"http://127.0.0.1:{home.settings.airflow_port}",
    )
    try:
        wait_for(lambda: running.healthy() or program.poll() is not None, 240, "Airflow to be healthy")
        assert program.poll() is None, log.read_text()[-4000:]
        yield running
    finally:
        started = running.processes() if program.poll() is None else []
        program.terminate()
        status = program.wait(timeout=120)
        assert [process for process in started if process.is_running()] == []
        assert status == 0, log.read_text()[-4000:]


@pytest.fixture(scope="module")
def succeeded(airflow: Airflow, exchange: Path) -> str:
    """The id of a triggered run that has succeeded."""
    wait_for(lambda: "nightly" in airflow.cli("dags", "list", "-o", "json"), 120, "the DAG to be known")
    airflow.cli("dags", "unpause", "nightly", "--yes")
    conf = {"data": str(exchange), "session": SESSION}
    run_id = "asked-by-an-operator"
    airflow.cli("dags", "trigger", "nightly", "--conf", json.dumps(conf), "--run-id", run_id)
    token = airflow.token()

    def state() -> str:
        return str(airflow.ask(f"/api/v2/dags/nightly/dagRuns/{run_id}", token=token)["state"])

    wait_for(lambda: state() in ("success", "failed"), 500, "the DAG run to end")
    assert state() == "success", (airflow.home.settings.runs / "events.jsonl").read_text()[-4000:]
    return run_id


@pytest.mark.timeout(900)
class TestUnderTheScheduler:
    def test_the_triggered_run_did_every_task_and_no_other_run_was_made(self, airflow: Airflow, succeeded: str) -> None:
        token = airflow.token()
        runs = airflow.ask("/api/v2/dags/nightly/dagRuns", token=token)["dag_runs"]
        assert [run["dag_run_id"] for run in runs] == [succeeded]
        tasks = airflow.ask(f"/api/v2/dags/nightly/dagRuns/{succeeded}/taskInstances", token=token)["task_instances"]
        assert {task["task_id"] for task in tasks} == TASKS
        assert {task["state"] for task in tasks} == {"success"}
        trained = {task["rendered_map_index"] for task in tasks if task["task_id"] == "train"}
        assert trained == set(MEMBERS)

    def test_the_session_asked_for_is_what_serves(self, airflow: Airflow, succeeded: str) -> None:
        home = airflow.home
        outcome = home.json("outcome.json")
        assert outcome["session"] == SESSION
        assert outcome["decision"] in ("published", "published on paper")
        assert outcome["release"] == home.json("release.json")["release"]
        assert outcome["release"].startswith(SESSION.replace("-", ""))
        assert {one["release"] for one in home.decide()} == {outcome["release"]}

    def test_the_gate_s_words_are_read_in_the_task_s_log(self, airflow: Airflow, succeeded: str) -> None:
        path = f"/api/v2/dags/nightly/dagRuns/{succeeded}/taskInstances/gate/logs/1?full_content=true"
        said = [line["event"] for line in airflow.ask(path, token=airflow.token())["content"]]
        for words in airflow.home.json("gate.json")["words"]:
            assert f"gate finished: {words}" in said

    def test_the_web_interface_asks_who_is_there(self, airflow: Airflow) -> None:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            airflow.ask("/api/v2/dags/nightly/dagRuns")

    def test_a_night_of_the_command_line_beside_it_is_refused(
        self, airflow: Airflow, succeeded: str, exchange: Path
    ) -> None:
        done = airflow.home.minhos("night", "--data", str(exchange), timeout=60)
        assert done.returncode == 1
        assert done.stderr.strip().count("\n") == 0, done.stderr
        assert "Airflow's scheduler runs on" in done.stderr
        assert "trigger the DAG `nightly` there" in done.stderr

    def test_nothing_listens_on_anything_but_loopback(self, airflow: Airflow, succeeded: str) -> None:
        ports = {}
        started = airflow.processes()
        assert len(started) >= len(PROGRAMS) + 1
        for process in {*started, *airflow.home.processes()}:
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    ports[connection.laddr.port] = connection.laddr.ip
        settings = airflow.home.settings
        assert {settings.airflow_port, settings.grpc_port, settings.metrics_port} <= ports.keys()
        assert set(ports.values()) <= LOOPBACK, ports
