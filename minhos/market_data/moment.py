"""Which bars of the store are asked for, and as they were known when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["NOW", "Moment"]


@dataclass(frozen=True)
class Moment:
    """Which bars, as they were known when. All UTC us, None: no limit.

    `start`, `end`: range of `bar_end`, both included. `as_of`: bars complete by then, with the corrections made by then.
    `recorded_by`: only what this store had recorded by then.
    """

    start: int | None = None
    end: int | None = None
    as_of: int | None = None
    recorded_by: int | None = None


NOW: Final = Moment()
