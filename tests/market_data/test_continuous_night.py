"""A night on one continuous series: `NQ[C]`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import read_bars
from minhos.market_data.ingest import NightPlan, ingest, plan_night
from minhos.market_data.rolls.schedule import read_schedule
from minhos.market_data.store import BarStore
from tests.market_data.rolls.expiring_market import december_roll, us

NOW = us("2026-02-01")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    """Both expiries of December 2025, hourly; from 16 December on NQH26 is held."""
    store = BarStore(tmp_path / "home" / "bars")
    store.upsert_many([(series, "test") for series in december_roll().values()], recorded_at=us("2026-01-01"))
    return store


def plan(store: BarStore, universe: list[str], session: date | None = None) -> NightPlan:
    return plan_night(
        folder=store.root,
        store=store,
        map_file=None,
        instruments_file=None,
        timeframe=None,
        session=session,
        universe=universe,
        min_bars=4,
        now_us=NOW,
    )


def test_a_root_can_be_one_series_whose_rolls_the_run_records(store: BarStore, tmp_path: Path) -> None:
    night = plan(store, ["NQ[C]"], session=date(2025, 12, 18))
    assert night.symbols == ("NQ",)
    assert any("NQ is its expiries as one series, 1h, joined by ratio: NQZ25 to NQH26 on" in w for w in night.words)
    (path,) = ingest(night, tmp_path / "run" / "bars")
    bars = read_bars(path)
    (roll,) = read_schedule(tmp_path / "run" / "bars" / "NQ.rolls.json").rolls
    assert (roll.from_contract, roll.to_contract) == ("NQZ25", "NQH26")
    closes = bars.column("close")
    at_roll = int(np.searchsorted(bars.bar_end, roll.effective_us))
    assert abs(np.log(closes[at_roll] / closes[at_roll - 1])) < 0.02
    raw = december_roll()["NQZ25"].up_to(roll.effective_us).column("close")
    assert closes[:at_roll] == pytest.approx(raw * roll.prices.ratio, abs=0.125)  # type: ignore[union-attr]
    np.testing.assert_array_equal(closes / 0.25, np.round(closes / 0.25))


def test_a_session_before_the_roll_does_not_know_it(store: BarStore, tmp_path: Path) -> None:
    (path,) = ingest(plan(store, ["NQ[C]"], session=date(2025, 12, 12)), tmp_path / "bars")
    bars = read_bars(path)
    old = december_roll()["NQZ25"]
    np.testing.assert_allclose(
        bars.column("close"), np.round(old.column("close")[: len(bars)] * 4) / 4, rtol=0, atol=1e-9
    )
    assert read_schedule(tmp_path / "bars" / "NQ.rolls.json").rolls == ()


def test_contracts_may_stand_beside_the_series_and_an_absent_root_is_told(store: BarStore) -> None:
    assert plan(store, ["NQ[C]", "NQH26"], session=date(2025, 12, 18)).symbols == ("NQ", "NQH26")
    with pytest.raises(BadInputError, match="the universe asks for CL"):
        plan(store, ["CL[C]"])


def test_expiries_that_cannot_be_joined_leave_the_root_out_with_the_reason(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "bars")
    both = december_roll()
    equal = both["NQZ25"].values.copy()
    for code, series in both.items():
        values = series.values.copy()
        values[:, 4] = equal[:, 4]
        store.upsert(type(series)(code, 3600, series.bar_end, values), source="test", recorded_at=1)
    with pytest.raises(BadInputError, match=r"no symbol is left; .*NQ.*volume"):
        plan(store, ["NQ[C]"])
