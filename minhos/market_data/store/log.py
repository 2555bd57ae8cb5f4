"""The store's log, kept by Delta Lake: which files are the store's at this moment, and the commits that change it.

A commit is one file of the log, made under its final name in one step: before it nothing of it is seen, after it all.
Format: the Delta transaction log protocol (delta-io/delta, PROTOCOL.md), through the library `deltalake`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from minhos.errors import BadInputError, SetupError
from minhos.files import fsync_folder, fsync_tree
from minhos.market_data.store.data_files import DataFile, Partition
from minhos.market_data.store.schema import PARTITION_COLUMNS, STORE_VERSION, VALUE_COLUMNS, store_schema

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["checkpoint", "commit", "create_log", "data_files", "open_log", "refuse_foreign", "vacuum"]

_LOG: Final = "_delta_log"
_VERSION_KEY: Final = "minhos.store_version"


def open_log(root: Path) -> DeltaTable | None:
    """The store at `root` as it is now; None where nothing was ever written.

    Raises `BadInputError` for a folder that is something else, a log that cannot be read, a store of a newer version.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        refuse_foreign(root)
        if not _has_log(root):
            return None
        table = DeltaTable(root)
        configuration = table.metadata().configuration
    except (DeltaError, OSError) as error:
        raise BadInputError(
            f"{root}: the log of the bar store cannot be read ({_in_one_line(error)}); look at its permissions, restore the "
            "folder from a backup, or move it away and take the files in again"
        ) from error
    version = configuration.get(_VERSION_KEY)
    if version is None:
        raise BadInputError(f"{root}: a Delta Lake table, but not a bar store of this platform; give another folder")
    if version != str(STORE_VERSION):
        raise BadInputError(
            f"{root}: a bar store of version {version}, this program reads version {STORE_VERSION}; update it, or give "
            "another folder"
        )
    return table


def refuse_foreign(root: Path) -> None:
    """`BadInputError` where `root` is a file, or a folder with other content and no log. Names that begin with `_` (the
    lock, the intake's journal) may be there before the first commit."""
    if root.exists() and not root.is_dir():
        raise BadInputError(f"{root}: a file, the bar store is a folder; give another path")
    if not root.is_dir() or _has_log(root):
        return
    strange = sorted(path.name for path in root.iterdir() if not path.name.startswith(("_", "._")))
    if strange:
        raise BadInputError(f"{root}: not a bar store, it has {strange[0]!r} and no log; give an empty or new folder")


def _has_log(root: Path) -> bool:
    try:
        return any(path.name[0].isdecimal() and path.suffix == ".json" for path in (root / _LOG).iterdir())
    except FileNotFoundError:
        return False


def create_log(root: Path) -> DeltaTable:
    """Make an empty store at `root`, in one commit."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable.create(
            root,
            store_schema(),
            partition_by=list(PARTITION_COLUMNS),
            name="bars",
            configuration={_VERSION_KEY: str(STORE_VERSION)},
            raise_if_key_not_exists=False,  # Delta Lake keeps the keys of others
        )
        fsync_tree(root / _LOG)
        fsync_folder(root)
    except (DeltaError, OSError) as error:
        raise SetupError(f"{root}: the bar store could not be made ({_in_one_line(error)})") from error
    return table


def data_files(
    table: DeltaTable, symbol: str | None = None, timeframe_seconds: int | None = None
) -> tuple[DataFile, ...]:
    """The store's files, from the log alone; those of one symbol, and of one timeframe, where these are given."""
    import pyarrow as pa
    import pyarrow.compute as pc

    log = pa.table(table.get_add_actions(flatten=True))
    if symbol is not None:
        log = log.filter(pc.equal(log["partition.instrument"], symbol))
    if timeframe_seconds is not None:
        log = log.filter(pc.equal(log["partition.timeframe_seconds"], timeframe_seconds))
    columns = {name: _plain(log[name]) for name in log.column_names}
    return tuple(
        DataFile(
            path=columns["path"][row],
            partition=Partition(
                symbol=columns["partition.instrument"][row],
                timeframe_seconds=columns["partition.timeframe_seconds"][row],
                year=columns["partition.year"][row],
            ),
            rows=columns["num_records"][row],
            size_bytes=columns["size_bytes"][row],
            modified_ms=columns["modification_time"][row],
            first_bar_end=columns["min.bar_end"][row],
            last_bar_end=columns["max.bar_end"][row],
            first_recorded_at=columns["min.recorded_at"][row],
            last_recorded_at=columns["max.recorded_at"][row],
            last_revision=columns["max.revision"][row],
            unknown={name: columns[f"null_count.{name}"][row] for name in VALUE_COLUMNS},
        )
        for row in range(log.num_rows)
    )


def _plain(column: Any) -> list[Any]:
    import pyarrow as pa

    values: list[Any] = (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return values


def commit(
    root: Path, table: DeltaTable, *, added: Sequence[DataFile] = (), removed: Sequence[DataFile] = (), rewritten: bool
) -> None:
    """Add and remove files in one step, on the disk when this returns. `rewritten`: the rows are the same as before.

    `table` must be the store as it is now, and is so again when this returns. Raises `SetupError` where another program
    has committed in between, or the commit cannot be written.
    """
    from deltalake import CommitProperties, PostCommitHookProperties
    from deltalake.exceptions import DeltaError
    from deltalake.transaction import RemoveAction

    now_ms = (
        time.time_ns() // 1_000_000
    )  # what the vacuum's retention counts from: the file system's clock, not the bars'
    actions = [
        *(_add_action(file, rewritten=rewritten) for file in added),
        *(
            RemoveAction(file.path, not rewritten, now_ms, file.size_bytes, _partition_values(file.partition))
            for file in removed
        ),
    ]
    try:
        table.create_write_transaction(
            actions,
            mode="append",
            schema=store_schema(),
            partition_by=list(PARTITION_COLUMNS),
            commit_properties=CommitProperties(max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
        )
        table.update_incremental()
    except (DeltaError, OSError) as error:
        raise SetupError(
            f"{root}: the commit to the bar store failed ({_in_one_line(error)}): the disk is full, or another program "
            "wrote to it in this moment; the store is as it was, run it again"
        ) from error
    # Delta Lake does not force its commit to the disk: after a power failure within these lines the commit may be gone
    # (or, on a file system that orders names before data, unreadable).
    log = root / _LOG
    with (log / f"{table.version():020d}.json").open("rb") as stream:
        os.fsync(stream.fileno())
    fsync_folder(log)


def checkpoint(root: Path, table: DeltaTable) -> None:
    """Sum the log up in one file, from which the next reader begins; drop log files that are over 30 days old."""
    from deltalake.exceptions import DeltaError

    try:
        table.create_checkpoint()
        fsync_tree(root / _LOG)
        table.cleanup_metadata()
    except (DeltaError, OSError) as error:
        raise SetupError(f"{root}: the log of the bar store could not be summed up ({_in_one_line(error)})") from error


def vacuum(root: Path, table: DeltaTable, *, retention_hours: int) -> int:
    """Delete the data files that left the store (or were never in it: a killed writer's) over `retention_hours` ago.

    A reader that has opened the store within that time finds all its files. Returns how many were deleted.
    """
    from deltalake.exceptions import DeltaError

    try:
        gone = table.vacuum(retention_hours=retention_hours, dry_run=False, enforce_retention_duration=False, full=True)
    except (DeltaError, OSError) as error:
        raise SetupError(f"{root}: old files of the bar store could not be deleted ({_in_one_line(error)})") from error
    return len(gone)


def _add_action(file: DataFile, *, rewritten: bool) -> Any:
    from deltalake.transaction import AddAction

    stats = {
        "numRecords": file.rows,
        "minValues": {"bar_end": _utc(file.first_bar_end), "recorded_at": _utc(file.first_recorded_at)},
        "maxValues": {
            "bar_end": _utc(file.last_bar_end),
            "recorded_at": _utc(file.last_recorded_at),
            "revision": file.last_revision,
        },
        "nullCount": dict(file.unknown),
    }
    return AddAction(
        path=file.path,
        size=file.size_bytes,
        partition_values=_partition_values(file.partition),
        modification_time=file.modified_ms,
        data_change=not rewritten,
        stats=json.dumps(stats),
    )


def _partition_values(partition: Partition) -> dict[str, str | None]:
    values = (partition.symbol, str(partition.timeframe_seconds), str(partition.year))
    return dict(zip(PARTITION_COLUMNS, values, strict=True))


def _utc(us: int) -> str:
    return f"{np.datetime64(us, 'us')}Z"


def _in_one_line(error: Exception) -> str:
    """What the library says, without its colours, arrows and backtrace."""
    lines = [re.sub(r"\x1b\[\d+m|\u21b3", "", line).strip() for line in str(error).splitlines()]
    told = itertools.takewhile(lambda line: not line.startswith("0: "), filter(None, lines))
    return ": ".join(told)
