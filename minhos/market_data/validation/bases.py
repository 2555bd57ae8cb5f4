"""Price bases: where a series jumps to another level, and whether it comes back.

Another contract, an adjustment, another unit or another instrument moves a whole stretch of bars by one amount or by one
factor. A jump that is undone by an equal one encloses rows on another base; one that is not undone starts a new base, and
nothing in the bars says which of the two is the market. Where two bases take turns bar by bar, jumps need not be large to be
seen (`alternation`). News moves prices too: a jump inside a session that is not undone is
called a new base only where it is far over what is strange.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.bars import iso
from minhos.market_data.validation.bar_arrays import BarArrays, column
from minhos.market_data.validation.moves import Moves

__all__ = ["Bases", "find_bases", "own_jumps"]

_UNDONE: Final = 0.25
"""By how much of itself a jump back may miss the jump out, where one of them is over a break: the market has moved there."""
_UNDONE_INSIDE: Final = 0.1
"""The same of two jumps inside sessions, where a bar opens within a tick or two of the last close."""
_OWN_JUMPS: Final = 3
"""So many jumps inside sessions that nothing undoes are the market's own way."""
_NEAR_BARS: Final = 3
_PLAIN: Final = 2.0
_WHOLE_POWER: Final = 0.04
"""Decimal logarithm: a factor within 10 % of 10, 100, 1000 ... (or one over it) is another unit."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bases:
    """`foreign` float64 [T]: 1 for rows between a jump and the one that undoes it, and for a row of which the open or the
    close alone is elsewhere. `new_base` float64 [T]: 1 for the first
    row after a jump that nothing undoes and no news explains; `unexplained` float64 [T]: 1 for one that news may explain.
    `words`: for each of the three, what was found, largest first.
    """

    foreign: Floats
    new_base: Floats
    unexplained: Floats
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Jump:
    row: int
    difference: float
    factor: float  # price after / before; NaN around zero
    beyond_news: bool
    inside: bool


def find_bases(
    bars: BarArrays,
    measured: Moves,
    *,
    inside_limit: float,
    news_limit: float,
    across_limit: float,
    turns: Sequence[tuple[int, int]] = (),
) -> Bases:
    """Pair the jumps of a series. Limits in units of the local noise, as `Moves` has them: what is a jump inside a session,
    what no news explains there, and what is a jump over a break. `turns`: the rows of `alternating_runs`."""
    opens, closes = column(bars, "open"), column(bars, "close")
    inside = ~np.isnan(measured.inside)
    size = np.fmax(np.nan_to_num(measured.inside), np.nan_to_num(measured.across))
    limit = np.where(inside, inside_limit, across_limit)
    foreign, new_base, unexplained = (np.zeros(len(bars.bar_end)) for _ in range(3))
    told: dict[str, list[tuple[float, str]]] = {"foreign": [], "new_base": [], "unexplained": []}
    for first, stop in turns:
        rows, words = _every_second(bars, first, stop, float(np.median(measured.noise[first:stop])))
        foreign[rows] = 1.0
        told["foreign"].append(words)
        size[first : stop + 1] = 0.0  # the bar behind them comes back
    jumps = []
    for row in np.flatnonzero(size > limit).tolist():
        before, after = closes[row - 1], opens[row]
        factor = after / before if before * after > 0 else np.nan
        no_news = not inside[row] or size[row] > news_limit
        jumps.append(_Jump(row, float(measured.gap[row]), float(factor), bool(no_news), bool(inside[row])))
    waiting: list[_Jump] = []
    for jump in jumps:
        wrong = _wrong_price(jump, closes - opens)
        if wrong is not None:
            foreign[wrong] = 1.0
            told["foreign"].append(
                (abs(jump.difference), f"a wrong open or close in the bar that ends {iso(int(bars.bar_end[wrong]))}")
            )
            continue
        partner = next((earlier for earlier in reversed(waiting) if _undoes(jump, earlier)), None)
        if partner is None:
            waiting.append(jump)
            continue
        waiting.remove(partner)
        foreign[partner.row : jump.row] = 1.0
        told["foreign"].append(
            (abs(partner.difference), f"{_named(partner, bars, measured)}, undone {iso(_start(bars, jump.row))}")
        )
    for jump in waiting:
        (new_base if jump.beyond_news else unexplained)[jump.row] = 1.0
        kind = "new_base" if jump.beyond_news else "unexplained"
        told[kind].append((abs(jump.difference), f"{_named(jump, bars, measured)}, never undone"))
    ordered = {kind: tuple(words for _, words in sorted(found, reverse=True)) for kind, found in told.items()}
    return Bases(foreign, new_base, unexplained, ordered)


def own_jumps(bases: Bases, measured: Moves) -> float:
    """How far this market jumps inside a session by itself, in units of the noise; 0 where that is no habit of it.

    Three jumps or more that nothing undoes are no faults: a thin market between two trades, or one that news moves often.
    The third largest is what it does: two faults beside them do not raise it.
    """
    inside = np.nan_to_num(measured.inside)
    own = np.sort(inside[((bases.new_base > 0) | (bases.unexplained > 0)) & (inside > 0)])
    return float(own[-_OWN_JUMPS]) if len(own) >= _OWN_JUMPS else 0.0


def _every_second(
    bars: BarArrays, first: int, stop: int, noise: float
) -> tuple[npt.NDArray[np.int64], tuple[float, str]]:
    """Of rows that take turns between two bases, those further from the bars before and behind them; and that in words.

    All of them where the market itself may have moved as far over the stretch as the bases are apart: between two known
    ends it strays by half of `noise` times the root of the stretch's bars.
    """
    closes = column(bars, "close")
    ends = [closes[max(0, first - _NEAR_BARS) : first], closes[stop : stop + _NEAR_BARS]]
    before, after = (float(np.nanmedian(end)) if np.isfinite(end).any() else np.nan for end in ends)
    before, after = (before, after) if np.isfinite(before + after) else (np.nanmax([before, after]),) * 2
    away = closes - np.interp(np.arange(len(closes)), [first, stop], [before, after])
    groups = [np.arange(first + parity, stop, 2, dtype=np.int64) for parity in (0, 1)]
    apart = [float(np.nanmedian(away[rows])) for rows in groups]
    other = 0 if np.isnan(apart).any() else int(abs(apart[1]) > abs(apart[0]))
    distance = apart[other] - apart[1 - other]
    plain = abs(distance) > _PLAIN * noise * np.sqrt(stop - first)
    words = (
        f"from {iso(_start(bars, first))} on every second of {stop - first} bars lies about {distance:+.6g} away: two bases "
        "take turns"
    )
    return groups[other] if plain else np.arange(first, stop, dtype=np.int64), (abs(distance), words)


def _wrong_price(jump: _Jump, body: Floats) -> int | None:
    """The row whose open or close alone is on another level: its body (close less open) is the jump, the other way.

    A wrong open jumps and is undone in its own bar; a wrong close was made in the bar before the jump, which undoes it.
    """
    for row in (jump.row, jump.row - 1):
        if abs(body[row] + jump.difference) <= _UNDONE * abs(jump.difference):
            return row
    return None


def _undoes(jump: _Jump, earlier: _Jump) -> bool:
    """Whether two jumps have opposite signs and one size, as a difference or as a factor."""
    part = _UNDONE_INSIDE if jump.inside and earlier.inside else _UNDONE
    by_difference = abs(jump.difference + earlier.difference) <= part * max(
        abs(jump.difference), abs(earlier.difference)
    )
    if by_difference or not (np.isfinite(jump.factor) and np.isfinite(earlier.factor)):
        return by_difference
    logs = np.log(jump.factor), np.log(earlier.factor)
    return bool(abs(logs[0] + logs[1]) <= part * max(abs(logs[0]), abs(logs[1])))


def _start(bars: BarArrays, row: int) -> int:
    return int(bars.bar_end[row]) - bars.timeframe_seconds * 1_000_000


def _named(jump: _Jump, bars: BarArrays, measured: Moves) -> str:
    power = np.log10(jump.factor) if np.isfinite(jump.factor) else np.nan
    unit = np.isfinite(power) and abs(power) > 0.5 and abs(power - round(power)) <= _WHOLE_POWER
    where = iso(_start(bars, jump.row))
    noise = abs(jump.difference) / measured.noise[jump.row]
    if unit:
        factor = f"x {10 ** round(power):g}"
        return f"another unit from {where} on ({factor})"
    relative = f", {jump.factor - 1:+.2%}" if np.isfinite(jump.factor) else ""
    return f"a jump of {jump.difference:+.6g}{relative} ({noise:.0f} times the noise) at {where}"
