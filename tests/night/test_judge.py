"""The gate's step: what it holds the accuracy against."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from minhos.files import read_json, write_json
from minhos.market_data.instruments import load_instruments
from minhos.market_data.synthetic import read_truth, write_exchange
from minhos.night import label_limit as limits
from minhos.night.label_limit import LabelLimit, label_limit
from minhos.night.recipe import RECIPE
from minhos.night.steps import ingest as step
from minhos.night.steps.judge import judge
from minhos_client.contract import MEMBERS


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of a synthetic night that has been ingested, with a backtest without trades."""
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(step, "require_server", lambda _settings: None)
    monkeypatch.setattr(limits, "_SESSIONS", 20)
    limits._counted.cache_clear()
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


def limit_of(folder: Path) -> LabelLimit:
    truth, known = read_truth(folder), load_instruments(None)
    return label_limit(
        truth,
        [known.find(symbol) for symbol in truth.symbols],
        label=RECIPE.label,
        barriers=RECIPE.barriers,
        timeframe_seconds=300,
    )


def test_what_a_planted_edge_allows_is_no_leak(run: Path) -> None:
    assert leak_alarm(run, accuracy=0.66, accuracy_low=0.65)["passed"]


def test_more_than_the_law_allows_for_the_nights_own_label_is_one(run: Path, tmp_path: Path) -> None:
    limit = limit_of(tmp_path / "exchange")
    assert limit.error > 0, "counted: the label is not the one whose accuracy was asked for"
    check = leak_alarm(run, accuracy=0.72, accuracy_low=limit.line + 0.001)
    assert not check["passed"]
    assert f"is above {limit.line:.1%} on the synthetic exchange" in check["words"]


def test_as_much_as_the_law_allows_is_none(run: Path, tmp_path: Path) -> None:
    assert leak_alarm(run, accuracy=0.72, accuracy_low=limit_of(tmp_path / "exchange").line - 0.001)["passed"]
