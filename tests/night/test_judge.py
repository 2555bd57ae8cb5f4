"""The gate's step: what it holds the accuracy against."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from minhos.files import read_json, write_json
from minhos.market_data.synthetic import read_truth, write_exchange
from minhos.night.steps import ingest as step
from minhos.night.steps.judge import judge
from minhos_client.contract import MEMBERS


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of a synthetic night that has been ingested, with a backtest without trades."""
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(step, "require_server", lambda _settings: None)
    write_exchange(tmp_path / "exchange", seed=1, sessions=10, end=date(2026, 3, 5))
    folder = Path(step.ingest({"data": str(tmp_path / "exchange")}))
    nothing = {"trades": 0, "trade_moments": 0, "mean_r": None, "mean_r_low": None, "sized_trades": 0}
    write_json(folder / "backtest.json", {**nothing, "growth": 1.0, "max_drawdown": 0.0})
    return folder


def leak_alarm(run: Path, *, accuracy: float, accuracy_low: float) -> dict[str, Any]:
    losses = {"log_loss": 0.65, "member_log_loss": dict.fromkeys(MEMBERS, 0.65)}
    seen = {"accuracy": accuracy, "accuracy_low": accuracy_low, "base_rate": 0.5, "decisions": 1000}
    write_json(run / "evaluation.json", {**seen, **losses})
    judge(str(run))
    (check,) = [check for check in read_json(run / "gate.json")["checks"] if check["name"] == "leak alarm"]
    return dict(check)


def test_what_a_planted_edge_allows_is_no_leak(run: Path) -> None:
    assert leak_alarm(run, accuracy=0.66, accuracy_low=0.65)["passed"]


def test_more_than_the_law_allows_is_one(run: Path, tmp_path: Path) -> None:
    limit = read_truth(tmp_path / "exchange").accuracies.limit
    check = leak_alarm(run, accuracy=0.72, accuracy_low=limit + 0.001)
    assert not check["passed"]
    assert f"is above {limit:.1%} on the synthetic exchange" in check["words"]
