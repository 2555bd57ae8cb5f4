"""From what the ensemble says to the contract's decision: direction, barriers, size, reasons, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.position_sizing.runtime.barriers import payoff
from minhos.capabilities.position_sizing.runtime.kelly_calculator import raw_kelly
from minhos.capabilities.position_sizing.runtime.settings import Barriers, FloatArray, Sizing, Thresholds
from minhos.capabilities.position_sizing.runtime.sizer import Bet, Sized, bad_portfolio, size_bets
from minhos.capabilities.position_sizing.runtime.tables import InstrumentTables
from minhos_client.contract import Reason

__all__ = ["UNKNOWN_WIN", "Decided", "Policy", "Signal", "decide_rows"]

IntArray = npt.NDArray[np.int64]

UNKNOWN_WIN: Final = (0.0, 0.5, 1.0)
"""P_WIN of a row that got no prediction: nothing is known."""


@dataclass(frozen=True, eq=False)
class Policy:
    """The release's part of a decision."""

    thresholds: Thresholds
    barriers: Barriers
    sizing: Sizing
    edge_proven: bool
    few_samples: bool
    tables: InstrumentTables


@dataclass(frozen=True, eq=False)
class Signal:
    """The ensemble's part, [B] each but ``p_win`` [B, 3]; ``close`` and ``atr`` in price units, ``volatility`` per bar."""

    side: FloatArray
    confidence: FloatArray
    agreement: FloatArray
    p_win: FloatArray
    close: FloatArray
    atr: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, eq=False)
class Decided:
    """``direction``, ``stop_ticks``, ``target_ticks`` float64 [B] (whole), ``p_win`` [B, 3], ``refused`` bool [B],
    ``reasons`` int64 [B], ``sized`` the waterfall and contracts.

    A row without a prediction has 0 ticks and P_WIN 0, 1/2, 1.
    """

    direction: FloatArray
    stop_ticks: FloatArray
    target_ticks: FloatArray
    p_win: FloatArray
    refused: npt.NDArray[np.bool_]
    reasons: IntArray
    sized: Sized


def decide_rows(
    signal: Signal, *, reasons: IntArray, instrument_rows: IntArray, portfolio: FloatArray, policy: Policy
) -> Decided:
    """Decides the rows of one portfolio.

    Parameters: ``reasons`` int64 [B], not 0 where a row got no prediction (its numbers are not read);
    ``instrument_rows`` [B] places in the tables (-1 unknown); ``portfolio`` [B, 6].

    A row with a bad portfolio is refused too: its prediction is shown, its direction and size are 0.
    """
    silent = reasons != 0
    rows = np.where(silent, 0, instrument_rows)
    close, atr = np.where(silent, 1.0, signal.close), np.where(silent, 1.0, signal.atr)
    tables, barriers, thresholds = policy.tables, policy.barriers, policy.thresholds
    tick_size = tables.tick_size[rows]
    pays = payoff(
        atr=atr,
        close=close,
        tick_size=tick_size,
        cost_ticks_round_trip=tables.cost_ticks_round_trip[rows],
        cost_fraction_round_trip=tables.cost_fraction_round_trip[rows],
        stop_atr=barriers.stop_atr,
        target_atr=barriers.target_atr,
    )
    p_win = np.where(silent[:, None], np.array(UNKNOWN_WIN), signal.p_win)
    doubts = {
        Reason.LOW_CONFIDENCE: signal.confidence < thresholds.confidence,
        Reason.LOW_AGREEMENT: signal.agreement < thresholds.agreement,
        Reason.NEUTRAL: p_win[:, 0] <= pays.break_even,
    }
    notes = {
        Reason.NO_KELLY_EDGE: raw_kelly(p_win[:, 1], pays.net_odds) <= 0.0,
        Reason.NO_PROVEN_EDGE: np.full(silent.shape, not policy.edge_proven),
        Reason.FEW_CALIBRATION_SAMPLES: np.full(silent.shape, policy.few_samples),
    }
    bad_account = bad_portfolio(portfolio)
    said = reasons.copy()
    said[bad_account] |= int(Reason.BAD_PORTFOLIO)
    refused = silent | bad_account
    flat = refused
    for reason, where in (*doubts.items(), *notes.items()):
        said[where & ~silent] |= int(reason)
    for where in doubts.values():
        flat = flat | where
    direction = np.where(flat, 0.0, signal.side)
    sized = size_bets(
        Bet(
            direction=direction,
            p_win=p_win,
            payoff=pays,
            close=close,
            tick_size=tick_size,
            point_value=tables.point_value[rows],
            max_contracts=tables.max_contracts[rows],
            volatility_reference=tables.volatility_reference[rows],
            volatility=np.where(silent, 0.0, signal.volatility),
        ),
        portfolio,
        tables.correlation_of(rows),
        policy.sizing,
        edge_proven=policy.edge_proven,
    )
    return Decided(
        direction=direction,
        stop_ticks=np.where(silent, 0.0, pays.stop_ticks),
        target_ticks=np.where(silent, 0.0, pays.target_ticks),
        p_win=p_win,
        refused=refused,
        reasons=said | sized.reasons,
        sized=sized,
    )
