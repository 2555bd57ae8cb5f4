from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from minhos.errors import ConfigError, InstrumentError
from minhos.market_data.bars import BarSeries
from minhos.market_data.ingest import ingest, plan_night
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.sessions import last_complete_session, trading_dates
from minhos.market_data.store import BarStore
from minhos.market_data.synthetic import bayes_accuracy, write_exchange

END = date(2026, 11, 20)


@pytest.fixture(scope="module")
def long_market(tmp_path_factory: pytest.TempPathFactory) -> tuple[BarSeries, BarSeries]:
    """120 sessions of both instruments: 33 120 bars each."""
    paths = write_exchange(tmp_path_factory.mktemp("exchange"), seed=11, sessions=120, end=END)
    first, second = (read_sierra_text(path, zone="UTC").series for path in paths)
    return first, second


def imbalance(bars: BarSeries) -> npt.NDArray[np.float64]:
    return (bars.column("ask_volume") - bars.column("bid_volume")) / bars.column("volume")


def log_close(bars: BarSeries) -> npt.NDArray[np.float64]:
    return np.log(bars.column("close"))


def test_the_same_seed_writes_the_same_bytes_and_another_one_does_not(tmp_path: Path) -> None:
    once, again, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    for folder, seed in ((once, 3), (again, 3), (other, 4)):
        write_exchange(folder, seed=seed, sessions=3, end=END)
    names = sorted(path.name for path in once.iterdir())
    assert names == ["SYNAZ26-SIM_5m.scid_BarData.txt", "SYNBZ26-SIM_5m.scid_BarData.txt", "SYNTHETIC.txt"]
    assert all((once / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert (once / names[0]).read_bytes() != (other / names[0]).read_bytes()


def test_the_exchange_makes_a_night_that_says_it_is_synthetic(tmp_path: Path) -> None:
    write_exchange(tmp_path, seed=1, end=END)
    night = plan_night(
        folder=tmp_path,
        map_file=None,
        instruments_file=None,
        timeframe=None,
        session=None,
        universe=None,
        store=BarStore(tmp_path / "store"),
        now_us=int(np.datetime64("2026-11-24", "us").astype(np.int64)),
    )
    assert night.synthetic
    assert night.words[0].startswith("SYNTHETIC DATA")
    assert (night.session, night.timeframe_seconds, night.symbols) == (END, 300, ("SYNAZ26", "SYNBZ26"))
    assert night.excluded == {}
    assert night.ignored == {}
    assert len(ingest(night, tmp_path / "bars")) == 2
    assert {source.rows for source in night.used} == {60 * 276}


def test_prices_are_on_the_grid_and_bars_are_consistent(
    long_market: tuple[BarSeries, BarSeries], instruments: Instruments
) -> None:
    for bars in long_market:
        instrument = instruments.find(bars.symbol)
        ticks = bars.values[:, :4] / instrument.tick_size
        np.testing.assert_allclose(ticks, np.round(ticks), atol=1e-6)
        opens, high, low, close = bars.values[:, :4].T
        assert (high >= np.maximum(opens, close)).all()
        assert (low <= np.minimum(opens, close)).all()
        assert (bars.column("trades") >= 1).all()
        assert (bars.column("trades") <= bars.column("volume")).all()
        np.testing.assert_array_equal(bars.column("bid_volume") + bars.column("ask_volume"), bars.column("volume"))


def test_sessions_are_weekdays_with_a_daily_break(
    long_market: tuple[BarSeries, BarSeries], instruments: Instruments
) -> None:
    bars, instrument = long_market[0], instruments.find("SYNAZ26")
    dates, counts = np.unique(trading_dates(bars.bar_end, instrument, timeframe_seconds=300), return_counts=True)
    assert len(dates) == 120
    assert set(counts.tolist()) == {276}  # 23 hours of 5 minutes, also where the clock changes
    assert {day.weekday() for day in dates.tolist()} == {0, 1, 2, 3, 4}
    assert last_complete_session(bars, instrument) == END


def test_the_planted_edge_is_what_its_formula_says(long_market: tuple[BarSeries, BarSeries]) -> None:
    expected = bayes_accuracy(6)
    assert 0.57 <= expected <= 0.59
    for bars in long_market:
        later = log_close(bars)[6:] - log_close(bars)[:-6]
        moved = later != 0
        right = (np.sign(later) == np.sign(imbalance(bars)[:-6]))[moved]
        # six overlapping labels are worth one: the standard error is at most 0.5 x sqrt(6 / n)
        assert abs(right.mean() - expected) < 4 * 0.5 * np.sqrt(6 / right.size)


def test_accuracy_by_hand_for_one_bar() -> None:
    # one bar ahead: m = beta, s^2 = 1 - beta^2, so 1/2 + arctan(m / s) / pi = 1/2 + arcsin(0.165) / pi
    assert bayes_accuracy(1) == pytest.approx(0.5 + np.arcsin(0.165) / np.pi, abs=1e-12)


def test_flow_persists_volatility_clusters_and_instruments_move_together(
    long_market: tuple[BarSeries, BarSeries],
) -> None:
    first, second = long_market
    flow = imbalance(first)
    assert np.corrcoef(flow[1:], flow[:-1])[0, 1] == pytest.approx(0.85, abs=0.03)
    returns = np.diff(log_close(first))
    assert np.corrcoef(np.abs(returns[20:]), np.abs(returns[:-20]))[0, 1] > 0.1
    assert np.corrcoef(returns, np.diff(log_close(second)))[0, 1] == pytest.approx(0.6, abs=0.05)


def test_a_round_trip_costs_little_against_the_range_of_a_bar(
    long_market: tuple[BarSeries, BarSeries], instruments: Instruments
) -> None:
    for bars in long_market:
        instrument = instruments.find(bars.symbol)
        range_ticks = float(np.mean(bars.column("high") - bars.column("low"))) / instrument.tick_size
        assert 0 < instrument.cost_ticks_round_trip < 0.1 * range_ticks


def test_an_end_on_a_weekend_is_the_friday_before(tmp_path: Path, instruments: Instruments) -> None:
    (path,) = write_exchange(tmp_path, seed=1, symbols=["SYNAZ26"], sessions=2, end=date(2026, 11, 22))
    assert last_complete_session(read_sierra_text(path, zone="UTC").series, instruments.find("SYNAZ26")) == END


def test_another_timeframe_has_the_same_volatility_per_hour(tmp_path: Path) -> None:
    (path,) = write_exchange(tmp_path, seed=1, symbols=["SYNAZ26"], sessions=5, timeframe_seconds=1800, end=END)
    bars = read_sierra_text(path, zone="UTC").series
    assert (bars.timeframe_seconds, len(bars)) == (1800, 5 * 46)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sessions is 0"):
        write_exchange(tmp_path, seed=1, sessions=0, end=END)
    with pytest.raises(ConfigError, match="name at least one, each once"):
        write_exchange(tmp_path, seed=1, symbols=["SYNAZ26", "SYNAZ26"], end=END)
    with pytest.raises(InstrumentError, match="XYZ: no instrument definition"):
        write_exchange(tmp_path, seed=1, symbols=["XYZ"], end=END)
