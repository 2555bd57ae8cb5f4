"""The store's door: read, upsert, list, remove, keep up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from minhos.errors import BadInputError, ConfigError, MinhosError, SetupError
from minhos.locks import exclusive
from minhos.market_data.bars import BarSeries
from minhos.market_data.store.catalog import CatalogEntry, catalog, inventory_words
from minhos.market_data.store.data_files import DataFile, newest_record
from minhos.market_data.store.history import Revision, read_known, read_revisions
from minhos.market_data.store.log import commit, create_log, data_files, open_log, refuse_foreign
from minhos.market_data.store.schema import check_storable
from minhos.market_data.store.upkeep import RETENTION_HOURS, Upkeep, crowded, merge, tidy
from minhos.market_data.store.upsert import Upserted, write_changes
from minhos.market_data.timeframes import timeframe_name

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["BarStore"]

_LOCK: Final = "_writer.lock"  # Delta Lake leaves names with a leading underscore alone
_CROWDED: Final = 16
_COMMITS_BETWEEN_TIDYINGS: Final = 32


class BarStore:
    """All bars of a home, under one folder.

    Readers take no lock and see one commit, whole; a reading that has begun is not disturbed by later ones. Writers
    take turns by a lock in the folder, which the kernel drops when one dies; `wait_seconds` is how long one waits for
    another. A writer that is killed leaves the store as it was, or with everything; its lost files are deleted later.
    Not for a process that was forked from one which has used a store: the library's threads do not survive a fork.

    `ConfigError`: a path that the library cannot keep. Every method raises `BadInputError` for a folder that is no bar
    store, a log or file that cannot be read, or a store of a newer version; those that write raise `SetupError` where the
    disk is full, the folder cannot be written, or another process writes for longer than `wait_seconds`.
    """

    def __init__(self, root: Path, *, wait_seconds: float = 60.0) -> None:
        self._root = root.absolute()
        if re.search(r"[%\\]", str(self._root)):  # deltalake 1.6 decodes and turns them, and looks elsewhere
            raise ConfigError(f"{self._root}: a bar store's path cannot have `%` or a backslash; give another folder")
        self._wait_seconds = wait_seconds

    @property
    def root(self) -> Path:
        """The folder; it is made with the first upsert."""
        return self._root

    def read(
        self,
        symbol: str,
        timeframe_seconds: int,
        *,
        start: int | None = None,
        end: int | None = None,
        as_of: int | None = None,
        recorded_by: int | None = None,
    ) -> BarSeries:
        """The bars with `start <= bar_end <= end`, each with its newest value; all times UTC us.

        `as_of`: what was known at that moment: bars that had ended, without the corrections recorded later. A bar's
        first value counts as known at its end, also where the store took it in later.
        `recorded_by`: what this store had at that moment, to do an earlier night again exactly. Both may be given.
        `open_interest` is None where no bar has it. Raises `BadInputError` where the store has no such series; the
        series has no bars where it has none in the range.
        """
        found = self._find(symbol, timeframe_seconds, start, end, as_of, recorded_by)
        if found is None:
            raise self._missing(symbol, timeframe_seconds, self._files())
        return found

    def find(
        self, symbol: str, timeframe_seconds: int, *, start: int | None = None, end: int | None = None
    ) -> BarSeries | None:
        """As `read`; None where the store has no such series."""
        return self._find(symbol, timeframe_seconds, start, end)

    def revisions(self, symbol: str, timeframe_seconds: int) -> tuple[Revision, ...]:
        """The corrections of a series, by bar and number. `BadInputError` where the store has no such series."""
        files = self._files(symbol, timeframe_seconds)
        if not files:
            raise self._missing(symbol, timeframe_seconds, self._files())
        return read_revisions(self._root, files)

    def catalog(self) -> tuple[CatalogEntry, ...]:
        """What is there, by symbol and timeframe; nothing where nothing was ever written."""
        return catalog(self._root, self._files())

    def last_recorded_at(self) -> int | None:
        """When the newest row that is there was recorded, UTC us; None for an empty store."""
        return newest_record(self._files())

    def upsert(self, series: BarSeries, *, source: str, recorded_at: int) -> Upserted:
        """`upsert_many` of one series."""
        return self.upsert_many([(series, source)], recorded_at=recorded_at)[0]

    def upsert_many(self, batch: Sequence[tuple[BarSeries, str]], *, recorded_at: int) -> tuple[Upserted, ...]:
        """Add the bars that are new, and corrections of those whose values changed: all of it in one commit, or nothing.

        Each series comes with its source in words (a file's name). `recorded_at`: now, UTC us. Bars that the store has
        with these values are not written; the same batch again commits nothing. Commits are recorded one after the other:
        one whose clock is not after the newest is recorded a microsecond after it, so that whoever has read up to
        `last_recorded_at` reads the same for ever with `recorded_by`. Raises `BadInputError` for a series that is given
        twice, a symbol that cannot name a folder, times outside 1800 to 2199.
        """
        for series, _ in batch:
            check_storable(series)
        names = [(series.symbol, series.timeframe_seconds) for series, _ in batch]
        for symbol, seconds in names:
            if names.count((symbol, seconds)) > 1:
                raise BadInputError(
                    f"{symbol} {timeframe_name(seconds)} is twice in one upsert: which of its values is the newer one "
                    "cannot be told; upsert one after the other"
                )
        with self._writing() as table:
            newest = newest_record(data_files(table))
            recorded_at = recorded_at if newest is None else max(recorded_at, newest + 1)
            written: list[DataFile] = []
            counts = []
            try:
                for series, source in batch:
                    stored = data_files(table, series.symbol, series.timeframe_seconds)
                    counts.append(
                        write_changes(self._root, series, stored, written, recorded_at=recorded_at, source=source)
                    )
            except BaseException:
                for file in written:  # no commit names them yet
                    (self._root / file.path).unlink(missing_ok=True)
                raise
            if written:
                before = table.version()
                commit(self._root, table, added=written, rewritten=False)
                self._keep_up(table, before)
        return tuple(counts)

    def remove(self, symbol: str, timeframe_seconds: int) -> int:
        """Take a series out of the store, with all its corrections, in one commit; how many bars it had.

        Its files are deleted a week later. Raises `BadInputError` where the store has no such series.
        """
        with self._writing() as table:
            files = data_files(table, symbol, timeframe_seconds)
            if not files:
                raise self._missing(symbol, timeframe_seconds, data_files(table))
            entry = catalog(self._root, files)[0]
            commit(self._root, table, removed=files, rewritten=False)
        return entry.bars

    def maintain(self, *, retention_hours: int = RETENTION_HOURS) -> Upkeep:
        """Merge small files, sum up the log, delete files that left the store over `retention_hours` ago.

        Upserts do it by themselves now and then. Below the default a reader that is at work may lose its files.
        """
        with self._writing() as table:
            groups = crowded(data_files(table), at_least=2)
            merge(self._root, table, groups)
            deleted = tidy(self._root, table, retention_hours=retention_hours)
        return Upkeep(merged=sum(map(len, groups.values())), into=len(groups), deleted=deleted)

    def _keep_up(self, table: DeltaTable, version_before: int) -> None:
        """The upkeep that is due after a commit."""
        try:
            merge(self._root, table, crowded(data_files(table), at_least=_CROWDED))
            if version_before // _COMMITS_BETWEEN_TIDYINGS < table.version() // _COMMITS_BETWEEN_TIDYINGS:
                tidy(self._root, table, retention_hours=RETENTION_HOURS)
        except (MinhosError, OSError) as error:
            raise SetupError(
                f"{self._root}: the bars are in the store, but its upkeep failed ({error}); look after the disk, "
                "the next upsert tries again"
            ) from error

    def _files(self, symbol: str | None = None, timeframe_seconds: int | None = None) -> tuple[DataFile, ...]:
        table = open_log(self._root)
        return () if table is None else data_files(table, symbol, timeframe_seconds)

    def _find(
        self,
        symbol: str,
        timeframe_seconds: int,
        start: int | None,
        end: int | None,
        as_of: int | None = None,
        recorded_by: int | None = None,
    ) -> BarSeries | None:
        files = self._files(symbol, timeframe_seconds)
        if not files:
            return None
        known = read_known(self._root, files, start=start, end=end, as_of=as_of, recorded_by=recorded_by)
        interest = known.values[:, -1]
        return BarSeries(
            symbol=symbol,
            timeframe_seconds=timeframe_seconds,
            bar_end=known.bar_end,
            values=known.values[:, :-1],
            open_interest=None if np.all(np.isnan(interest)) else interest,
        )

    def _missing(self, symbol: str, timeframe_seconds: int, files: tuple[DataFile, ...]) -> BadInputError:
        there = f"there is {inventory_words(files)}" if files else "the store is empty"
        return BadInputError(
            f"{self._root}: no bars of {symbol} {timeframe_name(timeframe_seconds)}; {there}; take them in with "
            "`minhos ingest`"
        )

    @contextmanager
    def _writing(self) -> Iterator[DeltaTable]:
        """The store as it is now, made where it is missing, and nobody else's to write while the block runs."""
        try:
            refuse_foreign(self._root)  # before the lock leaves a file in somebody else's folder
            with exclusive(self._root / _LOCK, busy=self._busy, wait_seconds=self._wait_seconds):
                yield open_log(self._root) or create_log(self._root)
        except OSError as error:
            raise SetupError(
                f"{self._root}: the bar store cannot be written ({error}); it has all of this or nothing; look after "
                "the space on the disk and the permissions of the folder, then run it again"
            ) from error

    def _busy(self, holder: str) -> MinhosError:
        return SetupError(
            f"{self._root}: {holder} writes to the bar store, for longer than {self._wait_seconds:g} s; wait for it to end"
        )
