"""Depth bars on disk: one Parquet file for each instrument, timeframe and UTC day, replaced as a whole.

A day's bars come from one market depth file and are made again from it at will, so there is no history of corrections to
keep, and one file in one step is all the transaction that is needed: a reader or a crash sees the old day or the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from minhos.errors import BadInputError, MinhosError, SetupError
from minhos.files import write_bytes
from minhos.locks import exclusive
from minhos.market_data.depth_series import DEPTH_COLUMNS, DepthSeries

__all__ = ["DepthKept", "DepthStore"]

_DAY_US: Final = 86_400_000_000
_EPOCH: Final = date(1970, 1, 1)
_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class DepthKept:
    """What a write did, in bars."""

    new: int
    updated: int
    same: int


@dataclass(frozen=True)
class DepthStore:
    """The depth bars under one folder, `instrument=<symbol>/timeframe_seconds=<n>/year=<year>/<day>.parquet`.

    A bar's day is that in which it began. In the files `bar_end` is a UTC time, and what is not known is null.
    """

    root: Path

    def put(self, series: DepthSeries) -> DepthKept:
        """Keep bars: new ones are added, others replaced by what is given; the same again changes no file.

        Each day is written in one step; writers wait for each other. Raises `BadInputError` for a symbol that cannot name a
        folder or a stored day that cannot be read, `SetupError` where another process writes for more than a minute.
        """
        if not series.symbol.isalnum():
            raise BadInputError(f"depth bars of {series.symbol!r} cannot be kept: a symbol is letters and digits")
        kept = DepthKept(0, 0, 0)
        if len(series) == 0:
            return kept
        with exclusive(self.root / "_lock", busy=self._busy, wait_seconds=_WAIT_SECONDS):
            days = (series.bar_end - 1) // _DAY_US
            starts = np.flatnonzero(np.append(True, np.diff(days) != 0)).tolist()
            for start, stop in zip(starts, [*starts[1:], len(series)], strict=True):
                one = self._put_day(series.slice(start, stop), int(days[start]))
                kept = DepthKept(kept.new + one.new, kept.updated + one.updated, kept.same + one.same)
        return kept

    def read(
        self, symbol: str, timeframe_seconds: int, *, start_us: int | None = None, end_us: int | None = None
    ) -> DepthSeries:
        """The bars with `start_us <= bar_end <= end_us` (UTC us; None leaves a side open); none where there are none."""
        days = [
            day
            for day in self.days(symbol, timeframe_seconds)
            if (start_us is None or day >= (start_us - 1) // _DAY_US)
            and (end_us is None or day <= (end_us - 1) // _DAY_US)
        ]
        parts = [self._day(symbol, timeframe_seconds, day) for day in days]
        found = DepthSeries(
            symbol=symbol,
            timeframe_seconds=timeframe_seconds,
            bar_end=np.concatenate([np.empty(0, dtype=np.int64), *(part.bar_end for part in parts)]),
            values=np.concatenate([np.empty((0, len(DEPTH_COLUMNS))), *(part.values for part in parts)]),
        )
        low = 0 if start_us is None else int(np.searchsorted(found.bar_end, start_us, side="left"))
        high = len(found) if end_us is None else int(np.searchsorted(found.bar_end, end_us, side="right"))
        return found.slice(low, high)

    def series(self) -> list[tuple[str, int]]:
        """The symbols and timeframes (seconds) that have bars, in order."""
        folders = self.root.glob("instrument=*/timeframe_seconds=*")
        named = [(path.parent.name.partition("=")[2], path.name.partition("=")[2]) for path in folders]
        return sorted((symbol, int(seconds)) for symbol, seconds in named if seconds.isdigit())

    def days(self, symbol: str, timeframe_seconds: int) -> list[int]:
        """The days that have bars, as days since 1970, in order."""
        folder = self._folder(symbol, timeframe_seconds)
        return sorted((date.fromisoformat(path.stem) - _EPOCH).days for path in folder.glob("year=*/*.parquet"))

    def _put_day(self, given: DepthSeries, day: int) -> DepthKept:
        stored = self._day(given.symbol, given.timeframe_seconds, day)
        place = np.searchsorted(stored.bar_end, given.bar_end)
        known = np.isin(given.bar_end, stored.bar_end)
        same = np.all(
            np.equal(stored.values[place[known]], given.values[known])
            | (np.isnan(stored.values[place[known]]) & np.isnan(given.values[known])),
            axis=1,
        )
        kept = DepthKept(
            new=int(np.count_nonzero(~known)), updated=int(np.count_nonzero(~same)), same=int(np.count_nonzero(same))
        )
        if kept.new or kept.updated:
            stays = ~np.isin(stored.bar_end, given.bar_end)
            bar_end = np.concatenate((stored.bar_end[stays], given.bar_end))
            order = np.argsort(bar_end)
            values = np.concatenate((stored.values[stays], given.values))[order]
            whole = DepthSeries(given.symbol, given.timeframe_seconds, bar_end[order], values)
            write_bytes(self._path(given.symbol, given.timeframe_seconds, day), _parquet(whole))
        return kept

    def _day(self, symbol: str, timeframe_seconds: int, day: int) -> DepthSeries:
        """The stored bars of one day; none where there is no file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._path(symbol, timeframe_seconds, day)
        if not path.is_file():
            return DepthSeries(
                symbol, timeframe_seconds, np.empty(0, dtype=np.int64), np.empty((0, len(DEPTH_COLUMNS)))
            )
        try:
            table = pq.read_table(pa.BufferReader(path.read_bytes()), columns=["bar_end", *DEPTH_COLUMNS])
            values = np.column_stack([table[name].to_numpy().astype(np.float64) for name in DEPTH_COLUMNS])
            bar_end = table["bar_end"].cast(pa.int64()).to_numpy()
        except (OSError, KeyError, pa.ArrowException) as error:
            raise BadInputError(
                f"{path}: not a readable file of depth bars ({str(error).splitlines()[0]}); remove it and take the "
                "day's market depth file in again"
            ) from error
        return DepthSeries(symbol, timeframe_seconds, bar_end, values)

    def _folder(self, symbol: str, timeframe_seconds: int) -> Path:
        return self.root / f"instrument={symbol}" / f"timeframe_seconds={timeframe_seconds}"

    def _path(self, symbol: str, timeframe_seconds: int, day: int) -> Path:
        on = _EPOCH + timedelta(days=day)
        return self._folder(symbol, timeframe_seconds) / f"year={on.year}" / f"{on}.parquet"

    def _busy(self, holder: str) -> MinhosError:
        return SetupError(f"{self.root}: {holder} is writing depth bars there; run it again when that is done")


def _parquet(series: DepthSeries) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"bar_end": pa.array(series.bar_end).cast(pa.timestamp("us", tz="UTC"))}
    columns |= {name: pa.array(series.column(name), from_pandas=True) for name in DEPTH_COLUMNS}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
