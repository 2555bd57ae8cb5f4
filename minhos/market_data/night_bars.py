"""The bars of one symbol of a night: as the models see them, and as they traded; and their files in the run folder."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.files import write_npz
from minhos.market_data.bars import BarSeries, read_bars, write_bars
from minhos.market_data.rolls.adjustment import PriceScale
from minhos.market_data.rolls.continuous import ContinuousSeries
from minhos.market_data.rolls.schedule import Roll, RollSchedule, read_schedule, write_schedule

__all__ = ["NightBars", "read_night_bars", "write_night_bars"]

_PRICE_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class NightBars:
    """T bars of a symbol; of a future that is one series (`NQ[C]`), each of the contract that was held when it ended.

    `series`: what the models see, prices adjusted to the newest contract. `traded`: the same bars as they traded; ticks,
    barriers and costs are counted in these. `scale`: adjusted price = traded price x ratio + shift. `contract`: int64 [T],
    the index into `schedule.held`. Of a symbol that does not roll, `traded` is `series` and `schedule` None.
    """

    series: BarSeries
    traded: BarSeries
    scale: PriceScale
    contract: npt.NDArray[np.int64]
    schedule: RollSchedule | None

    @classmethod
    def of(cls, series: BarSeries) -> NightBars:
        """The bars of a symbol that does not roll."""
        count = len(series)
        scale = PriceScale(ratio=np.ones(count), shift=np.zeros(count))
        return cls(series, series, scale, np.zeros(count, dtype=np.int64), None)

    @classmethod
    def of_continuous(cls, joined: ContinuousSeries) -> NightBars:
        """The bars of a continuous series."""
        return cls(joined.series, joined.unadjusted, joined.scale, joined.contract, joined.schedule)

    def __len__(self) -> int:
        return len(self.series)

    @property
    def symbol(self) -> str:
        return self.series.symbol

    @property
    def rolls(self) -> tuple[Roll, ...]:
        return () if self.schedule is None else self.schedule.rolls

    def without(self, held: Collection[int]) -> NightBars:
        """The bars without those that end at one of the moments `held` (`bar_end`, UTC us)."""
        if not held:
            return self
        kept = ~np.isin(self.series.bar_end, np.fromiter(held, dtype=np.int64))

        def of(series: BarSeries) -> BarSeries:
            interest = series.open_interest
            return replace(
                series,
                bar_end=series.bar_end[kept],
                values=series.values[kept],
                open_interest=None if interest is None else interest[kept],
            )

        scale = PriceScale(ratio=self.scale.ratio[kept], shift=self.scale.shift[kept])
        return NightBars(of(self.series), of(self.traded), scale, self.contract[kept], self.schedule)

    def as_of(self, us: int) -> BarSeries:
        """The bars known at `us` (UTC us), joined as they were then: the last of them at the price at which it traded.

        A request to a release must look like this; a roll that came later moves no price in it.
        """
        return self._joined_then(0, len(self.series.up_to(us)))

    def pieces(self, lookback_bars: int) -> list[tuple[BarSeries, int]]:
        """Contract by contract: its bars behind the `lookback_bars` before them, joined as they were when it was held, and
        how many bars are its own. These are at the prices at which they traded.
        """
        edges = (np.flatnonzero(np.diff(self.contract)) + 1).tolist()
        return [
            (self._joined_then(max(0, first - lookback_bars), stop), stop - first)
            for first, stop in pairwise([0, *edges, len(self)])
        ]

    def _joined_then(self, first: int, stop: int) -> BarSeries:
        """Bars `first` to `stop` in units of the contract that the last of them is of."""
        known = self.series.slice(first, stop)
        if len(known) == 0 or self.schedule is None:
            return known
        values = known.values.copy()
        values[:, :_PRICE_COLUMNS] -= self.scale.shift[stop - 1]
        values[:, :_PRICE_COLUMNS] /= self.scale.ratio[stop - 1]
        own = self.contract[first:stop] == self.contract[stop - 1]
        values[own] = self.traded.values[first:stop][own]  # to the last digit
        return replace(known, values=values)


def write_night_bars(folder: Path, bars: NightBars) -> Path:
    """Write `<SYMBOL>.parquet`, and of a continuous series `<SYMBOL>.rolls.json` and `<SYMBOL>.traded.npz`.

    The latter: `values` float64 [T, 8] as traded, `contract` int64 [T], `price_ratio` and `price_shift` float64 [T].
    """
    if bars.schedule is not None:
        write_schedule(_rolls(folder, bars.symbol), bars.schedule)
        write_npz(
            _traded(folder, bars.symbol),
            {
                "values": bars.traded.values,
                "contract": bars.contract,
                "price_ratio": bars.scale.ratio,
                "price_shift": bars.scale.shift,
            },
        )
    return write_bars(folder / f"{bars.symbol}.parquet", bars.series)


def read_night_bars(folder: Path, symbol: str) -> NightBars:
    """What `write_night_bars` wrote. Raises `BadInputError` for any other file, and where one of them is missing."""
    series = read_bars(folder / f"{symbol}.parquet")
    path = _traded(folder, symbol)
    if not path.exists() and not _rolls(folder, symbol).exists():
        return NightBars.of(series)
    schedule = read_schedule(_rolls(folder, symbol))
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays: dict[str, npt.NDArray[Any]] = {name: stored[name] for name in stored.files}
        traded = replace(series, values=arrays["values"])
        scale = PriceScale(ratio=arrays["price_ratio"], shift=arrays["price_shift"])
        contract = arrays["contract"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{path}: not a readable file of prices as traded ({error}); run the ingest step again"
        ) from error
    lengths = {len(one) for one in (scale.ratio, scale.shift, contract)}
    if lengths != {len(series)} or (len(series) and not 0 <= int(contract.max()) < len(schedule.held)):
        raise BadInputError(
            f"{path}: {sorted(lengths)} rows for {len(series)} bars of {', '.join(schedule.held)}; run the ingest step again"
        )
    return NightBars(series, traded, scale, contract, schedule)


def _rolls(folder: Path, symbol: str) -> Path:
    return folder / f"{symbol}.rolls.json"


def _traded(folder: Path, symbol: str) -> Path:
    return folder / f"{symbol}.traded.npz"
