"""Leaks, caught where they would do harm: checks that training itself calls, each a LeakError in words.

- an unpurged fold: ``check_fold``, in a family's fold loop and before the ensemble is fitted;
- a label shifted in time: ``check_labels`` against the bars when samples are built, ``check_label_times`` at every load;
- a scaler fitted on all rows, a champion's warm start inside a fold: ``check_seen``, after every fit of a fold;
- a future bar in a feature, a smoothed regime: ``check_causal``, in the features step, for every instrument.

None of them trusts the code that made what it looks at: ``check_labels`` walks bar by bar, ``check_causal`` computes anew
from bars that end with the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minhos.errors import LeakError
from minhos.training.labels import better_long

if TYPE_CHECKING:
    from minhos.training.samples import Samples
    from minhos.training.splits import Fold

__all__ = ["Seen", "check_causal", "check_fold", "check_label_times", "check_labels", "check_seen"]

Int = npt.NDArray[np.int64]
_WALKED_ROWS = 64
_TICKS = 1e-6


@dataclass(frozen=True)
class Seen:
    """What something fitted has seen: ``rows`` samples, the last label of which was known at ``known_us`` (UTC us)."""

    rows: int
    known_us: int

    @classmethod
    def of(cls, t1: npt.ArrayLike) -> Seen:
        """Of the label end times int64 [N] of the very rows that are fitted on."""
        known = np.asarray(t1, dtype=np.int64)
        return cls(rows=known.size, known_us=int(known.max()) if known.size else np.iinfo(np.int64).min)

    def and_also(self, other: Seen) -> Seen:
        """A fit that starts from something fitted before (a champion) has seen both."""
        return Seen(self.rows + other.rows, max(self.known_us, other.known_us))


def check_fold(fold: Fold, t0: npt.ArrayLike, t1: npt.ArrayLike, *, where: str) -> None:
    """Every training label known ``embargo_us`` before the test block began, every test row decided in it.

    ``t0``, ``t1`` int64 [N] of all samples. Raises LeakError otherwise, and for rows on both sides.
    """
    decided, known = np.asarray(t0, dtype=np.int64), np.asarray(t1, dtype=np.int64)
    unpurged = int((known[fold.train] + fold.embargo_us > fold.start_us).sum())
    early = int((decided[fold.test] < fold.start_us).sum())
    both = int(np.intersect1d(fold.train, fold.test).size)
    if unpurged or early or both:
        raise LeakError(
            f"{where}: the fold leaks: {unpurged} training labels were not known {fold.embargo_us} us before the test "
            f"block began, {early} test rows were decided before it, {both} rows are on both sides; folds come from "
            "minhos.training.splits and are not changed afterwards"
        )


def check_seen(seen: Mapping[str, Seen], fold: Fold, *, where: str) -> None:
    """No part of a fitted model (by name: its trees, its scaler) has seen a label that the fold must not know.

    Raises LeakError naming the part: a scaler of all rows, or a warm start from a champion that has seen the fold.
    """
    if not seen:
        raise LeakError(f"{where}: the fitted model does not say what it has seen; a family states it in `seen`")
    for part, what in seen.items():
        if what.known_us + fold.embargo_us > fold.start_us:
            raise LeakError(
                f"{where}: its {part} has seen {what.rows} rows with labels up to {what.known_us} us, but the test block "
                f"began at {fold.start_us} us (embargo {fold.embargo_us} us): inside a fold everything is fitted on the "
                "fold's own training rows, and a warm start from a champion belongs in the final fit"
            )


def check_label_times(samples: Samples) -> None:
    """Labels and their times fit together: outcomes lie in (t0, t1], and the direction is that of the two trades.

    Raises LeakError, as when one array was shifted against the others.
    """
    decided, known = samples.t0, samples.t1
    last = np.maximum(samples.exit_us_long, samples.exit_us_short)
    first = np.minimum(samples.exit_us_long, samples.exit_us_short)
    wrong = (known <= decided) | (first <= decided) | (last > known)
    if samples.label == "triple_barrier":
        up = better_long(
            samples.exit_ticks_long, samples.exit_ticks_short, samples.bars_held_long, samples.bars_held_short
        )
        wrong |= (last != known) | (up != samples.up)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise LeakError(
            f"samples: {int(wrong.sum())} of {len(samples)} labels do not belong to their times, first row {row} of "
            f"{samples.symbols[int(samples.instrument[row])]} with t0={decided[row]}, t1={known[row]}: labels and outcomes "
            "were shifted against each other; run the features step again"
        )


def check_labels(samples: Samples, bars: npt.NDArray[np.float64], bar_end: Int, *, tick_size: float) -> None:
    """One instrument's labels, walked anew bar by bar for up to 64 rows spread over the history.

    ``bars`` float64 [T, >=4], ``bar_end`` int64 [T]. Raises LeakError where fill, outcome or label is not that of the bars
    after the decision: labels shifted into the future or the past.
    """
    rows = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), _WALKED_ROWS)).astype(np.int64))
    for row in rows.tolist():
        t = int(np.searchsorted(bar_end, samples.t0[row]))
        known = t < len(bar_end) and bar_end[t] == samples.t0[row]
        wrong = _walked(samples, row, bars, t, tick_size) if known else "its decision is at no bar's end"
        if wrong:
            raise LeakError(
                f"samples of {samples.symbols[0]}: row {row}, decided at {samples.t0[row]} us, is not what followed in the "
                f"bars: {wrong}; a label that is shifted in time tells the past or an impossible future"
            )


def _walked(samples: Samples, row: int, bars: npt.NDArray[np.float64], t: int, tick_size: float) -> str:
    """What is wrong with a row decided at bar ``t``, in words; empty when nothing is."""
    after = bars[t + 1 : t + 1 + samples.horizon_bars]
    entry = float(after[0, 0])
    ends: dict[int, tuple[float, int]] = {}
    for side in (1, -1):
        ends[side] = (side * (float(after[-1, 3]) - entry) / tick_size, len(after))
        for held, bar in enumerate(after, start=1):
            opened, best, worst = (
                side * (float(bar[k]) - entry) / tick_size for k in (0, *((1, 2) if side > 0 else (2, 1)))
            )
            if worst <= -float(samples.stop_ticks[row]) + _TICKS:
                ends[side] = (min(-float(samples.stop_ticks[row]), opened), held)
                break
            if best >= float(samples.target_ticks[row]) - _TICKS:
                ends[side] = (float(samples.target_ticks[row]), held)
                break
    (long, held_long), (short, held_short) = ends[1], ends[-1]
    if samples.label == "triple_barrier":
        up = long > short or (long == short and held_long > held_short)
    else:
        up = bool(after[-1, 3] > bars[t, 3])
    pairs = (
        ("the fill", float(samples.entry_price[row]), entry),
        ("the long trade's result", float(samples.exit_ticks_long[row]), long),
        ("the short trade's result", float(samples.exit_ticks_short[row]), short),
        ("the direction", float(samples.up[row]), float(up)),
    )
    wrong = [f"{name} is {said:g} instead of {true:g}" for name, said, true in pairs if abs(said - true) > 1e-9]
    return ", ".join(wrong)


def check_causal(
    values: Mapping[str, npt.NDArray[Any]],
    again: Callable[[int], Mapping[str, npt.NDArray[Any]]],
    rows: npt.ArrayLike,
    *,
    where: str,
) -> None:
    """What was computed over a whole history is what the bars up to the decision alone give, at these ``rows``.

    ``values`` name -> [N, ...]; ``again(row)`` the same names for one row, computed from data that ends with it. The two may
    differ by rounding (float32: 1e-5 of the value). Raises LeakError: a feature that reads a later bar, or a regime that was
    smoothed over the history instead of filtered.
    """
    for row in np.asarray(rows, dtype=np.int64).tolist():
        anew = again(row)
        for name, whole in values.items():
            if not np.allclose(whole[row], anew[name], rtol=1e-5, atol=1e-6, equal_nan=True):
                raise LeakError(
                    f"{where}: {name} of row {row} is another when the bars after it are not there; at a decision nothing "
                    "may be known of later bars: look for a shifted or centred window, or a smoothed regime"
                )
