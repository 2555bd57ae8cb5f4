"""A delimited text file as a table, with the line number of whatever is wrong in it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.files import sha256_of as file_sha256
from minhos.market_data.readers.lines import bare_return_line, data_rows, more, stray_quote_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SNIFF_BYTES", "Table", "first_line", "read_table", "sha256_of"]

SNIFF_BYTES = 4_096
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
    """A file's rows. `lines` int64 [T]: the 1-based line of the file that each row stands in.

    `cut`: the file has no final newline. Then the last row's last field may be half-written and is replaced by a zero:
    the row may be dated by its other fields, and must be left out.
    """

    path: Path
    columns: tuple[str, ...]
    frame: pd.DataFrame
    lines: npt.NDArray[np.int64]
    sha256: str
    cut: bool

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """File and line of a row, for an error's first words."""
        return f"{self.path}, line {int(self.lines[row])}"

    def without_last(self) -> Table:
        """The table without its last row."""
        return replace(self, frame=self.frame.iloc[:-1], lines=self.lines[:-1], cut=False)

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
                f"{more(bad.size)}; correct or remove the row, or export the file again"
            )
        return values


def read_table(path: Path, *, separator: str) -> Table:
    """Read a text file with a header line; spaces after separators and blank lines are allowed.

    A last line without its line end may be half-written: the table says so by `cut`. Raises `BadInputError` for an
    unreadable, empty or binary file, and with its line number for one with too few or too many fields, a stray double
    quote, or a carriage return inside it.
    """
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
    rows = data_rows(path, body, separator=separator, fields=len(columns))
    if not len(rows.lines):
        raise BadInputError(f"{path}: a header and no rows; export the file again with bars in it")
    quoted = stray_quote_line(rows.body, separator=separator)
    if quoted is not None:
        raise BadInputError(f"{path}, line {quoted}: a stray double quote; remove it there, or export the file again")
    frame = _parse(path, rows.body, separator=separator, columns=columns)
    if len(frame) != len(rows.lines):
        line = bare_return_line(rows.body)
        where = f"{path}, line {line}: a carriage return inside the line" if line else f"{path}: not a regular table"
        raise BadInputError(
            f"{where}; {len(frame)} rows were read from {len(rows.lines)} lines; correct it, or export the file again"
        )
    return Table(path=path, columns=columns, frame=frame, lines=rows.lines, sha256=digest, cut=rows.cut)


def _parse(path: Path, body: bytes, *, separator: str, columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(
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
    except pd.errors.ParserError as error:
        raise BadInputError(
            f"{path}: not a regular table ({str(error).strip().splitlines()[0]}); export the file again"
        ) from error
