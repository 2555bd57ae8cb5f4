"""Sierra Chart's market depth file (`.depth`): its header, its records, and a writer.

One file for each symbol and UTC day, `<symbol>.<YYYY-MM-DD>.depth`: a header of `HeaderSize` bytes (64 so far), then
records of 24 bytes until the end, each one change of the book. Sierra Chart appends while it runs, so a last record may be
half there. Layout: Sierra Chart's published "Market Depth Data File Format".
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.files import write_bytes
from minhos.market_data.sierra.scid import EARLIEST_US, EPOCH_OFFSET_US, LATEST_US
from minhos.market_data.symbols import contract_code

__all__ = [
    "ADD_ASK",
    "ADD_BID",
    "CLEAR_BOOK",
    "DAY_US",
    "DELETE_ASK",
    "DELETE_BID",
    "END_OF_BATCH",
    "HEADER",
    "KIND",
    "MAGIC",
    "MODIFY_ASK",
    "MODIFY_BID",
    "RECORD",
    "SLACK_US",
    "DepthFile",
    "Records",
    "depth_day",
    "depth_symbol",
    "is_depth",
    "open_depth",
    "write_depth",
]

KIND: Final = "sierra_depth"
MAGIC: Final = b"SCDD"
HEADER: Final = struct.Struct("<4sIII48s")  # magic, HeaderSize, RecordSize, Version, reserve

RECORD: Final = np.dtype(
    [
        ("time", "<i8"),
        ("command", "u1"),
        ("flags", "u1"),
        ("orders", "<u2"),
        ("price", "<f4"),
        ("quantity", "<u4"),
        ("reserved", "<u4"),
    ]
)
"""One record, 24 bytes. `time`: us since 1899-12-30 UTC; `quantity`: all that stands at `price` after the command."""

CLEAR_BOOK: Final = 1  # begins a snapshot; 0 is no command
ADD_BID: Final = 2
ADD_ASK: Final = 3
MODIFY_BID: Final = 4
MODIFY_ASK: Final = 5
DELETE_BID: Final = 6
DELETE_ASK: Final = 7
END_OF_BATCH: Final = 0x01  # of `flags`: the book is whole again after this record

DAY_US: Final = 86_400_000_000
SLACK_US: Final = 3_600_000_000  # by which a record may lie outside its file's day: clocks differ
_EPOCH: Final = date(1970, 1, 1)
_DATED_RECORDS: Final = 4_096
_OLD_DAYS: Final = (20_000.0, 75_000.0)  # 1954 to 2105, as days
_NAME: Final = re.compile(r"(?P<symbol>.+?)(?:\.(?P<day>\d{4}-\d{2}-\d{2}))?\.depth", re.IGNORECASE)

Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class DepthFile:
    """A depth file as it was when it was opened.

    `header_size`: bytes before record 0. `records`: whole records, counted from 0. `loose_bytes`: bytes after the last
    whole record, of one that is still being written. `day_us`: UTC us, the midnight that begins the day of its records;
    None without records.
    """

    path: Path
    header_size: int
    records: int
    loose_bytes: int
    day_us: int | None

    def windows(self, size: int) -> Iterator[tuple[int, Records]]:
        """The records, at most `size` at a time: (number of the first one, `RECORD` [n]).

        Raises `BadInputError` where the file has become shorter since it was opened.
        """
        with self.path.open("rb", buffering=0) as stream:
            stream.seek(self.header_size)
            for start in range(0, self.records, size):
                count = min(size, self.records - start)
                window = np.fromfile(stream, dtype=RECORD, count=count)
                if len(window) != count:
                    raise BadInputError(
                        f"{self.path}: the file has become shorter while it was read ({self.records} records at first); "
                        "is Sierra Chart writing it anew? Read it again when that is done"
                    )
                yield start, window


def is_depth(path: Path) -> bool:
    """Whether the file begins as a market depth file does; its name does not matter."""
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def depth_symbol(path: Path) -> str:
    """The contract code in a file's name: `ESZ25-CME.2025-12-01.depth` -> `ESZ25`."""
    match = _NAME.fullmatch(path.name)
    return contract_code(path.stem if match is None else match["symbol"])


def depth_day(path: Path) -> date | None:
    """The UTC day that a file's name states; None where it states none."""
    match = _NAME.fullmatch(path.name)
    if match is None or match["day"] is None:
        return None
    try:
        return date.fromisoformat(match["day"])
    except ValueError:
        return None


def open_depth(path: Path) -> DepthFile:
    """Check the header, count the whole records, find their day.

    Raises `BadInputError` for anything that is no depth file of 24-byte records with dates in microseconds.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(HEADER.size)
            size = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise BadInputError(f"{path}: cannot read the file ({error.strerror})") from error
    if not head:
        raise BadInputError(
            f"{path}: the file is empty; a market depth file begins with a header of {HEADER.size} bytes"
        )
    if not head.startswith(MAGIC):
        raise BadInputError(
            f"{path}: no Sierra Chart market depth file, it begins with {head[:4]!r} and not with {MAGIC!r}"
        )
    if len(head) < HEADER.size:
        raise BadInputError(
            f"{path}: the header is cut, {len(head)} bytes of {HEADER.size}; copy the file again when it is complete"
        )
    _, header_size, record_size, _, _ = HEADER.unpack(head)
    if record_size != RECORD.itemsize:
        raise BadInputError(
            f"{path}: records of {record_size} bytes, {RECORD.itemsize} are known; is it a file of a newer Sierra Chart?"
        )
    if not HEADER.size <= header_size <= size:
        raise BadInputError(
            f"{path}: the header says that it has {header_size} bytes; allowed are {HEADER.size} to the file's {size}"
        )
    records, loose = divmod(size - header_size, RECORD.itemsize)
    opened = DepthFile(path=path, header_size=header_size, records=records, loose_bytes=loose, day_us=None)
    return DepthFile(**{**vars(opened), "day_us": _day_of(opened)})


def _day_of(file: DepthFile) -> int | None:
    """The name's day where the first records are of it, else that of the middle one of their dates: one broken date moves
    neither."""
    for _, window in file.windows(_DATED_RECORDS):
        stamps = np.ascontiguousarray(window["time"])
        times = stamps - EPOCH_OFFSET_US
        dated = np.sort(times[(times >= EARLIEST_US) & (times <= LATEST_US)])
        if len(dated):
            middle = int(dated[len(dated) // 2])
            named = depth_day(file.path)
            if named is not None:
                day = (named - _EPOCH).days * DAY_US
                if day - SLACK_US <= middle < day + DAY_US + SLACK_US:
                    return day
            return middle // DAY_US * DAY_US
        days = stamps.view("<f8")
        if np.any((days >= _OLD_DAYS[0]) & (days <= _OLD_DAYS[1])):
            raise BadInputError(
                f"{file.path}: its dates are days since 1899-12-30, as an old Sierra Chart wrote them, without ends of "
                "batches; only files with dates in microseconds can be read"
            )
    if file.records:
        raise BadInputError(
            f"{file.path}: none of its {file.records} records has a date in microseconds since 1899-12-30; "
            "the file is damaged, copy it again"
        )
    return None


def write_depth(path: Path, records: Records) -> Path:
    """Write `records`, `RECORD` [n], as a depth file, every byte of them; the old file is replaced in one step."""
    if records.dtype != RECORD or records.ndim != 1:
        raise BadInputError(f"{path}: records of {records.dtype} {records.shape}, allowed is {RECORD} [n]")
    header = HEADER.pack(MAGIC, HEADER.size, RECORD.itemsize, 1, bytes(48))
    return write_bytes(path, header + records.tobytes())
