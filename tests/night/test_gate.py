"""The gate: unsound is held, unproven is published to be watched, nothing missing ever passes."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.night.gate import GateEvidence, GateRules, decide_gate

RULES = GateRules()
PROVEN = GateEvidence(
    synthetic=False,
    accuracy=0.55,
    accuracy_low=0.52,
    base_rate=0.51,
    decisions=2400,
    trades=200,
    mean_r=0.11,
    mean_r_low=0.02,
    max_drawdown=0.08,
    log_loss=0.68,
    member_log_loss={"lstm": 0.69, "xgboost": 0.68},
    members_expected=("lstm", "xgboost"),
)


def _with(**changes: object) -> GateEvidence:
    return dataclasses.replace(PROVEN, **changes)  # type: ignore[arg-type]


def test_a_sound_candidate_with_a_proven_edge_may_size() -> None:
    decision = decide_gate(PROVEN, RULES)
    assert (decision.sound, decision.edge_proven) == (True, True)
    assert decision.words == ("publish: sound, and its edge after costs is proven",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trades": 29}, "29 out-of-sample trades (at least 30 are needed)"),
        ({"mean_r_low": 0.0}, "95% lower bound +0.000 R (must be above 0)"),
        ({"mean_r": math.nan, "mean_r_low": math.nan}, "no trade"),
        ({"max_drawdown": 0.21}, "deepest drawdown of the sized backtest 21.0% (at most 20%)"),
    ],
)
def test_an_unproven_edge_is_published_on_paper_and_says_why(changes: dict[str, object], words: str) -> None:
    decision = decide_gate(_with(**changes), RULES)
    assert (decision.sound, decision.edge_proven) == (True, False)
    assert any(words in line for line in decision.words[1:])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accuracy": 0.66, "accuracy_low": 0.63}, "leak alarm: out-of-sample accuracy 66.0%, at least 63.0%"),
        ({"member_log_loss": {"lstm": 0.69}}, "members without finite out-of-sample predictions: xgboost"),
        ({"log_loss": 0.7201}, "log loss is 0.7201 (a coin's is 0.6931, at most 0.72 is allowed)"),
        ({"log_loss": math.nan}, "log loss is nan"),
        ({"member_log_loss": {"lstm": math.nan, "xgboost": 0.68}}, "predictions: lstm"),
        ({"decisions": 0, "accuracy": math.nan}, "no finite out-of-sample decisions"),
    ],
)
def test_an_unsound_candidate_is_held_whatever_it_earned(changes: dict[str, object], words: str) -> None:
    decision = decide_gate(_with(**changes), RULES)
    assert (decision.sound, decision.edge_proven) == (False, False)
    assert decision.words[0] == "held: the candidate is not sound, the serving release stays"
    assert any(words in line for line in decision.words[1:])


def test_a_planted_edge_raises_no_leak_alarm() -> None:
    assert decide_gate(_with(accuracy=0.68, accuracy_low=0.65, synthetic=True), RULES).sound


@given(
    low=st.floats(-1, 1) | st.just(math.nan),
    trades=st.integers(0, 60),
    drawdown=st.floats(0, 1) | st.just(math.nan),
)
def test_the_edge_is_proven_exactly_when_every_bound_holds(low: float, trades: int, drawdown: float) -> None:
    decision = decide_gate(_with(mean_r_low=low, trades=trades, max_drawdown=drawdown), RULES)
    assert decision.edge_proven == (low > 0 and trades >= 30 and drawdown <= 0.20)
    assert len(decision.words) == 1 + sum(not check.passed for check in decision.checks)
