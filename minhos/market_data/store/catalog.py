"""What is in the store: one entry for each series, from the log's statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from minhos.market_data.bars import iso
from minhos.market_data.store.data_files import DataFile, read_files
from minhos.market_data.store.schema import VALUE_COLUMNS
from minhos.market_data.timeframes import timeframe_name

__all__ = ["CatalogEntry", "catalog", "inventory_words"]

_MOST_NAMES = 12


@dataclass(frozen=True)
class CatalogEntry:
    """One series of the store.

    `bars`: bars, each counted once; `revisions`: corrections of them. `first_bar_end`, `last_bar_end`: UTC us, of its
    bars; `recorded_at`: UTC us, when its newest row was written. `columns`: those of `VALUE_COLUMNS` that have a
    value in some bar. `files`, `size_bytes`: on the disk.
    """

    symbol: str
    timeframe_seconds: int
    bars: int
    first_bar_end: int
    last_bar_end: int
    revisions: int
    recorded_at: int
    columns: tuple[str, ...]
    files: int
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON: the fields, and `timeframe` as people write it (`5m`)."""
        return {"timeframe": timeframe_name(self.timeframe_seconds), **asdict(self)}


def catalog(root: Path, files: Sequence[DataFile]) -> tuple[CatalogEntry, ...]:
    """The series that `files` hold, by symbol and timeframe. Only files that have corrections are opened, and of these
    only the column that counts them."""
    ordered = sorted(files, key=_series_of)
    return tuple(_entry(root, list(group)) for _, group in groupby(ordered, key=_series_of))


def _series_of(file: DataFile) -> tuple[str, int]:
    return file.partition.symbol, file.partition.timeframe_seconds


def _entry(root: Path, files: list[DataFile]) -> CatalogEntry:
    symbol, timeframe_seconds = _series_of(files[0])
    revisions = _revisions(root, [file for file in files if file.last_revision > 0])
    return CatalogEntry(
        symbol=symbol,
        timeframe_seconds=timeframe_seconds,
        bars=sum(file.rows for file in files) - revisions,
        first_bar_end=min(file.first_bar_end for file in files),
        last_bar_end=max(file.last_bar_end for file in files),
        revisions=revisions,
        recorded_at=max(file.last_recorded_at for file in files),
        columns=tuple(name for name in VALUE_COLUMNS if any(file.has(name) for file in files)),
        files=len(files),
        size_bytes=sum(file.size_bytes for file in files),
    )


def _revisions(root: Path, files: list[DataFile]) -> int:
    import pyarrow.compute as pc

    if not files:
        return 0
    rows: int = read_files(root, files, columns=["revision"], keep=pc.field("revision") > 0).num_rows
    return rows


def inventory_words(files: Sequence[DataFile]) -> str:
    """What there is, for an error message: `ESZ25 5m to 2025-12-18T22:00Z, ...`."""
    newest: dict[tuple[str, int], int] = {}
    for file in files:
        series = _series_of(file)
        newest[series] = max(newest.get(series, file.last_bar_end), file.last_bar_end)
    names = [f"{symbol} {timeframe_name(seconds)} to {iso(end)}" for (symbol, seconds), end in sorted(newest.items())]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
