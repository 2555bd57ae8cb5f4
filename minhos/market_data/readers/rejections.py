"""Rows of a source that cannot be bars: how many, where the first stands, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.market_data.readers.lines import more

__all__ = ["LARGEST_REJECTED_SHARE", "Rejection", "RowFaults"]

LARGEST_REJECTED_SHARE: Final = 0.01
"""Of the rows, that may be left out before the whole file is refused: more is no accident of single rows."""

_ADVICE: Final = "correct or remove the row, or export the file again"


@dataclass(frozen=True)
class Rejection:
    """Rows that were left out for one reason.

    `why`: in words, for people. `rows`: how many. `first`: where the first of them stands (`line 17`, `record 8`).
    """

    why: str
    rows: int
    first: str

    def words(self) -> str:
        """`3 rows rejected, the first in line 17: high is under low`."""
        return f"{self.rows} row{'s' if self.rows > 1 else ''} rejected, the first in {self.first}: {self.why}"


@dataclass(frozen=True)
class _Reason:
    why: str
    describe: Callable[[int], str]
    advice: str


class RowFaults:
    """What is wrong with the rows of one source, found step by step. A row's first fault is the one that counts."""

    def __init__(self, rows: int) -> None:
        self._reasons: list[_Reason] = []
        self._reason_of = np.full(rows, -1, dtype=np.int16)

    def add(
        self, bad: npt.NDArray[np.bool_], why: str, describe: Callable[[int], str], *, advice: str = _ADVICE
    ) -> None:
        """Note a fault: `bad` bool [T], true where a row has it; `why` for all of them, `describe` for a single row."""
        new = bad & (self._reason_of < 0)
        if np.any(new):
            self._reason_of[new] = len(self._reasons)
            self._reasons.append(_Reason(why, describe, advice))

    @property
    def rows(self) -> npt.NDArray[np.bool_]:
        """bool [T], true where a row has a fault."""
        return self._reason_of >= 0

    def refuse_too_many(self, count: int, *, where: Callable[[int], str]) -> None:
        """`BadInputError` where more than 1 % of the first `count` rows have a fault; it describes the first of them.

        `where`: file and place of a row.
        """
        found = self._reason_of[:count]
        bad = np.flatnonzero(found >= 0)
        if bad.size <= LARGEST_REJECTED_SHARE * count:
            return
        row = int(bad[0])
        reason = self._reasons[found[row]]
        raise BadInputError(
            f"{where(row)}: {reason.describe(row)}{more(int(np.count_nonzero(found == found[row])))}; {bad.size} of "
            f"{count} rows cannot be bars, {LARGEST_REJECTED_SHARE:.0%} at most would be left out; {reason.advice}"
        )

    def rejections(self, count: int, *, place: Callable[[int], str]) -> tuple[Rejection, ...]:
        """The faults of the first `count` rows by reason, in the order of the file. `place`: a row's, as `line 17`."""
        found = self._reason_of[:count]
        rejections = []
        for number in dict.fromkeys(found[found >= 0].tolist()):
            rows = np.flatnonzero(found == number)
            rejections.append(Rejection(self._reasons[number].why, len(rows), place(int(rows[0]))))
        return tuple(rejections)
