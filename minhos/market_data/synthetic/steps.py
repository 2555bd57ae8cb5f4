"""The steps of the sessions, and the known pattern of the day: busy at the open and the close, quiet between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import ConfigError
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import next_session, sessions_between
from minhos.market_data.synthetic.law import STEP_SECONDS

__all__ = ["Floats", "Integers", "Steps", "pattern", "regular_pattern", "session_steps", "windows_of"]

_STEP_US: Final = STEP_SECONDS * 1_000_000
_MIDDLE, _EDGE = 0.75, 1.75  # relative volatility at the middle and at both ends of a session
_SEARCH_DAYS: Final = 3  # calendar days that surely hold one session, weekends and holidays counted

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Steps:
    """The steps of an exchange, those of the first step after its last session included: `open_steps` of them at the end.

    `start` int64 [T], UTC us; `position` int64 [T]: how many steps of its session came before; `regular`: steps of a whole
    session. `sessions`: their number; `last_session`: trading date of the last complete one.
    """

    start: Integers
    position: Integers
    regular: int
    sessions: int
    last_session: date
    open_steps: int = 1

    @property
    def weight(self) -> Floats:
        """w of every step, float64 [T]."""
        return pattern(self.position, self.regular)


def pattern(position: npt.ArrayLike, regular: int) -> Floats:
    """Relative volatility of steps at these positions of a session of `regular` steps; the mean of its square is 1."""

    def shape(at: npt.ArrayLike) -> Floats:
        place = (np.asarray(at, dtype=np.float64) + 0.5) / regular
        return _MIDDLE + (_EDGE - _MIDDLE) * (2.0 * place - 1.0) ** 2

    scale = float(np.sqrt(np.mean(shape(np.arange(regular)) ** 2)))
    return shape(position) / scale


def regular_pattern(regular: int) -> Floats:
    """w of one whole session, float64 [regular]."""
    return pattern(np.arange(regular), regular)


def windows_of(weight: Floats, horizon: int) -> tuple[Floats, Floats]:
    """The different runs of w over the horizon of a decision, float64 [K, horizon], and how often each occurs, summing to 1.

    Row t of the runs is w[t+1 .. t+horizon]; a decision without a whole horizon has none.
    """
    runs = np.lib.stride_tricks.sliding_window_view(weight[1:], horizon)
    unique, counts = np.unique(runs, axis=0, return_counts=True)
    return unique, counts / counts.sum()


def session_steps(instruments: Sequence[Instrument], *, sessions: int, end: date) -> Steps:
    """The steps of the last `sessions` sessions up to `end`, and one step more: that of the bar that is still open.

    Holidays are left out and half-days are short, as the instruments' calendars say. Raises `ConfigError` where there are no
    sessions, where the instruments do not trade in the same hours, and where a session is shorter than a step.
    """
    if sessions < 1:
        raise ConfigError(f"sessions is {sessions}, at least 1 is needed")
    first = instruments[0]
    found = [_starts(instrument, sessions, end) for instrument in instruments]
    for instrument, (starts, _, _) in zip(instruments, found, strict=True):
        if not np.array_equal(starts, found[0][0]):
            raise ConfigError(
                f"{first.symbol} and {instrument.symbol} do not trade in the same hours, and the regimes are common to all "
                "instruments of an exchange; write a folder for each"
            )
    start, position, last = found[0]
    return Steps(start=start, position=position, regular=int(position.max()) + 1, sessions=sessions, last_session=last)


def _starts(instrument: Instrument, sessions: int, end: date) -> tuple[Integers, Integers, date]:
    """Starts of the steps, their positions in their sessions, and the last session."""
    table = sessions_between(instrument, end - timedelta(days=20 + _SEARCH_DAYS * sessions), end)
    table = table.slice(len(table) - sessions, len(table))
    last: date = table.date[-1].item()
    following = next_session(instrument, last)
    opens = sessions_between(instrument, following, following).open_us
    starts, positions = [], []
    for number, opened in enumerate(table.open_us):
        closes = table.close_us[number]
        inside = (table.stretches_us[:, 0] >= opened) & (table.stretches_us[:, 1] <= closes)
        steps = [np.arange(a, b - _STEP_US + 1, _STEP_US, dtype=np.int64) for a, b in table.stretches_us[inside]]
        day = np.concatenate(steps)
        if len(day) == 0:
            raise ConfigError(
                f"{instrument.symbol}: the session of {table.date[number]} is shorter than a step of {STEP_SECONDS} s; "
                "the synthetic exchange cannot trade it"
            )
        starts.append(day)
        positions.append(np.arange(len(day)))
    return np.concatenate([*starts, opens]), np.concatenate([*positions, [0]]), last
