"""Volumes and counts that cannot be, or do not fit each other."""

from __future__ import annotations

import numpy as np

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.synthetic.dirt.corruption import (
    COLUMN,
    FLOW,
    Corrupted,
    Corruption,
    Strength,
    changed,
    pick,
)

__all__ = ["CORRUPTIONS"]

_SHARES = (0.0, 0.002, 0.02)  # 0: one row
_VOLUME, _BID, _ASK, _TRADES = (COLUMN[name] for name in ("volume", "bid_volume", "ask_volume", "trades"))
_FLOW_COLUMNS = [_VOLUME, _BID, _ASK, _TRADES]
_PARTS = frozenset({"volume", "bid_volume", "ask_volume"})


def _zero_volume(series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Corrupted:
    """The price moves and nobody has traded; columns that the source lacks stay unknown."""
    values, rows = series.values.copy(), pick(series, (0.005, 0.05, 0.4)[strength], rng)
    for column in _FLOW_COLUMNS:
        values[rows, column] *= 0.0
    return changed(series, values, rows, f"no volume in {len(rows)} bars whose price moves")


def _negative_count(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    values[rows, _VOLUME] = -np.maximum(values[rows, _VOLUME], 1.0)
    return changed(series, values, rows, f"a negative volume in {len(rows)} bars")


def _wrapped_count(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    """A small negative number in a field without a sign: over 2^31 - 1."""
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    values[rows, _VOLUME] = 2.0**32 - np.maximum(values[rows, _VOLUME], 1.0)
    return changed(series, values, rows, f"a volume over 2147483647 in {len(rows)} bars")


def _parts_do_not_add_up(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    extra = (np.ones(len(rows)), np.ceil(0.1 * values[rows, _VOLUME]), values[rows, _VOLUME])[strength]
    values[rows, _ASK] += np.maximum(extra, 1.0)
    return changed(series, values, rows, f"bid + ask volume is over the volume in {len(rows)} bars")


def _missing_flow(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    values, rows = series.values.copy(), pick(series, _SHARES[strength], rng)
    values[rows, _BID] = np.nan
    values[rows, _ASK] = np.nan
    return changed(series, values, rows, f"bid and ask volume missing in {len(rows)} bars")


def _volume_spike(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    """All counts of a bar multiplied: a total of the day, or of another unit, among bars."""
    values, rows, factor = series.values.copy(), pick(series, 0.0, rng), (200, 2_000, 100_000)[strength]
    for column in _FLOW_COLUMNS:
        values[rows, column] *= factor
    return changed(series, values, rows, f"volume and trades times {factor} in {len(rows)} bars")


def _more_trades_than_volume(
    series: BarSeries, _instrument: Instrument, strength: Strength, rng: np.random.Generator
) -> Corrupted:
    """Two columns exchanged, or a count of quotes taken for trades: each trade is one contract at least."""
    values, rows, factor = series.values.copy(), pick(series, _SHARES[strength], rng), (1.0, 2.0, 50.0)[strength]
    values[rows, _TRADES] = np.floor(values[rows, _VOLUME] * factor) + 1.0
    return changed(series, values, rows, f"more trades than contracts in {len(rows)} bars")


CORRUPTIONS = (
    Corruption("zero_volume", "the price moves without any volume", _zero_volume, frozenset({"volume"})),
    Corruption("negative_count", "a volume under zero", _negative_count, frozenset({"volume"})),
    Corruption("wrapped_count", "a volume over 2^31 - 1: a negative number read without a sign", _wrapped_count,
               frozenset({"volume"})),
    Corruption("parts_do_not_add_up", "bid and ask volume are not the volume", _parts_do_not_add_up, _PARTS),
    Corruption("missing_flow", "bid and ask volume are not there", _missing_flow, _PARTS),
    Corruption("volume_spike", "counts hundreds of times too large", _volume_spike, frozenset({"volume"})),
    Corruption("more_trades_than_volume", "more trades than contracts", _more_trades_than_volume,
               frozenset({"volume", "trades"}) & FLOW),
)  # fmt: skip
