"""Drawn synthetic markets for tests: the law's own closes, and those that are traded, without a file between."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from minhos.market_data.instruments import load_instruments
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US
from minhos.market_data.synthetic.market import DrawnMarket, draw_market, market_law
from minhos.market_data.synthetic.steps import session_steps

__all__ = ["END", "accuracy_and_error", "drawn", "traded_closes"]

END = date(2026, 11, 20)
Floats = npt.NDArray[np.float64]


def drawn(
    accuracy: float | None,
    *,
    sessions: int,
    seed: int = 1,
    mean_ticks: float = 4.0,
    symbols: tuple[str, ...] = ("SYNAZ26", "SYNBZ26"),
) -> DrawnMarket:
    """A market with this accuracy of its best predictor; None: the placebo."""
    known = load_instruments(None)
    instruments = tuple(known.find(symbol) for symbol in symbols)
    steps = session_steps(instruments, sessions=sessions, end=END)
    return draw_market(market_law(accuracy=accuracy, steps=steps), steps, instruments, seed=seed, mean_ticks=mean_ticks)


def traded_closes(market: DrawnMarket, index: int) -> Floats:
    """The price of each whole step's last trade, float64 [T]."""
    records = np.concatenate(list(market.records(index)))
    step = np.searchsorted(market.steps.start, records["time"] - EPOCH_OFFSET_US, side="right") - 1
    last = np.flatnonzero(np.diff(step, append=len(step)))
    closes: Floats = records["close"][last].astype(np.float64)
    return closes[: len(market.steps.start) - market.steps.open_steps]


def accuracy_and_error(right: npt.NDArray[np.bool_], *, block: int = 276) -> tuple[float, float]:
    """The share that is right, and its standard error from blocks of a session: labels overlap within a block."""
    whole = right[: len(right) // block * block].reshape(-1, block).mean(axis=1)
    return float(whole.mean()), float(whole.std(ddof=1) / np.sqrt(len(whole)))
