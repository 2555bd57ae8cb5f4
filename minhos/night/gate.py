"""The promotion gate: is the candidate sound, and is its edge proven after costs?

Sound and unproven is published with size 0 (reason NO_PROVEN_EDGE): it can be watched on paper. Unsound is not published;
the release that serves goes on. Each check is a result with words that Airflow, the log and the scorecard show unchanged.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Check", "GateDecision", "GateEvidence", "GateRules", "decide_gate"]

Kind = Literal["soundness", "edge"]


@dataclass(frozen=True)
class GateRules:
    """The rules and what they cost.

    ``one_sided_false_alarm`` is the nominal rate of the expectancy rule for one night; simulated without any edge it is 5 to
    9 % (few trades, instruments that move together), before the other edge rules. Nights share most of their last fold:
    over weeks a rule of one night passes by luck more often, which the trial ledger will count.
    """

    leak_alarm_accuracy: float = 0.60
    min_trades: int = 30
    one_sided_false_alarm: float = 0.05
    max_drawdown: float = 0.20
    max_log_loss: float = 0.72


@dataclass(frozen=True)
class GateEvidence:
    """What the checks look at; all of it out of sample (the last fold, which nothing fitted has seen).

    ``accuracy_limit`` is the Bayes accuracy of the run's own label on the synthetic exchange (two standard errors above it
    where it was counted, ``label_limit``); None for real data.

    ``accuracy_low`` is the lower end of the block-bootstrap interval of the directional accuracy, ``mean_r_low`` the lower
    5 % bound of the mean net return per trade in units of the risk taken (R).
    """

    accuracy_limit: float | None
    accuracy: float
    accuracy_low: float
    base_rate: float
    decisions: int
    trades: int
    trade_moments: int
    mean_r: float
    mean_r_low: float
    sized_trades: int
    growth: float
    max_drawdown: float
    log_loss: float
    member_log_loss: dict[str, float]
    members_expected: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """One check's result."""

    name: str
    kind: Kind
    passed: bool
    words: str


@dataclass(frozen=True)
class GateDecision:
    """The gate's answer: ``sound`` decides publication, ``edge_proven`` decides whether it may size."""

    sound: bool
    edge_proven: bool
    checks: tuple[Check, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """One line for the decision and one for each failed check."""
        if not self.sound:
            head = "held: the candidate is not sound, the serving release stays"
        elif self.edge_proven:
            head = "publish: sound, and its edge after costs is proven"
        else:
            head = "publish on paper: sound, but no edge is proven after costs, so it sizes 0"
        return (head, *(check.words for check in self.checks if not check.passed))

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``gate.json``."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks], "words": list(self.words)}


def decide_gate(evidence: GateEvidence, rules: GateRules) -> GateDecision:
    """Judge the evidence by the rules; no rule is skipped, a number that is missing (NaN) fails its check."""
    soundness = (_members(evidence), _log_loss(evidence, rules), _finite(evidence), _leak(evidence, rules))
    edge = (_trades(evidence, rules), _expectancy(evidence, rules), _sized(evidence, rules), _drawdown(evidence, rules))
    return GateDecision(
        sound=all(check.passed for check in soundness),
        edge_proven=all(check.passed for check in (*soundness, *edge)),
        checks=(*soundness, *edge),
    )


def _members(evidence: GateEvidence) -> Check:
    absent = [name for name in evidence.members_expected if name not in evidence.member_log_loss]
    broken = [name for name, loss in evidence.member_log_loss.items() if not math.isfinite(loss)]
    words = "every member has finite out-of-sample predictions"
    if absent or broken:
        words = f"members without finite out-of-sample predictions: {', '.join((*absent, *broken))}"
    return Check("members", "soundness", not absent and not broken, words)


def _log_loss(evidence: GateEvidence, rules: GateRules) -> Check:
    """A calibrated ensemble that knows nothing is a coin; one that is clearly worse is miscalibrated or broken."""
    fine = evidence.log_loss <= rules.max_log_loss
    words = f"the ensemble's out-of-sample log loss is {evidence.log_loss:.4f} (a coin's is 0.6931, at most "
    return Check("log loss", "soundness", fine, f"{words}{rules.max_log_loss} is allowed)")


def _finite(evidence: GateEvidence) -> Check:
    finite = evidence.decisions > 0 and math.isfinite(evidence.accuracy)
    words = f"{evidence.decisions} out-of-sample decisions, all finite"
    return Check("finite", "soundness", finite, words if finite else "no finite out-of-sample decisions")


def _leak(evidence: GateEvidence, rules: GateRules) -> Check:
    """An honest model does not reach this accuracy: on real bars 60 %, on the synthetic exchange the Bayes limit (there the
    lower end counts, because the limit is exact). A leak is likelier than a discovery."""
    limit = evidence.accuracy_limit
    seen, line = (evidence.accuracy, rules.leak_alarm_accuracy) if limit is None else (evidence.accuracy_low, limit)
    honest = seen <= line
    what = "real data" if limit is None else "the synthetic exchange, whose best predictor has no more,"
    words = f"out-of-sample accuracy {evidence.accuracy:.1%} (base rate {evidence.base_rate:.1%}) raises no leak alarm"
    if not honest:
        words = (
            f"leak alarm: out-of-sample accuracy {evidence.accuracy:.1%} (at least {evidence.accuracy_low:.1%}) is above "
            f"{line:.1%} on {what}: look for a future bar in the features or labels"
        )
    return Check("leak alarm", "soundness", honest, words)


def _trades(evidence: GateEvidence, rules: GateRules) -> Check:
    enough = evidence.trade_moments >= rules.min_trades
    words = (
        f"{evidence.trades} out-of-sample trades at {evidence.trade_moments} different moments (at least "
        f"{rules.min_trades} moments are needed)"
    )
    return Check("trades", "edge", enough, words)


def _expectancy(evidence: GateEvidence, rules: GateRules) -> Check:
    if math.isnan(evidence.mean_r):
        return Check("expectancy after costs", "edge", False, "no trade, so no expectancy after costs")
    proven = evidence.mean_r_low > 0
    words = (
        f"mean net return per trade {evidence.mean_r:+.3f} R, {1 - rules.one_sided_false_alarm:.0%} lower bound "
        f"{evidence.mean_r_low:+.3f} R (must be above 0)"
    )
    return Check("expectancy after costs", "edge", proven, words)


def _sized(evidence: GateEvidence, rules: GateRules) -> Check:
    grew = evidence.growth > 1.0 and evidence.sized_trades >= rules.min_trades
    words = (
        f"{evidence.sized_trades} trades with Kelly sizes, equity x {evidence.growth:.3f} (at least {rules.min_trades} and "
        "above 1 are needed)"
    )
    return Check("sized result", "edge", grew, words)


def _drawdown(evidence: GateEvidence, rules: GateRules) -> Check:
    fine = evidence.max_drawdown <= rules.max_drawdown
    words = f"deepest drawdown of the sized backtest {evidence.max_drawdown:.1%} (at most {rules.max_drawdown:.0%})"
    return Check("drawdown", "edge", fine, words)
