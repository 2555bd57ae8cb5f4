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
    accuracy_limit=None,
    accuracy=0.55,
    accuracy_low=0.52,
    base_rate=0.51,
    decisions=2400,
    trades=200,
    trade_moments=180,
    mean_r=0.11,
    mean_r_low=0.02,
    sized_trades=190,
    growth=1.12,
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
        ({"trades": 60, "trade_moments": 29}, "60 out-of-sample trades at 29 different moments"),
        ({"mean_r_low": 0.0}, "95% lower bound +0.000 R (must be above 0)"),
        ({"mean_r": math.nan, "mean_r_low": math.nan}, "no trade"),
        ({"growth": 1.0}, "190 trades with Kelly sizes, equity x 1.000"),
        ({"sized_trades": 29}, "29 trades with Kelly sizes"),
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
        ({"accuracy": 0.61, "accuracy_low": 0.58}, "leak alarm: out-of-sample accuracy 61.0% (at least 58.0%)"),
        ({"accuracy_limit": 0.585, "accuracy": 0.62, "accuracy_low": 0.59}, "above 58.5% on the synthetic exchange"),
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


def test_a_planted_edge_raises_no_leak_alarm_under_its_bayes_limit() -> None:
    assert decide_gate(_with(accuracy=0.62, accuracy_low=0.57, accuracy_limit=0.585), RULES).sound


@given(
    low=st.floats(-1, 1) | st.just(math.nan),
    moments=st.integers(0, 60),
    growth=st.floats(0.5, 2) | st.just(math.nan),
    drawdown=st.floats(0, 1) | st.just(math.nan),
)
def test_the_edge_is_proven_exactly_when_every_bound_holds(
    low: float, moments: int, growth: float, drawdown: float
) -> None:
    decision = decide_gate(_with(mean_r_low=low, trade_moments=moments, growth=growth, max_drawdown=drawdown), RULES)
    assert decision.edge_proven == (low > 0 and moments >= 30 and growth > 1 and drawdown <= 0.20)
    assert len(decision.words) == 1 + sum(not check.passed for check in decision.checks)
