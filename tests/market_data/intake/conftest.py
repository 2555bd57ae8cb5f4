from __future__ import annotations

from pathlib import Path

import pytest

from minhos.market_data.store import BarStore


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty folder for files."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    """A store in a home of its own."""
    return BarStore(tmp_path / "home" / "bars")
