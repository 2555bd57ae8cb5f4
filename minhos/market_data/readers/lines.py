"""The lines of a delimited text file, looked at as bytes: which are rows, which are malformed, how the file ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError

__all__ = ["Rows", "bare_return_line", "data_rows", "more", "stray_quote_line"]

_NEWLINE = ord("\n")
_PLACEHOLDER = b"0\n"


@dataclass(frozen=True)
class Rows:
    """The rows of a file. `lines` int64 [T]: the 1-based line of each.

    `cut`: the last row's line has no line end, so its last field may be half-written. In `body` that field is
    replaced by a zero, so that the row's other fields can be read; the row itself must not be used.
    """

    body: bytes
    lines: npt.NDArray[np.int64]
    cut: bool


def more(count: int) -> str:
    """` (7 such rows)` where an error names only the first one."""
    return f" ({count} such rows)" if count > 1 else ""


def data_rows(path: Path, body: bytes, *, separator: str, fields: int) -> Rows:
    """The rows after the header line, each with exactly `fields` fields; blank lines are passed over.

    Raises `BadInputError` with the line of a row with too few or too many fields, a half-written last line included.
    """
    data = np.frombuffer(body, dtype=np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    closed = len(ends) > 0 and int(ends[-1]) == len(data) - 1
    if not closed:
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    separators = np.flatnonzero(data == ord(separator))
    counts = np.searchsorted(separators, ends) - np.searchsorted(separators, starts)
    short = np.flatnonzero(ends - starts <= 2)  # blank lines only: one "\r" or a few spaces
    blank = np.zeros(len(starts), dtype=bool)
    blank[[i for i in short if not body[starts[i] : ends[i]].strip()]] = True
    rows = np.flatnonzero(~blank)
    rows = rows[rows > 0]
    wrong = rows[counts[rows] != fields - 1]
    if wrong.size:
        line, got = int(wrong[0]) + 1, int(counts[wrong[0]]) + 1
        if line == len(starts) and got < fields:
            raise BadInputError(
                f"{path}, line {line}: the last line is half-written, {got} of {fields} fields; "
                "wait until the export has finished, or export it again"
            )
        raise BadInputError(
            f"{path}, line {line}: malformed row, {got} fields, the header has {fields}{more(wrong.size)}; "
            "correct or remove the row, or export the file again"
        )
    cut = not closed and len(rows) > 0 and int(rows[-1]) == len(starts) - 1
    if cut:
        last_field = int(separators[-1]) + 1 if fields > 1 else int(starts[-1])
        body = body[:last_field] + _PLACEHOLDER
    return Rows(body=body, lines=rows.astype(np.int64) + 1, cut=cut)


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
    found = re.search(rb"\r(?!\r*(?:\n|$))", body)
    return None if found is None else body.count(b"\n", 0, found.start()) + 1
