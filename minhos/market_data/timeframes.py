"""Timeframes: their names, and what the stamps and the name of a file say about them."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError, ConfigError

__all__ = ["DAY_SECONDS", "dominating_step", "parse_timeframe", "timeframe_in_name", "timeframe_name"]

DAY_SECONDS = 86_400
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": DAY_SECONDS}
_NAME_PATTERNS = (
    re.compile(r"(?:^|[_\-. ])(?P<count>\d{1,4})(?P<unit>[smhd])(?=$|[_\-. ])", re.IGNORECASE),  # _5m, _1H
    re.compile(
        r"(?:^|[_\-. ])(?P<unit>[mhd])(?P<count>1|2|3|4|5|10|15|20|30)(?=$|[_\-. ])", re.IGNORECASE
    ),  # _M30, _H1
)
_DAILY = re.compile(r"(?:^|[_\-. ])daily(?=$|[_\-. ])", re.IGNORECASE)
_LEAST_SHARE = 0.5


def parse_timeframe(text: str) -> int:
    """Seconds of a timeframe such as `5m`, `1h`, `1d`, `30s`; `ConfigError` for anything else."""
    match = re.fullmatch(r"(\d{1,4})([smhd])", text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise ConfigError(f"timeframe {text!r} is not known: write a number and s, m, h or d (5m, 30m, 1h, 1d)")
    return int(match[1]) * _UNIT_SECONDS[match[2]]


def timeframe_name(seconds: int) -> str:
    """The shortest whole name: 300 -> `5m`, 3600 -> `1h`, 5400 -> `90m`, 86400 -> `1d`."""
    if seconds <= 0:
        raise ConfigError(f"a timeframe of {seconds} seconds is not possible: it must be positive")
    for unit in ("d", "h", "m"):
        if seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def timeframe_in_name(stem: str) -> int | None:
    """The timeframe that a file name states (`_5m`, `_1H`, `_M30`, `.DAILY`), in seconds; None without one."""
    if _DAILY.search(stem):
        return DAY_SECONDS
    for pattern in _NAME_PATTERNS:
        match = pattern.search(stem)
        if match is not None:
            return int(match["count"]) * _UNIT_SECONDS[match["unit"].lower()]
    return None


def dominating_step(stamps: npt.NDArray[np.int64], *, where: str) -> int:
    """The difference between neighbouring stamps that most rows have, in seconds.

    `stamps` int64 [T], UTC us. Range, tick and volume bars have no such step: `BadInputError`.
    """
    if len(stamps) < 3:
        raise BadInputError(f"{where}: too little history, {len(stamps)} rows; give a file with more bars")
    steps, counts = np.unique(np.diff(stamps), return_counts=True)
    best = int(np.argmax(counts))
    share = counts[best] / (len(stamps) - 1)
    if share < _LEAST_SHARE or steps[best] % 1_000_000 or steps[best] <= 0:
        raise BadInputError(
            f"{where}: no regular timeframe, the most frequent step of {steps[best] / 1e6:g} s is in {share:.0%} of the "
            f"rows, at least {_LEAST_SHARE:.0%} are needed; export time bars (1m, 5m, 1h ...), not range or tick bars"
        )
    return int(steps[best]) // 1_000_000
