"""The grid on which the starts of time bars lie, and its step; range, trade and volume bars lie on none.

Minutes in which nobody traded have no row, so a thin market shows few steps of one bar. What stays is the grid: all
starts are whole bars from each other, except where the count begins anew (session anchors, clock changes).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.timeframes import DAY_SECONDS

__all__ = ["LEAST_THIN_ROWS", "by_chance", "common_step", "on_grid", "regular_step", "steps_words"]

LEAST_THIN_ROWS: Final = 40
"""Without a timeframe that is stated, rows from which a thin file shows its own: of fewer, all may lie on a coarser grid."""

_LEAST_SHARE: Final = 0.5
_MOST_OFF: Final = 0.01
_LEAST_CHANCE: Final = 1e-3
_FINE_SECONDS: Final = 60
_LEAST_FINE_SHARE: Final = 0.1
_MOST_CANDIDATES: Final = 50
_LEAST_DENSE_STEPS: Final = 3
_DENSE: Final = 0.9
_LONGEST_ANCHORED: Final = 4 * 3_600  # longer bars have too few starts in a day to show where their count begins anew

Integers = npt.NDArray[np.int64]


def regular_step(stamps_us: Integers) -> int | None:
    """Seconds of the time bars that start at `stamps_us`; None where they lie on no grid.

    `stamps_us` int64 [T]: different, ascending, of the clock that the chart was drawn on, as if it were UTC us.

    It is the longest step that is `on_grid` and as frequent as steps of one bar are where rows are missing at random: none
    is more frequent. So months are no thin days, and no thinned file becomes a coarser one. Of under `LEAST_THIN_ROWS`
    rows half the steps must be the same. Steps under a minute must be a tenth of all: starts of range bars, rounded to
    seconds, would be very thin bars of a second.
    Known limit: hours that are cut at two anchors, of which one in twenty is there, may be taken for quarter hours where
    no name says what they are.
    """
    seconds, off = _whole_seconds(stamps_us)
    if len(seconds) < 2 or off > max(1.0, _MOST_OFF * len(stamps_us)):
        return None
    steps, counts = np.unique(np.diff(seconds), return_counts=True)
    most = int(counts.max())
    usual, share = int(steps[np.argmax(counts)]), most / (len(seconds) - 1)
    if usual % DAY_SECONDS == 0 and share >= _LEAST_SHARE:
        return usual  # weeks that begin after a holiday, months: no grid that a clock has
    if share < _LEAST_SHARE and len(seconds) < LEAST_THIN_ROWS:
        return None
    least = most - 3.0 * most**0.5
    common = np.argsort(counts)[-_MOST_CANDIDATES:]
    held = {int(np.gcd.reduce(steps)): 0} | dict(zip(steps[common].tolist(), counts[common].tolist(), strict=True))
    for step in sorted(held, reverse=True):
        if held[step] >= least and on_grid(stamps_us, step):
            dense = held[step] >= _LEAST_FINE_SHARE * (len(seconds) - 1)
            return step if step >= _FINE_SECONDS or dense else None
    return usual if usual >= _FINE_SECONDS and share >= _LEAST_SHARE else None


def on_grid(stamps_us: Integers, step_seconds: int) -> bool:
    """Whether bars of `step_seconds` may start at these moments (as in `regular_step`), up to 1 % of them that are wrong.

    They do where all are whole steps from each other; where the count begins anew at two times of the day, as Sierra's
    hourly index bars do at 13:30 and 20:15; and where hardly any step is no multiple (a clock change in between).
    """
    seconds, off = _whole_seconds(stamps_us)
    count = len(stamps_us)
    allowed = max(1.0 if count >= 5 else 0.0, _MOST_OFF * count)
    if len(seconds) < 2 or off > allowed:
        return False
    together = np.unique(seconds % step_seconds, return_counts=True)[1].max()
    if count - together <= allowed:
        return True
    if np.count_nonzero(np.diff(seconds) % step_seconds) <= _MOST_OFF * (count - 1):
        return True
    return step_seconds <= _LONGEST_ANCHORED and (
        _off_anchors(seconds % DAY_SECONDS, step_seconds) + off <= _MOST_OFF * count
    )


def by_chance(stamps_us: Integers, *, finer_seconds: int) -> bool:
    """Whether bars of `finer_seconds` of which only some are there may, by chance, show nothing but a coarser grid.

    `stamps_us` as in `regular_step`. Five-minute bars of which each has a row or not lie all on ten minutes by a chance of
    one half for each row after the first. Where a row follows the other at each of ten minutes, that is no chance.
    """
    coarse = regular_step(stamps_us) or common_step(stamps_us)
    seconds, _ = _whole_seconds(stamps_us)
    steps = np.diff(seconds)
    if coarse > finer_seconds and len(steps) >= _LEAST_DENSE_STEPS and np.mean(steps == coarse) >= _DENSE:
        return False  # a row for each bar: nothing is missing
    chance: float = (finer_seconds / max(coarse, finer_seconds)) ** (len(seconds) - 1)
    return chance >= _LEAST_CHANCE


def common_step(stamps_us: Integers) -> int:
    """The longest step of which all others are multiples, seconds; 0 where some are no whole seconds."""
    steps = np.diff(stamps_us)
    return 0 if np.any(steps % 1_000_000) else int(np.gcd.reduce(steps)) // 1_000_000


def steps_words(stamps_us: Integers) -> str:
    """What is to be seen of a step, for an error: `the most frequent step of 0.25 s is in 3 % of the rows`."""
    steps, counts = np.unique(np.diff(stamps_us), return_counts=True)
    best = int(np.argmax(counts))
    return (
        f"the most frequent step of {steps[best] / 1e6:g} s is in {counts[best] / len(stamps_us):.0%} of the rows and the "
        "others are no multiples of one"
    )


def _whole_seconds(stamps_us: Integers) -> tuple[Integers, int]:
    """The stamps at whole seconds, in seconds, int64, and how many of all are not."""
    whole = stamps_us % 1_000_000 == 0
    return stamps_us[whole] // 1_000_000, int(np.count_nonzero(~whole))


def _off_anchors(clock_seconds: Integers, step_seconds: int) -> int:
    """How many of these times of day do not fit a count that begins anew at two times of the day, at the best two.

    Between its anchors a count has one remainder, so the two most frequent remainders are each those of one arc of the
    day: the arc with the largest sum of rows, those of the other remainder against it.
    """
    clocks, rows = np.unique(clock_seconds, return_counts=True)
    remainders = clocks % step_seconds
    kinds, kind_of = np.unique(remainders, return_inverse=True)
    if len(kinds) < 2:
        return 0
    totals = np.bincount(kind_of, weights=rows)
    first, second = np.argsort(totals)[-2:]
    gain = np.where(kind_of == first, rows, np.where(kind_of == second, -rows, 0))
    whole = np.concatenate(([0], np.cumsum(gain)))
    best = (whole - np.minimum.accumulate(whole)).max()
    around = whole[-1] - (whole - np.maximum.accumulate(whole)).min()  # the arc that runs over midnight
    return int(rows.sum() - (totals[second] + max(best, around)))
