"""Writing Sierra Chart's intraday files: what is written is read back bit by bit, by Sierra Chart too."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US, HEADER, MAGIC, RECORD, Integers, Records, open_scid
from minhos_client.contract import BAR_COLUMNS

__all__ = ["ScidWriter", "bar_records", "tick_records"]

_VERSION: Final = 1
_INT_MAX: Final = 2**31 - 1
_MS_US: Final = 1_000

Floats = npt.NDArray[np.float64]


class ScidWriter:
    """Writes one file, whole records at a time, so that a reader may follow it while it grows.

    `append`: go on after the last record of an existing file; without it the file must not be there. Nothing that is in a
    file is changed or cut. Use it in a `with` block. Raises `BadInputError` for a file that exists, or that is not fit to
    be appended to.
    """

    def __init__(self, path: Path, *, append: bool = False) -> None:
        self.path = path
        if append and path.exists():
            file = open_scid(path)
            if file.double_dates or file.loose_bytes:
                fault = "has the old dates" if file.double_dates else f"ends in {file.loose_bytes} bytes of a record"
                raise BadInputError(f"{path}: the file {fault}, it is not appended to; write another file")
            self._stream: BinaryIO = path.open("ab")
            return
        try:
            self._stream = path.open("xb")
        except FileExistsError as error:
            raise BadInputError(f"{path}: the file exists; append to it, or give another name") from error
        self._stream.write(HEADER.pack(MAGIC, HEADER.size, RECORD.itemsize, _VERSION, 0, 0, bytes(36)))
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def write(self, records: Records) -> None:
        """Append records, `RECORD` [n]; they are with the operating system when this returns."""
        if records.dtype != RECORD or records.ndim != 1:
            raise BadInputError(
                f"{self.path}: records of type {records.dtype} and shape {records.shape} cannot be written; "
                "make them with tick_records or bar_records"
            )
        self._stream.write(records.tobytes())
        self._stream.flush()


def tick_records(
    times_us: Integers,
    *,
    price: Floats,
    bid: Floats,
    ask: Floats,
    volume: npt.NDArray[np.integer],
    at_ask: npt.NDArray[np.bool_],
) -> Records:
    """One record for each trade, `RECORD` [n]; arguments are arrays [n], oldest trade first.

    `times_us`: UTC us, cut to the millisecond; as in Sierra Chart's own files the three digits below count the trades of
    one millisecond, so that no stamp comes twice. `price`, and `bid` and `ask` at the trade, are stored as float32.
    `volume` was traded at the ask where `at_ask`, else at the bid. Raises `BadInputError` for times that go back, more than
    1000 trades in a millisecond, a price that is not finite, a volume that does not fit.
    """
    milliseconds = times_us // _MS_US
    back = np.flatnonzero(np.diff(milliseconds) < 0)
    if back.size:
        raise BadInputError(f"trade {int(back[0]) + 1} is before the one in front of it: sort the trades by time")
    position = np.arange(len(milliseconds), dtype=np.int64)
    new = np.append(True, milliseconds[1:] != milliseconds[:-1])[: len(milliseconds)]
    counter = position - np.maximum.accumulate(np.where(new, position, 0))
    if counter.size and counter.max() >= _MS_US:
        raise BadInputError(
            f"trade {int(np.argmax(counter >= _MS_US))} is the 1001st of its millisecond: a stamp has room for 1000"
        )
    records = np.zeros(len(milliseconds), dtype=RECORD)
    records["time"] = milliseconds * _MS_US + counter + EPOCH_OFFSET_US
    records["trades"] = 1
    _set_prices(records, {"high": ask, "low": bid, "close": price})
    counts = np.asarray(volume, dtype=np.float64)
    _set_counts(
        records,
        {"volume": counts, "bid_volume": np.where(at_ask, 0, counts), "ask_volume": np.where(at_ask, counts, 0)},
    )
    return records


def bar_records(start_us: Integers, values: Floats) -> Records:
    """One record for each bar, `RECORD` [n], stamped as Sierra Chart does: with the start of the interval.

    `start_us` int64 [n], UTC us. `values` float64 [n, 8] in the contract's column order; a volume or count that is not known
    (NaN) is stored as 0, for the format has no word for it. A bar that opens at 0 and has one trade is a tick to every
    reader, Sierra Chart too. Raises `BadInputError` for a price that is not finite, a count that does not fit.
    """
    records = np.zeros(len(start_us), dtype=RECORD)
    records["time"] = start_us + EPOCH_OFFSET_US
    columns = dict(zip(BAR_COLUMNS, np.asarray(values, dtype=np.float64).T, strict=True))
    _set_prices(records, {name: columns.pop(name) for name in ("open", "high", "low", "close")})
    _set_counts(records, {name: np.nan_to_num(counts, nan=0.0) for name, counts in columns.items()})
    return records


def _set_prices(records: Records, prices: dict[str, Floats]) -> None:
    for name, numbers in prices.items():
        with np.errstate(over="ignore"):
            records[name] = numbers
        wrong = np.flatnonzero(~np.isfinite(records[name]))
        if wrong.size:
            row = int(wrong[0])
            raise BadInputError(f"row {row}: {name} is {numbers[row]}, a price must be a number that float32 can hold")


def _set_counts(records: Records, counts: dict[str, Floats]) -> None:
    for name, numbers in counts.items():
        wrong = np.flatnonzero(~((numbers >= 0) & (numbers <= _INT_MAX) & (numbers == np.floor(numbers))))
        if wrong.size:
            row = int(wrong[0])
            raise BadInputError(f"row {row}: {name} is {numbers[row]}, a whole number from 0 to {_INT_MAX} is needed")
        records[name] = numbers.astype(np.uint32)
