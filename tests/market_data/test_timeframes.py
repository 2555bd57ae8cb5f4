from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.timeframes import dominating_step, parse_timeframe, timeframe_in_name, timeframe_name


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300), ("30m", 1800), ("1h", 3600), ("1H", 3600), ("1d", 86_400), ("15s", 15)]
)
def test_timeframes_are_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_timeframe(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0m", "5", "5 minutes", "-5m"])
def test_other_timeframes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write a number and s, m, h or d"):
        parse_timeframe(text)


@given(st.integers(1, 9_999))
def test_names_parse_back(minutes: int) -> None:
    assert parse_timeframe(timeframe_name(minutes * 60)) == minutes * 60


@pytest.mark.parametrize(
    ("stem", "seconds"),
    [
        ("MNQZ25-CME_5m.scid_BarData", 300),
        ("MNQZ25-CME_1H.scid_BarData", 3600),
        ("CLX25-NYMEX.DAILY_BarData", 86_400),
        ("BTCUSD_M30", 1800),
        ("USA500IDXUSD_H1", 3600),
        ("ESU24_FUT_CME.scid_BarData", None),
        ("MESM24", None),
    ],
)
def test_a_file_name_may_state_its_timeframe(stem: str, seconds: int | None) -> None:
    assert timeframe_in_name(stem) == seconds


def test_the_step_of_most_rows_is_the_timeframe() -> None:
    stamps = np.array([0, 300, 600, 900, 4_800], dtype=np.int64) * 1_000_000
    assert dominating_step(stamps, where="x") == 300


def test_bars_without_a_regular_step_are_refused() -> None:
    stamps = np.cumsum(np.arange(1, 20, dtype=np.int64)) * 1_000_000
    with pytest.raises(BadInputError, match=r"file: no regular timeframe.*export time bars"):
        dominating_step(stamps, where="file")
