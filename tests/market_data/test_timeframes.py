from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import ConfigError
from minhos.market_data.timeframes import (
    Kind,
    activity_bars,
    activity_of,
    finest_first,
    is_time,
    parse_time_bars,
    parse_timeframe,
    timeframe_name,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5m", 300),
        ("30m", 1800),
        ("1h", 3600),
        ("1H", 3600),
        ("1d", 86_400),
        ("15s", 15),
        ("8r", -1_000_008),
        ("500t", -2_000_500),
        ("1000v", -3_001_000),
        ("150000V", -3_150_000),
    ],
)
def test_timeframes_are_a_number_and_a_unit(text: str, number: int) -> None:
    assert parse_timeframe(text) == number
    assert is_time(number) == (text[-1].lower() in "smhd")


@pytest.mark.parametrize("text", ["", "m", "0m", "5", "5 minutes", "-5m", "0r", "8x", "1000000v", "12345m"])
def test_other_timeframes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write a number and s, m, h or d .*, or r, t or v for range"):
        parse_timeframe(text)


@given(st.integers(1, 9_999))
def test_names_parse_back(minutes: int) -> None:
    assert parse_timeframe(timeframe_name(minutes * 60)) == minutes * 60


@given(st.sampled_from(("range", "trades", "volume")), st.integers(1, 999_999))
def test_names_of_bars_without_a_length_parse_back(kind: Kind, size: int) -> None:
    number = activity_bars(kind, size)
    assert activity_of(number) == (kind, size)
    assert parse_timeframe(timeframe_name(number)) == number
    assert not is_time(number)


@pytest.mark.parametrize("number", [0, -1, -999_999, -1_000_000, -2_000_000, -4_000_001])
def test_other_numbers_are_no_timeframes(number: int) -> None:
    assert activity_of(number) is None
    with pytest.raises(ConfigError, match="is not possible: it must be positive, or the number of range"):
        timeframe_name(number)


@pytest.mark.parametrize("size", [0, -1, 1_000_000])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="the size must be from 1 to 999,999"):
        activity_bars("range", size)


def test_time_is_demanded_where_bars_must_have_a_length() -> None:
    assert parse_time_bars("5m", what="a night") == 300
    with pytest.raises(ConfigError, match="timeframe '8r': a night needs time bars"):
        parse_time_bars("8r", what="a night")


def test_time_bars_come_first_the_finest_before_the_others() -> None:
    numbers = [-3_001_000, 86_400, -1_000_008, 60, -1_000_004, 300]
    assert sorted(numbers, key=finest_first) == [60, 300, 86_400, -1_000_004, -1_000_008, -3_001_000]
