"""The store against a model in a few lines: every value of every bar, in the order of the upserts."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from minhos.market_data.bars import BarSeries
from minhos.market_data.store import BarStore

START = int(np.datetime64("2023-12-31T23:57", "us").astype(np.int64))  # a year ends among the bars
MINUTE = 60_000_000
SERIES = st.sampled_from([("ESH24", 60), ("ESH24", 300), ("NQH24", 60)])
MOMENTS = st.integers(0, 9).map(lambda minute: START + MINUTE * minute)
VALUES = st.sampled_from([1.0, 2.0, float("nan")])


def same(one: float, other: float) -> bool:
    return one == other or (np.isnan(one) and np.isnan(other))


class StoreAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = BarStore(self.folder / "bars")
        self.model: dict[tuple[str, int], dict[int, list[tuple[int, float]]]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(name=SERIES, closes=st.dictionaries(MOMENTS, VALUES, max_size=6), recorded_at=MOMENTS)
    def upsert(self, name: tuple[str, int], closes: dict[int, float], recorded_at: int) -> None:
        ends = sorted(closes)
        values = np.full((len(ends), 8), 7.0)
        values[:, 3] = [closes[end] for end in ends]
        counts = self.store.upsert(
            BarSeries(*name, np.array(ends, dtype=np.int64), values), source="rule", recorded_at=recorded_at
        )
        known = [moment for series in self.model.values() for history in series.values() for moment, _ in history]
        recorded_at = max(recorded_at, max(known, default=recorded_at - 1) + 1)  # commits are recorded in one order
        expected = {"new": 0, "revised": 0, "unchanged": 0}
        for end in ends:
            history = self.model.setdefault(name, {}).setdefault(end, [])
            if history and same(history[-1][1], closes[end]):
                expected["unchanged"] += 1
                continue
            expected["revised" if history else "new"] += 1
            history.append((recorded_at, closes[end]))
        if not self.model.get(name):
            self.model.pop(name, None)
        assert (counts.new, counts.revised, counts.unchanged) == tuple(expected.values())

    @rule(name=SERIES)
    def remove(self, name: tuple[str, int]) -> None:
        if name in self.model:
            assert self.store.remove(*name) == len(self.model.pop(name))

    @rule()
    def maintain(self) -> None:
        self.store.maintain(retention_hours=0)

    @rule(
        name=SERIES,
        start=st.none() | MOMENTS,
        end=st.none() | MOMENTS,
        as_of=st.none() | MOMENTS,
        recorded_by=st.none() | MOMENTS,
    )
    def read(
        self, name: tuple[str, int], start: int | None, end: int | None, as_of: int | None, recorded_by: int | None
    ) -> None:
        if name not in self.model:
            return
        expected = {}
        for bar_end, history in self.model[name].items():
            if (start is not None and bar_end < start) or (end is not None and bar_end > end):
                continue
            if as_of is not None and bar_end > as_of:
                continue
            for number, (recorded_at, close) in enumerate(history):
                late = as_of is not None and number > 0 and recorded_at > as_of
                if not late and (recorded_by is None or recorded_at <= recorded_by):
                    expected[bar_end] = close
        found = self.store.read(*name, start=start, end=end, as_of=as_of, recorded_by=recorded_by)
        assert found.bar_end.tolist() == sorted(expected)
        np.testing.assert_array_equal(found.column("close"), [expected[end] for end in sorted(expected)])

    @invariant()
    def the_catalog_is_the_models(self) -> None:
        found = {(entry.symbol, entry.timeframe_seconds): entry for entry in self.store.catalog()}
        assert set(found) == set(self.model)
        for name, entry in found.items():
            assert entry.bars == len(self.model[name])
            assert entry.revisions == sum(len(history) - 1 for history in self.model[name].values())


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=8, stateful_step_count=10, deadline=None)
