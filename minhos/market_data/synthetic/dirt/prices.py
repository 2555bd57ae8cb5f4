"""Prices of single bars that cannot be: against each other, against the neighbours, against the tick."""

from __future__ import annotations

import numpy as np

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.synthetic.dirt.corruption import (
    COLUMN,
    PRICES,
    Corrupted,
    Corruption,
    Strength,
    changed,
    noise_at,
    pick,
    to_grid,
)

__all__ = ["CORRUPTIONS"]

_SHARES = (0.0, 0.002, 0.02)  # 0: one row
_OPEN, _HIGH, _LOW, _CLOSE = (COLUMN[name] for name in ("open", "high", "low", "close"))


def _high_below_low(
    series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows, ticks = series.values.copy(), pick(series, _SHARES[strength], rng), (1, 4, 20)[strength]
    values[rows, _HIGH] = to_grid(values[rows, _LOW] - ticks * instrument.tick_size, instrument)
    return changed(series, values, rows, f"high {ticks} ticks under low in {len(rows)} bars")


def _open_outside(series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    values, rows, ticks = series.values.copy(), pick(series, _SHARES[strength], rng), (1, 4, 20)[strength]
    values[rows, _OPEN] = to_grid(values[rows, _HIGH] + ticks * instrument.tick_size, instrument)
    return changed(series, values, rows, f"open {ticks} ticks over high in {len(rows)} bars")


def _close_outside(
    series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows, ticks = series.values.copy(), pick(series, _SHARES[strength], rng), (1, 4, 20)[strength]
    values[rows, _CLOSE] = to_grid(values[rows, _LOW] - ticks * instrument.tick_size, instrument)
    return changed(series, values, rows, f"close {ticks} ticks under low in {len(rows)} bars")


def _missing_price(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    values[rows, rng.integers(0, 4, len(rows))] = np.nan
    return changed(series, values, rows, f"a price missing in {len(rows)} bars")


def _infinite_price(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    values[rows, _HIGH] = np.inf
    return changed(series, values, rows, f"an infinite high in {len(rows)} bars")


def _zero_price(series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    if strength == 0:
        values[rows, _LOW] = 0.0
    else:
        values[rows, PRICES] = 0.0
    what = "low" if strength == 0 else "every price"
    return changed(series, values, rows, f"{what} 0 in {len(rows)} bars")


def _negated_price(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    """The sign lost or found in a conversion; high and low change places, so that the bar is one in itself."""
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    values[rows, PRICES] = -values[rows][:, [_OPEN, _LOW, _HIGH, _CLOSE]]
    return changed(series, values, rows, f"the sign of the prices turned in {len(rows)} bars")


def _outlier_spike(
    series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows, reach = series.values.copy(), pick(series, _SHARES[strength], rng), (50, 150, 1000)[strength]
    for row in rows:
        moved = values[row, PRICES] + rng.choice((-1.0, 1.0)) * reach * noise_at(series, int(row), instrument)
        values[row, PRICES] = to_grid(moved, instrument)
    return changed(series, values, rows, f"{len(rows)} bars jump out by {reach} times the local noise and back")


def _bad_tick(series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    values, rows, reach = series.values.copy(), pick(series, _SHARES[strength], rng), (120, 400, 2000)[strength]
    for row in rows:
        column, side = ((_HIGH, 1.0), (_LOW, -1.0))[int(rng.integers(2))]
        moved = values[row, column] + side * reach * noise_at(series, int(row), instrument)
        values[row, column] = to_grid(moved, instrument)
    return changed(series, values, rows, f"a wick of {reach} times the local noise in {len(rows)} bars")


def _off_tick_grid(
    series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    """A price between two ticks; the high, up, and with strength all four: the bar stays one in itself."""
    values, rows, part = series.values.copy(), pick(series, _SHARES[strength], rng), (0.1, 0.25, 0.5)[strength]
    columns = slice(_HIGH, _HIGH + 1) if strength == 0 else PRICES
    values[rows, columns] = to_grid(values[rows, columns], instrument) + part * instrument.tick_size
    return changed(series, values, rows, f"{len(rows)} bars lie {part:g} tick off the grid")


CORRUPTIONS = (
    Corruption("high_below_low", "the high is under the low", _high_below_low),
    Corruption("open_outside_range", "the open lies over the high", _open_outside),
    Corruption("close_outside_range", "the close lies under the low", _close_outside),
    Corruption("missing_price", "one of the four prices is not there", _missing_price),
    Corruption("infinite_price", "a price is infinite", _infinite_price),
    Corruption("zero_price", "prices are 0 in a market that is far from it", _zero_price),
    Corruption("negated_price", "prices have the other sign", _negated_price),
    Corruption("outlier_spike", "a bar far away from both its neighbours", _outlier_spike),
    Corruption("bad_tick", "one wrong trade makes a huge wick", _bad_tick),
    Corruption("off_tick_grid", "prices between two ticks", _off_tick_grid),
)
