"""The checks of a bar window: what makes a row unusable, as reason bits, without ever touching its neighbours.

``bars: float64 [T, 8] or [B, W, 8]``, oldest first; row ``t`` is known at ``bar_end[t]`` (int64, UTC microseconds).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.runtime.rolling import FloatArray
from minhos_client.contract import BAR_COLUMNS, Reason

__all__ = ["MAX_SHORT_SHARE", "bad_bars", "column_indices", "row_reasons", "time_order_broken"]

MAX_SHORT_SHARE: Final = 0.25
_PRICE_COLUMNS: Final = 4
_LEAST_PRICE: Final = 1e-9
_LARGEST_VALUE: Final = 1e15
_LATEST_US: Final = 2**62


def column_indices(columns: Sequence[str]) -> tuple[int, ...]:
    """Positions of the used columns in the contract's order."""
    return tuple(BAR_COLUMNS.index(name) for name in columns)


def bad_bars(bars: FloatArray, used: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which bars are unusable: ``[..., T, 8] -> bool [..., T]``.

    Unusable: a value of a used column that is NaN or absurd (over 1e15), a price that is not positive (under 1e-9), a
    negative volume or count, a high under its low. Columns that are not used may hold anything.
    """
    values = bars if len(used) == bars.shape[-1] else bars[..., list(used)]
    sane = ((values >= 0.0) & (values <= _LARGEST_VALUE)).all(axis=-1)
    positive = (bars[..., :_PRICE_COLUMNS] >= _LEAST_PRICE).all(axis=-1)
    result: npt.NDArray[np.bool_] = ~(sane & positive & (bars[..., 1] >= bars[..., 2]))
    return result


def time_order_broken(bar_end: npt.NDArray[np.int64], timeframe_us: int) -> npt.NDArray[np.bool_]:
    """Rows whose times cannot be bars of this timeframe: ``int64 [N, W] -> bool [N]``.

    Refused: a time before 1970 or absurdly late, an end not after the one before, or more than a quarter of the steps
    shorter than the timeframe (bars of a finer timeframe). A few short steps are market facts: hourly bars that follow
    a session end at a 16:15 close, and a daily bar is 23 hours after the last when the clocks change.
    """
    earlier, later = bar_end[:, :-1], bar_end[:, 1:]
    absurd = (bar_end < 0).any(axis=1) | (bar_end > _LATEST_US).any(axis=1)
    disordered = (later <= earlier).any(axis=1)
    short = (later < earlier + timeframe_us).mean(axis=1) > MAX_SHORT_SHARE
    result: npt.NDArray[np.bool_] = absurd | disordered | short
    return result


def row_reasons(
    bad: npt.NDArray[np.bool_],
    bar_end: npt.NDArray[np.int64],
    as_of: npt.NDArray[np.int64],
    *,
    known: npt.NDArray[np.bool_],
    timeframe_us: int,
    max_staleness_us: int,
    expires_us: int,
) -> npt.NDArray[np.int64]:
    """Contract bits of each row of a request, 0 for a sound one, int64 [B].

    ``bad`` [B, W] from `bad_bars`, ``bar_end`` [B, W], ``as_of`` [B] the moment of the decision, ``known`` [B] whether
    the release knows the instrument. A last bar from the future is bad input; staleness is judged on sound times only.
    """
    last = bar_end[:, -1]
    broken = bad.any(axis=1) | time_order_broken(bar_end, timeframe_us) | (as_of < last) | (as_of > _LATEST_US)
    found = {
        Reason.UNKNOWN_INSTRUMENT: ~known,
        Reason.BAD_INPUT: broken,
        Reason.STALE_BARS: ~broken & (as_of - max_staleness_us > last),
        Reason.RELEASE_EXPIRED: as_of > expires_us,
    }
    reasons = np.zeros(bar_end.shape[0], dtype=np.int64)
    for reason, where in found.items():
        reasons[where] |= int(reason)
    return reasons
