from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.store import BarStore

Bars = Callable[..., BarSeries]
Minute = Callable[[int], int]


def closes(series: BarSeries) -> list[float]:
    return series.column("close").tolist()


def versions(store: BarStore) -> int:
    return len(list((store.root / "_delta_log").glob("*.json")))


@given(
    times=st.lists(st.integers(-(2**52), 2**52), unique=True, max_size=30).map(sorted),
    data=st.data(),
)
@settings(max_examples=8, deadline=None)
def test_bars_come_back_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], data: st.DataObject
) -> None:
    values = data.draw(hnp.arrays(np.float64, (len(times), 8), elements=st.floats(width=64)))
    interest = data.draw(st.none() | hnp.arrays(np.float64, len(times), elements=st.floats(0, 1e9)))
    before = BarSeries("6EH24", 3600, np.array(times, dtype=np.int64), values, interest)
    store = BarStore(tmp_path_factory.mktemp("bars"))
    counts = store.upsert(before, source="a file", recorded_at=0)
    assert (counts.new, counts.revised, counts.unchanged) == (len(times), 0, 0)
    if not times:
        assert store.catalog() == ()
        return
    after = store.read("6EH24", 3600)
    np.testing.assert_array_equal(after.bar_end, before.bar_end)
    np.testing.assert_array_equal(after.values, before.values)
    assert (after.open_interest is None) == (interest is None)
    if interest is not None:
        np.testing.assert_array_equal(after.open_interest, interest)
    assert store.upsert(before, source="again", recorded_at=1).unchanged == len(times)


def test_the_same_bars_again_commit_nothing(store: BarStore, bars: Bars) -> None:
    store.upsert(bars([1, 2, 3], [1.0, np.nan, 3.0]), source="a", recorded_at=10)
    before = versions(store)
    counts = store.upsert(bars([1, 2, 3], [1.0, np.nan, 3.0]), source="a", recorded_at=20)
    assert (counts.new, counts.revised, counts.unchanged) == (0, 0, 3)
    assert versions(store) == before


def test_only_new_and_corrected_bars_are_written(store: BarStore, bars: Bars) -> None:
    store.upsert(bars([1, 2, 3], [1.0, 2.0, 3.0]), source="a", recorded_at=10)
    counts = store.upsert(bars([2, 3, 4], [2.0, 3.5, 4.0]), source="b", recorded_at=20)
    assert (counts.new, counts.revised, counts.unchanged) == (1, 1, 1)
    assert closes(store.read("ESH24", 60)) == [1.0, 2.0, 3.5, 4.0]


def test_a_value_that_becomes_not_known_is_a_correction(store: BarStore, bars: Bars) -> None:
    store.upsert(bars([1], 1.0, open_interest=[7.0]), source="a", recorded_at=10)
    assert store.upsert(bars([1], 1.0), source="b", recorded_at=20).revised == 1
    assert store.read("ESH24", 60).open_interest is None


def test_several_series_go_in_together_or_not_at_all(store: BarStore, bars: Bars) -> None:
    pair = [(bars([1], symbol="ESH24"), "a"), (bars([1], symbol="NQH24"), "b")]
    store.upsert_many(pair, recorded_at=1)
    assert versions(store) == 2  # the empty store, and the pair
    with pytest.raises(BadInputError, match="ESH24 1m is twice"):
        store.upsert_many([pair[0], pair[0]], recorded_at=1)
    bad = [(bars([2], symbol="ESH24"), "a"), (bars([2], symbol="../NQ"), "b")]
    with pytest.raises(BadInputError, match=r"cannot keep a symbol '\.\./NQ'.*letters, digits"):
        store.upsert_many(bad, recorded_at=1)
    assert [entry.bars for entry in store.catalog()] == [1, 1]


def test_times_in_another_unit_are_refused(store: BarStore, bars: Bars) -> None:
    nanoseconds = BarSeries("ESH24", 60, np.array([1_700_000_000_000_000_000]), np.ones((1, 8)))
    with pytest.raises(BadInputError, match="check the unit of the times"):
        store.upsert(nanoseconds, source="a", recorded_at=1)


class TestWhatWasKnown:
    """Bars end at minutes 1, 2, 3; the second is corrected at minute 10, and again at minute 20."""

    @pytest.fixture
    def store(self, store: BarStore, bars: Bars, minute: Minute) -> BarStore:
        store.upsert(bars([1, 2, 3], [1.0, 2.0, 3.0]), source="first", recorded_at=minute(5))
        store.upsert(bars([2], 2.1), source="second", recorded_at=minute(10))
        store.upsert(bars([2], 2.2), source="third", recorded_at=minute(20))
        return store

    @pytest.mark.parametrize(
        ("as_of", "expected"),
        [
            (0, []),
            (1, [1.0]),
            (2, [1.0, 2.0]),  # known when it ended, though it was recorded at minute 5
            (9, [1.0, 2.0, 3.0]),
            (10, [1.0, 2.1, 3.0]),
            (19, [1.0, 2.1, 3.0]),
            (20, [1.0, 2.2, 3.0]),
        ],
    )
    def test_as_of_shows_what_the_market_had_made(
        self, store: BarStore, minute: Minute, as_of: int, expected: list[float]
    ) -> None:
        assert closes(store.read("ESH24", 60, as_of=minute(as_of))) == expected

    @pytest.mark.parametrize(("recorded_by", "expected"), [(4, []), (5, [1.0, 2.0, 3.0]), (15, [1.0, 2.1, 3.0])])
    def test_recorded_by_shows_what_the_store_had(
        self, store: BarStore, minute: Minute, recorded_by: int, expected: list[float]
    ) -> None:
        assert closes(store.read("ESH24", 60, recorded_by=minute(recorded_by))) == expected

    def test_both_together(self, store: BarStore, minute: Minute) -> None:
        assert closes(store.read("ESH24", 60, as_of=minute(2), recorded_by=minute(30))) == [1.0, 2.0]
        assert closes(store.read("ESH24", 60, as_of=minute(30), recorded_by=minute(12))) == [1.0, 2.1, 3.0]

    def test_the_range_includes_both_ends(self, store: BarStore, minute: Minute) -> None:
        assert closes(store.read("ESH24", 60, start=minute(2), end=minute(3))) == [2.2, 3.0]
        assert closes(store.read("ESH24", 60, start=minute(4))) == []
        assert closes(store.read("ESH24", 60, end=minute(9), as_of=minute(1))) == [1.0]

    def test_the_corrections_are_told_with_before_and_after(self, store: BarStore, minute: Minute) -> None:
        first, second = store.revisions("ESH24", 60)
        assert (first.bar_end, first.number, first.recorded_at, first.source) == (minute(2), 1, minute(10), "second")
        assert (first.before[3], first.after[3]) == (2.0, 2.1)
        assert (second.number, second.before[3], second.after[3]) == (2, 2.1, 2.2)
        assert np.isnan(second.after[8])

    def test_a_clock_that_went_back_does_not_change_which_value_is_the_newest(
        self, store: BarStore, bars: Bars, minute: Minute
    ) -> None:
        store.upsert(bars([2], 2.3), source="clock set back", recorded_at=minute(1))
        assert closes(store.read("ESH24", 60, start=minute(2), end=minute(2))) == [2.3]

    def test_what_was_recorded_up_to_the_newest_row_stays_so_whatever_a_later_clock_says(
        self, store: BarStore, bars: Bars
    ) -> None:
        seen = store.last_recorded_at()
        assert seen is not None
        before = store.read("ESH24", 60, recorded_by=seen)
        store.upsert(bars([2, 20], 7.0), source="began before, ended after", recorded_at=1)
        after = store.read("ESH24", 60, recorded_by=seen)
        assert closes(after) == closes(before)
        assert store.last_recorded_at() == seen + 1
        assert closes(store.read("ESH24", 60, recorded_by=seen + 1, start=int(before.bar_end[-1]) + 1)) == [7.0]


def test_the_catalog_counts_each_bar_once(store: BarStore, bars: Bars, minute: Minute) -> None:
    store.upsert(bars(range(50, 70), np.nan, symbol="NQH24"), source="a", recorded_at=1)
    store.upsert(bars(range(50, 70), open_interest=[5.0] * 20), source="a", recorded_at=2)
    store.upsert(bars([50, 51, 70], 7.0), source="b", recorded_at=3)
    spx, nq = store.catalog()
    assert (spx.symbol, spx.timeframe_seconds, spx.bars, spx.revisions, spx.recorded_at) == ("ESH24", 60, 21, 2, 3)
    assert (spx.first_bar_end, spx.last_bar_end) == (minute(50), minute(70))
    assert spx.files == 4  # minute 60 begins a year: two files a commit
    assert "open_interest" in spx.columns
    assert (nq.bars, nq.revisions, nq.columns) == (20, 0, ())
    assert spx.to_dict()["timeframe"] == "1m"
    assert spx.size_bytes == sum(path.stat().st_size for path in store.root.glob("instrument=ESH24/**/*.parquet"))


def test_folders_are_named_by_instrument_timeframe_and_year_of_the_end(store: BarStore, bars: Bars) -> None:
    store.upsert(bars([59, 60]), source="a", recorded_at=1)
    folders = {path.parent.relative_to(store.root).as_posix() for path in store.root.rglob("*.parquet")}
    assert folders == {f"instrument=ESH24/timeframe_seconds=60/year={year}" for year in (2023, 2024)}


def test_other_tools_read_the_store_as_a_plain_delta_table(store: BarStore, bars: Bars) -> None:
    import pyarrow as pa
    from deltalake import DeltaTable, QueryBuilder

    store.upsert(bars(range(50, 70), [np.nan] + [5.0] * 19), source="a", recorded_at=1)
    store.upsert(bars([51], 6.0), source="b", recorded_at=2)
    query = (
        "select year, count(*) as bars, max(bar_end) as last, avg(close) as close, max(revision) as revision "
        "from bars where instrument = 'ESH24' and bar_end <= '2024-01-01T00:05:00Z' group by year order by year"
    )
    rows = pa.table(QueryBuilder().register("bars", DeltaTable(store.root)).execute(query).read_all()).to_pylist()
    assert [(row["year"], row["bars"], row["close"], row["revision"]) for row in rows] == [
        (2023, 11, 5.1, 1),
        (2024, 6, 5.0, 0),
    ]
    assert rows[1]["last"].isoformat() == "2024-01-01T00:05:00+00:00"


def test_a_removed_series_is_gone_and_can_come_again(store: BarStore, bars: Bars) -> None:
    store.upsert_many([(bars([1, 2]), "a"), (bars([1], symbol="NQH24"), "a")], recorded_at=1)
    store.upsert(bars([1], 5.0), source="b", recorded_at=2)
    assert store.remove("ESH24", 60) == 2
    assert store.find("ESH24", 60) is None
    assert [entry.symbol for entry in store.catalog()] == ["NQH24"]
    assert store.upsert(bars([1], 7.0), source="c", recorded_at=3).new == 1
    assert store.revisions("ESH24", 60) == ()


def test_a_series_that_is_not_there_is_told_with_what_is(store: BarStore, bars: Bars) -> None:
    assert store.find("ESH24", 60) is None
    with pytest.raises(BadInputError, match=r"no bars of ESH24 1m; the store is empty; .*minhos ingest"):
        store.read("ESH24", 60)
    store.upsert(bars([60]), source="a", recorded_at=1)
    with pytest.raises(BadInputError, match="no bars of ESH24 5m; there is ESH24 1m to 2024-01-01T00:00Z"):
        store.read("ESH24", 300)
    for ask in (store.revisions, store.remove):
        with pytest.raises(BadInputError, match="no bars of NQH24 1m"):
            ask("NQH24", 60)


def test_reading_never_makes_a_folder(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "nowhere")
    assert store.catalog() == ()
    assert store.last_recorded_at() is None
    assert not store.root.exists()
