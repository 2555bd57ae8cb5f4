from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.market_data.instruments import load_instruments
from minhos.market_data.timeframe_names import bars_in_name

ROOTS = sorted({*load_instruments(None).by_symbol, "6S", "6M", "M2K", "5T", "8R", "ZB5M", "S", "H1", "M5"})
WRAPPINGS = (
    "{}", "{}-CME", "{}_FUT_CME", "{}.CME", "{}[M]", "{}[M]-CME", "F.US.{}", "{}.scid_BarData", "{}-CME-BarData",
    "{}-CME-BarStudyData", "{} [CBV][M]  #12_GraphData", "@{}", "{}.dly_x", "{}-NYMEX.scid_BarData",
)  # fmt: skip


@pytest.mark.parametrize(
    ("stem", "seconds"),
    [
        ("MNQZ25-CME_5m.scid_BarData", 300),
        ("MNQZ25-CME_1H.scid_BarData", 3600),
        ("CLX25-NYMEX.DAILY_BarData", 86_400),
        ("CLX25-NYMEX.dly_BarData", 86_400),
        ("BTCUSD_M30", 1800),
        ("USA500IDXUSD_H1", 3600),
        ("CL[M]  5 Min  #1_GraphData", 300),
        ("ESM26_FUT_CME [CB][M]  1 Sec  #12_GraphData", 1),
        ("CLZ25-NYMEX_5min.scid_BarData", 300),
        ("CLZ25-NYMEX_5mins", 300),
        ("CLZ25-NYMEX_1mn", 60),
        ("CLZ25-NYMEX5m.scid_BarData", 300),
        ("CLZ25-NYMEX-5M", 300),
        ("CLZ25-NYMEX_5 min", 300),
        ("CLZ25-NYMEX_30 Seconds", 30),
        ("CLZ25 2 Hours", 7200),
        ("CLZ25 1 Day", 86_400),
        ("F.US.EPZ20_1H", 3600),
        ("F.US.EPZ20.15m_BarData", 900),
        ("6S_15m", 900),
    ],
)
def test_a_name_may_state_time_bars(stem: str, seconds: int) -> None:
    named = bars_in_name(stem)
    assert named is not None
    assert (named.seconds, named.kinds, named.size) == (seconds, (), None)


@pytest.mark.parametrize(
    ("stem", "kinds", "size", "text"),
    [
        ("CL 8t range", ("range",), 8, "8t range"),
        ("CL_8r", ("range",), 8, "8r"),
        ("ESZ25-CME_Range.scid_BarData", ("range",), None, "Range"),
        ("ESZ25 Range 12", ("range",), 12, "Range 12"),
        ("ESU3.CME  [C][M]  4 Range  #1_GraphData", ("range",), 4, "4 Range"),
        ("ESZ25 500 Volume", ("volume",), 500, "500 Volume"),
        ("ESZ25_1000v", ("volume",), 1000, "1000v"),
        ("ESZ25 1000 Trades", ("trades",), 1000, "1000 Trades"),
        ("ESH26-CME_100T.scid_BarData", ("trades", "range"), 100, "100T"),
        ("CL 8t", ("trades", "range"), 8, "8t"),
        ("NQZ25 Tick", ("trades",), None, "Tick"),
    ],
)
def test_a_name_may_state_bars_without_a_length(stem: str, kinds: tuple[str, ...], size: int | None, text: str) -> None:
    named = bars_in_name(stem)
    assert named is not None
    assert (named.seconds, named.kinds, named.size, str(named)) == (None, kinds, size, text)


@pytest.mark.parametrize(
    "stem",
    ["ESU24_FUT_CME.scid_BarData", "MESM24", "ESZ25_0m", "CLX25_20251218", "GBPUSDh1", "BTCUSDT-trades", "6S", "6M"],
)
def test_other_names_say_nothing(stem: str) -> None:
    assert bars_in_name(stem) is None


def test_time_goes_before_other_words() -> None:
    named = bars_in_name("EURUSD_ticks_5m")
    assert named is not None
    assert named.seconds == 300


@given(
    root=st.sampled_from(ROOTS),
    month=st.sampled_from([*"FGHJKMNQUVXZ", ""]),
    year=st.integers(2000, 2039),
    digits=st.sampled_from((1, 2, 4)),
    wrapping=st.sampled_from(WRAPPINGS),
    lower=st.booleans(),
)
def test_a_contract_is_never_taken_for_a_timeframe(
    root: str, month: str, year: int, digits: int, wrapping: str, lower: bool
) -> None:
    code = root + (month + str(year)[-digits:] if month else "")
    stem = wrapping.format(code.lower() if lower else code)
    named = bars_in_name(stem)
    assert named is None or ("dly" in stem and named.seconds == 86_400)


def test_no_built_in_contract_of_any_month_and_year_is_a_timeframe() -> None:
    for root in ROOTS:
        for month in "FGHJKMNQUVXZ":
            for year in ("5", "25", "30", "2025"):
                for wrapping in WRAPPINGS[:5]:
                    assert bars_in_name(wrapping.format(f"{root}{month}{year}")) is None
