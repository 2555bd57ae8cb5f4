"""The readers' one door: which files are bars, of what kind, and of which symbol. By content; reads heads, no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.instruments import Instrument
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.column_map import ColumnMap, FileRule, SierraRule, is_column_map, load_column_map
from minhos.market_data.readers.mapped_table import KIND as MAPPED_TABLE
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.parquet_table import is_parquet
from minhos.market_data.readers.sierra_text import KIND as SIERRA_TEXT
from minhos.market_data.readers.sierra_text import is_sierra_text, read_sierra_text, sierra_symbol
from minhos.market_data.readers.table import first_line
from minhos.market_data.sierra.depth import KIND as DEPTH
from minhos.market_data.sierra.depth import depth_symbol, is_depth
from minhos.market_data.sierra.scid import KIND as SCID
from minhos.market_data.sierra.scid import is_scid
from minhos.market_data.symbols import root_of

__all__ = [
    "DEPTH",
    "SCID",
    "SYNTHETIC_MARKER",
    "SYNTHETIC_TRUTH",
    "Found",
    "Scan",
    "Statements",
    "find_map",
    "ignored_words",
    "read_found",
    "scan_folder",
    "scan_paths",
]

SYNTHETIC_MARKER: Final = "SYNTHETIC.txt"
SYNTHETIC_TRUTH: Final = "truth.json"
"""Beside the marker: what is true of that market."""
_TABLE_SUFFIXES = (".csv", ".txt", ".tsv", ".parquet", ".zip", ".gz")
_PACKED = (".zip", ".gz")
_NAMED_BY_SIERRA = ("_bardata.txt", "-bardata.txt", ".dly", ".itxt", ".scid", ".depth")
_NAMED_FILES = 3


@dataclass(frozen=True)
class Found:
    """A file that a reader can read: what it is, before its rows are looked at.

    `zone`: IANA zone that is stated for a Sierra Chart text file; `zone_is_certain`: also where its sessions contradict.
    `rule`: of a mapped table. `price_multiplier`, `combine_sub_trades`: of a `.scid` (the first of a `.depth` too); a
    multiplier of None is the instrument's.
    """

    path: Path
    kind: str
    symbol: str
    zone: str | None = None
    zone_is_certain: bool = False
    rule: FileRule | None = None
    price_multiplier: float | None = None
    combine_sub_trades: bool = False

    @property
    def binary(self) -> bool:
        """Whether bars have to be built from what the file holds (ticks, depth)."""
        return self.kind in (SCID, DEPTH)

    def with_symbol(self, symbol: str) -> Found:
        """The same file as one of another symbol."""
        return replace(self, symbol=symbol)

    def with_multiplier(self, multiplier: float) -> Found:
        """The same file with its price multiplier decided."""
        return replace(self, price_multiplier=multiplier)


@dataclass(frozen=True)
class Statements:
    """What was said of the files on the command line; a map says more of single files, and goes first.

    `symbol`: of the Sierra Chart files whose names do not begin with a known one. `price_multipliers`: symbol or root ->
    price = number in the file x this.
    """

    zone: str | None = None
    symbol: str | None = None
    price_multipliers: Mapping[str, float] = field(default_factory=dict)
    combine_sub_trades: bool = False

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigError(
                f"zone {self.zone!r} is not an IANA time zone: write America/New_York, Europe/Berlin, UTC ..."
            ) from error

    def multiplier_for(self, symbol: str) -> float | None:
        for name in (symbol, root_of(symbol)):
            if name is not None and name in self.price_multipliers:
                return self.price_multipliers[name]
        return None


@dataclass(frozen=True)
class Scan:
    """What was found. `ignored`: file name -> why it is no bar file. `refused`: bar files that cannot be used -> why."""

    found: tuple[Found, ...]
    ignored: dict[str, str]
    refused: dict[Path, str]
    synthetic: bool


def find_map(folder: Path, map_file: Path | None) -> Path | None:
    """The column map to use: the one that is given, else the `*.toml` beside the files; None where there is none.

    A TOML that says nothing that a map says (a project's own, one with instruments) is none. Two maps in a folder are an
    error: which one is meant must be said.
    """
    if map_file is not None:
        return map_file
    maps = [path for path in sorted(folder.glob("*.toml")) if is_column_map(path)]
    if len(maps) > 1:
        raise BadInputError(
            f"{folder}: more than one column map, {' and '.join(path.name for path in maps)}; "
            "keep one there, or say which one with the map file's path"
        )
    return maps[0] if maps else None


def scan_folder(folder: Path, map_file: Path | None, said: Statements | None = None) -> Scan:
    """Look at the head of every file in `folder` (not in its subfolders). Raises as `scan_paths`."""
    files = _files_in(folder, deep=False)
    if not files:
        raise BadInputError(
            f"{folder}: the data folder has no files (subfolders are not searched); put Sierra Chart bar exports "
            "or mapped CSV files there"
        )
    scan = _scan(files, map_file, said or Statements(), where=str(folder))
    if not scan.found:
        raise _no_bars(str(folder), scan.refused, scan.ignored)
    return scan


def scan_paths(paths: Sequence[Path], map_file: Path | None, said: Statements) -> Scan:
    """Look at the heads of files, and of all files under folders.

    A bar file that cannot be used is `refused`, with its reason; so is one beside which a broken map lies. Raises
    `BadInputError` for a path that is not there, a broken `map_file`, and where nothing looks like bars (it says why not).
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise BadInputError(f"{path}: cannot read the file: it is not there; check the path")
        files += _files_in(path, deep=True) if path.is_dir() else [path]
    if not files:
        raise BadInputError(f"{', '.join(map(str, paths))}: no files there; give Sierra Chart's data or export folder")
    return _scan(list(dict.fromkeys(files)), map_file, said, where=", ".join(map(str, paths)))


def _files_in(folder: Path, *, deep: bool) -> list[Path]:
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BadInputError(
            f"{folder}: cannot read the data folder ({error.strerror}); give an existing folder with bar files"
        ) from error
    files = [path for path in entries if not path.is_dir()]
    for path in entries:
        if deep and path.is_dir() and not path.is_symlink():
            files += _files_in(path, deep=True)
    return files


def _scan(files: Iterable[Path], map_file: Path | None, said: Statements, *, where: str) -> Scan:
    maps: dict[Path, tuple[ColumnMap, Path | None] | BadInputError] = {}
    if map_file is not None:
        load_column_map(map_file)  # one that was asked for must be right, whatever lies where
    found: list[Found] = []
    ignored: dict[str, str] = {}
    refused: dict[Path, str] = {}
    synthetic = False
    for path in files:
        if path.name == SYNTHETIC_MARKER:
            synthetic = True
            continue
        if path.suffix == ".toml" or (path.name == SYNTHETIC_TRUTH and (path.parent / SYNTHETIC_MARKER).exists()):
            continue
        if not path.is_file() and (path.exists() or path.is_symlink()):  # opening a pipe would wait for ever
            ignored[path.name] = "not a regular file, or a link to none"
            continue
        if path.parent not in maps:
            maps[path.parent] = _map_of(path.parent, map_file)
        beside = maps[path.parent]
        try:
            if isinstance(beside, BadInputError):
                raise beside
            item = _look(path, *beside, said)
        except BadInputError as error:
            refused[path] = str(error)
            continue
        if isinstance(item, Found):
            found.append(item)
        else:
            ignored[path.name] = item
    if not found and not refused:
        raise _no_bars(where, refused, ignored)
    return Scan(found=tuple(found), ignored=ignored, refused=refused, synthetic=synthetic)


def _no_bars(where: str, refused: Mapping[Path, str], ignored: Mapping[str, str]) -> BadInputError:
    reasons = "; ".join([*dict.fromkeys(refused.values()), *ignored_words(ignored)][:5])
    return BadInputError(
        f"{where}: no file that can be read as bars ({reasons or 'only settings'}); give Sierra Chart's .scid, .dly, "
        ".depth or text files, or a column map for CSV and Parquet files (see examples/)"
    )


def _map_of(folder: Path, map_file: Path | None) -> tuple[ColumnMap, Path | None] | BadInputError:
    """The map of the files in a folder and where it lies, or what is wrong with it."""
    try:
        chosen = find_map(folder, map_file)
        return (ColumnMap() if chosen is None else load_column_map(chosen), chosen)
    except BadInputError as error:
        return error


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


def _look(path: Path, column_map: ColumnMap, chosen: Path | None, said: Statements) -> Found | str:
    """The file as `Found`, or in words why it is none. Raises `BadInputError` for a bar file that cannot be used."""
    header = first_line(path)
    if is_scid(path) or is_depth(path):
        return _binary(path, column_map, said)
    rule = column_map.rule_for(path)
    if rule is not None:
        return Found(path=path, kind=MAPPED_TABLE, symbol=rule.symbol, rule=rule)
    if header is not None and is_sierra_text(header):
        symbol = _symbol(path, column_map, said, sierra_symbol(path))
        sierra = column_map.sierra_text or SierraRule()
        stated = sierra.zone_for(path)
        certain = stated is not None and sierra.zone_is_certain
        return Found(path=path, kind=SIERRA_TEXT, symbol=symbol, zone=stated or said.zone, zone_is_certain=certain)
    if path.name.lower().endswith(_NAMED_BY_SIERRA):
        raise BadInputError(
            f"{path}: named like a file of Sierra Chart's bars, but it {_beginning(path, header)}; "
            "copy or export it again (text: Edit >> Export Bar Data to Text File)"
        )
    return _ignored(path, header, chosen)


def _binary(path: Path, column_map: ColumnMap, said: Statements) -> Found:
    scid = is_scid(path)
    symbol = _symbol(path, column_map, said, sierra_symbol(path) if scid else depth_symbol(path))
    mapped = column_map.scid.multiplier_for(symbol)
    return Found(
        path=path,
        kind=SCID if scid else DEPTH,
        symbol=symbol,
        price_multiplier=said.multiplier_for(symbol) if mapped is None else mapped,
        combine_sub_trades=column_map.scid.combine_sub_trades or said.combine_sub_trades,
    )


def _symbol(path: Path, column_map: ColumnMap, said: Statements, named: str) -> str:
    """The symbol of a Sierra Chart file: what the map says, the name, the command line."""
    symbol = column_map.symbol_for(path) or named or said.symbol
    if not symbol:
        raise BadInputError(
            f"{path}: no symbol in the file's name; name it as Sierra Chart does (ESZ25-CME.scid, MNQZ25-CME_5m...), or say "
            f'it: --symbol ESZ25, or in the column map [symbols] "{path.name}" = "ESZ25"'
        )
    return symbol


def _beginning(path: Path, header: str | None) -> str:
    head = _head(path)
    return f"begins with {header or head!r}" if head else "is empty: Sierra Chart has not written anything into it yet"


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(8)


def _ignored(path: Path, header: str | None, chosen: Path | None) -> str:
    """In words, why a file is none of ours."""
    if is_parquet(path):
        shown = "Parquet"
    elif header is None and path.suffix.lower() not in _PACKED:
        return "empty or not a text file"
    elif path.suffix.lower() not in _TABLE_SUFFIXES:
        return "not a bar file"
    elif header is None:
        shown = "an archive"
    else:
        shown = header if len(header) <= 60 else f"{header[:60]}..."
    if chosen is None:
        return f"its columns ({shown}) are not a Sierra Chart export and there is no column map for it"
    return f"its columns ({shown}) are not a Sierra Chart export and no pattern of {chosen.name} matches its name"


def read_found(found: Found, instrument: Instrument) -> BarFile:
    """Read a text file or table with the reader of its kind; `BadInputError` as that reader raises it."""
    if found.rule is not None:
        return read_mapped_table(found.path, found.rule, instrument)
    return read_sierra_text(
        found.path, symbol=found.symbol, zone=found.zone, zone_is_certain=found.zone_is_certain, instrument=instrument
    )
