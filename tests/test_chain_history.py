"""A history's features are the served windows' features, bar by bar."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from builders import DATA_THROUGH, fake_bars, tiny_parameters

from minhos.chain import Chain, FeatureBlock, Parameters
from minhos_client.contract import Reason, encode_bytes

SYMBOLS = ("MNQZ25", "ESZ25", "MESZ25", "NQZ25")
WIDTH = tiny_parameters(SYMBOLS)["window"]


def chain(**changes: int) -> Chain:
    return Chain(Parameters.from_json({**tiny_parameters(SYMBOLS), **changes}), "20250101-30m-0123456789ab")


class TestHistory:
    @staticmethod
    def windows(bars: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
        view = np.lib.stride_tricks.sliding_window_view(bars, width, axis=0)
        return np.ascontiguousarray(np.moveaxis(view, -1, 1))

    def check(
        self, bars: npt.NDArray[np.float64], bar_end: npt.NDArray[np.int64], symbol: str = "MNQZ25"
    ) -> FeatureBlock:
        ours = chain(max_age_seconds=10**9)
        served, ends = self.windows(bars, WIDTH), self.windows(bar_end, WIDTH)
        names = encode_bytes([symbol] * len(ends))
        each = ours.features(served, ends, ends[:, -1:].copy(), names)
        whole = ours.history_block(bars, bar_end, symbol)
        for field in ("sequence", "tabular", "state", "row_reasons"):
            np.testing.assert_allclose(getattr(whole, field), getattr(each, field), atol=1e-9, rtol=1e-9)
        return whole

    @pytest.mark.parametrize("symbol", SYMBOLS[:2])
    def test_it_equals_the_served_windows(self, symbol: str) -> None:
        ends = DATA_THROUGH + 1_800_000_000 * np.arange(200, dtype=np.int64)
        assert not self.check(fake_bars(np.random.default_rng(0), 200), ends, symbol).row_reasons.any()

    def test_an_instrument_that_the_release_does_not_know_has_no_history(self) -> None:
        ends = DATA_THROUGH + 1_800_000_000 * np.arange(200, dtype=np.int64)
        with pytest.raises(ValueError, match="the instrument 'ABC' is unknown to the release; allowed: "):
            chain().history_block(fake_bars(np.random.default_rng(0), 200), ends, "ABC")

    def test_a_bad_bar_refuses_the_windows_that_hold_it_and_no_others(self) -> None:
        bars = fake_bars(np.random.default_rng(0), 200)
        ends = DATA_THROUGH + 1_800_000_000 * np.arange(200, dtype=np.int64)
        clean = self.check(bars, ends)
        bars[100, 3] = np.nan
        block = self.check(bars, ends)
        refused = block.row_reasons[:, 0] == int(Reason.BAD_INPUT)
        assert np.flatnonzero(refused).tolist() == list(range(100 - WIDTH + 1, 101))
        assert np.array_equal(block.tabular[~refused], clean.tabular[~refused])

    def test_the_future_changes_nothing(self) -> None:
        bars = fake_bars(np.random.default_rng(4), 160)
        ends = DATA_THROUGH + 1_800_000_000 * np.arange(160, dtype=np.int64)
        early, late = (
            chain().history_block(bars[:120], ends[:120], "MNQZ25"),
            chain().history_block(bars, ends, "MNQZ25"),
        )
        for field in ("sequence", "tabular", "state"):
            assert np.array_equal(getattr(early, field), getattr(late, field)[: 121 - WIDTH]), field

    def test_too_short_a_history_is_refused(self) -> None:
        with pytest.raises(ValueError, match=f"a history of {WIDTH - 1} bars is shorter than the window of {WIDTH}"):
            chain().history_block(np.ones((WIDTH - 1, 8)), np.arange(WIDTH - 1, dtype=np.int64), "MNQZ25")

    def test_a_real_year_of_order_flow_gives_finite_features(self) -> None:
        root = Path(__file__).resolve().parents[1]
        folder = Path(os.environ.get("MINHOS_REAL_DATA", root.parent / "shared" / "data"))
        file = folder / "crypto_orderflow" / "BTCUSDT_30m.csv"
        if not file.is_file():
            pytest.skip(f"no real data: {file} is absent (set MINHOS_REAL_DATA)")
        table = np.genfromtxt(file, delimiter=",", skip_header=1, usecols=(1, 2, 3, 4, 5, 8, 9), max_rows=3000)
        ask_volume = table[:, 6]
        bars = np.column_stack([table[:, :5], table[:, 4] - ask_volume, ask_volume, table[:, 5]])
        ends = DATA_THROUGH + 1_800_000_000 * np.arange(len(bars), dtype=np.int64)
        block = chain().history_block(bars, ends, "MNQZ25")
        bad = block.refused
        assert bad.mean() < 0.1
        assert np.isfinite(block.tabular).all()
        assert (block.state[~bad, :3] > 0).all()
