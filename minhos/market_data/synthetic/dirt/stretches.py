"""Stretches of prices that are fine bar by bar and wrong together: stale, in another unit, of another contract."""

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
    start_of_stretch,
    to_grid,
)

__all__ = ["CORRUPTIONS"]


def _stale_price(series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """The price feed stands still while volume goes on."""
    values, length = series.values.copy(), min((12, 48, 276)[strength], len(series) // 2)
    start = start_of_stretch(series, length, rng)
    rows = np.arange(start, start + length)
    values[rows, PRICES] = values[start - 1, COLUMN["close"]]
    return changed(series, values, rows, f"{length} bars repeat the close before them while volume goes on")


def _stale_bar(series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """A whole bar, counts and all, again and again."""
    values, length = series.values.copy(), min((6, 48, 276)[strength], len(series) // 2)
    start = start_of_stretch(series, length, rng)
    rows = np.arange(start, start + length)
    values[rows] = values[start - 1]
    return changed(series, values, rows, f"{length} bars are copies of the bar before them")


def _mixed_bases(series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """Two sources in one file: every second bar of a stretch comes from another contract or another basis."""
    values, length = series.values.copy(), min((40, 200, len(series))[strength], len(series) // 2)
    share = (0.005, 0.02, 0.08)[strength]
    start = start_of_stretch(series, length, rng)
    rows = np.arange(start, start + length, 2)
    offset = share * abs(float(values[start - 1, COLUMN["close"]])) + instrument.tick_size
    values[rows, PRICES] = to_grid(values[rows, PRICES] + offset, instrument)
    return changed(series, values, rows, f"every second bar of {length} is on a price basis {share:.1%} higher")


def _unit_jump(series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """Cents instead of dollars: exactly a hundred times the price, which stays on the grid."""
    values = series.values.copy()
    length = (1, min(276, len(series) // 3), len(series) // 2)[strength]
    start = len(series) - length if strength == 2 else start_of_stretch(series, length, rng)
    rows = np.arange(start, start + length)
    values[rows, PRICES] = np.round(values[rows, PRICES] * 100.0, 10)
    return changed(series, values, rows, f"the prices of {length} bars are times 100")


def _roll_jump(series: BarSeries, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """An unadjusted roll: from one bar on the prices are of the next contract. The wrong row is the one that jumps."""
    values, share = series.values.copy(), (0.005, 0.02, 0.08)[strength]
    start = start_of_stretch(series, len(series) // 3, rng)
    offset = rng.choice((-1.0, 1.0)) * share * abs(float(values[start - 1, COLUMN["close"]]))
    values[start:, PRICES] = to_grid(values[start:, PRICES] + offset, instrument)
    return changed(series, values, [start], f"an unadjusted roll: prices jump by {share:.1%} and stay there")


CORRUPTIONS = (
    Corruption("stale_price", "the price stands still while volume goes on", _stale_price, frozenset({"volume"})),
    Corruption("stale_bar", "one bar repeated with all its counts", _stale_bar),
    Corruption("mixed_price_bases", "bars of two contracts or bases take turns", _mixed_bases),
    Corruption("unit_jump", "prices a hundred times too high (cents for dollars)", _unit_jump),
    Corruption("roll_jump", "the next contract's prices from one bar on, unadjusted", _roll_jump),
)
