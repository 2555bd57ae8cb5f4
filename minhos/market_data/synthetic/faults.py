"""Faults in the records of an intraday file, each planted in a session of its own and labelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from minhos.market_data.instruments import Instrument
from minhos.market_data.sierra.scid import Records
from minhos.market_data.synthetic.dirt import Strength
from minhos.market_data.synthetic.steps import Integers

__all__ = ["RECORD_FAULTS", "REDATED", "TO_THE_END", "RecordFault", "Spoiled"]

_HOUR_US: Final = 3_600_000_000
_SHARES: Final = (0.002, 0.02, 0.2)
_HOURS: Final = (1, 3, 6)


@dataclass(frozen=True, eq=False)
class Spoiled:
    """A session's records with a fault. `rows`: numbers, in `records`, of what is wrong, or of what follows a hole."""

    records: Records
    rows: Integers
    words: str


@dataclass(frozen=True)
class RecordFault:
    """One kind. `spoil(records, instrument, strength, rng)` gives the spoiled copy of a session's ticks."""

    kind: str
    spoil: Callable[[Records, Instrument, Strength, np.random.Generator], Spoiled]


def _some(records: Records, strength: Strength, rng: np.random.Generator) -> Integers:
    """Numbers of records to spoil, increasing."""
    count = max(1, round(_SHARES[strength] * len(records)))
    return np.sort(rng.choice(len(records) - 2, size=count, replace=False)) + 1


def _stretch(records: Records, strength: Strength) -> Integers:
    """The numbers of some hours of records in the middle of the session."""
    time = records["time"]
    middle = int(time[0]) + (int(time[-1]) - int(time[0])) // 2
    inside = (time >= middle) & (time < middle + _HOURS[strength] * _HOUR_US)
    return np.flatnonzero(inside)


def _shift_prices(records: Records, rows: Integers, amount: float, instrument: Instrument) -> None:
    """Move trade, bid and ask by `amount`, rounded to the tick."""
    moved = round(amount / instrument.tick_size) * instrument.tick_size
    for name in ("high", "low", "close"):
        records[name][rows] += moved


def _duplicates(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    rows = _some(records, strength, rng)
    order = np.sort(np.concatenate((np.arange(len(records)), rows)), kind="stable")
    second = np.flatnonzero(np.diff(order, prepend=-1) == 0)
    return Spoiled(records[order], second, f"{len(rows)} trades are there twice, with the same stamp")


def _out_of_order(records: Records, _i: Instrument, strength: Strength, _rng: np.random.Generator) -> Spoiled:
    """Trades of the middle come an hour late."""
    hour = np.flatnonzero(records["time"] >= records["time"][len(records) // 2] + _HOUR_US)[0]
    first = len(records) // 2
    block = np.arange(first, first + max(1, round(_SHARES[strength] * (hour - first))))
    rest = np.delete(np.arange(hour), block)
    order = np.concatenate((rest, block, np.arange(hour, len(records))))
    return Spoiled(records[order], np.arange(len(rest), hour), f"{len(block)} trades stand an hour behind their place")


def _impossible_date(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    records["time"][rows] = rows + 1
    return Spoiled(records, rows, f"{len(rows)} records are dated 1899")


def _future_date(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    records["time"][rows] += 40 * 365 * 24 * _HOUR_US
    return Spoiled(records, rows, f"{len(rows)} records are dated forty years ahead")


def _session_gap(records: Records, _i: Instrument, strength: Strength, _rng: np.random.Generator) -> Spoiled:
    gone = _stretch(records, strength)
    return Spoiled(
        np.delete(records, gone), gone[:1], f"{_HOURS[strength]} h of the session are missing ({len(gone)} trades)"
    )


def _missing_coverage(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    """Whole minutes are missing, here and there."""
    share = (0.1, 0.4, 0.8)[strength]
    minute = (records["time"] // 60_000_000) - int(records["time"][0]) // 60_000_000
    gone = rng.random(int(minute[-1]) + 1)[minute] < share
    gone[[0, -1]] = False
    kept = np.flatnonzero(~gone)
    holes = np.flatnonzero(np.diff(kept) > 1) + 1
    return Spoiled(records[kept], holes, f"{share:.0%} of the minutes are missing")


def _zero_volume(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    for name in ("volume", "bid_volume", "ask_volume"):
        records[name][rows] = 0
    return Spoiled(records, rows, f"{len(rows)} trades have no volume: they read as quotes")


def _negative_count(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    records["volume"][rows] = np.uint32(0) - records["volume"][rows]
    return Spoiled(records, rows, f"{len(rows)} trades have a negative volume (over 2147483647 without a sign)")


def _parts(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    records["bid_volume"][rows] += 5
    return Spoiled(records, rows, f"bid + ask volume is 5 over the volume in {len(rows)} trades")


def _stale_price(records: Records, _i: Instrument, strength: Strength, _rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _stretch(records, strength)
    for name in ("high", "low", "close"):
        records[name][rows] = records[name][rows[0] - 1]
    return Spoiled(records, rows, f"the price stands still for {_HOURS[strength]} h while volume goes on")


def _spike(records: Records, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, row, share = records.copy(), rng.integers(1, len(records) - 1, 1), (0.01, 0.05, 0.5)[strength]
    _shift_prices(records, row, rng.choice((-1, 1)) * share * float(records["close"][row[0]]), instrument)
    return Spoiled(records, row, f"one trade {share:.0%} away from its neighbours")


def _off_grid(records: Records, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    records["close"][rows] += 0.4 * instrument.tick_size
    return Spoiled(records, rows, f"{len(rows)} trades 0.4 tick off the grid")


def _mixed_bases(records: Records, instrument: Instrument, strength: Strength, _rng: np.random.Generator) -> Spoiled:
    records, rows, share = records.copy(), _stretch(records, strength)[::2], (0.005, 0.02, 0.08)[strength]
    _shift_prices(records, rows, share * float(records["close"][rows[0]]), instrument)
    return Spoiled(records, rows, f"every second trade of {_HOURS[strength]} h on a price basis {share:.1%} higher")


def _unit_jump(records: Records, _i: Instrument, strength: Strength, _rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _stretch(records, strength)
    for name in ("high", "low", "close"):
        records[name][rows] *= 100
    return Spoiled(records, rows, f"prices times 100 for {_HOURS[strength]} h")


def _clock_shift(records: Records, _i: Instrument, _strength: Strength, _rng: np.random.Generator) -> Spoiled:
    records = records.copy()
    records["time"] += _HOUR_US
    return Spoiled(records, np.arange(len(records)), "the whole session is an hour late: a clock change missed")


def _not_a_number(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    records["close"][rows] = np.nan
    return Spoiled(records, rows, f"{len(rows)} trades without a price")


def _empty(records: Records, _i: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    records, rows = records.copy(), _some(records, strength, rng)
    records[rows] = np.zeros(1, dtype=records.dtype)
    return Spoiled(records, rows, f"{len(rows)} records are all zeros")


def _bad_bars(records: Records, instrument: Instrument, strength: Strength, rng: np.random.Generator) -> Spoiled:
    """Records of bars among the ticks whose high is under their low."""
    records, rows = records.copy(), _some(records, strength, rng)
    records["open"][rows] = records["close"][rows]
    records["trades"][rows] = 2
    records["high"][rows] = records["close"][rows] - np.float32(instrument.tick_size)
    records["low"][rows] = records["close"][rows] + np.float32(instrument.tick_size)
    return Spoiled(records, rows, f"{len(rows)} bar records with high under low")


def _roll_jump(records: Records, instrument: Instrument, strength: Strength, _rng: np.random.Generator) -> Spoiled:
    records, share = records.copy(), (0.005, 0.02, 0.08)[strength]
    _shift_prices(records, np.arange(len(records)), share * float(records["close"][0]), instrument)
    return Spoiled(records, np.array([0]), f"an unadjusted roll: prices {share:.1%} higher from here on")


def _truncated(records: Records, _i: Instrument, strength: Strength, _rng: np.random.Generator) -> Spoiled:
    share = (0.1, 0.5, 0.9)[strength]
    kept = max(1, round((1 - share) * len(records)))
    return Spoiled(
        records[:kept],
        np.array([kept - 1]),
        f"the file ends early, in the middle of a record: {share:.0%} of a session",
    )


RECORD_FAULTS: Final = tuple(
    RecordFault(kind, spoil)
    for kind, spoil in (
        ("duplicate_records", _duplicates),
        ("out_of_order", _out_of_order),
        ("impossible_date", _impossible_date),
        ("future_date", _future_date),
        ("session_gap", _session_gap),
        ("missing_coverage", _missing_coverage),
        ("zero_volume", _zero_volume),
        ("negative_count", _negative_count),
        ("parts_do_not_add_up", _parts),
        ("stale_price", _stale_price),
        ("outlier_spike", _spike),
        ("off_tick_grid", _off_grid),
        ("mixed_price_bases", _mixed_bases),
        ("unit_jump", _unit_jump),
        ("clock_shift", _clock_shift),
        ("price_not_a_number", _not_a_number),
        ("empty_records", _empty),
        ("high_below_low", _bad_bars),
        ("roll_jump", _roll_jump),
        ("truncated", _truncated),
    )
)
"""In the order in which they are planted; the last two go on to the end of the file."""

TO_THE_END: Final = frozenset({"roll_jump", "truncated"})
REDATED: Final = frozenset({"impossible_date", "future_date", "empty_records", "clock_shift"})
"""Whose records no longer say when they were."""
