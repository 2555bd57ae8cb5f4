"""Steps of sessions: whole days across clock changes, half-days and holidays of a calendar, the pattern of the day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from minhos.errors import ConfigError
from minhos.market_data.instruments import Instruments
from minhos.market_data.sessions import session_bounds
from minhos.market_data.synthetic.steps import pattern, regular_pattern, session_steps, windows_of


def test_a_session_is_276_steps_also_where_the_clock_changes(instruments: Instruments) -> None:
    steps = session_steps([instruments.find("SYNAZ26")], sessions=20, end=date(2026, 11, 13))
    assert steps.last_session == date(2026, 11, 13)
    starts = np.flatnonzero(steps.position == 0)
    assert np.diff(starts).tolist() == [276] * 20
    opened, closed = session_bounds(date(2026, 11, 13), instruments.find("SYNAZ26"))
    assert steps.start[starts[-2]] == opened
    assert steps.start[-2] + 300_000_000 == closed
    assert steps.start[-1] == session_bounds(date(2026, 11, 16), instruments.find("SYNAZ26"))[0]


def test_an_end_on_a_weekend_is_the_friday_before(instruments: Instruments) -> None:
    assert session_steps([instruments.find("SYNA")], sessions=1, end=date(2026, 11, 22)).last_session == date(
        2026, 11, 20
    )


def test_a_calendar_s_holidays_and_half_days_are_kept(instruments: Instruments) -> None:
    # Thanksgiving 2025 trades for Friday the 28th, which closes at 12:15 Chicago time
    steps = session_steps([instruments.find("ESZ25")], sessions=3, end=date(2025, 11, 28))
    assert steps.last_session == date(2025, 11, 28)
    _, closed = session_bounds(date(2025, 11, 28), instruments.find("ESZ25"))
    assert steps.start[-2] + 300_000_000 == closed


def test_instruments_of_one_exchange_trade_in_the_same_hours(instruments: Instruments) -> None:
    with pytest.raises(ConfigError, match=r"SYNA and BTCUSDT do not trade in the same hours.*a folder for each"):
        session_steps([instruments.find("SYNA"), instruments.find("BTCUSDT")], sessions=2, end=date(2026, 11, 20))
    with pytest.raises(ConfigError, match="sessions is 0"):
        session_steps([instruments.find("SYNA")], sessions=0, end=date(2026, 11, 20))


def test_the_pattern_is_a_u_whose_mean_square_is_one() -> None:
    day = regular_pattern(276)
    assert np.mean(day**2) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(day, day[::-1], rtol=1e-9)
    assert day.argmin() in (137, 138)
    assert day[0] > 2 * day[138]
    np.testing.assert_array_equal(pattern([3, 7], 276), day[[3, 7]])


def test_windows_are_the_runs_after_each_decision_with_their_frequency() -> None:
    windows, frequency = windows_of(np.array([9.0, 1.0, 2.0, 1.0, 2.0]), 2)
    # decisions at 9, 1, 2: runs (1, 2), (2, 1), (1, 2)
    np.testing.assert_array_equal(windows, [[1.0, 2.0], [2.0, 1.0]])
    np.testing.assert_allclose(frequency, [2 / 3, 1 / 3])
