"""The readers' one door: which files of a folder are bars, of what kind, and of which symbol."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from minhos.errors import BadInputError
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.column_map import ColumnMap, FileRule, load_column_map
from minhos.market_data.readers.generic_csv import KIND as GENERIC_CSV
from minhos.market_data.readers.generic_csv import read_generic_csv
from minhos.market_data.readers.sierra_text import KIND as SIERRA_TEXT
from minhos.market_data.readers.sierra_text import is_sierra_text, read_sierra_text, sierra_symbol
from minhos.market_data.readers.table import first_line

__all__ = ["SYNTHETIC_MARKER", "Found", "Scan", "find_map", "ignored_words", "read_found", "scan_folder"]

SYNTHETIC_MARKER = "SYNTHETIC.txt"
_TABLE_SUFFIXES = (".csv", ".txt", ".tsv")
_EXPORT_NAME = "_bardata.txt"
_NAMED_FILES = 3


@dataclass(frozen=True)
class Found:
    """A file that a reader can read: what it is, before its rows are looked at."""

    path: Path
    kind: str
    symbol: str
    zone: str | None = None
    rule: FileRule | None = None


@dataclass(frozen=True)
class Scan:
    """What a folder holds. `ignored`: file name -> why it is not read."""

    found: tuple[Found, ...]
    ignored: dict[str, str]
    synthetic: bool


def find_map(folder: Path, map_file: Path | None) -> Path | None:
    """The column map to use: the one that is given, else the `*.toml` beside the files; None where there is none.

    A TOML with instruments in it is no map. Two maps in a folder are an error: which one is meant must be said.
    """
    if map_file is not None:
        return map_file
    maps = [path for path in sorted(folder.glob("*.toml")) if not _is_instruments(path)]
    if len(maps) > 1:
        raise BadInputError(
            f"{folder}: more than one column map, {' and '.join(path.name for path in maps)}; "
            "keep one there, or say which one with the map file's path"
        )
    return maps[0] if maps else None


def _is_instruments(path: Path) -> bool:
    try:
        return "instruments" in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False  # reading it as the map then says what is wrong with it


def scan_folder(folder: Path, map_file: Path | None) -> Scan:
    """Look at the first line of every file in `folder` (not in its subfolders), reading nothing else.

    Raises `BadInputError` for a missing or empty folder, an unreadable file, and a folder without any bar file (it
    then says of each file why not).
    """
    try:
        files = sorted(path for path in folder.iterdir() if not path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise BadInputError(
            f"{folder}: cannot read the data folder ({error.strerror}); give an existing folder with bar files"
        ) from error
    if not files:
        raise BadInputError(
            f"{folder}: the data folder has no files (subfolders are not searched); put Sierra Chart bar exports "
            "or mapped CSV files there"
        )
    chosen = find_map(folder, map_file)
    column_map = ColumnMap() if chosen is None else load_column_map(chosen)
    found: list[Found] = []
    ignored: dict[str, str] = {}
    for path in files:
        if path.name == SYNTHETIC_MARKER or path.suffix == ".toml":
            continue
        item = _look(path, column_map, chosen)
        if isinstance(item, Found):
            found.append(item)
        else:
            ignored[path.name] = item
    if not found:
        reasons = "; ".join(ignored_words(ignored)[:5])
        raise BadInputError(
            f"{folder}: no file that can be read as bars ({reasons or 'only settings'}); give Sierra Chart "
            '"Export Bar Data" text files, or a column map for the CSV files (see examples/)'
        )
    return Scan(found=tuple(found), ignored=ignored, synthetic=(folder / SYNTHETIC_MARKER).exists())


def ignored_words(ignored: Mapping[str, str]) -> tuple[str, ...]:
    """The files that are not read and why, those with the same reason in one line: `300 files are not read: ...`."""
    by_reason: dict[str, list[str]] = {}
    for name, why in ignored.items():
        by_reason.setdefault(why, []).append(name)
    words = []
    for why, names in by_reason.items():
        if len(names) == 1:
            words.append(f"{names[0]} is not read: {why}")
            continue
        shown = names if len(names) <= _NAMED_FILES else [*names[: _NAMED_FILES - 1], "..."]
        words.append(f"{len(names)} files are not read: {why} ({', '.join(shown)})")
    return tuple(words)


def _look(path: Path, column_map: ColumnMap, chosen: Path | None) -> Found | str:
    """The file as `Found`, or in words why it is none."""
    rule = column_map.rule_for(path)
    header = first_line(path)
    if rule is not None:
        return Found(path=path, kind=GENERIC_CSV, symbol=rule.symbol, rule=rule)
    if header is not None and is_sierra_text(header):
        zone = None if column_map.sierra_text is None else column_map.sierra_text.zone
        return Found(path=path, kind=SIERRA_TEXT, symbol=sierra_symbol(path), zone=zone)
    if path.name.lower().endswith(_EXPORT_NAME):
        raise BadInputError(
            f"{path}, line 1: named like a Sierra Chart bar export, but its header is {header or 'missing'!r}; "
            "export it again with Edit >> Export Bar Data to Text File"
        )
    if header is None:
        return "empty or not a text file"
    if path.suffix.lower() not in _TABLE_SUFFIXES:
        return "not a bar file"
    shown = header if len(header) <= 60 else f"{header[:60]}..."
    if chosen is None:
        return f"its columns ({shown}) are not a Sierra Chart export and there is no column map for it"
    return f"its columns ({shown}) are not a Sierra Chart export and no pattern of {chosen.name} matches its name"


def read_found(found: Found) -> BarFile:
    """Read the file with the reader of its kind; `BadInputError` as that reader raises it."""
    if found.rule is not None:
        return read_generic_csv(found.path, found.rule)
    return read_sierra_text(found.path, zone=found.zone)
