"""What an intake would read: each file with its kind, its symbol, and how much of it is new. Reads heads, no rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.instruments import Instrument, Instruments, load_instruments
from minhos.market_data.intake.journal import FileEntry, Journal, read_journal
from minhos.market_data.intake.options import IntakeOptions, Reading
from minhos.market_data.readers.scan import SCID, Found, Scan, scan_paths
from minhos.market_data.sierra.scid import RECORD, prefix_fingerprint, read_header
from minhos.market_data.symbols import codes_in

__all__ = ["IntakePlan", "Item", "State", "plan_files", "plan_intake"]

State = Literal["new", "grown", "changed", "again", "unchanged"]
"""`grown`: only what was appended is read. `changed`: its earlier part is not what it was. `again`: the file is as it was,
the way of reading it is not (or everything was asked for)."""


@dataclass(frozen=True)
class Item:
    """One file that will be read, from record `first_record` on where it is a `.scid`; `size` in bytes. `known`: as it was
    when it was last taken in."""

    found: Found
    instrument: Instrument
    reading: Reading
    state: State
    size: int
    mtime_ns: int
    first_record: int
    bytes_to_read: int
    known: FileEntry | None = None


@dataclass(frozen=True)
class IntakePlan:
    """Files to read, files that are bars and cannot be used (path -> why), and files that are something else."""

    items: tuple[Item, ...]
    refused: dict[Path, str]
    ignored: dict[str, str]
    synthetic: bool = False

    @property
    def bytes_to_read(self) -> int:
        return sum(item.bytes_to_read for item in self.items)


def plan_intake(paths: Sequence[Path], options: IntakeOptions, store: Path) -> IntakePlan:
    """Look at files and at all files under folders, and at what of them the store has taken in already.

    Raises `BadInputError` for a path that is not there and where nothing under the paths can be read as bars,
    `InstrumentError` for a broken instruments file.
    """
    scan = scan_paths(paths, options.map_file, options.said)
    return plan_files(scan, options, load_instruments(options.instruments_file), read_journal(store))


def plan_files(scan: Scan, options: IntakeOptions, instruments: Instruments, journal: Journal) -> IntakePlan:
    """The plan of files that were found already."""
    items: list[Item] = []
    refused = dict(scan.refused)
    for seen in scan.found:
        try:
            found, instrument = _known(seen, instruments, options.said.symbol)
            items.append(_item(found, instrument, options, journal.files.get(str(found.path.absolute()))))
        except (BadInputError, InstrumentError) as error:
            refused[seen.path] = str(error)
    return IntakePlan(items=tuple(items), refused=refused, ignored=scan.ignored, synthetic=scan.synthetic)


def _known(found: Found, instruments: Instruments, said: str | None) -> tuple[Found, Instrument]:
    """The file and its instrument; where the name does not begin with a known symbol, by what was said, or by the one
    contract that is in it."""
    try:
        return found, instruments.find(found.symbol)
    except InstrumentError as error:
        if found.rule is not None:  # the map says the symbol
            raise
        if said is not None:
            return found.with_symbol(said), instruments.find(said)
        known = []
        for code in codes_in(found.path.stem):
            with suppress(InstrumentError):
                known.append((found.with_symbol(code), instruments.find(code)))
        if len(known) != 1:
            raise InstrumentError(
                f"{error}. Or, where the name does not begin with the symbol, say it: --symbol ESZ25, or in the column map "
                f'[symbols] "{found.path.name}" = "ESZ25"'
            ) from error
        return known[0]


def _item(found: Found, instrument: Instrument, options: IntakeOptions, entry: FileEntry | None) -> Item:
    if found.binary and found.price_multiplier is None:
        found = found.with_multiplier(instrument.price_multiplier)
    reading = Reading.of(found, instrument, options)
    status = found.path.stat()
    state, first_record = _state(found, reading, options, entry, size=status.st_size, mtime_ns=status.st_mtime_ns)
    start = read_header(found.path) + first_record * RECORD.itemsize if first_record else 0
    return Item(
        found=found,
        instrument=instrument,
        reading=reading,
        state=state,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        first_record=first_record,
        bytes_to_read=0 if state == "unchanged" else max(0, status.st_size - start),
        known=entry,
    )


def _state(
    found: Found, reading: Reading, options: IntakeOptions, entry: FileEntry | None, *, size: int, mtime_ns: int
) -> tuple[State, int]:
    """What the file is against its entry, and the record to begin with."""
    if entry is None:
        return "new", 0
    if options.full or entry.reading != reading.key:
        return "again", 0
    if (entry.size, entry.mtime_ns) == (size, mtime_ns):
        return "unchanged", 0
    if (
        found.kind == SCID
        and entry.next_record is not None
        and prefix_fingerprint(found.path, entry.next_record) == entry.fingerprint
    ):
        return "grown", entry.next_record
    return "changed", 0
