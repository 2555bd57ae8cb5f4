"""What happened after a decision: the direction, and the trade between its two barriers.

A decision at bar t is filled at the NEXT bar's open; stop and target lie ``multiple * ATR[t]`` away, rounded up to
whole ticks, exactly as the runtime states them in STOP_TICKS and TARGET_TICKS. Triple barrier: Lopez de Prado,
"Advances in Financial Machine Learning" (2018), chapter 3. Where the bars do not tell, the worse case counts:

- both barriers touched within one bar: the stop came first;
- a bar that opens beyond the stop: filled at that open, worse than the stop;
- a bar that opens beyond the target: filled at the target, not better;
- neither touched by the horizon's last close: sold there, and not won.

The direction is a binary label of one of two kinds. ``triple_barrier``: which of the two trades ends better, the long or
the short one. ``fixed_horizon``: whether the close is higher after the horizon. Both are scaled by volatility: barriers
are multiples of the ATR, and the sign of a move has no scale. The round trip costs either side the same, so the better
side net of costs is the better side; whether it pays is said by its net result, in R (``Samples.net_r``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from minhos.errors import ConfigError, NightError

__all__ = ["Barriers", "LabelKind", "Trades", "barrier_ticks", "better_long", "both_sides", "direction_up", "trades"]

Float = npt.NDArray[np.float64]
LabelKind = Literal["triple_barrier", "fixed_horizon"]
# A touch is judged in ticks; this absorbs the rounding of (price - entry) / tick_size and nothing a market can do.
_TOUCH_TICKS = 1e-6


@dataclass(frozen=True)
class Barriers:
    """Stop and target in multiples of the ATR, and the horizon in bars after the decision."""

    stop_atr: float
    target_atr: float
    horizon_bars: int

    def __post_init__(self) -> None:
        if not (self.stop_atr > 0 and self.target_atr > 0 and self.horizon_bars >= 1):
            raise ConfigError(
                f"barriers: got stop_atr={self.stop_atr}, target_atr={self.target_atr}, "
                f"horizon_bars={self.horizon_bars}; allowed: positive multiples and at least one bar"
            )


@dataclass(frozen=True)
class Trades:
    """One side's outcome per decision; every array has length N.

    ``won`` int8 (1: the target before the stop), ``exit_ticks`` float64 (gross profit in ticks, before costs),
    ``bars_held`` int16 (1: left in the entry bar, horizon: held to the end).
    """

    won: npt.NDArray[np.int8]
    exit_ticks: Float
    bars_held: npt.NDArray[np.int16]


def barrier_ticks(atr: npt.ArrayLike, multiple: float, tick_size: float) -> npt.NDArray[np.int32]:
    """``max(1, ceil(multiple * atr / tick_size))``: the runtime's formula for STOP_TICKS and TARGET_TICKS."""
    exact = np.ceil(multiple * np.asarray(atr, dtype=np.float64) / tick_size)
    ticks: npt.NDArray[np.int32] = np.clip(exact, 1.0, 2**31 - 1).astype(np.int32)
    return ticks


def direction_up(close: Float, rows: npt.NDArray[np.int64], horizon_bars: int) -> npt.NDArray[np.int8]:
    """1 where ``close[t + H] > close[t]``, else 0, for every bar t in ``rows``.

    A tie counts as not up and stays in: leaving it out would choose decisions by their future.
    """
    return (close[rows + horizon_bars] > close[rows]).astype(np.int8)


def better_long(
    exit_ticks_long: npt.ArrayLike, exit_ticks_short: npt.ArrayLike, held_long: npt.ArrayLike, held_short: npt.ArrayLike
) -> npt.NDArray[np.int8]:
    """1 where the long trade ends better than the short one, else 0: the direction of ``triple_barrier``; all [N].

    With the target as far as the stop that is the barrier that is touched first, and at a time-out the sign of
    ``close[t + H] - open[t + 1]``. Where both are stopped for the same loss, the side that was stopped later counts (its
    first barrier was the right one). Both within one bar, or no move at a time-out: not up, and the sample stays, as a tie
    of ``direction_up`` does.
    """
    long, short = np.asarray(exit_ticks_long), np.asarray(exit_ticks_short)
    later = (long == short) & (np.asarray(held_long) > np.asarray(held_short))
    better: npt.NDArray[np.int8] = ((long > short) | later).astype(np.int8)
    return better


def trades(
    bars: Float,
    rows: npt.NDArray[np.int64],
    *,
    side: int,
    stop_ticks: npt.NDArray[np.int32],
    target_ticks: npt.NDArray[np.int32],
    tick_size: float,
    horizon_bars: int,
) -> Trades:
    """The triple-barrier outcome of entering at ``open[t + 1]`` for every t in ``rows``.

    ``bars``: float64 [T, >=4] (open, high, low, close, ...), oldest first; ``side`` +1 long, -1 short. Every row needs
    ``horizon_bars`` bars after it: raises NightError otherwise.
    """
    if rows.size and int(rows.max()) + horizon_bars >= len(bars):
        raise NightError(
            f"labels: bar {int(rows.max())} of {len(bars)} has fewer than {horizon_bars} bars after it, so its "
            "outcome is not known yet; leave such samples out"
        )
    path = np.lib.stride_tricks.sliding_window_view(bars[:, :4], horizon_bars, axis=0)[rows + 1]
    entry = path[:, 0, 0]
    moved = side * (path - entry[:, None, None]) / tick_size  # [N, 4, H] profit in ticks at open, high, low, close
    opened, closed = moved[:, 0], moved[:, 3]
    best, worst = (moved[:, 1], moved[:, 2]) if side > 0 else (moved[:, 2], moved[:, 1])
    stop = stop_ticks.astype(np.float64)
    target = target_ticks.astype(np.float64)
    stopped = worst <= -stop[:, None] + _TOUCH_TICKS
    reached = best >= target[:, None] - _TOUCH_TICKS
    ended = stopped | reached
    touched = ended.any(axis=1)
    last = np.where(touched, ended.argmax(axis=1), horizon_bars - 1)
    each = np.arange(rows.size)
    at_stop = touched & stopped[each, last]
    won = touched & ~at_stop
    profit = np.where(at_stop, np.minimum(-stop, opened[each, last]), np.where(won, target, closed[each, last]))
    return Trades(won=won.astype(np.int8), exit_ticks=profit, bars_held=(last + 1).astype(np.int16))


def both_sides(
    bars: Float, rows: npt.NDArray[np.int64], *, atr: Float, barriers: Barriers, tick_size: float
) -> tuple[Trades, Trades, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The long and the short trade of each decision, and its stop and target in ticks.

    ``bars``, ``rows`` as in `trades`; ``atr`` float64 [N]: price units, known at each decision.
    """
    stop = barrier_ticks(atr, barriers.stop_atr, tick_size)
    target = barrier_ticks(atr, barriers.target_atr, tick_size)
    long, short = (
        trades(
            bars,
            rows,
            side=side,
            stop_ticks=stop,
            target_ticks=target,
            tick_size=tick_size,
            horizon_bars=barriers.horizon_bars,
        )
        for side in (1, -1)
    )
    return long, short, stop, target
