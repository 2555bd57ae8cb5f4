from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries, iso, read_bars, write_bars


def series(times: list[int], values: np.ndarray | None = None) -> BarSeries:
    if values is None:
        values = np.ones((len(times), 8))
    return BarSeries(symbol="ESZ25", timeframe_seconds=300, bar_end=np.array(times, dtype=np.int64), values=values)


@given(
    times=st.lists(st.integers(0, 2**52), unique=True, max_size=30).map(sorted),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_a_written_file_reads_back_bit_by_bit(times: list[int], data: st.DataObject) -> None:
    values = data.draw(hnp.arrays(np.float64, (len(times), 8), elements=st.floats(width=64)))
    before = series(times, values)
    with tempfile.TemporaryDirectory() as folder:
        after = read_bars(write_bars(Path(folder) / "ESZ25.parquet", before))
    assert (after.symbol, after.timeframe_seconds) == ("ESZ25", 300)
    np.testing.assert_array_equal(after.bar_end, before.bar_end)
    np.testing.assert_array_equal(after.values, before.values)


def test_writing_leaves_no_temporary_file_behind(tmp_path: Path) -> None:
    write_bars(tmp_path / "ESZ25.parquet", series([1, 2]))
    write_bars(tmp_path / "ESZ25.parquet", series([1, 2, 3]))
    assert [path.name for path in tmp_path.iterdir()] == ["ESZ25.parquet"]
    assert len(read_bars(tmp_path / "ESZ25.parquet")) == 3


def test_bars_are_known_from_their_end_on() -> None:
    bars = series([10, 20, 30])
    assert bars.up_to(19).bar_end.tolist() == [10]
    assert bars.up_to(20).bar_end.tolist() == [10, 20]
    assert len(bars.up_to(9)) == 0


def test_a_column_of_nan_is_absent() -> None:
    values = np.ones((2, 8))
    values[:, 5] = np.nan
    bars = series([1, 2], values)
    assert bars.has("volume")
    assert not bars.has("bid_volume")
    with pytest.raises(BadInputError, match="no column 'last'; the columns are open, high"):
        bars.has("last")


def test_the_arrays_of_a_series_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        series([1, 2]).values[0, 0] = 3.0


@pytest.mark.parametrize("times", [[5, 5], [5, 4]])
def test_times_must_increase(times: list[int]) -> None:
    with pytest.raises(BadInputError, match=r"ESZ25: bar times must increase; row 1 .* is not after row 0"):
        series(times)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(BadInputError, match=r"bar_end has shape \(2,\) and values \(2, 7\), allowed are"):
        series([1, 2], np.ones((2, 7)))


def test_a_file_that_is_no_bar_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ESZ25.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(BadInputError, match=r"ESZ25\.parquet: not a readable bar file"):
        read_bars(path)
    with pytest.raises(BadInputError, match="not a readable bar file"):
        read_bars(tmp_path / "absent.parquet")


def test_stamps_read_as_utc() -> None:
    assert iso(1_766_068_500_000_000) == "2025-12-18T14:35Z"
    assert iso(1_766_068_501_000_000) == "2025-12-18T14:35:01Z"
