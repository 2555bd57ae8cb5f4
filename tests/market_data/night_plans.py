"""Plans of nights on small folders, for the tests of what a night takes in."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minhos.market_data.ingest import NightPlan, plan_night
from minhos.market_data.store import BarStore

__all__ = ["NOW", "Write", "lines", "plan"]

Write = Callable[..., Path]
NOW = int(np.datetime64("2026-02-01", "us").astype(np.int64))
NUMBERS = itertools.count()


def plan(folder: Path, *, min_bars: int = 4, **changes: object) -> NightPlan:
    """The plan of a night on the folder; without `store` in a home that has no bars, without a map for charts in UTC."""
    arguments: dict[str, object] = {
        "folder": folder,
        "now_us": NOW,
        "instruments_file": None,
        "timeframe": None,
        "session": None,
        "universe": None,
        "min_bars": min_bars,
    }
    if "store" not in changes:
        arguments["store"] = BarStore(folder / ".homes" / str(next(NUMBERS)) / "bars")
    if "map_file" not in changes:
        arguments["map_file"] = None if list(folder.glob("*.toml")) else _utc(folder / ".homes")
    return plan_night(**(arguments | changes))  # type: ignore[arg-type]


def _utc(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "utc.toml").write_text('[sierra_text]\nzone = "UTC"\n')
    return folder / "utc.toml"


def lines(day: int, count: int, *, hour: int = 15, step: int = 5) -> list[str]:
    """Rows of a day in December 2025 and the days after it; the market rests from 22:00 to 23:00 UTC."""
    minutes = [hour * 60 + step * index for index in range(2 * count)]
    minutes = [minute for minute in minutes if minute % 1440 // 60 != 22][:count]
    return [
        f"2025/12/{day + m // 1440}, {m % 1440 // 60}:{m % 60:02d}:00, 10.00, 11.00, 9.00, 10.00, 6, 4, 2, 4"
        for m in minutes
    ]
