"""Sierra Chart's intraday file (`.scid`): its header, its records, and a view of them that stays small.

A header of `HeaderSize` bytes (56 so far), then records of 40 bytes until the end. Sierra Chart appends while it runs, so
a last record may be half there. Two generations look alike, version number included, and differ in the stamp: int64 us
since 1899-12-30, UTC, today; float64 days since then in files of about 2010 to 2017. Layout: Sierra Chart's published
"Intraday Data File Format" and `IntradayRecord.h`.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError

__all__ = [
    "EARLIEST_US",
    "EPOCH_OFFSET_US",
    "FIRST_SUB_TRADE",
    "HEADER",
    "KIND",
    "LAST_SUB_TRADE",
    "LATEST_US",
    "MAGIC",
    "RECORD",
    "ScidFile",
    "is_scid",
    "open_scid",
    "prefix_fingerprint",
    "read_header",
    "unix_microseconds",
]

KIND: Final = "sierra_scid"
MAGIC: Final = b"SCID"
HEADER: Final = struct.Struct("<4sIIHHI36s")  # magic, HeaderSize, RecordSize, Version, unused, UTCStartIndex, reserve

RECORD: Final = np.dtype(
    [
        ("time", "<i8"),
        ("open", "<f4"),
        ("high", "<f4"),
        ("low", "<f4"),
        ("close", "<f4"),
        ("trades", "<u4"),
        ("volume", "<u4"),
        ("bid_volume", "<u4"),
        ("ask_volume", "<u4"),
    ]
)
"""One record, 40 bytes. `time`: us since 1899-12-30 UTC (or the bits of a float64 of days, in an old file). In a tick
`open` is 0.0 or a sub-trade's mark, `high` the ask and `low` the bid at the trade, `close` its price, `trades` 1."""

# Open of the first and the last part of a summary trade that the exchange's feed gives unbundled. The two are 8 ulp
# apart: only their bits tell them from each other.
FIRST_SUB_TRADE: Final = np.uint32(0xFD709EF9).view(np.float32)
LAST_SUB_TRADE: Final = np.uint32(0xFD709F01).view(np.float32)

EPOCH_OFFSET_US: Final = 25_569 * 86_400_000_000  # 1899-12-30 to 1970-01-01
EARLIEST_US: Final = 2_500_000_000_000_000 - EPOCH_OFFSET_US  # 1979-03: no stamp of a file is before
LATEST_US: Final = 6_400_000_000_000_000 - EPOCH_OFFSET_US  # 2102-10
_OLD_DAYS: Final = (20_000.0, 75_000.0)  # 1954 to 2105, as days
_DAY_MS: Final = 86_400_000
_SEARCH_RECORDS: Final = 4_096
_FINGERPRINT_BYTES: Final = 65_536

Integers = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class ScidFile:
    """An intraday file as it was when it was opened.

    `header_size`: bytes before record 0. `records`: whole records, counted from 0. `loose_bytes`: bytes after the last
    whole record, of one that is still being written. `double_dates`: the stamps are float64 days (an old file).
    """

    path: Path
    header_size: int
    records: int
    loose_bytes: int
    double_dates: bool

    def windows(self, *, first: int = 0, size: int) -> Iterator[tuple[int, Records]]:
        """The records from `first` on, at most `size` at a time: (number of the first one, `RECORD` [n]).

        Each window is mapped alone and read-only, so memory stays at one window; use it before asking for the next.
        Raises `BadInputError` where the file has become shorter since it was opened.
        """
        with self.path.open("rb") as stream:
            for start in range(first, self.records, size):
                yield start, self._map(stream, start, min(size, self.records - start))

    def _map(self, stream: BinaryIO, start: int, count: int) -> Records:
        begin = self.header_size + start * RECORD.itemsize
        length = count * RECORD.itemsize
        if os.fstat(stream.fileno()).st_size < begin + length:  # a mapping past the end would kill the process
            raise BadInputError(
                f"{self.path}: the file has become shorter while it was read (record {start} of {self.records} is gone); "
                "is Sierra Chart writing it anew? Read it again when that is done"
            )
        into_page = begin % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(stream.fileno(), into_page + length, offset=begin - into_page, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, dtype=RECORD, count=count, offset=into_page)


def is_scid(path: Path) -> bool:
    """Whether the file begins as an intraday file does, whatever its name; `BadInputError` where it cannot be read."""
    return _head(path).startswith(MAGIC)


def read_header(path: Path) -> int:
    """Check the header; bytes before the first record. `BadInputError` for anything that is no intraday file."""
    head = _head(path)
    if not head:
        raise BadInputError(f"{path}: the file is empty; an intraday file begins with a header of {HEADER.size} bytes")
    if not head.startswith(MAGIC):
        raise BadInputError(
            f"{path}: no Sierra Chart intraday file, it begins with {head[:4]!r} and not with {MAGIC!r}"
        )
    if len(head) < HEADER.size:
        raise BadInputError(
            f"{path}: the header is cut, {len(head)} bytes of {HEADER.size}; copy the file again when it is complete"
        )
    _, header_size, record_size, _, _, _, _ = HEADER.unpack(head)
    if record_size != RECORD.itemsize:
        raise BadInputError(
            f"{path}: records of {record_size} bytes, {RECORD.itemsize} are known; is it a file of a newer Sierra Chart?"
        )
    size = path.stat().st_size
    if not HEADER.size <= header_size <= size:
        raise BadInputError(
            f"{path}: the header says that it has {header_size} bytes; allowed are {HEADER.size} to the file's {size}"
        )
    return int(header_size)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEADER.size)
    except OSError as error:
        raise BadInputError(f"{path}: cannot read the file ({error.strerror})") from error


def open_scid(path: Path) -> ScidFile:
    """Check the header, count the whole records, and tell the two generations apart by the first dated record.

    Raises `BadInputError` for anything that is no intraday file, or has no record with a date of either kind.
    """
    header_size = read_header(path)
    records, loose = divmod(max(0, path.stat().st_size - header_size), RECORD.itemsize)
    opened = ScidFile(path=path, header_size=header_size, records=records, loose_bytes=loose, double_dates=False)
    return ScidFile(**{**vars(opened), "double_dates": _has_double_dates(opened)})


def _has_double_dates(file: ScidFile) -> bool:
    """Old or new: the two ranges of values cannot overlap. False where there is no record but empty ones."""
    blank = True
    for _, window in file.windows(size=_SEARCH_RECORDS):
        stamps = np.ascontiguousarray(window["time"])
        days = stamps.view("<f8")
        new = (stamps >= EARLIEST_US + EPOCH_OFFSET_US) & (stamps <= LATEST_US + EPOCH_OFFSET_US)
        old = (days >= _OLD_DAYS[0]) & (days <= _OLD_DAYS[1])
        known = np.flatnonzero(new | old)
        if known.size:
            return bool(old[known[0]])
        blank = blank and not stamps.any()
    if not blank:
        raise BadInputError(
            f"{file.path}: no record has a date, neither in microseconds nor in days since 1899-12-30; "
            "the file is damaged: let Sierra Chart download it again"
        )
    return False


def unix_microseconds(window: Records, *, double_dates: bool) -> Integers:
    """The stamps of records as UTC us, int64 [n]; a date that is none becomes one before `EARLIEST_US`.

    Old stamps are rounded to the millisecond, their true resolution: summed fractions of a day have drifted
    (truncation gives xx:59.999999). In new ones the last three digits only count the trades of one millisecond.
    """
    stamps = np.ascontiguousarray(window["time"])
    if not double_dates:
        return stamps - EPOCH_OFFSET_US
    days = stamps.view("<f8")
    with np.errstate(invalid="ignore"):
        dated = (days >= _OLD_DAYS[0]) & (days <= _OLD_DAYS[1])
    return np.round(np.where(dated, days, 0.0) * _DAY_MS).astype(np.int64) * 1_000 - EPOCH_OFFSET_US


def prefix_fingerprint(path: Path, records: int) -> str:
    """A cheap identity of the file up to record number `records`: SHA-256 of header, first record, and the last 64 kB.

    The same for a file that was only appended to since; another for one that was written anew or has become shorter.
    Raises `BadInputError` for anything that is no intraday file.
    """
    header_size = read_header(path)
    end = header_size + records * RECORD.itemsize
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        digest.update(stream.read(min(end, header_size + RECORD.itemsize)))
        begin = max(header_size, end - _FINGERPRINT_BYTES)
        stream.seek(begin)
        digest.update(stream.read(end - begin))
    return digest.hexdigest()
