"""The bar store's benchmark runs at any size, and its two sides read the same bars."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import store


def test_a_small_store_is_measured_in_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "NIGHTS", 3)
    monkeypatch.setattr(store, "REPEATS", 1)
    figures = store.measure(tmp_path, 4 * 5 * store.BARS_A_DAY)
    assert {"append a day", "the same day again", "read a month", "pandas a month", "read a year", "catalog"} <= set(
        figures
    )
    assert all(value >= 0 for value in figures.values())
