"""A night on one continuous series: `NQ[C]`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import read_bars
from minhos.market_data.ingest import NightPlan, ingest, plan_night
from minhos.market_data.night_bars import read_night_bars
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
    assert closes[:at_roll] == pytest.approx(raw * roll.prices.ratio)  # type: ignore[union-attr]


def test_the_run_has_the_prices_at_which_the_bars_traded(store: BarStore, tmp_path: Path) -> None:
    ingest(plan(store, ["NQ[C]"], session=date(2025, 12, 18)), tmp_path / "bars")
    night = read_night_bars(tmp_path / "bars", "NQ")
    both = december_roll()
    for held, code in enumerate(("NQZ25", "NQH26")):
        rows = night.contract == held
        own = both[code].values[np.isin(both[code].bar_end, night.series.bar_end[rows])]
        np.testing.assert_array_equal(night.traded.values[rows], own)
    assert night.scale.ratio == pytest.approx(np.where(night.contract == 0, 1.01, 1.0))
    assert not night.scale.shift.any()


def test_a_session_before_the_roll_does_not_know_it(store: BarStore, tmp_path: Path) -> None:
    ingest(plan(store, ["NQ[C]"], session=date(2025, 12, 12)), tmp_path / "bars")
    night = read_night_bars(tmp_path / "bars", "NQ")
    np.testing.assert_array_equal(night.series.values, december_roll()["NQZ25"].values[: len(night)])
    assert night.rolls == ()


def test_prices_below_zero_are_joined_by_difference_and_the_night_says_why(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "bars")
    for code, series in december_roll().items():
        values = series.values.copy()
        values[:, :4] = np.round((values[:, :4] - 25_000) / 10, 2)  # 20 to -35 or so, as crude oil in April 2020
        store.upsert(type(series)(code, 3600, series.bar_end, values), source="test", recorded_at=1)
    night = plan(store, ["NQ[C]"], session=date(2025, 12, 18))
    assert night.symbols == ("NQ",)
    assert any(words.startswith("NQ is its expiries as one series, 1h, joined by difference:") for words in night.words)
    assert any(words.startswith("NQ is joined by difference, not by ratio: ") for words in night.words)
    ingest(night, tmp_path / "run")
    made = read_night_bars(tmp_path / "run", "NQ")
    (roll,) = made.rolls
    assert roll.prices is not None
    assert (made.scale.ratio == 1.0).all()
    np.testing.assert_array_equal(made.scale.shift, np.where(made.contract == 0, roll.prices.difference, 0.0))
    np.testing.assert_array_equal(
        made.traded.values[made.contract == 0], store.read("NQZ25", 3600, end=roll.effective_us).values
    )


def test_contracts_may_stand_beside_the_series_and_an_absent_root_is_told(store: BarStore) -> None:
    assert plan(store, ["NQ[C]", "NQH26"], session=date(2025, 12, 18)).symbols == ("NQ", "NQH26")
    with pytest.raises(BadInputError, match="no bars of CL"):
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
