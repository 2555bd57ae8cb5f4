from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import NightError
from minhos.training.labels import Barriers
from minhos.training.samples import Samples, build_samples, concatenate
from tests.training.market import BAR_US, planted_samples


def tiny(symbol: str = "AAA", *, count: int = 6, offset_us: int = 0, **changes: object) -> Samples:
    """Ten bars that rise one tick of 0.25 each; the rows belong to the last ``count`` bars."""
    close = 100.0 + 0.25 * np.arange(10)
    opened = close - 0.25
    bars = np.column_stack([opened, close, opened, close, *[np.ones(10)] * 4])
    arguments = {
        "symbol": symbol,
        "bars": bars,
        "bar_end": (np.arange(10, dtype=np.int64) + 1) * BAR_US + offset_us,
        "tabular": np.arange(count, dtype=float)[:, None],
        "tabular_names": ["f"],
        "sequence": np.zeros((count, 20, 8)),
        "sequence_names": [f"s{k}" for k in range(8)],
        "state": np.column_stack([close[-count:], np.full(count, 0.5)]),
        "state_names": ["close", "atr"],
        "tick_size": 0.25,
        "cost_ticks_round_trip": 1.0,
        "cost_fraction_round_trip": 0.001,
        "barriers": Barriers(stop_atr=1.0, target_atr=1.0, horizon_bars=3),
        "timeframe_seconds": 1800,
    }
    return build_samples(**{**arguments, **changes})  # type: ignore[arg-type]


def test_golden_samples_of_ten_rising_bars() -> None:
    samples = tiny()
    # Rows are bars 4..9; bars 7, 8, 9 have no three bars after them: their labels are not known, no samples.
    assert samples.t0.tolist() == [5 * BAR_US, 6 * BAR_US, 7 * BAR_US]
    assert samples.t1.tolist() == [7 * BAR_US, 8 * BAR_US, 9 * BAR_US], "known when the trades end"
    assert samples.tabular[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert samples.up.tolist() == [1, 1, 1]
    assert samples.stop_ticks.tolist() == samples.target_ticks.tolist() == [2, 2, 2]
    # The fill is bar 5's open = bar 4's close = 101; two ticks up are reached in the second bar held.
    assert samples.entry_price.tolist() == [101.0, 101.25, 101.5]
    assert samples.win_long.tolist() == [1, 1, 1]
    assert samples.win_short.tolist() == [0, 0, 0]
    assert samples.exit_ticks_long.tolist() == [2.0, 2.0, 2.0]
    assert samples.exit_ticks_short.tolist() == [-2.0, -2.0, -2.0]
    assert samples.bars_held_long.tolist() == [2, 2, 2]
    assert samples.exit_us_long.tolist() == [7 * BAR_US, 8 * BAR_US, 9 * BAR_US]
    assert samples.cost_ticks == pytest.approx([1 + 0.001 * close / 0.25 for close in (101.0, 101.25, 101.5)])


def test_a_fixed_horizons_label_is_known_at_its_end_and_the_trades_are_the_same() -> None:
    fixed, barrier = tiny(label="fixed_horizon"), tiny()
    assert fixed.t1.tolist() == [8 * BAR_US, 9 * BAR_US, 10 * BAR_US]
    assert fixed.up.tolist() == [1, 1, 1]
    for name in ("t0", "win_long", "win_short", "exit_ticks_long", "exit_ticks_short", "exit_us_long", "cost_ticks"):
        assert np.array_equal(getattr(fixed, name), getattr(barrier, name)), name


def test_net_of_costs_a_target_reached_pays_less_than_a_stop_loses() -> None:
    samples = tiny()
    cost = 1 + 0.001 * 101.0 / 0.25
    assert samples.net_r(np.ones(3))[0] == pytest.approx((2 - cost) / (2 + cost))
    assert samples.net_r(-np.ones(3)).tolist() == [-1.0] * 3, "1 R is the loss at the stop, costs included"


def test_samples_of_two_kinds_of_label_are_not_pooled() -> None:
    with pytest.raises(NightError, match="label differs"):
        concatenate([tiny(), tiny("BBB", label="fixed_horizon")])


def test_truncating_the_history_changes_no_sample_whose_label_was_known() -> None:
    whole = planted_samples(bars=300, symbols=("AAA",))
    known = whole.take(whole.t1 <= whole.t1[150])
    assert len(known) == 151
    for name, array in known.arrays().items():
        assert np.array_equal(array, getattr(whole, name)[:151]), name


def test_unusable_rows_and_all_but_the_newest_are_left_out() -> None:
    usable = np.array([True, False, True, True, True, True])
    assert tiny(usable=usable).tabular[:, 0].tolist() == [0.0, 2.0]
    assert tiny(max_samples=1).tabular[:, 0].tolist() == [2.0]


def test_a_nan_feature_in_a_usable_row_is_refused() -> None:
    with pytest.raises(NightError, match="samples of AAA: tabular has NaN"):
        tiny(tabular=np.full((6, 1), np.nan))
    with pytest.raises(NightError, match="none of 6 rows is usable"):
        tiny(tabular=np.full((6, 1), np.nan), usable=np.zeros(6, dtype=bool))


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(NightError, match="do not fit together"):
        tiny(tabular=np.zeros((5, 1)))
    with pytest.raises(NightError, match="needs a column atr"):
        tiny(state_names=["close", "spread"])
    with pytest.raises(NightError, match="1 columns, but 2 names"):
        replace(tiny(), tabular_names=("a", "b"))


def test_pooling_keeps_time_order_and_ties_in_instrument_order() -> None:
    pooled = concatenate([tiny("BBB"), tiny("AAA"), tiny("CCC", offset_us=1)])
    assert pooled.symbols == ("BBB", "AAA", "CCC")
    assert pooled.instrument.tolist() == [0, 1, 2] * 3
    assert (np.diff(pooled.t0) >= 0).all()
    again = concatenate([concatenate([tiny("BBB"), tiny("AAA")]), tiny("CCC", offset_us=1)])
    assert again.instrument.tolist() == pooled.instrument.tolist()


def test_pooling_refuses_samples_of_another_recipe() -> None:
    with pytest.raises(NightError, match="tabular_names differs"):
        concatenate([tiny("AAA"), tiny("BBB", tabular_names=["g"])])
    with pytest.raises(NightError, match="nothing to pool"):
        concatenate([])


def test_a_saved_file_reads_back_whole_and_is_reproducible(tmp_path: Path) -> None:
    samples = concatenate([tiny("AAA"), tiny("BBB")])
    samples.save(tmp_path / "one.npz")
    samples.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]
    read = Samples.load(tmp_path / "one.npz")
    for name, array in samples.arrays().items():
        assert np.array_equal(getattr(read, name), array) and getattr(read, name).dtype == array.dtype
    assert (read.symbols, read.tabular_names, read.horizon_bars) == (("AAA", "BBB"), ("f",), 3)


def test_a_half_written_sample_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "features.npz"
    tiny().save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(NightError, match=r"features\.npz: not a readable sample file"):
        Samples.load(path)
    with pytest.raises(NightError, match="run the features step again"):
        Samples.load(tmp_path / "absent.npz")


def test_taking_rows_keeps_time_order() -> None:
    samples = tiny()
    assert samples.take([2, 0]).t0.tolist() == [5 * BAR_US, 7 * BAR_US]
    assert len(samples.take(samples.t0 > 6 * BAR_US)) == 1
