"""The intake itself: every planned file is read, compared with the store, and written in one commit of its own.

A file that cannot be used is refused with its reason and the others go on. A kill in the middle leaves whole files: those
that were committed, and those that were not and are read the next time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from minhos.errors import BadInputError, MinhosError, SetupError
from minhos.files import write_text
from minhos.locks import exclusive
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument
from minhos.market_data.intake.comparison import Comparison, compare, contradiction
from minhos.market_data.intake.depth import take_in_depth
from minhos.market_data.intake.journal import FileEntry, read_journal, write_journal
from minhos.market_data.intake.options import IntakeOptions
from minhos.market_data.intake.outcome import FileOutcome, IntakeOutcome
from minhos.market_data.intake.plan import IntakePlan, Item
from minhos.market_data.intake.reading import read_item
from minhos.market_data.intake.roll_dates import forget_roll_dates, record_roll_dates
from minhos.market_data.readers.scan import DEPTH
from minhos.market_data.readers.sierra_text import sierra_symbol
from minhos.market_data.store import BarStore

__all__ = ["Follower", "is_synthetic", "remove_series", "take_in"]

WAIT_SECONDS: Final = 600.0
_SYNTHETIC: Final = "_SYNTHETIC"


class Follower(Protocol):
    """Who is told how an intake goes on: `bytes_done` of all that are to be read, and each file as it is finished."""

    def progress(self, item: Item, bytes_done: int) -> None: ...

    def finished(self, outcome: FileOutcome) -> None: ...


def take_in(
    plan: IntakePlan,
    store: BarStore,
    options: IntakeOptions,
    *,
    now_us: int,
    follower: Follower | None = None,
    waiting: Callable[[str], None] | None = None,
    dry_run: bool = False,
) -> IntakeOutcome:
    """Take the planned files into the store; `dry_run`: read and compare them, and write nothing.

    `now_us`: UTC us, the moment that revisions are recorded at. One intake at a time on one store: another one waits
    (`waiting` is told for whom) and then finds what the first has left. Raises `BadInputError` where it waits in vain;
    a file's own errors are in its outcome.
    """
    refused = tuple(
        FileOutcome(path=path, kind="", symbol=sierra_symbol(path) or path.name, status="refused", error=why)
        for path, why in plan.refused.items()
    )

    def busy(holder: str) -> MinhosError:
        return BadInputError(
            f"{store.root}: another intake ({holder}) has been running for {WAIT_SECONDS:.0f} s; try again when it is done"
        )

    lock = exclusive(lock_of(store.root), busy=busy, wait_seconds=WAIT_SECONDS, waiting=waiting)
    with nullcontext() if dry_run else lock:  # a dry run writes nothing, and so waits for nobody
        if not dry_run:
            _keep_apart(plan, store.root)
        done = 0
        outcomes = []
        for item in plan.items:
            before = done

            def progress(bytes_done: int, item: Item = item, before: int = before) -> None:
                if follower is not None:
                    follower.progress(item, before + min(bytes_done, item.bytes_to_read))

            outcome = _take_in_one(item, store, options, now_us=now_us, progress=progress, dry_run=dry_run)
            done += item.bytes_to_read
            outcomes.append(outcome)
            if follower is not None:
                follower.progress(item, done)
                follower.finished(outcome)
        changed = [one.symbol for one in outcomes if one.kind != DEPTH and (one.new or one.updated)]
        rolls = () if dry_run else record_roll_dates(store, changed, options.instruments_file)
    return IntakeOutcome(files=(*outcomes, *refused), ignored=plan.ignored, dry_run=dry_run, rolls=rolls)


def is_synthetic(store: Path) -> bool:
    """Whether a store holds bars of the synthetic exchange."""
    return (store / _SYNTHETIC).exists()


def _keep_apart(plan: IntakePlan, store: Path) -> None:
    """A store holds real bars or made-up ones: mixed, a made-up market would be traded one day."""
    if not plan.items:
        return
    if plan.synthetic and not is_synthetic(store):
        if BarStore(store).catalog():
            raise BadInputError(
                f"{store}: it holds bars of a real market, the files are of the synthetic exchange; give these a store of "
                "their own (another MINHOS_HOME)"
            )
        _written(store, lambda: write_text(store / _SYNTHETIC, "bars of the synthetic exchange\n"))
    elif is_synthetic(store) and not plan.synthetic:
        raise BadInputError(
            f"{store}: it holds bars of the synthetic exchange, the files are not marked as such; give them a store of "
            "their own (another MINHOS_HOME)"
        )


def remove_series(store: BarStore, symbol: str, timeframe_seconds: int) -> int:
    """Remove a series with all its history, and forget its files and roll dates, so that they can be taken in anew; bars
    removed.

    Raises `BadInputError` where the store has no such series, or an intake is running.
    """

    def busy(holder: str) -> MinhosError:
        return BadInputError(f"{store.root}: an intake ({holder}) is running; remove when it is done")

    with exclusive(lock_of(store.root), busy=busy):
        removed = store.remove(symbol, timeframe_seconds)
        journal = read_journal(store.root).without_series(symbol, timeframe_seconds)
        _written(store.root, lambda: write_journal(store.root, journal))
        forget_roll_dates(store.root, symbol)
    return removed


def _written(store: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise SetupError(
            f"{store}: cannot be written ({error.strerror}); look after the space on the disk and the permissions, then run "
            "it again"
        ) from error


def lock_of(store: Path) -> Path:
    """The lock file of a store's intake: beside the store, which may not be there yet."""
    return store.with_name(f".{store.name}.intake.lock")


def _take_in_one(
    item: Item,
    store: BarStore,
    options: IntakeOptions,
    *,
    now_us: int,
    progress: Callable[[int], None],
    dry_run: bool,
) -> FileOutcome:
    if item.state == "unchanged":
        return _as_it_was(item)
    outcome = FileOutcome(path=item.found.path, kind=item.found.kind, symbol=item.found.symbol, status="refused")
    try:
        if item.found.kind == DEPTH:
            outcome = take_in_depth(item, store.root, options, now_us=now_us, progress=progress, dry_run=dry_run)
            entry = _entry(item, outcome)
        else:
            read = read_item(item, options, now_us=now_us, progress=progress)
            found = _compare(read.series, store, item.instrument)
            outcome = FileOutcome.taken(
                item.found.path,
                item.found.kind,
                read.series,
                (found.new, found.updated, found.unchanged),
                rejected=read.rejected,
                covers_until=read.covers_until,
                zone=read.zone,
                words=read.words,
            )
            problem = None if options.replace else contradiction(found, read.series, item.instrument)
            if problem is not None:
                return outcome.with_error(
                    f"{item.found.path}: {problem}; look with `minhos bars`, then remove what is wrong there "
                    "(`minhos bars --remove`), or take this file with --replace"
                )
            if not dry_run and (found.new or found.updated):
                store.upsert(read.series, source=item.found.path.name, recorded_at=now_us)
            entry = _entry(item, outcome, next_record=read.next_record, fingerprint=read.fingerprint)
    except (MinhosError, OSError) as error:
        return outcome.with_error(str(error) if isinstance(error, MinhosError) else f"{item.found.path}: {error}")
    if dry_run:
        return outcome
    try:
        journal = read_journal(store.root)
        write_journal(store.root, journal.with_file(item.found.path.absolute(), entry, outcome.covers_until))
    except (MinhosError, OSError) as error:
        name = item.found.path.name
        words = f"{name}: its bars are in the store, but the journal is not ({error}); it is read again next time"
        return replace(outcome, words=(*outcome.words, words))
    return outcome


def _as_it_was(item: Item) -> FileOutcome:
    known = item.known
    assert known is not None
    return FileOutcome(
        path=item.found.path,
        kind=item.found.kind,
        symbol=known.symbol,
        status="unchanged",
        timeframe_seconds=known.timeframe_seconds,
        zone=known.zone,
        words=known.words,
    )


def _compare(series: BarSeries, store: BarStore, instrument: Instrument) -> Comparison:
    if len(series) == 0:
        return compare(None, series, tick_size=instrument.tick_size)
    known = store.find(
        series.symbol, series.timeframe_seconds, start=int(series.bar_end[0]), end=int(series.bar_end[-1])
    )
    return compare(known, series, tick_size=instrument.tick_size)


def _entry(
    item: Item, outcome: FileOutcome, *, next_record: int | None = None, fingerprint: str | None = None
) -> FileEntry:
    assert outcome.timeframe_seconds is not None
    return FileEntry(
        size=item.size,
        mtime_ns=item.mtime_ns,
        reading=item.reading.key,
        kind=outcome.kind,
        symbol=outcome.symbol,
        timeframe_seconds=outcome.timeframe_seconds,
        zone=outcome.zone,
        words=outcome.said,
        next_record=next_record,
        fingerprint=fingerprint,
    )
