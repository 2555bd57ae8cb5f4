"""From steps to trades: times, prices at bid or ask, whole volumes that show the step's flow exactly.

Within a step the price is a Brownian bridge from close to close, and a jump at one moment. A trade lies on the tick at or
below the price (the bid) or on the next one (the ask); the side of a step's last trade is a fair coin that depends on
nothing, so the bounce of a close between bid and ask says nothing of the future but where the price is within its tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from minhos.market_data.sierra.scid import Records
from minhos.market_data.sierra.scid_writer import tick_records
from minhos.market_data.synthetic.law import IMBALANCE_SCALE, STEP_SECONDS
from minhos.market_data.synthetic.steps import Floats, Integers

__all__ = ["LEAST_VOLUME", "StepTrades", "flow_of_imbalance", "step_records", "step_trades"]

LEAST_VOLUME: Final = 40
"""Contracts of a step, at the least: both sides then trade whatever the flow is."""
_CONTRACTS_PER_TRADE: Final = 40.0
_VOLUME_SPREAD: Final = 0.4  # deviation of the logarithm of a step's volume
_WIDE_SPREAD: Final = 0.03  # share of the trades at which the other side's quote is a tick further away
_STEPS_AT_ONCE: Final = 2_000
_STEP_MS: Final = STEP_SECONDS * 1_000
_LAST_MS: Final = 250  # a step's last trade comes in its last quarter of a second

Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class StepTrades:
    """How much trades in each step, of one instrument.

    `volume`, `ask_volume`, `bid_trades`, `ask_trades` int64 [T]; every side that has volume has a trade, and every trade
    one contract at least. `last_at_ask` bool [T]: the side of the step's last trade.
    """

    volume: Integers
    ask_volume: Integers
    bid_trades: Integers
    ask_trades: Integers
    last_at_ask: Flags


def flow_of_imbalance(imbalance: Floats) -> Floats:
    """x from (ask - bid) / volume of a step's bar: the inverse of the law."""
    flow: Floats = np.arctanh(imbalance) / IMBALANCE_SCALE
    return flow


def step_trades(rng: np.random.Generator, flow: Floats, activity: Floats, *, mean_ticks: float) -> StepTrades:
    """Volumes and numbers of trades of steps with this `flow` [T] and relative `activity` [T] (mean about 1)."""
    steps = len(flow)
    trades = np.maximum(rng.poisson(mean_ticks * activity), 2)
    spread = np.exp(_VOLUME_SPREAD * rng.standard_normal(steps))
    volume = np.maximum(np.round(_CONTRACTS_PER_TRADE * trades * spread).astype(np.int64), LEAST_VOLUME)
    volume = np.maximum(volume, 2 * trades)
    shown = np.round(volume * (1 + np.tanh(IMBALANCE_SCALE * flow)) / 2).astype(np.int64)
    ask_volume = np.clip(shown, 1, volume - 1)  # never in force: it would take a flow of seven
    bid_volume = volume - ask_volume
    ask_trades = np.clip(np.round(trades * ask_volume / volume).astype(np.int64), 1, ask_volume)
    bid_trades = np.clip(trades - ask_trades, 1, bid_volume)
    return StepTrades(volume, ask_volume, bid_trades, ask_trades, rng.random(steps) < 0.5)


def step_records(
    rng: np.random.Generator,
    start_us: Integers,
    log_close: Floats,
    *,
    log_open: float,
    noise: Floats,
    jump: Floats,
    trades: StepTrades,
    tick_size: float,
) -> Iterator[Records]:
    """The trades of steps as `.scid` records, some thousand steps at a time.

    `start_us` int64 [T], UTC us; `log_close` float64 [T]: log of the price at each step's end; `log_open`: before the first;
    `noise`, `jump` float64 [T]: as in `Path`. The last trade of a step has the price of its end.
    """
    before = np.concatenate(([log_open], log_close[:-1]))
    for first in range(0, len(start_us), _STEPS_AT_ONCE):
        part = slice(first, first + _STEPS_AT_ONCE)
        step, moment, volume, at_ask = _arranged(rng, trades, part)
        place = _prices(rng, step, moment, before[part], log_close[part], noise[part], jump[part])
        bid_ticks = np.maximum(np.floor(np.exp(place) / tick_size), 1.0)
        wide = rng.random(len(step)) < _WIDE_SPREAD
        yield tick_records(
            start_us[part][step] + moment * 1_000,
            price=(bid_ticks + at_ask) * tick_size,
            bid=(bid_ticks - (wide & at_ask)) * tick_size,
            ask=(bid_ticks + 1 + (wide & ~at_ask)) * tick_size,
            volume=volume,
            at_ask=at_ask,
        )


def _arranged(rng: np.random.Generator, trades: StepTrades, part: slice) -> tuple[Integers, Integers, Integers, Flags]:
    """The trades in time order: step (counted from the part's first), ms within the step, volume, side; each [n]."""
    asks, bids = trades.ask_trades[part], trades.bid_trades[part]
    ask_volume = trades.ask_volume[part]
    steps = len(asks)
    counts = np.column_stack([bids, asks]).ravel()  # the two sides of each step are groups, one after the other
    sums = np.column_stack([trades.volume[part] - ask_volume, ask_volume]).ravel()
    ends = np.cumsum(counts)
    group = np.repeat(np.arange(2 * steps), counts)
    moment = rng.integers(0, _STEP_MS - _LAST_MS, len(group))
    last = (ends - counts)[2 * np.arange(steps) + trades.last_at_ask[part]]
    moment[last] = rng.integers(_STEP_MS - _LAST_MS, _STEP_MS, steps)
    volume = _split(rng, group, counts, ends, sums)
    order = np.argsort((group >> 1) * _STEP_MS + moment, kind="stable")  # the same on every processor
    group = group[order]
    return group >> 1, moment[order], volume[order], (group & 1).astype(np.bool_)


def _split(rng: np.random.Generator, group: Integers, counts: Integers, ends: Integers, sums: Integers) -> Integers:
    """Whole volumes of at least 1 that add up to each group's sum exactly, int64 [n]: cuts at exponential distances."""
    cut = np.cumsum(rng.standard_exponential(len(group)))
    begin = np.concatenate(([0.0], cut[ends[:-1] - 1]))
    share = (cut - begin[group]) / (cut[ends - 1] - begin)[group]
    spare = sums - counts
    taken = np.floor(share * spare[group]).astype(np.int64)
    taken[ends - 1] = spare
    volume = np.diff(taken, prepend=0)
    starts = ends - counts
    volume[starts] = taken[starts]
    return volume + 1


def _prices(
    rng: np.random.Generator,
    step: Integers,
    moment: Integers,
    log_open: Floats,
    log_close: Floats,
    noise: Floats,
    jump: Floats,
) -> Floats:
    """Log prices of trades in time order: a bridge that is at `log_close` with the step's last trade."""
    first = np.flatnonzero(np.diff(step, prepend=-1))
    last = np.append(first[1:], len(step)) - 1
    time = moment / (moment[last] + 1e-9)[step]  # 0 to 1, 1 at the last trade
    time[last] = 1.0
    passed = np.diff(time, prepend=0.0)
    passed[first] = time[first]
    walk = np.cumsum(np.sqrt(passed) * rng.standard_normal(len(step)))
    walk -= np.concatenate(([0.0], walk[last[:-1]]))[step]
    smooth = log_close - log_open - jump
    line: Floats = log_open[step] + time * (smooth - noise * walk[last])[step] + noise[step] * walk
    if jump.any():
        line += np.where(time >= rng.random(len(jump))[step], jump[step], 0.0)
    line[last] = log_close
    return line
