"""The clocks that a chart may have been drawn on: zones, in the order of preference, and clocks that no zone has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Clock", "candidates"]

_CHART_ZONES: Final = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Asia/Singapore",
    "Australia/Sydney",
    "Asia/Kolkata",
    "America/Anchorage",
    "America/Halifax",
    "America/Sao_Paulo",
    "Europe/Athens",
    "Pacific/Auckland",
)
_FIXED_ZONES: Final = tuple(f"Etc/GMT{-hours:+d}" for hours in range(-12, 15) if hours)  # GMT+5 is five hours behind
_OTHER_RULES: Final = (
    "Asia/Jerusalem",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Amman",
    "Asia/Tehran",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/Mexico_City",
    "America/St_Johns",
    "America/Miquelon",
    "America/Nuuk",
    "America/Adak",
    "Atlantic/Azores",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Norfolk",
)
"""One zone for each rule of summer time that those above do not have. Where two rules differ in some weeks only, each keeps
the other from being taken for it."""
_BROKER_HOURS: Final = range(3, 13)
"""Brokers put the end of the FX day, 17:00 New York, at midnight: New York + 7 h, with the clock changes of New York."""

_HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True)
class Clock:
    """The clock of `zone`, `ahead_hours` ahead of it. `is_usual`: worth naming where it is the same as another."""

    zone: str
    ahead_hours: int = 0
    is_usual: bool = True

    @property
    def is_zone(self) -> bool:
        """Whether it is the clock of a zone, so that times can be read in it."""
        return self.ahead_hours == 0

    def __str__(self) -> str:
        return self.zone if self.is_zone else f"{self.zone} + {self.ahead_hours} h"

    def local(self, utc_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """What it shows at these moments (int64 [K], UTC us), as if it were UTC us."""
        import pandas as pd

        moments = pd.DatetimeIndex(utc_us.astype("datetime64[us]")).tz_localize("UTC")
        shown = moments.tz_convert(self.zone).tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
        return shown + self.ahead_hours * _HOUR_US


def candidates(given: str | None, home: str) -> list[Clock]:
    """Clocks in the order of preference. `given`: the zone that the user says; `home`: that of the instrument's session."""
    usual = dict.fromkeys((*([given] if given else []), "UTC", home, *_CHART_ZONES, *_FIXED_ZONES))
    clocks = [Clock(zone) for zone in usual]
    clocks += [Clock(zone, is_usual=False) for zone in _OTHER_RULES if zone not in usual]
    return clocks + [Clock("America/New_York", hours, is_usual=False) for hours in _BROKER_HOURS]
