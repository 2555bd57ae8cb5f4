"""A Parquet file as a table: the columns that are asked for, with the file's row numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np

from minhos.errors import BadInputError
from minhos.market_data.readers.rejections import RowFaults
from minhos.market_data.readers.table import Table, first_bytes, read_content

__all__ = ["is_parquet", "read_parquet_table"]

_MAGIC: Final = b"PAR1"


def is_parquet(path: Path) -> bool:
    """Whether the file is Parquet, by its first bytes; `BadInputError` where it cannot be read."""
    return first_bytes(path, len(_MAGIC)) == _MAGIC


def read_parquet_table(path: Path, *, columns: Collection[str]) -> Table:
    """Read the rows of a Parquet file; of its columns only those of `columns` that it has get cells.

    Raises `BadInputError` for a file that is unreadable, half-written or empty, or has such a column twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = read_content(path)
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = file.schema_arrow.names
        wanted = [name for name in names if name in columns]
        cells = file.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise BadInputError(
            f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}); write it again, or wait until it is whole"
        ) from error
    if len(set(wanted)) < len(wanted):
        repeated = sorted({name for name in wanted if wanted.count(name) > 1})
        raise BadInputError(f"{path}: the columns {', '.join(repeated)} are there twice; name each once")
    rows = file.metadata.num_rows
    if rows == 0:
        raise BadInputError(f"{path}: no rows; write the file again with bars in it")
    return Table(
        path=path,
        columns=tuple(names),
        cells={name: cells[name] for name in wanted},
        places=np.arange(1, rows + 1, dtype=np.int64),
        unit="row",
        sha256=hashlib.sha256(content).hexdigest(),
        cut=None,
        faults=RowFaults(rows),
    )
