"""Clock shifts: weeks whose days run an hour or more beside the usual one.

A file read in a wrong time zone, or through a clock change that was not taken into account, moves some weeks of bars. Where
that moves bars into a break, `hours` sees it; inside a session, and in markets that never close, only the day's own pattern
tells: the mean day of every five sessions is laid over the usual one, at every whole hour. How much better a week may fit
elsewhere by chance is learned from the weeks of the instrument itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.validation.day_pattern import DayPattern, mean_of
from minhos.market_data.validation.tails import Threshold, upper_threshold

__all__ = ["Clock", "clock"]

_HOURS: Final = tuple(hour for hour in range(-12, 13) if hour != 0)
_BLOCK_SESSIONS: Final = 5
_FLOOR: Final = 0.25
_ALIKE: Final = 0.85
"""Correlation of a week with the usual day: index and oil futures have 0.9 and more, bitcoin 0.7."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """`better` float64 [T]: by how much the correlation of the bar's week with the usual day is better some hours elsewhere
    than where it is (negative: it is best where it is). `allowed`: how much it may. `words`: the worst week."""

    better: Floats
    allowed: Threshold
    words: str


def clock(pattern: DayPattern, dates: npt.NDArray[np.datetime64], *, false_alarms: float) -> Clock | None:
    """Measure the sessions of a pattern; `dates` [T]: the bars' trading dates.

    None where the clock cannot be told from the pattern: one week is not like the next, and there are too few to learn how
    unlike they are.
    """
    block = np.arange(len(pattern.activity)) // _BLOCK_SESSIONS
    block = np.minimum(block, max(0, len(block) // _BLOCK_SESSIONS - 1))  # the last, short one joins its neighbour
    weeks = replace(pattern, activity=mean_of(pattern.activity, block))
    here = weeks.correlation(0)
    elsewhere = np.stack([weeks.correlation(hour) for hour in _HOURS])
    elsewhere = np.where(np.isfinite(elsewhere), elsewhere, -1.0)
    better = np.where(np.isfinite(here), elsewhere.max(axis=0) - here, -1.0)
    # no power law: a difference of correlations is at most 2
    allowed = upper_threshold(better, tested=len(better), false_alarms=false_alarms, floor=_FLOOR, tail_index=0.0)
    if not allowed.learned and float(np.nanmedian(here)) < _ALIKE:
        return None
    worst = int(np.argmax(better))
    hour = _HOURS[int(elsewhere[:, worst].argmax())]
    days = np.unique(dates)[block == worst]
    words = f"the week of {days[0]} fits the usual day best {abs(hour)} h {'later' if hour > 0 else 'earlier'}"
    return Clock(better=better[block[pattern.session]], allowed=allowed, words=words)
