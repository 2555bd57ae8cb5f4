"""When a decision is neutral: thresholds and break-even, on their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import tiny_parameters
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.position_sizing.runtime.barriers import payoff
from minhos.capabilities.position_sizing.runtime.decision import Decided, Policy, Signal, decide_rows
from minhos.capabilities.position_sizing.runtime.settings import (
    Barriers,
    Correlation,
    Instrument,
    Sizing,
    Thresholds,
)
from minhos.capabilities.position_sizing.runtime.tables import InstrumentTables
from minhos_client.contract import Reason

DATA = tiny_parameters(["MNQZ25"])
TABLES = InstrumentTables(
    {name: Instrument(**row) for name, row in DATA["instruments"].items()}, Correlation(**DATA["correlation"])
)
CLOSE, ATR = 20_000.0, 25.0
BREAK_EVEN = float(
    payoff(
        atr=np.array([ATR]),
        close=np.array([CLOSE]),
        tick_size=np.array([0.25]),
        cost_ticks_round_trip=np.array([1.0]),
        cost_fraction_round_trip=np.array([0.0]),
        stop_atr=1.0,
        target_atr=1.0,
    ).break_even[0]
)


def decide(
    *,
    confidence: float = 0.5,
    agreement: float = 0.9,
    p_win: tuple[float, float, float] = (0.6, 0.65, 0.7),
    thresholds: tuple[float, float] = (0.02, 0.6),
) -> Decided:
    def one(value: Any) -> np.ndarray:
        return np.array([value], dtype=np.float64)

    return decide_rows(
        Signal(
            side=one(1.0),
            confidence=one(confidence),
            agreement=one(agreement),
            p_win=one(p_win),
            close=one(CLOSE),
            atr=one(ATR),
            volatility=one(0.01),
        ),
        reasons=np.zeros(1, dtype=np.int64),
        instrument_rows=np.zeros(1, dtype=np.int64),
        portfolio=np.array([[1e6, 1e6, 1e6, 0.0, 1.0, 1.0]]),
        policy=Policy(
            thresholds=Thresholds(*thresholds),
            barriers=Barriers(**DATA["barriers"]),
            sizing=Sizing(**DATA["sizing"]),
            edge_proven=True,
            few_samples=False,
            tables=TABLES,
        ),
    )


def said(decided: Decided) -> Reason:
    return Reason(int(decided.reasons[0])) & (Reason.LOW_CONFIDENCE | Reason.LOW_AGREEMENT | Reason.NEUTRAL)


def test_costs_lift_break_even_over_one_half() -> None:
    assert pytest.approx((100 + 1) / 200) == BREAK_EVEN  # stop and target 100 ticks, round trip 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"confidence": 0.02}, Reason(0)),
        ({"confidence": np.nextafter(0.02, 0.0)}, Reason.LOW_CONFIDENCE),
        ({"agreement": 0.6}, Reason(0)),
        ({"agreement": np.nextafter(0.6, 0.0)}, Reason.LOW_AGREEMENT),
        ({"p_win": (np.nextafter(BREAK_EVEN, 1.0), 0.65, 0.7)}, Reason(0)),
        ({"p_win": (BREAK_EVEN, 0.65, 0.7)}, Reason.NEUTRAL),
        ({"p_win": (0.4, 0.65, 0.7)}, Reason.NEUTRAL),
        ({"p_win": (0.3, 0.35, 0.4)}, Reason.NEUTRAL),
        ({"confidence": 0.0, "agreement": 0.0, "p_win": (0.0, 0.5, 1.0)}, ~Reason(0)),
    ],
)
def test_on_a_threshold_it_trades_and_under_it_it_does_not(changes: dict[str, Any], reason: Reason) -> None:
    decided = decide(**changes)
    every = Reason.LOW_CONFIDENCE | Reason.LOW_AGREEMENT | Reason.NEUTRAL
    assert said(decided) == reason & every
    assert decided.direction[0] == (0.0 if reason & every else 1.0)
    assert (decided.sized.contracts[0] != 0.0) == (not reason & every)


def test_the_thresholds_are_the_recipes() -> None:
    assert said(decide(confidence=0.3, thresholds=(0.31, 0.6))) == Reason.LOW_CONFIDENCE
    assert said(decide(agreement=0.9, thresholds=(0.02, 1.0))) == Reason.LOW_AGREEMENT
    assert said(decide(confidence=0.0, agreement=0.0, thresholds=(0.0, 0.0))) == Reason(0)


@given(
    confidence=st.floats(0, 1),
    agreement=st.floats(0, 1),
    win=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).map(lambda three: tuple(sorted(three))),
)
def test_it_is_neutral_exactly_when_one_of_the_three_says_so(
    confidence: float, agreement: float, win: tuple[float, float, float]
) -> None:
    decided = decide(confidence=confidence, agreement=agreement, p_win=win)
    assert (decided.direction[0] == 0.0) == (confidence < 0.02 or agreement < 0.6 or win[0] <= BREAK_EVEN)
    assert (decided.direction[0] == 0.0) == bool(said(decided))
