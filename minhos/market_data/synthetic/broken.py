"""The broken market: a planted one with every kind of dirt in it, each in sessions of its own, all of them labelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from minhos.errors import ConfigError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US, RECORD, Records
from minhos.market_data.synthetic.dirt import CORRUPTIONS, STRENGTHS, Strength
from minhos.market_data.synthetic.faults import RECORD_FAULTS, REDATED, TO_THE_END, Spoiled
from minhos.market_data.synthetic.steps import Floats, Integers
from minhos.market_data.synthetic.text_export import export_text
from minhos.market_data.synthetic.truth import Fault

__all__ = ["LEAST_SESSIONS", "BrokenText", "broken_records", "broken_texts", "check_broken"]

_TEXT_KINDS: Final = (
    "duplicate_rows",
    "conflicting_rows",
    "unsorted_rows",
    "high_below_low",
    "close_outside_range",
    "missing_price",
    "zero_volume",
    "bars_while_closed",
)
LEAST_SESSIONS: Final = len(RECORD_FAULTS) + 2
_HALF_RECORD: Final = RECORD.itemsize // 2


@dataclass(frozen=True, eq=False)
class BrokenText:
    """A text export with faults: its content, the number of its rows, and the faults."""

    content: bytes
    rows: int
    faults: tuple[Fault, ...]


def check_broken(symbols: tuple[str, ...], sessions: int) -> None:
    """`ConfigError` where there is too little room for every kind of dirt."""
    if sessions < LEAST_SESSIONS or len(symbols) < 2:
        raise ConfigError(
            f"the broken market needs {LEAST_SESSIONS} sessions and 2 symbols to have room for every kind of dirt; asked "
            f"for are {sessions} sessions of {', '.join(symbols)}"
        )


def broken_records(
    records: Records, session_of: Integers, instrument: Instrument, rng: np.random.Generator, *, symbol: str, file: str
) -> tuple[bytes, list[Fault]]:
    """The bytes of the spoiled records of one file, and its faults.

    `session_of` int64 [n]: number of the session of each record. The first session stays clean; every kind then has the
    next one. The roll comes after them and holds up to the last session, whose end is cut off in the middle of a record.
    """
    edges = np.concatenate(([0], np.flatnonzero(np.diff(session_of)) + 1, [len(records)]))
    parts = [records[a:b] for a, b in pairwise(edges)][:-1]  # without the bar that is still open
    faults: list[Fault] = []
    ready = [parts[0]]
    for number, fault in enumerate(RECORD_FAULTS):
        strength = _drawn(rng)
        if fault.kind in TO_THE_END:
            clean = np.concatenate(parts[len(ready) : -1]) if fault.kind == "roll_jump" else parts[-1]
        else:
            clean = parts[1 + number]
        spoiled = fault.spoil(clean, instrument, strength, rng)
        before = sum(len(part) for part in ready)
        faults.append(_record_fault(fault.kind, clean, spoiled, before, strength, symbol=symbol, file=file))
        ready.append(spoiled.records)
    whole = np.concatenate(ready)
    return whole.tobytes() + whole[-1:].tobytes()[:_HALF_RECORD], faults


def _record_fault(
    kind: str, clean: Records, spoiled: Spoiled, before: int, strength: Strength, *, symbol: str, file: str
) -> Fault:
    """The label of a fault whose records begin after `before` others."""
    true_times = clean["time"] if kind in REDATED else spoiled.records["time"]
    where = true_times[spoiled.rows] - EPOCH_OFFSET_US
    end = int(clean["time"][-1]) - EPOCH_OFFSET_US if kind in TO_THE_END else int(where.max())
    return Fault(
        kind=kind,
        symbol=symbol,
        file=file,
        strength=STRENGTHS[strength],
        start_us=int(where.min()),
        end_us=end,
        first_record=before + int(spoiled.rows[0]),
        records=len(spoiled.rows),
        words=spoiled.words,
    )


def broken_texts(
    bars: Mapping[str, BarSeries],
    instruments: Mapping[str, Instrument],
    files: Mapping[str, str],
    rng: np.random.Generator,
) -> Iterator[tuple[str, BrokenText]]:
    """Text exports of clean bars, by symbol: the first one's with faults in its rows, the last one's in another zone."""
    symbols = list(bars)
    yield symbols[0], _spoiled_rows(bars[symbols[0]], instruments[symbols[0]], files[symbols[0]], rng)
    series, instrument = bars[symbols[-1]], instruments[symbols[-1]]
    strength = _drawn(rng)
    moved = CORRUPTIONS["wrong_zone"].apply(series, instrument, strength, rng)
    fault = _fault("wrong_zone", series, series.bar_end, files[symbols[-1]], strength, 0, len(series), moved.words)
    content = export_text(moved.bar_end, moved.values, instrument, timeframe_seconds=series.timeframe_seconds)
    yield symbols[-1], BrokenText(content, len(series), (fault,))


def _spoiled_rows(series: BarSeries, instrument: Instrument, file: str, rng: np.random.Generator) -> BrokenText:
    """Each kind in a part of the series of its own."""
    cuts = np.linspace(0, len(series), len(_TEXT_KINDS) + 1).astype(int)
    ends: list[Integers] = []
    values: list[Floats] = []
    faults, row = [], 0
    for kind, (start, stop) in zip(_TEXT_KINDS, pairwise(cuts.tolist()), strict=True):
        part, strength = series.slice(start, stop), _drawn(rng)
        spoiled = CORRUPTIONS[kind].apply(part, instrument, strength, rng)
        wrong = np.flatnonzero(spoiled.rows)
        where = spoiled.bar_end[wrong]
        faults.append(_fault(kind, series, where, file, strength, row + int(wrong[0]), len(wrong), spoiled.words))
        ends.append(spoiled.bar_end)
        values.append(spoiled.values)
        row += len(spoiled.bar_end)
    content = export_text(
        np.concatenate(ends), np.concatenate(values), instrument, timeframe_seconds=series.timeframe_seconds
    )
    return BrokenText(content, row, tuple(faults))


def _fault(
    kind: str, series: BarSeries, ends: Integers, file: str, strength: Strength, first: int, rows: int, words: str
) -> Fault:
    step = series.timeframe_seconds * 1_000_000
    return Fault(
        kind=kind,
        symbol=series.symbol,
        file=file,
        strength=STRENGTHS[strength],
        start_us=int(ends.min()) - step,
        end_us=int(ends.max()),
        first_record=first,
        records=rows,
        words=words,
    )


def _drawn(rng: np.random.Generator) -> Strength:
    strengths: tuple[Strength, ...] = (0, 1, 2)
    return strengths[int(rng.integers(3))]
