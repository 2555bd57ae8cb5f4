"""From what trading code has to the contract's input tensors: what cannot be a request is refused before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos_client import contract
from minhos_client.decision import Account
from minhos_client.errors import BadRequest

__all__ = ["MAX_ROWS", "Question", "read_question"]

MAX_ROWS: Final = 128
"""Instruments of one request: ``max_batch_size`` of every model that a release is served by."""
_LEAST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_INT64: Final = f"a time is whole UTC microseconds in {_LEAST}..{_LARGEST}"


@dataclass(frozen=True, eq=False)
class Question:
    """A request that needs nothing but a release's window. ``bars`` float64 [B, T, 8], oldest first; ``bar_end`` int64
    [B, T] UTC microseconds; ``as_of`` UTC microseconds; ``portfolio`` float64 [B, 6]."""

    bars: npt.NDArray[np.float64]
    bar_end: npt.NDArray[np.int64]
    as_of: int
    instruments: tuple[str, ...]
    portfolio: npt.NDArray[np.float64]

    def tensors(self, *, window: int, release: str) -> dict[str, contract.Array]:
        """The contract's inputs with the last ``window`` bars; BadRequest when there are fewer."""
        given = self.bars.shape[1]
        if given < window:
            raise BadRequest(f"{given} bars per instrument were given, release {release} needs the last {window}")
        return {
            "BARS": np.ascontiguousarray(self.bars[:, -window:]),
            "BAR_END": np.ascontiguousarray(self.bar_end[:, -window:]),
            "AS_OF": np.full((len(self.instruments), 1), self.as_of, np.int64),
            "INSTRUMENT": contract.encode_bytes(list(self.instruments)),
            "PORTFOLIO": self.portfolio,
        }


def read_question(
    bars: npt.ArrayLike, bar_end: npt.ArrayLike, as_of: int, instruments: Sequence[str], account: Account
) -> Question:
    """Checks what does not depend on a release: shapes, types, numbers that fit, the size of the batch.

    Raises BadRequest, which names the argument, what it got and what is allowed.
    """
    symbols = _symbols(instruments)
    count, columns = len(symbols), len(contract.BAR_COLUMNS)
    values, times = _numbers("bars", bars, np.float64), _times(bar_end)
    if values.ndim != 3 or values.shape[0] != count or values.shape[2] != columns:
        raise BadRequest(f"bars has shape {values.shape}, expected [{count} instruments, time, {columns} columns]")
    if times.shape != values.shape[:2]:
        raise BadRequest(f"bar_end has shape {times.shape}, the bars say {values.shape[:2]}")
    return Question(values, times, _moment(as_of), symbols, _portfolio(account, count))


def _symbols(instruments: object) -> tuple[str, ...]:
    if isinstance(instruments, str | bytes) or not hasattr(instruments, "__iter__"):
        raise BadRequest(f"instruments is {instruments!r}: give a list of symbols, one per row of the bars")
    symbols = tuple(instruments)
    if not symbols:
        raise BadRequest("no instruments were given: ask for one at least")
    if len(symbols) > MAX_ROWS:
        raise BadRequest(
            f"{len(symbols)} instruments were given, at most {MAX_ROWS} fit in one request: split the request "
            "(each part is then sized as a portfolio of its own)"
        )
    for number, symbol in enumerate(symbols):
        if not isinstance(symbol, str):
            raise BadRequest(f"instruments[{number}] is {symbol!r}: give every symbol as a text")
        try:
            symbol.encode()
        except UnicodeEncodeError as error:
            raise BadRequest(f"instruments[{number}] is {symbol!r}: a symbol must be Unicode text") from error
    return symbols


def _numbers(name: str, given: npt.ArrayLike, dtype: type[np.float64] | None = None) -> npt.NDArray[Any]:
    try:
        return np.asarray(given, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRequest(f"{name} cannot be read as numbers: {error}") from error


def _times(bar_end: npt.ArrayLike) -> npt.NDArray[np.int64]:
    times = _numbers("bar_end", bar_end)
    if times.dtype.kind not in "iu" and times.size:
        raise BadRequest(f"bar_end has the type {times.dtype}: give whole UTC microseconds as int64")
    if times.dtype.kind == "u" and times.size and times.max() > _LARGEST:
        raise BadRequest(f"bar_end holds {times.max()}, allowed: {_INT64}")
    return times.astype(np.int64, copy=False)


def _moment(as_of: object) -> int:
    if isinstance(as_of, bool) or not isinstance(as_of, int | np.integer):
        raise BadRequest(f"as_of is {as_of!r} ({type(as_of).__name__}), allowed: {_INT64}")
    if not _LEAST <= int(as_of) <= _LARGEST:
        raise BadRequest(f"as_of is {int(as_of)}, allowed: {_INT64}")
    return int(as_of)


def _portfolio(account: Account, count: int) -> npt.NDArray[np.float64]:
    try:
        return account.rows(count)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    except (TypeError, OverflowError) as error:
        raise BadRequest(f"the account cannot be read as numbers: {error}") from error
