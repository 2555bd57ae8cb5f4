"""The sample set: what was seen at a decision, and what followed, with the two times that keep it honest.

``t0`` is when the decision could be made (the bar's end), ``t1`` when its label was known, both int64 UTC us: the end of
the horizon's last bar for a fixed horizon, the end of the bar in which the later of the two trades ended for a triple
barrier. A decision without a whole horizon after it is not a sample: keeping those that ended early would choose decisions
by their future.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import NightError
from minhos.files import write_npz
from minhos.training.labels import Barriers, LabelKind, better_long, both_sides, direction_up
from minhos.training.leaks import check_label_times, check_labels
from minhos.training.uniqueness import average_uniqueness

__all__ = ["Samples", "build_samples", "concatenate"]

_META = ("symbols", "tabular_names", "sequence_names", "state_names", "timeframe_seconds", "horizon_bars", "label")


@dataclass(frozen=True)
class Samples:
    """Arrays of one length N, sorted by ``t0`` (ties by instrument).

    t0, t1              int64 [N]      UTC us: decided; label known
    instrument          int16 [N]      index in ``symbols``
    tabular             float32 [N, F] names in ``tabular_names``
    sequence            float32 [N, steps, C] oldest step first, names in ``sequence_names``
    state               float64 [N, S] close, atr (price units, as traded), volatility (per bar), regime probabilities
    up                  int8 [N]       the direction, by ``label``: the long trade ended better, or close[t + H] > close[t]
    win_long, win_short int8 [N]       the target came before the stop
    entry_price         float64 [N]    the fill: the next bar's open
    exit_ticks_long, exit_ticks_short  float64 [N] gross profit of either side in ticks (costs not taken off)
    stop_ticks, target_ticks           int32 [N]   the barriers, from the ATR at the decision
    cost_ticks          float64 [N]    costs of the round trip in ticks
    bars_held_long, bars_held_short    int16 [N]   1: left in the entry bar
    exit_us_long, exit_us_short        int64 [N]   UTC us: the end of the bar in which the trade ended
    """

    t0: npt.NDArray[np.int64]
    t1: npt.NDArray[np.int64]
    instrument: npt.NDArray[np.int16]
    tabular: npt.NDArray[np.float32]
    sequence: npt.NDArray[np.float32]
    state: npt.NDArray[np.float64]
    up: npt.NDArray[np.int8]
    win_long: npt.NDArray[np.int8]
    win_short: npt.NDArray[np.int8]
    entry_price: npt.NDArray[np.float64]
    exit_ticks_long: npt.NDArray[np.float64]
    exit_ticks_short: npt.NDArray[np.float64]
    stop_ticks: npt.NDArray[np.int32]
    target_ticks: npt.NDArray[np.int32]
    cost_ticks: npt.NDArray[np.float64]
    bars_held_long: npt.NDArray[np.int16]
    bars_held_short: npt.NDArray[np.int16]
    exit_us_long: npt.NDArray[np.int64]
    exit_us_short: npt.NDArray[np.int64]
    symbols: tuple[str, ...]
    tabular_names: tuple[str, ...]
    sequence_names: tuple[str, ...]
    state_names: tuple[str, ...]
    timeframe_seconds: int
    horizon_bars: int
    label: LabelKind = "triple_barrier"

    def __post_init__(self) -> None:
        count = len(self.t0)
        wrong = {name: len(array) for name, array in self.arrays().items() if len(array) != count}
        if wrong:
            raise NightError(f"samples: t0 has {count} rows, but {wrong} differ; every array has one row per sample")
        widths = (
            ("tabular", self.tabular.shape[-1], self.tabular_names),
            ("sequence", self.sequence.shape[-1], self.sequence_names),
            ("state", self.state.shape[-1], self.state_names),
        )
        for name, width, names in widths:
            if width != len(names):
                raise NightError(f"samples: {name} has {width} columns, but {len(names)} names: {', '.join(names)}")
        if count and bool((np.diff(self.t0) < 0).any()):
            raise NightError("samples: rows are not in time order of t0; use build_samples and concatenate")

    def __len__(self) -> int:
        return len(self.t0)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every per-sample array by its field's name."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _META}

    def uniqueness(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Average uniqueness of these rows' labels among themselves, float64 [len(rows)]: no other row is looked at."""
        return average_uniqueness(self.t0[rows], self.t1[rows], self.instrument[rows])

    def net_r(self, side: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """What the trade on ``side`` (+1 long, -1 short, [N]) earned net of costs, in R: the loss at the stop with costs."""
        gross = np.where(np.asarray(side) > 0, self.exit_ticks_long, self.exit_ticks_short)
        net: npt.NDArray[np.float64] = (gross - self.cost_ticks) / (self.stop_ticks + self.cost_ticks)
        return net

    def take(self, rows: npt.ArrayLike) -> Samples:
        """The rows of an index or mask, put in time order."""
        index = np.asarray(rows)
        index = np.sort(np.flatnonzero(index) if index.dtype == bool else index)
        return self._with({name: array[index] for name, array in self.arrays().items()})

    def save(self, path: Path) -> None:
        """One npz file, written atomically; the same samples give the same bytes."""
        meta = {name: getattr(self, name) for name in _META}
        write_npz(path, {**self.arrays(), "meta": np.array(json.dumps(meta))})

    @staticmethod
    def load(path: Path) -> Samples:
        """Read what ``save`` wrote; NightError naming the file when it is anything else, LeakError for shifted labels."""
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                meta = json.loads(str(stored["meta"]))
                loaded = {name: stored[name] for name in stored.files if name != "meta"}
            meta.update({name: tuple(meta[name]) for name in _META[:4]})
            samples = Samples(**loaded, **meta)
        except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise NightError(f"{path}: not a readable sample file ({error}); run the features step again") from error
        check_label_times(samples)
        return samples

    def _with(self, arrays: dict[str, Any]) -> Samples:
        return Samples(**arrays, **{name: getattr(self, name) for name in _META})


def build_samples(
    *,
    symbol: str,
    bars: npt.NDArray[np.float64],
    bar_end: npt.NDArray[np.int64],
    tabular: npt.NDArray[Any],
    tabular_names: Sequence[str],
    sequence: npt.NDArray[Any],
    sequence_names: Sequence[str],
    state: npt.NDArray[Any],
    state_names: Sequence[str],
    usable: npt.NDArray[np.bool_] | None = None,
    tick_size: float,
    cost_ticks_round_trip: float,
    cost_fraction_round_trip: float,
    barriers: Barriers,
    timeframe_seconds: int,
    max_samples: int | None = None,
    label: LabelKind = "triple_barrier",
) -> Samples:
    """One instrument's samples.

    ``bars`` float64 [T, 8] and ``bar_end`` int64 [T] are the history. The K rows of ``tabular`` [K, F], ``sequence``
    [K, steps, C], ``state`` [K, S] (with a column ``atr``) and ``usable`` [K] belong to the last K bars, row by row.
    Rows that are not usable and the last ``horizon_bars`` bars give no sample; the most recent ``max_samples`` stay.
    Costs in ticks at bar t: ``cost_ticks_round_trip + cost_fraction_round_trip * close[t] / tick_size``; so the bars of a
    sample, to the end of its horizon, must be at the prices at which they traded.

    Raises NightError for arrays that do not fit together, non-finite features, or no sample at all.
    """
    count, total = len(tabular), len(bars)
    usable = np.ones(count, dtype=bool) if usable is None else usable
    lengths = {len(sequence), len(state), len(usable), count}
    if len(lengths) != 1 or count > total or len(bar_end) != total or "atr" not in state_names:
        raise NightError(
            f"samples of {symbol}: {total} bars, {len(bar_end)} bar ends, {count} tabular, {len(sequence)} sequence, "
            f"{len(state)} state and {len(usable)} usable rows do not fit together (state: {', '.join(state_names)}); "
            "the rows belong to the last bars and state needs a column atr"
        )
    rows = np.arange(total - count, total, dtype=np.int64)
    keep = usable & (rows + barriers.horizon_bars < total)
    picked = np.flatnonzero(keep)
    if max_samples is not None:
        picked = picked[-max_samples:]
    if not picked.size:
        raise NightError(
            f"samples of {symbol}: none of {count} rows is usable and has a known label over "
            f"{barriers.horizon_bars} bars; more history is needed"
        )
    rows = rows[picked]
    atr = np.asarray(state, dtype=np.float64)[picked, list(state_names).index("atr")]
    features = {
        "tabular": np.ascontiguousarray(tabular[picked], dtype=np.float32),
        "sequence": np.ascontiguousarray(sequence[picked], dtype=np.float32),
    }
    for name, array in features.items():
        if not np.isfinite(array).all():
            raise NightError(f"samples of {symbol}: {name} has NaN or infinite values in usable rows")
    long, short, stop, target = both_sides(bars, rows, atr=atr, barriers=barriers, tick_size=tick_size)
    sides = {1: long, -1: short}
    held = {side: outcome.bars_held for side, outcome in sides.items()}
    if label == "triple_barrier":
        known = rows + np.maximum(held[1], held[-1])
        up = better_long(sides[1].exit_ticks, sides[-1].exit_ticks, held[1], held[-1])
    else:
        known = rows + barriers.horizon_bars
        up = direction_up(bars[:, 3], rows, barriers.horizon_bars)
    samples = Samples(
        t0=bar_end[rows].astype(np.int64),
        t1=bar_end[known].astype(np.int64),
        instrument=np.zeros(rows.size, dtype=np.int16),
        **features,
        state=np.ascontiguousarray(state[picked], dtype=np.float64),
        up=up,
        win_long=sides[1].won,
        win_short=sides[-1].won,
        entry_price=bars[rows + 1, 0].astype(np.float64),
        exit_ticks_long=sides[1].exit_ticks,
        exit_ticks_short=sides[-1].exit_ticks,
        stop_ticks=stop,
        target_ticks=target,
        cost_ticks=cost_ticks_round_trip + cost_fraction_round_trip * bars[rows, 3] / tick_size,
        bars_held_long=held[1],
        bars_held_short=held[-1],
        exit_us_long=bar_end[rows + held[1]].astype(np.int64),
        exit_us_short=bar_end[rows + held[-1]].astype(np.int64),
        symbols=(symbol,),
        tabular_names=tuple(tabular_names),
        sequence_names=tuple(sequence_names),
        state_names=tuple(state_names),
        timeframe_seconds=timeframe_seconds,
        horizon_bars=barriers.horizon_bars,
        label=label,
    )
    check_labels(samples, bars, bar_end, tick_size=tick_size)
    return samples


def concatenate(parts: Sequence[Samples]) -> Samples:
    """Pool several instruments in time order (ties in the order of ``symbols``, the order of ``parts``).

    Raises NightError when there is nothing to pool or the parts' columns, timeframe or horizon differ.
    """
    if not parts:
        raise NightError("samples: nothing to pool; at least one instrument must have samples")
    symbols = tuple(dict.fromkeys(symbol for part in parts for symbol in part.symbols))
    for name in _META[1:]:
        values = {getattr(part, name) for part in parts}
        if len(values) > 1:
            raise NightError(
                f"samples of {', '.join(symbols)}: {name} differs ({values}); pool only samples of one recipe"
            )
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0].arrays()}
    arrays["instrument"] = np.concatenate(
        [
            np.array([symbols.index(symbol) for symbol in part.symbols], dtype=np.int16)[part.instrument]
            for part in parts
        ]
    )
    order = np.lexsort((arrays["instrument"], arrays["t0"]))
    meta: dict[str, Any] = {name: getattr(parts[0], name) for name in _META[1:]}
    ordered: dict[str, Any] = {name: array[order] for name, array in arrays.items()}
    return Samples(**ordered, symbols=symbols, **meta)
