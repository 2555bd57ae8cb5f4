"""Rows of a source that cannot be bars: how many, where the first stands, and why."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rejection"]


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
