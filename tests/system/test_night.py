"""The first night, end to end: Airflow, Triton and the client are real; what is served is what was computed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange_text import write_text_of_exchange
from system_home import Home

from minhos.market_data.bars import read_bars
from minhos.market_data.synthetic import read_truth
from minhos.night.request_bars import latest_bars
from minhos.serving.in_process import in_process_chain
from minhos.serving.release import load_release
from minhos.training.tracking import CHALLENGER, CHAMPION, Tracking
from minhos_client.client import TradeClient
from minhos_client.contract import MEMBERS
from minhos_client.decision import Account

pytestmark = pytest.mark.system

STEPS = ["ingest", "validate", "features", "drift", *(f"train[{name}]" for name in sorted(MEMBERS)), "stack"]
STEPS += ["backtest", "gate", "publish", "smoke_test", "track"]


class TestTheNight:
    def test_every_step_left_its_record_and_the_scorecard_tells_all(self, first_night: tuple[Home, str]) -> None:
        home, printed = first_night
        records = {path.stem for path in (home.run_folder() / "records").glob("*.json")}
        assert records == set(STEPS)
        for step in STEPS:
            assert step in printed
        assert "SYNTHETIC DATA" in printed
        assert f"decision: {home.json('outcome.json')['decision'].upper()}" in printed

    def test_airflow_ran_it(self, first_night: tuple[Home, str]) -> None:
        home, _ = first_night
        log = (home.settings.logs / "airflow-nightly.log").read_text(encoding="utf-8", errors="replace")
        assert "nightly" in log
        assert "successful" in log
        assert (home.settings.airflow_home / "airflow.db").exists()

    def test_the_reports_are_real(self, first_night: tuple[Home, str]) -> None:
        home, _ = first_night
        html = (home.run_folder() / "drift" / "report.html").read_text(encoding="utf-8")
        features = home.json("parameters.json")["features"]["tabular"]
        assert all(name in html for name in features)
        assert not re.search(r"<(script|link)[^>]+(src|href)=.https?:", html), "it opens without a network"
        metrics = json.loads((home.run_folder() / "drift" / "report.json").read_text())["metrics"]
        judged = {metric["config"].get("column") for metric in metrics if metric["config"].get("method") == "psi"}
        assert judged == set(home.json("drift.json")["columns"])
        checks = home.json("validation.json")
        assert [result["passed"] for result in checks] == [True, True]
        assert all(len(result["checks"]) >= 10 for result in checks)

    def test_nothing_travelled_in_xcom_but_the_run_folder(self, first_night: tuple[Home, str]) -> None:
        import sqlite3

        home, _ = first_night
        with sqlite3.connect(home.settings.airflow_home / "airflow.db") as database:
            values = [str(row[0]) for row in database.execute("SELECT value FROM xcom WHERE key = 'return_value'")]
        assert len(values) >= len(STEPS)
        assert {json.loads(value) for value in values} == {str(home.run_folder())}

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's use of SQLAlchemy
    def test_the_night_and_its_models_are_on_record_and_the_release_is_the_champion(
        self, first_night: tuple[Home, str]
    ) -> None:
        home, _ = first_night
        tracking = Tracking(home.settings.tracking)
        (experiment,) = [one for one in tracking.client.search_experiments() if one.name.startswith("nights")]
        assert experiment.name == "nights 5m synthetic"
        runs = tracking.client.search_runs([experiment.experiment_id])
        assert {run.data.params.get("family") for run in runs} == {None, *MEMBERS}
        (night,) = [run for run in runs if "family" not in run.data.params]
        evaluation = home.json("evaluation.json")
        assert night.data.metrics["accuracy"] == evaluation["accuracy"]
        assert night.data.tags["release"] == home.json("release.json")["release"]
        assert all(run.data.tags["mlflow.parentRunId"] == night.info.run_id for run in runs if run != night)
        assert all(run.data.tags[name] for run in runs for name in ("data_hash", "code_hash"))
        assert tracking.release_of("trade", CHAMPION) == home.json("release.json")["release"]
        assert tracking.release_of("trade", CHALLENGER) is None

    def test_the_numbers_are_honest(self, first_night: tuple[Home, str], exchange: Path) -> None:
        home, _ = first_night
        evaluation, gate = home.json("evaluation.json"), home.json("gate.json")
        limit = read_truth(exchange).accuracies.limit
        assert json.loads((home.run_folder() / "truth.json").read_text())["accuracies"]["limit"] == limit
        for row in evaluation["table"]:
            assert row["accuracy"] > 0.3 and row["accuracy_low"] < limit, row["model"]
        assert {row["model"] for row in evaluation["table"]} == {"ensemble", *MEMBERS}
        assert evaluation["trades"]["break_even"] > 0.5, "costs lift break-even over one half"
        assert gate["sound"] and all(check["words"] for check in gate["checks"])

    def test_what_each_model_listens_to_is_kept_by_session(self, first_night: tuple[Home, str]) -> None:
        home, _ = first_night
        kept, parameters = home.json("importance.json"), home.json("parameters.json")
        assert set(kept["families"]) == set(MEMBERS) and kept["session"] == home.json("outcome.json")["session"]
        for name, found in kept["families"].items():
            assert found["method"] == ("permutation" if name in ("lstm", "random_forest") else "shap")
            features = parameters["features"]["sequence" if name == "lstm" else "tabular"]
            assert set(found["share"]) == set(features) and sum(found["share"].values()) == pytest.approx(1, abs=1e-4)

    def test_every_fold_was_filtered_by_a_regime_of_its_own(self, first_night: tuple[Home, str]) -> None:
        home, _ = first_night
        regimes = home.json("regimes.json")
        assert len(regimes) == 4 and len({json.dumps(one) for one in regimes}) == 4
        assert home.json("evaluation_parameters.json")["regime"] == regimes[-1]
        assert home.json("parameters.json")["regime"] == home.json("ensemble/parameters.json")["regime"]

    def test_the_last_fold_was_seen_by_nothing_that_judges_it(self, first_night: tuple[Home, str]) -> None:
        home, _ = first_night
        before = home.json("evaluation_parameters.json")
        after = home.json("ensemble/parameters.json")
        for learned in ("regime", "calibration", "stacking", "win", "correlation"):
            assert before[learned] != after[learned], learned
        assert before["instruments"] != after["instruments"], "the volatility references are of other spans"


class TestServing:
    def test_the_answer_is_the_chain_computed_in_process(self, served: Home) -> None:
        release = load_release(served.settings.releases / served.json("release.json")["release"])
        chain = in_process_chain(release)
        with TradeClient(served.settings.grpc_url, deadline_seconds=20) as client:
            known = client.metadata()
            for back in (0, 1, 7, 60):
                asked = latest_bars(served.run_folder(), known.symbols, known.window + back)
                bars, ends = asked.bars[:, : known.window], asked.bar_end[:, : known.window]
                as_of = int(ends[:, -1].max())
                account = Account(equity=250_000.0)
                decisions = client.decide(bars, ends, as_of, known.symbols, account)
                expected = chain(
                    {
                        "BARS": bars,
                        "BAR_END": ends,
                        "AS_OF": np.full((len(bars), 1), as_of),
                        "INSTRUMENT": np.array([[symbol.encode()] for symbol in known.symbols], dtype=np.object_),
                        "PORTFOLIO": account.rows(len(bars)),
                    }
                )
                for row, decision in enumerate(decisions):
                    _same(decision.to_dict(), expected, row)

    def test_decide_prints_a_table_and_json(self, served: Home) -> None:
        table = served.minhos("decide")
        assert table.returncode == 0, table.stderr
        for words in ("direction", "P(up)", "confidence", "agreement", *MEMBERS, "P(win)", "contracts", "reasons"):
            assert words in table.stdout
        answer = served.minhos("decide", "--json", "--symbol", "SYNAZ26", "--equity", "50000")
        assert answer.returncode == 0, answer.stderr
        (decision,) = json.loads(answer.stdout)
        assert decision["instrument"] == "SYNAZ26"
        assert decision["release"] == served.json("release.json")["release"]

    def test_every_decision_is_logged(self, served: Home) -> None:
        from minhos_client.log import DecisionLog

        assert served.minhos("decide", "--json").returncode == 0
        with DecisionLog(served.settings.home / "decisions.sqlite") as log:
            entry = log.latest(1)[0]
        assert entry.release == served.json("release.json")["release"]
        assert entry.inputs["BARS"].shape[0] == 2

    def test_status_says_what_serves_and_how_the_night_ended(self, served: Home) -> None:
        done = served.minhos("status", "--json")
        assert done.returncode == 0, done.stderr
        now = json.loads(done.stdout)
        assert now["serving"]["release"] == served.json("release.json")["release"]
        assert now["last_night"]["decision"] == served.json("outcome.json")["decision"]
        assert now["last_night"]["synthetic"] is True

    def test_an_unknown_symbol_is_one_clear_line(self, served: Home) -> None:
        done = served.minhos("decide", "--symbol", "NOPE")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "has no bars of NOPE; it has SYNAZ26, SYNBZ26" in done.stderr


class TestAgain:
    def test_the_same_session_twice_is_the_same_release_and_no_second_anything(
        self, served: Home, exchange: Path
    ) -> None:
        before = _inventory(served)
        serving = served.json("release.json")["release"]
        done = served.minhos("night", "--data", str(exchange))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "using the running server" in done.stdout
        assert done.stdout.count("done before") == len(STEPS) - 3
        assert served.json("release.json")["release"] == serving
        assert _inventory(served) == before

    @pytest.mark.parametrize(
        ("arguments", "status", "words"),
        [
            (["--data", "does-not-exist"], 2, "does-not-exist"),
            (["--data", "EMPTY"], 2, "EMPTY"),
            (["--data", "TORN"], 2, "line 201: malformed row, 4 fields"),
            (["--data", "FOREIGN"], 2, "instrument"),
            (["--data", "SHORT"], 2, "too little history"),
            (["--data", "COLUMNS"], 2, "Volum"),
            (["--data", "EXCHANGE", "--timeframe", "7x"], 2, "7x"),
            (["--data", "EXCHANGE", "--session", "2019-01-02"], 2, "2019-01-02"),
            (["--data", "EXCHANGE", "--profile", "huge"], 2, "huge"),
        ],
    )
    def test_bad_input_is_one_line_and_the_old_release_keeps_serving(
        self, served: Home, exchange: Path, tmp_path: Path, arguments: list[str], status: int, words: str
    ) -> None:
        serving = served.json("release.json")["release"]
        _bad_folders(exchange, tmp_path)
        given = [
            str(exchange) if one == "EXCHANGE" else str(tmp_path / one) if one.isupper() else one for one in arguments
        ]
        before = _inventory(served)
        done = served.minhos("night", *given, timeout=60)
        assert done.returncode == status, done.stdout + done.stderr
        assert done.stderr.strip().count("\n") == 0, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert _inventory(served) == before
        answer = served.minhos("decide", "--json")
        assert {one["release"] for one in json.loads(answer.stdout)} == {serving}

    def test_two_nights_at_once_are_refused(self, served: Home, exchange: Path) -> None:
        from minhos.night.driver import night_lock

        with night_lock(served.settings.home):
            done = served.minhos("night", "--data", str(exchange), timeout=60)
        assert done.returncode == 1
        assert "another night is running" in done.stderr


def _same(decision: dict[str, Any], expected: dict[str, Any], row: int) -> None:
    """The served row equals the computed one: numbers to 1e-6, whole numbers and text exactly."""
    for name, tensor in (
        ("p_up", "P_UP"),
        ("confidence", "CONFIDENCE"),
        ("agreement", "AGREEMENT"),
        ("risk_fraction", "RISK_FRACTION"),
        ("notional_fraction", "NOTIONAL_FRACTION"),
    ):
        assert decision[name] == pytest.approx(float(expected[tensor][row, 0]), abs=1e-6), name
    for name, tensor in (("member_p_up", "MEMBER_P_UP"), ("regime", "REGIME"), ("waterfall", "WATERFALL")):
        assert list(decision[name].values()) == pytest.approx(expected[tensor][row].tolist(), abs=1e-6), name
    served = [decision["p_win_low"], decision["p_win"], decision["p_win_high"]]
    assert served == pytest.approx(expected["P_WIN"][row].tolist(), abs=1e-6)
    for name, tensor in (
        ("direction", "DIRECTION"),
        ("contracts", "CONTRACTS"),
        ("stop_ticks", "STOP_TICKS"),
        ("target_ticks", "TARGET_TICKS"),
        ("reasons", "REASONS"),
        ("valid_until", "VALID_UNTIL"),
        ("data_through", "DATA_THROUGH"),
    ):
        assert decision[name] == int(expected[tensor][row, 0]), name


def _inventory(home: Home) -> dict[str, list[str]]:
    """Runs, releases and model folders: what a second night or a bad one must not add to."""
    return {
        "runs": sorted(path.name for path in home.settings.runs.glob("*_*")),
        "releases": sorted(path.name for path in home.settings.releases.iterdir()),
        "models": sorted(path.name for path in home.settings.model_repository.glob("[!.]*")),
        "bars": sorted(f"{path.name}:{len(read_bars(path))}" for path in home.run_folder().glob("bars/*.parquet")),
    }


def _bad_folders(exchange: Path, where: Path) -> None:
    source = write_text_of_exchange(exchange, "SYNAZ26", where)
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    for name in ("EMPTY", "TORN", "FOREIGN", "SHORT", "COLUMNS"):
        (where / name).mkdir(exist_ok=True)
    torn = [*lines[:200], ",".join(lines[200].split(",")[:4]) + "\n", *lines[201:]]
    (where / "TORN" / source.name).write_text("".join(torn), encoding="utf-8")
    (where / "FOREIGN" / "QQQQZ26-XYZ_5m.scid_BarData.txt").write_text("".join(lines), encoding="utf-8")
    (where / "SHORT" / source.name).write_text("".join(lines[:1000]), encoding="utf-8")
    renamed = [lines[0].replace("Volume", "Volum", 1), *lines[1:]]
    (where / "COLUMNS" / source.name).write_text("".join(renamed), encoding="utf-8")


def test_the_command_is_installed() -> None:
    import sys

    done = subprocess.run(
        [str(Path(sys.executable).parent / "minhos"), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    for verb in ("night", "synth", "ingest", "bars", "serve", "decide", "status", "doctor", "airflow"):
        assert verb in done.stdout
