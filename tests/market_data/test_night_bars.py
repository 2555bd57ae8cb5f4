"""A night's bars: joined for the models, as traded for what is paid, and as they were known at an earlier moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError, NightError
from minhos.market_data.instruments import Instruments
from minhos.market_data.night_bars import NightBars, read_night_bars, write_night_bars
from minhos.market_data.rolls.adjustment import Adjustment
from minhos.market_data.rolls.continuous import ContinuousSeries, continuous
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.validation import validate
from tests.market_data.rolls.expiring_market import NQ, december_roll, us
from tests.market_data.rolls.test_continuous import two_rolls

LAST_OLD = us("2025-12-15T22:00")


def joined(adjustment: Adjustment, seed: int | None = None) -> ContinuousSeries:
    contracts, schedule = two_rolls(seed) if seed is not None else (december_roll(), None)
    return continuous(contracts, schedule or build_schedule(contracts, NQ), adjustment=adjustment, symbol="NQ")


@pytest.mark.parametrize("adjustment", ["ratio", "difference"])
def test_at_every_earlier_moment_the_bars_are_those_of_a_series_joined_then(adjustment: Adjustment) -> None:
    contracts, schedule = two_rolls(3)
    night = NightBars.of_continuous(joined(adjustment, 3))
    for row in range(5, len(night), 13):
        moment = int(night.series.bar_end[row])
        then = continuous(contracts, schedule, adjustment=adjustment, symbol="NQ", as_of_us=moment)
        known = night.as_of(moment)
        np.testing.assert_allclose(known.values, then.series.values, rtol=1e-9)
        np.testing.assert_array_equal(known.values[-1], night.traded.values[row])  # to the last digit


def test_the_newest_bars_of_a_request_are_at_their_traded_prices() -> None:
    night = NightBars.of_continuous(joined("ratio"))
    contracts = december_roll()
    np.testing.assert_array_equal(night.as_of(us("2026-01-01")).values[-20:], contracts["NQH26"].values[-20:])
    np.testing.assert_array_equal(night.as_of(LAST_OLD).values, contracts["NQZ25"].up_to(LAST_OLD).values)


def test_contract_by_contract_the_bars_are_those_that_were_known_when_it_was_held() -> None:
    contracts, schedule = two_rolls(3)
    night = NightBars.of_continuous(joined("ratio", 3))
    pieces = night.pieces(12)
    assert [own for _, own in pieces] == np.bincount(night.contract).tolist()
    end = 0
    for (series, own), code, before in zip(pieces, schedule.held, (0, 12, 12), strict=True):
        end += own
        assert len(series) == own + before
        assert series.bar_end[-1] == night.series.bar_end[end - 1]
        np.testing.assert_array_equal(series.values, night.as_of(int(series.bar_end[-1])).values[-len(series) :])
        rows = np.isin(contracts[code].bar_end, series.bar_end[-own:])
        np.testing.assert_array_equal(series.values[-own:], contracts[code].values[rows])


@pytest.mark.parametrize("adjustment", ["ratio", "difference"])
def test_what_is_written_is_read_again(tmp_path: Path, adjustment: Adjustment) -> None:
    night = NightBars.of_continuous(joined(adjustment))
    write_night_bars(tmp_path, night)
    again = read_night_bars(tmp_path, "NQ")
    assert again.schedule == night.schedule
    for one, other in ((again.series, night.series), (again.traded, night.traded)):
        np.testing.assert_array_equal(one.values, other.values)
    for one, other in ((again.contract, night.contract), (again.scale.ratio, night.scale.ratio)):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.scale.shift, night.scale.shift)


def test_a_symbol_that_does_not_roll_is_one_file_and_its_own_prices(tmp_path: Path) -> None:
    series = december_roll()["NQZ25"]
    write_night_bars(tmp_path, NightBars.of(series))
    assert [path.name for path in tmp_path.iterdir()] == ["NQZ25.parquet"]
    night = read_night_bars(tmp_path, "NQZ25")
    assert (night.schedule, night.traded) == (None, night.series)
    ((whole, own),) = night.pieces(6)
    assert (len(whole), own) == (len(series), len(series))
    np.testing.assert_array_equal(night.as_of(LAST_OLD).values, series.up_to(LAST_OLD).values)


def test_half_of_the_files_is_refused(tmp_path: Path) -> None:
    write_night_bars(tmp_path, NightBars.of_continuous(joined("ratio")))
    traded = tmp_path / "NQ.traded.npz"
    content = traded.read_bytes()
    traded.write_bytes(content[:300])
    with pytest.raises(BadInputError, match=r"not a readable file of prices as traded .*run the ingest step again"):
        read_night_bars(tmp_path, "NQ")
    traded.unlink()
    with pytest.raises(BadInputError, match="not a readable file of prices as traded"):
        read_night_bars(tmp_path, "NQ")
    traded.write_bytes(content)
    (tmp_path / "NQ.rolls.json").unlink()
    with pytest.raises(NightError, match=r"NQ.rolls.json is missing"):
        read_night_bars(tmp_path, "NQ")


@pytest.mark.system  # runs Great Expectations
def test_the_tick_grid_is_judged_by_traded_prices(instruments: Instruments) -> None:
    nq = instruments.find("NQ")
    made = joined("none")
    values = made.unadjusted.values.copy()
    values[:, :4] = np.round(values[:, :4] * 4) / 4
    traded = type(made.unadjusted)("NQ", 3600, made.unadjusted.bar_end, values)
    adjusted = joined("ratio").scale.adjusted(traded)
    session = np.datetime64("2025-12-18").item()
    found = {
        name: {
            check.rule: check.status for check in validate(adjusted, nq, session=session, docs_dir=None, **more).checks
        }
        for name, more in (("joined", {}), ("as traded", {"traded": traded}))
    }
    assert found["joined"]["on_tick_grid"] == "failed"
    assert found["as traded"]["on_tick_grid"] == "passed"
