"""A delimited text file as a table, with the line number of whatever is wrong in it."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.files import sha256_of as file_sha256

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SNIFF_BYTES", "Table", "first_line", "read_table", "sha256_of"]

SNIFF_BYTES = 4_096
_NEWLINE = ord("\n")
_BOM = b"\xef\xbb\xbf"


def _unreadable(path: Path, error: OSError) -> BadInputError:
    return BadInputError(
        f"{path}: cannot read the file ({error.strerror or error}); check that it exists and its permissions"
    )


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal; `BadInputError` where it cannot be read."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def first_line(path: Path) -> str | None:
    """The first line of a text file, without its end; None for a binary or empty file. Reads 4 kB at most."""
    try:
        with path.open("rb") as stream:
            head = stream.read(SNIFF_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    line = head.removeprefix(_BOM).split(b"\n", 1)[0]
    if b"\0" in head or not line.strip():
        return None
    try:
        return line.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True)
class Table:
    """A file's rows. `lines` int64 [T]: the 1-based line of the file that each row stands in."""

    path: Path
    columns: tuple[str, ...]
    frame: pd.DataFrame
    lines: npt.NDArray[np.int64]
    sha256: str

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """File and line of a row, for an error's first words."""
        return f"{self.path}, line {int(self.lines[row])}"

    def text(self, column: str) -> pd.Series[str]:
        """A column as text, without surrounding spaces."""
        return self.frame[column].astype("string").str.strip()

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        """A column as float64 [T]; `BadInputError` with the line of the first value that is no finite number."""
        import pandas as pd

        values = pd.to_numeric(self.frame[column], errors="coerce").to_numpy(dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            row = int(bad[0])
            raise BadInputError(
                f"{self.where(row)}: {column} is {str(self.frame[column].iloc[row])!r}, a finite number is needed"
                f"{_more(bad.size)}; correct or remove the row, or export the file again"
            )
        return values


def _more(count: int) -> str:
    return f" ({count} such rows)" if count > 1 else ""


def read_table(path: Path, *, separator: str) -> Table:
    """Read a text file with a header line; spaces after separators and blank lines are allowed.

    Raises `BadInputError` for an unreadable, empty or binary file, a line with too few or too many fields and a
    half-written last line, each with its line number.
    """
    import pandas as pd

    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    digest = hashlib.sha256(content).hexdigest()
    body = content.removeprefix(_BOM)
    if not body.strip():
        raise BadInputError(f"{path}: the file is empty; export it again")
    try:
        header = body.split(b"\n", 1)[0].decode("utf-8")
        if b"\0" in body:
            raise ValueError("a zero byte")
        body.decode("utf-8")
    except ValueError as error:
        raise BadInputError(f"{path}: not a text file ({error}); export it as text in UTF-8") from error
    columns = tuple(name.strip().strip('"') for name in header.split(separator))
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise BadInputError(f"{path}, line 1: the columns {', '.join(repeated)} are there twice; name each once")
    lines = _data_lines(path, body, separator=separator, fields=len(columns))
    if not len(lines):
        raise BadInputError(f"{path}: a header and no rows; export the file again with bars in it")
    frame = pd.read_csv(
        io.BytesIO(body),
        sep=separator,
        header=None,
        skiprows=1,
        names=list(columns),
        skipinitialspace=separator != "\t",
        keep_default_na=False,
        low_memory=False,
        encoding="utf-8",
    )
    return Table(path=path, columns=columns, frame=frame, lines=lines, sha256=digest)


def _data_lines(path: Path, body: bytes, *, separator: str, fields: int) -> npt.NDArray[np.int64]:
    """Line numbers of the rows, after checking that every row has `fields` fields (vectorised over bytes)."""
    data = np.frombuffer(body, dtype=np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    closed = len(ends) > 0 and int(ends[-1]) == len(data) - 1
    if not closed:
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    separators = np.flatnonzero(data == ord(separator))
    counts = np.searchsorted(separators, ends) - np.searchsorted(separators, starts)
    lengths = ends - starts
    short = np.flatnonzero(lengths <= 2)  # blank lines only: one "\r" or a few spaces
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
            f"{path}, line {line}: malformed row, {got} fields, the header has {fields}{_more(wrong.size)}; "
            "correct or remove the row, or export the file again"
        )
    return rows.astype(np.int64) + 1
