"""Zeros that mean "not known" are no order flow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minhos.market_data.readers.absent import without_absent
from minhos.market_data.readers.column_map import ColumnMap
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text

Write = Callable[..., Path]
PRICES = "1413.50, 1413.75, 1413.25, 1413.50"


def export(flows: list[str]) -> list[str]:
    """Five-minute rows with these `Volume, NumberOfTrades, BidVolume, AskVolume`, and the open one."""
    rows = [*flows, "9, 0, 0, 0"]
    return [
        f"2008/5/{4 + i // 288}, {i % 288 // 12}:{i % 12 * 5:02d}:00, {PRICES}, {flow}" for i, flow in enumerate(rows)
    ]


def test_an_export_without_trades_and_order_flow_has_nan_and_says_so(write_export: Write) -> None:
    bars = read_sierra_text(write_export(lines=export(["7, 0, 0, 0"] * 20)), zone="UTC")
    assert bars.series.column("volume").tolist() == [7.0] * 20
    assert [bars.series.has(name) for name in ("bid_volume", "ask_volume", "trades")] == [False] * 3
    assert bars.words[-1] == (
        "ESZ25-CME_5m.scid_BarData.txt: bid volume and ask volume and trades 0 in every row: the source does not know it, "
        "it is not used"
    )


def test_a_mapped_volume_that_is_always_zero_is_not_faked(tmp_path: Path) -> None:
    path = tmp_path / "X.csv"
    path.write_text("t,o,h,l,c,v\n" + "".join(f"2026-01-05 10:0{i}:00,1,1,1,1,0\n" for i in range(5)))
    columns = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    rule = {"glob": "*", "symbol": "EURUSD", "time": "t", "zone": "UTC", "columns": columns}
    found = ColumnMap.model_validate({"files": [rule]}).files[0]
    bars = read_mapped_table(path, found)
    assert not bars.series.has("volume")
    assert bars.words[-1] == "X.csv: volume 0 in every row: the source does not know it, it is not used"


def test_a_history_with_a_part_without_order_flow_loses_the_columns_as_a_whole(write_export: Write) -> None:
    bars = read_sierra_text(write_export(lines=export(["7, 0, 0, 0"] * 20 + ["7, 3, 3, 4"] * 60)), zone="UTC")
    assert [bars.series.has(name) for name in ("volume", "bid_volume", "ask_volume", "trades")] == [True] + [False] * 3
    assert (
        "bid volume and ask volume 0 in 25.0% of the bars that have volume (20 bars, 2008-05-04T00:05Z to"
        in bars.words[-2]
    )
    assert "trades 0 in 25.0% of the bars" in bars.words[-1]


def test_a_few_bars_without_order_flow_stay_for_validation_to_name(write_export: Write) -> None:
    bars = read_sierra_text(write_export(lines=export(["7, 0, 0, 0"] * 2 + ["7, 3, 3, 4"] * 300)), zone="UTC")
    assert all(bars.series.has(name) for name in ("volume", "bid_volume", "ask_volume", "trades"))
    assert bars.series.column("bid_volume")[:3].tolist() == [0.0, 0.0, 3.0]
    assert not any("not used" in words for words in bars.words)


def test_a_bar_that_nobody_traded_is_a_true_zero(write_export: Write) -> None:
    bars = read_sierra_text(write_export(lines=export(["0, 0, 0, 0"] * 20 + ["7, 3, 3, 4"] * 20)), zone="UTC")
    assert all(bars.series.has(name) for name in ("volume", "bid_volume", "ask_volume", "trades"))


def test_a_flow_with_one_side_only_is_no_flow(write_export: Write) -> None:
    bars = read_sierra_text(write_export(lines=export(["7, 3, 0, 7"] * 20)), zone="UTC")
    assert [bars.series.has(name) for name in ("volume", "bid_volume", "ask_volume", "trades")] == [
        True, False, False, True,
    ]  # fmt: skip
    assert "ask volume is the whole volume then" in bars.words[-1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_no_column_is_left_that_is_zero_everywhere_and_prices_never_change(rows: list[tuple[int, int, int]]) -> None:
    flow = [[bid + ask, bid, ask, trades] for bid, ask, trades in rows]
    values = np.concatenate([np.ones((len(rows), 4)), np.array(flow, dtype=np.float64)], axis=1)
    before, ends = values.copy(), np.arange(len(rows), dtype=np.int64)
    after, words = without_absent(values, ends, name="X")
    np.testing.assert_array_equal(values, before)
    np.testing.assert_array_equal(after[:, :4], before[:, :4])
    for column in range(4, 8):
        lost = bool(np.isnan(after[:, column]).all())
        assert lost or (np.any(after[:, column]) and np.array_equal(after[:, column], before[:, column]))
    assert np.isnan(after[:, 5]).all() == np.isnan(after[:, 6]).all()
    assert bool(words) == bool(np.isnan(after).any())
