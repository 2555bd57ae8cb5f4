"""The checks of a bar window."""

import numpy as np
import numpy.typing as npt
import pytest
from builders import fake_windows

from minhos.capabilities.prediction.runtime.windows import bad_bars, column_indices, row_reasons, time_order_broken
from minhos_client.contract import BAR_COLUMNS, Reason

TIMEFRAME = 1_800_000_000
ALL = column_indices(BAR_COLUMNS)


def rows() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    return fake_windows(np.random.default_rng(3), 3, 20)


@pytest.mark.parametrize(
    ("column", "value"),
    [(0, np.nan), (3, np.inf), (3, -np.inf), (2, 0.0), (3, -5.0), (4, -1.0), (7, np.nan), (4, 1e30), (1, 1.0)],
)
def test_an_unusable_bar_is_found_and_only_that_bar(column: int, value: float) -> None:
    bars, _ = rows()
    assert not bad_bars(bars, ALL).any()
    bars[1, 5, column] = value
    assert np.argwhere(bad_bars(bars, ALL)).tolist() == [[1, 5]]


def test_columns_that_are_not_used_may_hold_anything() -> None:
    bars, _ = rows()
    bars[:, :, 5], bars[:, :, 6] = np.nan, -7.0
    assert not bad_bars(bars, column_indices(("open", "high", "low", "close", "volume", "trades"))).any()


def test_times_must_rise_and_be_bars_of_the_timeframe() -> None:
    _, ends = rows()
    assert not time_order_broken(ends, TIMEFRAME).any()
    ends[0, 4] = ends[0, 3]
    ends[1] = ends[1, -1] - 300_000_000 * np.arange(19, -1, -1)
    assert time_order_broken(ends, TIMEFRAME).tolist() == [True, True, False]


def test_a_few_short_bars_of_a_session_are_no_error() -> None:
    _, ends = rows()
    ends[0, 15:] -= TIMEFRAME // 2
    assert not time_order_broken(ends, TIMEFRAME).any()


@pytest.mark.parametrize("absurd", [-1, -(2**63), 2**63 - 1])
def test_absurd_times_neither_pass_nor_overflow(absurd: int) -> None:
    _, ends = rows()
    ends[2, :] = absurd
    assert time_order_broken(ends, TIMEFRAME).tolist() == [False, False, True]


def test_each_reason_of_a_row() -> None:
    bars, ends = (np.repeat(part[:1], 6, axis=0) for part in rows())
    bars[1, 0, 0] = np.nan
    last = ends[0, -1]
    as_of = np.array([last, last, last - 1, last + 2 * TIMEFRAME + 1, last + 10 * TIMEFRAME, last])
    reasons = row_reasons(
        bad_bars(bars, ALL),
        ends,
        as_of,
        known=np.array([True, True, True, True, True, False]),
        timeframe_us=TIMEFRAME,
        max_staleness_us=2 * TIMEFRAME,
        expires_us=int(last) + 5 * TIMEFRAME,
    )
    assert [Reason(int(bits)) for bits in reasons] == [
        Reason(0),
        Reason.BAD_INPUT,
        Reason.BAD_INPUT,
        Reason.STALE_BARS,
        Reason.STALE_BARS | Reason.RELEASE_EXPIRED,
        Reason.UNKNOWN_INSTRUMENT,
    ]
