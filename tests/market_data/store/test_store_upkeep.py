from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from minhos.errors import SetupError
from minhos.market_data.bars import BarSeries
from minhos.market_data.store import BarStore, bar_store, upkeep, upsert

Bars = Callable[..., BarSeries]


def parquet_files(store: BarStore) -> list[Path]:
    return sorted(store.root.rglob("*.parquet"))


def test_small_nightly_appends_do_not_pile_up(store: BarStore, bars: Bars) -> None:
    for night in range(40):
        store.upsert(bars([100 + night]), source="night", recorded_at=night)
    (entry,) = store.catalog()
    assert (entry.bars, entry.revisions) == (40, 0)
    assert entry.files <= 16
    assert list((store.root / "_delta_log").glob("*.checkpoint.parquet"))
    assert store.read("ESH24", 60).bar_end.tolist() == bars(range(100, 140)).bar_end.tolist()


def test_merging_sorts_and_changes_nothing(store: BarStore, bars: Bars, minute: Callable[[int], int]) -> None:
    store.upsert(bars([105, 106], [5.0, 6.0]), source="a", recorded_at=minute(200))
    store.upsert(bars([101, 105], [1.0, 5.5]), source="b", recorded_at=minute(300))
    before = [store.read("ESH24", 60, as_of=minute(at)) for at in (250, 300)]
    log = store.revisions("ESH24", 60)
    done = store.maintain(retention_hours=0)
    assert (done.merged, done.into, done.deleted) == (2, 1, 2)
    (file,) = (path for path in parquet_files(store) if "_delta_log" not in path.parts)
    stored = pq.read_table(file)
    assert stored["bar_end"].cast("int64").to_pylist() == [minute(at) for at in (101, 105, 105, 106)]
    assert stored["revision"].to_pylist() == [0, 0, 1, 0]
    for earlier, at in zip(before, (250, 300), strict=True):
        np.testing.assert_array_equal(store.read("ESH24", 60, as_of=minute(at)).values, earlier.values)
    assert [one.bar_end for one in store.revisions("ESH24", 60)] == [one.bar_end for one in log]


def test_a_reader_at_work_keeps_its_files_for_a_week(store: BarStore, bars: Bars) -> None:
    for night in range(3):
        store.upsert(bars([100 + night]), source="night", recorded_at=night)
    snapshot = [path for path in parquet_files(store) if "_delta_log" not in path.parts]
    assert store.maintain().deleted == 0
    assert all(path.exists() for path in snapshot)


def test_what_a_killed_writer_left_is_deleted_after_a_week(store: BarStore, bars: Bars) -> None:
    store.upsert(bars([100]), source="a", recorded_at=1)
    (file,) = parquet_files(store)
    fresh, old = file.with_name("fresh.parquet"), file.with_name("old.parquet")
    for lost in (fresh, old):
        lost.write_bytes(file.read_bytes())
    week_ago = time.time() - 8 * 86_400
    journal, schedule = store.root / "_ingest.json", store.root / "_rolls" / "ES.json"  # of the intake and the rolls
    schedule.parent.mkdir()
    for other in (journal, schedule):
        other.write_text("{}")
    for path in (old, journal, schedule):
        os.utime(path, (week_ago, week_ago))
    assert store.maintain().deleted == 1
    assert [path.exists() for path in (fresh, old, journal, schedule)] == [True, False, True, True]
    assert len(store.read("ESH24", 60)) == 1


def test_large_files_are_left_alone(store: BarStore, bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_SMALL_ROWS", 10)
    store.upsert(bars(range(100, 120)), source="a", recorded_at=1)
    (large,) = parquet_files(store)
    for night in range(3):
        store.upsert(bars([200 + night]), source="night", recorded_at=night)
    done = store.maintain()
    assert (done.merged, done.into) == (3, 1)
    assert store.catalog()[0].files == 2
    assert large.exists()


def test_a_long_series_is_written_in_files_of_bounded_size(
    store: BarStore, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "_MOST_ROWS_PER_FILE", 30)
    series = bars(
        range(40, 140)
    )  # 20 bars up to the year's end, 80 after it (a bar that ends at midnight is the new year's)
    store.upsert(series, source="a", recorded_at=1)
    assert sorted(pq.read_metadata(path).num_rows for path in parquet_files(store)) == [20, 20, 30, 30]
    np.testing.assert_array_equal(store.read("ESH24", 60).bar_end, series.bar_end)


def test_an_upkeep_that_fails_says_that_the_bars_are_in(
    store: BarStore, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bar_store, "merge", full)
    with pytest.raises(SetupError, match=r"the bars are in the store, but its upkeep failed .*No space left"):
        store.upsert(bars([100]), source="a", recorded_at=1)
    assert len(store.read("ESH24", 60)) == 1
