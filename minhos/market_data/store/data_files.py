"""The store's Parquet files: durable before any commit names them, and what the log says of each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from minhos.errors import BadInputError
from minhos.files import fsync_folder
from minhos.market_data.store.schema import VALUE_COLUMNS, file_schema, stamps

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads

__all__ = ["DataFile", "Partition", "newest_record", "read_files", "write_file"]

_ROWS_PER_GROUP: Final = 32_768
"""About a month of 1-minute bars: a range read takes or skips whole row groups."""


@dataclass(frozen=True, order=True)
class Partition:
    """One folder of the store. `year`: of `bar_end`, UTC."""

    symbol: str
    timeframe_seconds: int
    year: int

    @property
    def folder(self) -> str:
        """The folder under the store's root."""
        return f"instrument={self.symbol}/timeframe_seconds={self.timeframe_seconds}/year={self.year}"


@dataclass(frozen=True)
class DataFile:
    """One Parquet file and what the log says of it.

    `path`: under the store's root. `first_bar_end` to `last_recorded_at`: UTC us, the least and greatest of its rows.
    `last_revision`: the greatest; 0 where it has no corrections. `unknown`: rows without a value, by column.
    """

    path: str
    partition: Partition
    rows: int
    size_bytes: int
    modified_ms: int
    first_bar_end: int
    last_bar_end: int
    first_recorded_at: int
    last_recorded_at: int
    last_revision: int
    unknown: Mapping[str, int]

    def has(self, column: str) -> bool:
        """Whether some row has a value in `column`."""
        return self.unknown[column] < self.rows

    def overlaps(self, start: int | None, end: int | None) -> bool:
        """Whether a row may have `start <= bar_end <= end` (UTC us); None leaves a side open."""
        return (end is None or self.first_bar_end <= end) and (start is None or start <= self.last_bar_end)


def newest_record(files: Sequence[DataFile]) -> int | None:
    """When the newest row of `files` was recorded, UTC us; None without files."""
    return max((file.last_recorded_at for file in files), default=None)


def write_file(root: Path, partition: Partition, table: pa.Table) -> DataFile:
    """Write rows (`file_schema`, sorted by `bar_end`, at least one) as a new file; on the disk when this returns.

    Nothing reads it until a commit names it. Raises `OSError`; then the file is gone again.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    folder = _make_folder(root, partition.folder)
    path = folder / f"{uuid.uuid4()}.parquet"
    try:
        with path.open("wb") as stream:
            pq.write_table(
                table,
                stream,
                compression="zstd",
                row_group_size=_ROWS_PER_GROUP,
                use_dictionary=_REPEATING_COLUMNS,
                write_page_checksum=True,  # a flipped bit on the disk is an error then, not another price
            )
            stream.flush()
            os.fsync(stream.fileno())
        fsync_folder(folder)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    status = path.stat()
    bar_end, recorded_at = stamps(table, "bar_end"), stamps(table, "recorded_at")
    return DataFile(
        path=f"{partition.folder}/{path.name}",
        partition=partition,
        rows=table.num_rows,
        size_bytes=status.st_size,
        modified_ms=status.st_mtime_ns // 1_000_000,
        first_bar_end=int(bar_end[0]),
        last_bar_end=int(bar_end[-1]),
        first_recorded_at=int(recorded_at.min()),
        last_recorded_at=int(recorded_at.max()),
        last_revision=pc.max(table["revision"]).as_py(),
        unknown={name: table[name].null_count for name in VALUE_COLUMNS},
    )


_REPEATING_COLUMNS: Final = [*VALUE_COLUMNS, "revision", "recorded_at", "source"]


def _make_folder(root: Path, relative: str) -> Path:
    """Make a folder under `root`; its name and those above it are on the disk when this returns."""
    folder = root
    for name in relative.split("/"):
        above, folder = folder, folder / name
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            fsync_folder(above)
    return folder


def read_files(
    root: Path, files: Sequence[DataFile], *, columns: Sequence[str], keep: pads.Expression | None = None
) -> pa.Table:
    """The rows of `files` that `keep` holds for, file by file in order of `first_bar_end`.

    Row groups that `keep` rules out are not read. Raises `BadInputError` for a file that is missing or broken.
    """
    import pyarrow as pa
    import pyarrow.dataset as pads
    from pyarrow.fs import LocalFileSystem

    ordered = sorted(files, key=lambda file: file.first_bar_end)
    paths = [str(root / file.path) for file in ordered]
    try:
        # Arrow's own file system: through the one of deltalake (`to_pyarrow_dataset`) 1 process in 6 aborts at its exit.
        dataset = pads.dataset(paths, schema=file_schema(), format=_checked_parquet(), filesystem=LocalFileSystem())
        return dataset.to_table(columns=list(columns), filter=keep)
    except (OSError, pa.ArrowException) as error:
        raise BadInputError(
            f"{root}: a data file of the bar store is missing or broken ({str(error).splitlines()[0]}); restore the folder "
            "from a backup, or move it away and take the files in again"
        ) from error


def _checked_parquet() -> pads.ParquetFileFormat:
    import pyarrow.dataset as pads

    options = pads.ParquetFragmentScanOptions(page_checksum_verification=True)
    return pads.ParquetFileFormat(default_fragment_scan_options=options)
