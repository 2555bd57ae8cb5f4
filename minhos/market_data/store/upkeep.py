"""Keeps a store of many small nightly commits as quick as one that was written at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from minhos.market_data.store.data_files import DataFile, Partition, read_files, write_file
from minhos.market_data.store.log import checkpoint, commit, vacuum
from minhos.market_data.store.schema import file_schema

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["RETENTION_HOURS", "Upkeep", "crowded", "merge", "tidy"]

RETENTION_HOURS: Final = 168
"""For how long a file that left the store stays on the disk: no reader takes a week."""
_SMALL_ROWS: Final = 250_000
"""Files below it are merged; larger ones are left, so that an append never rewrites a long history."""


@dataclass(frozen=True)
class Upkeep:
    """What an upkeep did: small files merged, into how many; files deleted that had left the store long ago."""

    merged: int
    into: int
    deleted: int


def crowded(files: Sequence[DataFile], *, at_least: int) -> dict[Partition, list[DataFile]]:
    """The partitions that have so many small files, and these."""
    small = sorted((file for file in files if file.rows < _SMALL_ROWS), key=lambda file: file.partition)
    groups = {partition: list(group) for partition, group in groupby(small, key=lambda file: file.partition)}
    return {partition: group for partition, group in groups.items() if len(group) >= at_least}


def merge(root: Path, table: DeltaTable, groups: dict[Partition, list[DataFile]]) -> None:
    """Rewrite each group as one file, sorted by bar and revision; all in one commit. Rows stay as they are."""
    if not groups:
        return
    merged = []
    for partition, files in groups.items():
        rows = read_files(root, files, columns=file_schema().names)
        merged.append(write_file(root, partition, rows.sort_by([("bar_end", "ascending"), ("revision", "ascending")])))
    commit(root, table, added=merged, removed=[file for files in groups.values() for file in files], rewritten=True)


def tidy(root: Path, table: DeltaTable, *, retention_hours: int) -> int:
    """Sum up the log, and delete what left the store over `retention_hours` ago; how many files were deleted."""
    checkpoint(root, table)
    return vacuum(root, table, retention_hours=retention_hours)
