"""New bars against those that the store has: what is new, what is updated, and whether it can be the same market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.instruments import Instrument

__all__ = ["Comparison", "compare", "contradiction"]

LEAST_COMMON_BARS: Final = 20
LARGEST_CHANGED_SHARE: Final = 0.1
"""Of the common bars, whose close may change by a revision. A file that is read in another time zone, price scale or
contract changes nearly every close; a service that delivers its history again changes volumes, hardly prices."""


@dataclass(frozen=True)
class Comparison:
    """Counts of bars. `common`: in both; `updated`: common with another value; `closes_changed`: common whose close
    moved by half a tick or more; `first_changed`: `bar_end` of the first of these, UTC us; `median_change`: of their
    closes, absolute, in price units."""

    new: int
    updated: int
    common: int
    closes_changed: int
    first_changed: int | None
    median_change: float

    @property
    def unchanged(self) -> int:
        return self.common - self.updated


def compare(known: BarSeries | None, series: BarSeries, *, tick_size: float) -> Comparison:
    """Compare `series` with what the store `known` of its range (None: nothing). NaN equals NaN."""
    if known is None or len(known) == 0:
        return Comparison(len(series), 0, 0, 0, None, 0.0)
    place = np.searchsorted(known.bar_end, series.bar_end)
    place = np.minimum(place, len(known) - 1)
    common = known.bar_end[place] == series.bar_end
    before, after = known.values[place[common]], series.values[common]
    same = np.all((before == after) | (np.isnan(before) & np.isnan(after)), axis=1)
    same &= _same_interest(known, series, place[common], common)
    change = np.abs(series.column("close")[common] - known.column("close")[place[common]])
    changed = change >= tick_size / 2
    ends = series.bar_end[common][changed]
    return Comparison(
        new=int(np.count_nonzero(~common)),
        updated=int(np.count_nonzero(~same)),
        common=int(np.count_nonzero(common)),
        closes_changed=len(ends),
        first_changed=int(ends[0]) if len(ends) else None,
        median_change=float(np.median(change[changed])) if len(ends) else 0.0,
    )


def _same_interest(
    known: BarSeries, series: BarSeries, place: np.typing.NDArray[np.intp], common: np.typing.NDArray[np.bool_]
) -> np.typing.NDArray[np.bool_]:
    nothing = np.full(len(place), np.nan)
    before = nothing if known.open_interest is None else known.open_interest[place]
    after = nothing if series.open_interest is None else series.open_interest[common]
    same: np.typing.NDArray[np.bool_] = (before == after) | (np.isnan(before) & np.isnan(after))
    return same


def contradiction(found: Comparison, series: BarSeries, instrument: Instrument) -> str | None:
    """In words, why the bars cannot be a revision of what the store has; None where they can."""
    if found.common < LEAST_COMMON_BARS or found.closes_changed <= LARGEST_CHANGED_SHARE * found.common:
        return None
    assert found.first_changed is not None
    ticks = found.median_change / instrument.tick_size
    return (
        f"{series.symbol}: {found.closes_changed} of the {found.common} bars that the store has too close elsewhere (half "
        f"of them by {ticks:.0f} ticks or more, the first at {iso(found.first_changed)}): the file is probably read with "
        "another time zone, price scale or contract than what is there. Nothing was written"
    )
