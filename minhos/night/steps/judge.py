"""Gate: put the evidence before the rules and write down the decision with every check's words."""

from __future__ import annotations

import math
from pathlib import Path

from minhos.files import read_json, write_json
from minhos.market_data.instruments import load_instruments
from minhos.night.gate import GateEvidence, GateRules, decide_gate
from minhos.night.label_limit import label_limit
from minhos.night.recipe import RECIPE
from minhos.night.run import Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan, load_truth
from minhos_client.contract import MEMBERS

__all__ = ["judge"]


def judge(run_folder: str) -> str:
    """Decide whether the candidate may serve, and whether it may size."""
    run = Run(Path(run_folder))

    def work(_progress: Progress) -> StepResult:
        evaluation = read_json(run.folder / "evaluation.json")
        backtest = read_json(run.folder / "backtest.json")
        evidence = GateEvidence(
            accuracy_limit=_accuracy_limit(run),
            accuracy=evaluation["accuracy"],
            accuracy_low=evaluation["accuracy_low"],
            base_rate=evaluation["base_rate"],
            decisions=evaluation["decisions"],
            trades=backtest["trades"],
            trade_moments=backtest["trade_moments"],
            mean_r=_number(backtest["mean_r"]),
            mean_r_low=_number(backtest["mean_r_low"]),
            sized_trades=backtest["sized_trades"],
            growth=backtest["growth"],
            max_drawdown=backtest["max_drawdown"],
            log_loss=evaluation["log_loss"],
            member_log_loss=evaluation["member_log_loss"],
            members_expected=MEMBERS,
        )
        decision = decide_gate(evidence, GateRules())
        write_json(run.folder / "gate.json", decision.to_json())
        return StepResult(decision.words, {"sound": decision.sound, "edge_proven": decision.edge_proven})

    run.step("gate", work)
    return run_folder


def _accuracy_limit(run: Run) -> float | None:
    """What no predictor of this run's label on the synthetic market can exceed; None for a real market."""
    request, plan = load_plan(run)
    if not plan.synthetic:
        return None
    truth, table = load_truth(run), load_instruments(request.instruments)
    return label_limit(
        truth,
        [table.find(symbol) for symbol in truth.symbols],
        label=RECIPE.label,
        barriers=RECIPE.barriers,
        timeframe_seconds=plan.timeframe_seconds,
    ).line


def _number(value: float | None) -> float:
    return math.nan if value is None else value
