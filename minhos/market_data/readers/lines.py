"""The lines of a delimited text file, looked at as bytes: which are rows, which are malformed, how the file ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError

__all__ = ["Rows", "bare_return_line", "data_rows", "more", "stray_quote_line"]

_NEWLINE: Final = ord("\n")
_BLOCK_BYTES: Final = 1 << 24  # looked at in pieces: the positions of all separators would be larger than the file


@dataclass(frozen=True)
class Rows:
    """The rows of a file. `lines` int64 [T]: the 1-based line of each.

    `cut`: why the last row may be half-written, None where it is whole. In `body` the fields of a cut row that may be
    incomplete are empty, so that it can be dated by the others; the row itself must not be used.
    """

    body: bytes
    lines: npt.NDArray[np.int64]
    cut: str | None


def more(count: int) -> str:
    """` (7 such rows)` where an error names only the first one."""
    return f" ({count} such rows)" if count > 1 else ""


def data_rows(path: Path, body: bytes, *, separator: str, columns: int, header_lines: int) -> Rows:
    """The rows after the header, each with exactly `columns` fields; blank lines are passed over.

    `header_lines`: 1, or 0 where the file has no header. Raises `BadInputError` with the line of a row with too few or too
    many fields; only the last line may have too few: it is still being written.
    """
    ends, separators = _line_ends(body, separator)
    starts = np.concatenate(([0], ends[:-1] + 1))
    short = np.flatnonzero(ends - starts <= 2)  # blank lines only: one "\r" or a few spaces
    blank = np.zeros(len(starts), dtype=bool)
    blank[[i for i in short if not body[starts[i] : ends[i]].strip()]] = True
    rows = np.flatnonzero(~blank)
    rows = rows[rows >= header_lines]
    unclosed = not body.endswith(b"\n")
    last = len(starts) - 1
    cut = None
    if len(rows) and rows[-1] == last:
        fields = int(separators[last]) + 1
        if fields < columns:
            cut = f"the last line has {fields} of {columns} fields, it is half-written (an export still running?)"
        elif unclosed and fields == columns:
            cut = "the file has no final newline, so its last row may be half-written (an export still running?)"
    wrong = rows[separators[rows] != columns - 1]
    if cut is not None:
        wrong = wrong[wrong != last]
    if wrong.size:
        stated = "the header has" if header_lines else "the column map's header has"
        raise BadInputError(
            f"{path}, line {int(wrong[0]) + 1}: malformed row, {int(separators[wrong[0]]) + 1} fields, {stated} "
            f"{columns}{more(wrong.size)}; correct or remove the row, or export the file again"
        )
    if cut is not None:
        row = body[starts[last] : ends[last]]
        whole = row[: row.rfind(separator.encode()) + 1]
        missing = separator.encode() * (columns - 1 - int(separators[last]))
        body = body[: starts[last]] + whole + missing + b"\n"
    return Rows(body=body, lines=rows.astype(np.int64) + 1, cut=cut)


def _line_ends(body: bytes, separator: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each line ends, without its newline, and how many separators are in it, both int64 [lines]."""
    ends, counts = [], []
    start = 0
    while start < len(body):
        newline = body.find(b"\n", start + _BLOCK_BYTES)
        stop = len(body) if newline < 0 else newline + 1
        block = np.frombuffer(body, dtype=np.uint8, count=stop - start, offset=start)
        block_ends = np.flatnonzero(block == _NEWLINE)
        if block[-1] != _NEWLINE:
            block_ends = np.append(block_ends, len(block))
        separators = np.flatnonzero(block == ord(separator))
        counts.append(np.diff(np.searchsorted(separators, block_ends), prepend=0))
        ends.append(block_ends + start)
        start = stop
    return np.concatenate(ends), np.concatenate(counts)


def stray_quote_line(body: bytes, *, separator: str) -> int | None:
    """The first line with a double quote that does not enclose a whole field, 1-based; None where there is none."""
    if b'"' not in body:
        return None
    between = re.escape(separator.encode())
    enclosed = re.compile(rb"(?:^|(?<=" + between + rb'))[ ]*"(?:[^"]|"")*"[ ]*(?=' + between + rb"|\r?$)")
    for number, line in enumerate(body.split(b"\n"), start=1):
        if b'"' in line and b'"' in enclosed.sub(b"", line):
            return number
    return None


def bare_return_line(body: bytes) -> int | None:
    """The first line with a carriage return inside it, which ends a row for a parser, 1-based; None without one."""
    if body.count(b"\r") == body.count(b"\r\n"):
        return None
    found = re.search(rb"\r(?!\r*(?:\n|$))", body)
    return None if found is None else body.count(b"\n", 0, found.start()) + 1
