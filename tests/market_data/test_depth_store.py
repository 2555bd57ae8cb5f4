"""The depth bars on disk: a day is replaced as a whole, and the same again is nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data import depth_store
from minhos.market_data.depth_series import DEPTH_COLUMNS, DepthSeries
from minhos.market_data.depth_store import DepthKept, DepthStore

DAY_US = 1_764_547_200_000_000  # 2025-12-01T00:00Z
MINUTE_US = 60_000_000


def series(minutes: list[int], *, bid: float = 10.0) -> DepthSeries:
    """Bars that end these minutes after the day's start; the ask is not known."""
    values = np.full((len(minutes), len(DEPTH_COLUMNS)), float(bid))
    values[:, 2] = np.nan
    return DepthSeries("ESZ25", 60, DAY_US + MINUTE_US * np.array(minutes, dtype=np.int64), values)


def minutes_of(found: DepthSeries) -> list[int]:
    return ((found.bar_end - DAY_US) // MINUTE_US).tolist()


def test_what_is_kept_is_read_back_to_the_bit(tmp_path: Path) -> None:
    store, bars = DepthStore(tmp_path / "depth"), series([1, 2, 1_440, 1_441])
    assert store.put(bars) == DepthKept(new=4, updated=0, same=0)
    found = store.read("ESZ25", 60)
    assert found.bar_end.tolist() == bars.bar_end.tolist()
    assert found.values.tobytes() == bars.values.tobytes()
    assert [path.relative_to(store.root).as_posix() for path in sorted(store.root.rglob("*.parquet"))] == [
        "instrument=ESZ25/timeframe_seconds=60/year=2025/2025-12-01.parquet",  # midnight ends the day's last bar
        "instrument=ESZ25/timeframe_seconds=60/year=2025/2025-12-02.parquet",
    ]


def test_the_same_again_changes_no_file(tmp_path: Path) -> None:
    store = DepthStore(tmp_path)
    store.put(series([1, 2]))
    [path] = tmp_path.rglob("*.parquet")
    before = path.stat()
    assert store.put(series([1, 2])) == DepthKept(new=0, updated=0, same=2)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_more_of_a_day_is_added_and_what_changed_is_replaced(tmp_path: Path) -> None:
    store = DepthStore(tmp_path)
    store.put(series([1, 2, 5]))
    assert store.put(series([2, 3], bid=11.0)) == DepthKept(new=1, updated=1, same=0)
    found = store.read("ESZ25", 60)
    assert (minutes_of(found), found.column("bid").tolist()) == ([1, 2, 3, 5], [10, 11, 11, 10])


@given(
    puts=st.lists(st.tuples(st.sets(st.integers(1_435, 1_446)), st.integers(1, 3)), max_size=4),
    start=st.none() | st.integers(1_434, 1_447),
    end=st.none() | st.integers(1_434, 1_447),
)
@settings(max_examples=25)
def test_any_writes_and_any_range_are_those_of_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[set[int], int]], start: int | None, end: int | None
) -> None:
    store, expected = DepthStore(tmp_path_factory.mktemp("depth")), dict[int, int]()
    for minutes, bid in puts:
        kept = store.put(series(sorted(minutes), bid=bid))
        same = sum(expected.get(minute) == bid for minute in minutes)
        assert kept == DepthKept(len(minutes - expected.keys()), len(minutes & expected.keys()) - same, same)
        expected |= dict.fromkeys(minutes, bid)
    found = store.read(
        "ESZ25",
        60,
        start_us=None if start is None else DAY_US + start * MINUTE_US,
        end_us=None if end is None else DAY_US + end * MINUTE_US,
    )
    assert dict(zip(minutes_of(found), found.column("bid").tolist(), strict=True)) == {
        minute: bid for minute, bid in expected.items() if (start or 0) <= minute <= (end or 9_999)
    }


def test_nothing_is_there_of_what_was_never_kept(tmp_path: Path) -> None:
    store = DepthStore(tmp_path / "none")
    assert store.put(series([])) == DepthKept(0, 0, 0)
    assert len(store.read("ESZ25", 60)) == 0
    assert not store.root.exists()


def test_a_write_that_dies_leaves_the_old_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DepthStore(tmp_path)
    store.put(series([1]))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.put(series([1, 2], bid=12.0))
    assert minutes_of(store.read("ESZ25", 60)) == [1]
    assert len([path for path in tmp_path.rglob("*") if path.is_file() and path.name != "_lock"]) == 1


def test_two_writers_of_one_day_lose_nothing(tmp_path: Path) -> None:
    def write(first: int) -> None:
        for minute in range(first, 20, 2):
            DepthStore(tmp_path).put(series([minute]))

    writers = [threading.Thread(target=write, args=(first,)) for first in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert minutes_of(DepthStore(tmp_path).read("ESZ25", 60)) == list(range(1, 20))


def test_a_writer_that_waits_too_long_is_told_who_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth_store, "_WAIT_SECONDS", 0.0)
    with (
        depth_store.exclusive(tmp_path / "_lock", busy=RuntimeError),
        pytest.raises(depth_store.SetupError, match=rf"process {os.getpid()} is writing depth bars there"),
    ):
        DepthStore(tmp_path).put(series([1]))


def test_a_broken_day_is_told(tmp_path: Path) -> None:
    store = DepthStore(tmp_path)
    store.put(series([1]))
    [path] = tmp_path.rglob("*.parquet")
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInputError, match=r"2025-12-01\.parquet: not a readable file of depth bars"):
        store.read("ESZ25", 60)


@pytest.mark.parametrize("symbol", ["", "../ES", "a b"])
def test_a_symbol_that_names_no_folder_is_refused(tmp_path: Path, symbol: str) -> None:
    bars = series([1])
    with pytest.raises(BadInputError, match="a symbol is letters and digits"):
        DepthStore(tmp_path).put(DepthSeries(symbol, 60, bars.bar_end, bars.values))


def test_the_series_that_have_bars_are_listed(tmp_path: Path) -> None:
    store = DepthStore(tmp_path / "depth")
    assert store.series() == []
    store.put(series([1, 2]))
    assert store.series() == [("ESZ25", 60)]
