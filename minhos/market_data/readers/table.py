"""A table of a file, text or Parquet, with the place of whatever is wrong in it; and the reader of delimited text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.files import sha256_of as file_sha256
from minhos.market_data.readers.cells import as_numbers, as_text
from minhos.market_data.readers.lines import bare_return_line, data_rows, stray_quote_line
from minhos.market_data.readers.rejections import RowFaults
from minhos.market_data.readers.zipped import unzipped

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SNIFF_BYTES", "Table", "first_bytes", "first_line", "read_content", "read_table", "sha256_of"]

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


def read_content(path: Path) -> bytes:
    """The file's bytes; `BadInputError` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def first_bytes(path: Path, count: int) -> bytes:
    """The file's first bytes, fewer where it is shorter; `BadInputError` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise _unreadable(path, error) from error


def first_line(path: Path) -> str | None:
    """The first line of a text file, without its end; None for a binary or empty file. Reads 4 kB at most."""
    head = first_bytes(path, SNIFF_BYTES)
    line = head.removeprefix(_BOM).split(b"\n", 1)[0]
    if b"\0" in head or not line.strip():
        return None
    try:
        return line.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True)
class Table:
    """A file's rows. `places` int64 [T]: the 1-based line of the file (text) or row (Parquet) of each, by `unit`.

    `cells`: column -> its Arrow values. `cut`: why the last row may be half-written, None where it is whole; the fields
    of a cut row that may be incomplete are empty, so that it may be dated by the others, and it must be left out.
    `faults`: what is wrong with single rows; reading a column as numbers adds to it.
    """

    path: Path
    columns: tuple[str, ...]
    cells: Mapping[str, Any]
    places: npt.NDArray[np.int64]
    unit: Literal["line", "row"]
    sha256: str
    cut: str | None
    faults: RowFaults

    def __len__(self) -> int:
        return len(self.places)

    def place(self, row: int) -> str:
        """Where a row stands in the file: `line 17`."""
        return f"{self.unit} {int(self.places[row])}"

    def where(self, row: int) -> str:
        """File and place of a row, for an error's first words."""
        return f"{self.path}, {self.place(row)}"

    def text(self, column: str) -> pd.Series[str]:
        """A column as text, without surrounding spaces; missing where a Parquet file has a null."""
        return as_text(self.cells[column], where=f"{self.path}, column {column}")

    def numbers(self, column: str, *, needed: bool = True) -> npt.NDArray[np.float64]:
        """A column as float64 [T], NaN where it is no finite number; that is a fault of the row where it is `needed`.

        `BadInputError` for a Parquet column of a type that is no number.
        """
        values = as_numbers(self.cells[column], where=f"{self.path}, column {column}")
        finite = np.isfinite(values)
        values[~finite] = np.nan
        if needed:
            self.faults.add(
                ~finite,
                f"{column} is no finite number",
                lambda row: f"{column} is {self._shown(column, row)}, a finite number is needed",
            )
        return values

    def _shown(self, column: str, row: int) -> str:
        value = self.cells[column][row].as_py()
        return "null" if value is None else repr(value.strip() if isinstance(value, str) else value)


def read_table(
    path: Path,
    *,
    separator: str,
    header: Sequence[str] | None = None,
    extra: Literal["refuse", "ignore"] = "refuse",
) -> Table:
    """Read a text file, also as the one file of a ZIP archive; spaces after separators and blank lines are allowed.

    `header`: the names of the columns of a file whose first line is a row already. `extra`: what becomes of a column whose
    name is there before; ignored, the first one counts (Sierra Chart's study exports repeat names).

    A last line that may be half-written is told by `cut`. Raises `BadInputError` for an unreadable, empty or binary file,
    and with its line number for one with too few or too many fields, a stray double quote, or a carriage return inside it.
    """
    content = read_content(path)
    digest = hashlib.sha256(content).hexdigest()
    body = unzipped(path, content).removeprefix(_BOM)
    del content
    if not body or body.isspace():
        raise BadInputError(f"{path}: the file is empty; export it again")
    try:
        if b"\0" in body:
            raise ValueError("a zero byte")
        if not body.isascii():
            body.decode("utf-8")
    except ValueError as error:
        raise BadInputError(f"{path}: not a text file ({error}); export it as text in UTF-8") from error
    names = tuple(header) if header is not None else _header(body, separator)
    header_lines = 1 if header is None else 0
    columns = tuple(dict.fromkeys(names))
    if extra == "refuse" and len(columns) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise BadInputError(f"{path}, line 1: the columns {', '.join(repeated)} are there twice; name each once")
    rows = data_rows(path, body, separator=separator, columns=len(names), header_lines=header_lines)
    if not len(rows.lines):
        raise BadInputError(f"{path}: a header and no rows; export the file again with bars in it")
    body = rows.body
    _check_lines(path, body, separator=separator)
    body = body.replace(b'"', b"")  # each encloses a whole field, without a separator in it
    cells = _parse(path, body, separator=separator, fields=len(names), skip=header_lines)
    if len(cells[0]) != len(rows.lines):
        raise BadInputError(
            f"{path}: not a regular table, {len(cells[0])} rows were read from {len(rows.lines)} lines; export it again"
        )
    return Table(
        path=path,
        columns=columns,
        cells={name: cells[names.index(name)] for name in columns},
        places=rows.lines,
        unit="line",
        sha256=digest,
        cut=rows.cut,
        faults=RowFaults(len(rows.lines)),
    )


def _header(body: bytes, separator: str) -> tuple[str, ...]:
    line = body[: body.find(b"\n")] if b"\n" in body else body
    return tuple(name.strip().strip('"') for name in line.decode("utf-8").split(separator))


def _check_lines(path: Path, body: bytes, *, separator: str) -> None:
    """`BadInputError` where a line would be read as another row than it seems."""
    quoted = stray_quote_line(body, separator=separator)
    if quoted is not None:
        raise BadInputError(f"{path}, line {quoted}: a stray double quote; remove it there, or export the file again")
    line = bare_return_line(body)
    if line is not None:
        raise BadInputError(
            f"{path}, line {line}: a carriage return inside the line; correct it, or export the file again"
        )


def _parse(path: Path, body: bytes, *, separator: str, fields: int, skip: int) -> list[Any]:
    """The fields of each column as Arrow text: numbers and times are made of them when it is known which they are."""
    import pyarrow as pa
    from pyarrow import csv

    names = [str(number) for number in range(fields)]  # the file's own may repeat
    try:
        cells = csv.read_csv(
            pa.BufferReader(body),
            read_options=csv.ReadOptions(column_names=names, skip_rows=skip),
            parse_options=csv.ParseOptions(
                delimiter=separator, quote_char=False, invalid_row_handler=lambda _blank_line: "skip"
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise BadInputError(f"{path}: not a regular table ({str(error).strip()}); export the file again") from error
    return list(cells.columns)
