"""What a row of bars knows beside its bars: where in its session each of them ended, and which instrument it is.

The tables are a release's own (``parameters.json``, section ``surroundings``): sessions are a calendar's, known long before
they come; an instrument's code is its place in an alphabetical list and says nothing but who it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.runtime.rolling import FloatArray

__all__ = ["SURROUNDINGS", "Listing", "Places", "SessionTable", "Surroundings", "SurroundingsTable"]

SURROUNDINGS: Final = ("session", "tick_size", "code")
"""What a feature can need beside bar columns."""

Integers = npt.NDArray[np.int64]
_SECOND: Final = 1_000_000
_MINUTE: Final = 60_000_000.0


@dataclass(frozen=True, eq=False)
class SessionTable:
    """The sessions of a market in order: ``open_seconds``, ``close_seconds`` int64 [S], UTC seconds since the epoch.

    A bar belongs to the session in which its last moment lies; what ends in the break after a close belongs to the session
    that has just closed. A bar from before the first open or after the last close has no place here (NaN).
    """

    open_seconds: Integers
    close_seconds: Integers

    def __post_init__(self) -> None:
        opens, closes = (np.array(getattr(self, field.name)) for field in fields(self))
        whole = all(edges.dtype.kind == "i" and edges.ndim == 1 for edges in (opens, closes))
        if not whole or not 0 < len(opens) == len(closes) or not (opens < closes).all():
            raise ValueError("a session table needs whole seconds, as many opens as closes, each open before its close")
        if not (closes[:-1] <= opens[1:]).all() or np.abs(opens).max() > 2**40 or closes.max() > 2**40:
            raise ValueError("a session table must be in order of time, no session beginning before the last one ended")
        object.__setattr__(self, "open_seconds", opens.astype(np.int64))
        object.__setattr__(self, "close_seconds", closes.astype(np.int64))

    @cached_property
    def _edges_us(self) -> tuple[Integers, Integers]:
        return self.open_seconds * _SECOND, self.close_seconds * _SECOND

    def minutes(self, bar_end: Integers) -> tuple[FloatArray, FloatArray]:
        """Minutes since the open and to the close at ``bar_end`` int64 [...] (UTC us); NaN outside the table."""
        opens, closes = self._edges_us
        index = np.searchsorted(opens, bar_end, side="left") - 1
        outside = (index < 0) | (bar_end > closes[-1])
        opened, closed = opens[index], closes[index]
        at = np.clip(bar_end, opened, closed)
        since = np.where(outside, np.nan, (at - opened) / _MINUTE)
        to = np.where(outside, np.nan, (closed - at) / _MINUTE)
        return since, to


@dataclass(frozen=True)
class Listing:
    """An instrument's ``session`` (a name of the release's session tables) and its ``code``, 0..1."""

    session: str
    code: float


@dataclass(frozen=True, eq=False)
class SurroundingsTable:
    """The section ``surroundings`` of ``parameters.json``: session tables by name, and each instrument's `Listing`."""

    sessions: Mapping[str, SessionTable]
    instruments: Mapping[str, Listing]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", _each(SessionTable, "sessions", self.sessions))
        object.__setattr__(self, "instruments", _each(Listing, "instruments", self.instruments))
        for symbol, one in self.instruments.items():
            if one.session not in self.sessions:
                raise ValueError(f"{symbol} has the session {one.session!r}, allowed are {sorted(self.sessions)}")
            if isinstance(one.code, bool) or not isinstance(one.code, int | float) or not 0.0 <= one.code <= 1.0:
                raise ValueError(f"{symbol} has the code {one.code!r}, allowed is a number in 0..1")


def _each(kind: type[Any], where: str, content: object) -> dict[str, Any]:
    """Objects of one kind by name, made from what JSON gives."""
    keys = {field.name for field in fields(kind)}
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} must be an object, got {type(content).__name__}")
    made = {}
    for name, value in content.items():
        if not isinstance(value, Mapping) or set(value) != keys:
            raise ValueError(f"{where}.{name} must be an object with exactly the keys {sorted(keys)}")
        made[name] = kind(**value)
    return made


class Surroundings:
    """Of bars ``[..., T]``: ``tick_size`` and ``code`` float64 [..., 1], and on demand their place in the session."""

    def __init__(
        self,
        bar_end: Integers,
        sessions: Sequence[tuple[SessionTable, npt.NDArray[np.intp] | None]],
        tick_size: FloatArray,
        code: FloatArray,
    ) -> None:
        """``bar_end`` int64 [..., T], UTC us. ``sessions``: each table with the rows that it is for; None: for all."""
        self._bar_end, self._sessions = bar_end, sessions
        self.tick_size, self.code = tick_size, code

    @cached_property
    def _minutes(self) -> tuple[FloatArray, FloatArray]:
        first, rows = self._sessions[0]
        if rows is None:
            return first.minutes(self._bar_end)
        since, to = (np.empty(self._bar_end.shape) for _ in range(2))
        for table, mine in self._sessions:
            since[mine], to[mine] = table.minutes(self._bar_end[mine])
        return since, to

    @property
    def since_open(self) -> FloatArray:
        """Minutes since the session's open, [..., T]."""
        return self._minutes[0]

    @property
    def to_close(self) -> FloatArray:
        """Minutes to the session's close, [..., T]; 0 in the break after it."""
        return self._minutes[1]

    @cached_property
    def progress(self) -> FloatArray:
        """Share of the session that has passed, 0..1, [..., T]."""
        share: FloatArray = self.since_open / (self.since_open + self.to_close)
        return share


class Places:
    """A release's tables by the rows of its instrument table: makes the `Surroundings` of windows and of a history."""

    def __init__(self, table: SurroundingsTable, symbols: Sequence[str], tick_size: FloatArray) -> None:
        """``symbols`` [S] and their ``tick_size`` [S], in the order of the rows."""
        self._symbols, self._tick_size = list(symbols), tick_size
        self._tables = list(table.sessions.values())
        names = list(table.sessions)
        self._session = np.array([names.index(table.instruments[symbol].session) for symbol in symbols])
        self._code = np.array([table.instruments[symbol].code for symbol in symbols], dtype=np.float64)

    def of_windows(self, rows: Integers, bar_end: Integers) -> Surroundings:
        """Of B windows: ``rows`` [B] of the instrument table (-1, unknown, is given those of row 0), ``bar_end`` [B, W]."""
        known = np.maximum(rows, 0)
        mine = self._session[known]
        kinds = np.unique(mine)
        sessions = [(self._tables[kind], None if len(kinds) == 1 else np.flatnonzero(mine == kind)) for kind in kinds]
        return Surroundings(bar_end, sessions, self._tick_size[known][:, None], self._code[known][:, None])

    def of_history(self, symbol: str, bar_end: Integers) -> Surroundings:
        """Of one instrument's history: ``bar_end`` [T]. ValueError for an instrument that the release does not know."""
        if symbol not in self._symbols:
            raise ValueError(f"the instrument {symbol!r} is unknown to the release; allowed: {self._symbols}")
        row = self._symbols.index(symbol)
        table = self._tables[self._session[row]]
        return Surroundings(bar_end, [(table, None)], self._tick_size[row : row + 1], self._code[row : row + 1])
