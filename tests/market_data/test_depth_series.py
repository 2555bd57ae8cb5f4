"""Depth bars as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.depth_series import DEPTH_COLUMNS, DepthSeries


def test_columns_are_found_by_name_and_make_a_table() -> None:
    bars = DepthSeries("ESZ25", 60, np.array([60, 120]), np.arange(16.0).reshape(2, 8))
    assert list(bars.columns()) == ["bar_end", *DEPTH_COLUMNS]
    assert bars.columns()["updates"].tolist() == bars.column("updates").tolist() == [7, 15]
    assert bars.slice(1, 2).columns()["bid"].tolist() == [8]


def test_an_unknown_column_is_told() -> None:
    with pytest.raises(BadInputError, match=r"ESZ25: no depth column 'mid'; the columns are bid, bid_size, ask"):
        DepthSeries("ESZ25", 60, np.empty(0, dtype=np.int64), np.empty((0, 8))).column("mid")


def test_shapes_and_times_are_checked() -> None:
    with pytest.raises(
        BadInputError, match=r"bar_end has shape \(2,\) and values \(2, 7\), allowed are \[T\] and \[T, 8\]"
    ):
        DepthSeries("ESZ25", 60, np.array([1, 2]), np.zeros((2, 7)))
    with pytest.raises(BadInputError, match="the times of depth bars must increase"):
        DepthSeries("ESZ25", 60, np.array([2, 2]), np.zeros((2, 8)))
