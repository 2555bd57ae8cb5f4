"""What no predictor of the night's own label can exceed on the synthetic exchange: the gate's line for its leak alarm.

A fixed horizon has its limit in closed form (``Truth.accuracy_limit``). Which of two trades ends better has none; but what
the best predictor says is known, and how often it is right can be counted on the bars of markets drawn from the law:

- **Planted.** Given the state, the path ahead with flow -x is the mirror image of the one with flow x, and a larger
  beta x puts every later price higher. Any direction that turns with the mirror and rises with the path is therefore best
  named by the sign of beta[s] x, whatever its barriers: for a triple barrier as for the sign of the move.
- **Placebo.** The price is a martingale: what is left is where in its tick it is, and that a tie is not up. The limit is the
  more frequent answer in each sixteenth of a tick and on either side of the spread, counted, and so a little too high.

The same label code is counted on as a night's samples are made with. In the planted market each joint state and each tenth
of |x| counts by its probability in the law, so that which regimes the drawn markets happened to have plays no part. The
figure comes with its standard error (of sessions), and the line lies two of them above it.

On planted bars within a step the bound holds that is told every flow: it holds for every direction that turns with the
mirror, for no test tells two normal laws with opposite means apart more often than their likelihood ratio (Neyman and
Pearson 1933). On placebo bars within a step the line is that of real data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.runtime.catalogue import atr
from minhos.market_data.instruments import Instrument
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US
from minhos.market_data.synthetic.bayes import accuracy_bound, stationary
from minhos.market_data.synthetic.law import STEP_SECONDS, PlaceboLaw, PlantedLaw
from minhos.market_data.synthetic.market import DrawnMarket, draw_market
from minhos.market_data.synthetic.steps import session_steps
from minhos.market_data.synthetic.truth import Truth
from minhos.night.gate import GateRules
from minhos.training.labels import Barriers, LabelKind, better_long, both_sides

__all__ = ["LabelLimit", "label_limit", "priced_bars"]

Float = npt.NDArray[np.float64]
_SESSIONS: Final = 400
_SEED: Final = 68
_PLACES: Final = 16
_SIZES: Final = 10  # classes of |flow|, equally likely
_ERRORS: Final = 2.0
_WARM_UP: Final = 60


@dataclass(frozen=True)
class LabelLimit:
    """``value`` with its standard ``error`` (0: exact, or a bound); ``line``: what an honest accuracy stays under."""

    value: float
    error: float

    @property
    def line(self) -> float:
        """Two standard errors above the value."""
        return self.value + _ERRORS * self.error


def label_limit(
    truth: Truth, instruments: Sequence[Instrument], *, label: LabelKind, barriers: Barriers, timeframe_seconds: int
) -> LabelLimit:
    """The limit of ``label`` on bars of ``timeframe_seconds`` of the exchange that ``truth`` speaks of.

    ``instruments``: the exchange's own, in the order of ``truth.symbols``. Takes some seconds where it has to count.
    """
    if label == "fixed_horizon":
        exact = truth.accuracy_limit(timeframe_seconds=timeframe_seconds, horizon_bars=barriers.horizon_bars)
        return LabelLimit(exact, 0.0)
    if timeframe_seconds % STEP_SECONDS:
        if isinstance(truth.law, PlantedLaw):
            return LabelLimit(accuracy_bound(truth.law, timeframe_seconds * barriers.horizon_bars), 0.0)
        return LabelLimit(GateRules().leak_alarm_accuracy, 0.0)
    return _counted(
        truth.law, tuple(instruments), truth.last_session, truth.mean_ticks, barriers, timeframe_seconds // STEP_SECONDS
    )


@lru_cache(maxsize=8)
def _counted(
    law: PlantedLaw | PlaceboLaw,
    instruments: tuple[Instrument, ...],
    end: date,
    mean_ticks: float,
    barriers: Barriers,
    steps_per_bar: int,
) -> LabelLimit:
    steps = session_steps(instruments, sessions=_SESSIONS, end=end)
    market = draw_market(law, steps, instruments, seed=_SEED, mean_ticks=mean_ticks)
    session = np.cumsum(steps.position == 0) - 1
    right, of_session, cells = [], [], []
    for index, instrument in enumerate(instruments):
        bars, last_step = priced_bars(market, index, steps_per_bar)
        decisions, up = _directions(bars, barriers, instrument.tick_size)
        at = last_step[decisions]
        right.append(_best_guess(market, index, at, bars[decisions, 3], up, instrument.tick_size) == up)
        of_session.append(session[at])
        cells.append(_cells(market, index, at))
    hits, block, cell = np.concatenate(right).astype(np.float64), np.concatenate(of_session), np.concatenate(cells)
    rate = np.bincount(cell, hits) / np.maximum(np.bincount(cell), 1)
    value = hits.mean() if isinstance(law, PlaceboLaw) else _chances(law) @ rate
    surprise = np.bincount(block, hits - rate[cell]) / np.maximum(np.bincount(block), 1)
    surprise = surprise[np.unique(block)]
    return LabelLimit(float(value), float(surprise.std(ddof=1) / np.sqrt(len(surprise))))


def _cells(market: DrawnMarket, index: int, step: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The joint state and the class of |flow| after each ``step``, one number, int64 [N]; 0 in the placebo."""
    if isinstance(market.law, PlaceboLaw):
        return np.zeros(len(step), dtype=np.int64)
    from scipy.special import ndtri

    edges = ndtri(0.5 + np.arange(1, _SIZES) / (2 * _SIZES))
    size = np.searchsorted(edges, np.abs(market.path.flow[step, index]))
    state = 2 * market.path.edge_state[step] + market.path.volatility_state[step]
    cell: npt.NDArray[np.int64] = state * _SIZES + size
    return cell


def _chances(law: PlantedLaw) -> Float:
    """The probability of each of ``_cells`` by the law, float64 [4 x classes]."""
    states = np.outer(stationary(law.edge_leave), stationary(law.volatility_leave)).ravel()
    return np.repeat(states / _SIZES, _SIZES)


def priced_bars(market: DrawnMarket, index: int, steps_per_bar: int) -> tuple[Float, npt.NDArray[np.int64]]:
    """Bars of the traded prices, float64 [B, 4] (open, high, low, close), and the last step of each, int64 [B].

    Bars are cut from each session's first step on; the step that is still open is left out.
    """
    steps, whole = market.steps, len(market.steps.start) - market.steps.open_steps
    bar_of_step = np.cumsum((steps.position % steps_per_bar == 0)[:whole]) - 1
    prices, places = [], []
    for block in market.records(index):
        step = np.searchsorted(steps.start, block["time"] - EPOCH_OFFSET_US, side="right") - 1
        inside = step < whole
        prices.append(block["close"][inside].astype(np.float64))
        places.append(bar_of_step[step[inside]])
    price, bar = np.concatenate(prices), np.concatenate(places)
    first = np.flatnonzero(np.diff(bar, prepend=-1))
    last = np.append(first[1:], len(price)) - 1
    bars = np.column_stack(
        [price[first], np.maximum.reduceat(price, first), np.minimum.reduceat(price, first), price[last]]
    )
    return bars, np.flatnonzero(np.diff(bar_of_step, append=bar_of_step[-1] + 1))


def _directions(
    bars: Float, barriers: Barriers, tick_size: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Decisions (bar numbers) with a whole horizon ahead, and their direction as samples have it."""
    decisions = np.arange(_WARM_UP, len(bars) - barriers.horizon_bars, dtype=np.int64)
    range_of_bars = atr(np.column_stack([bars, np.ones((len(bars), 4))]))[decisions - len(bars)]
    long, short, _, _ = both_sides(bars, decisions, atr=range_of_bars, barriers=barriers, tick_size=tick_size)
    return decisions, better_long(long.exit_ticks, short.exit_ticks, long.bars_held, short.bars_held)


def _best_guess(
    market: DrawnMarket,
    index: int,
    step: npt.NDArray[np.int64],
    close: Float,
    up: npt.NDArray[np.int8],
    tick_size: float,
) -> npt.NDArray[np.bool_]:
    """Up or not, bool [N], by one who knows the true state after each ``step``."""
    if isinstance(market.law, PlantedLaw):
        edge = np.array(market.law.edge)[market.path.edge_state[step]]
        guess: npt.NDArray[np.bool_] = edge * market.path.flow[step, index] > 0
        return guess
    ticks = np.exp(market.log_close[step, index]) / tick_size
    place = np.minimum((_PLACES * (ticks - np.floor(ticks))).astype(np.int64), _PLACES - 1)
    cell = 2 * place + (close / tick_size > ticks)
    rate = np.bincount(cell, up, 2 * _PLACES) / np.maximum(np.bincount(cell, minlength=2 * _PLACES), 1)
    majority: npt.NDArray[np.bool_] = (rate > 0.5)[cell]
    return majority
