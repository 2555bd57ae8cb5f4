from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import InstrumentError
from minhos.market_data.instruments import Instruments, load_instruments
from minhos.market_data.symbols import contract_code, root_of

OWN = """
[[instruments]]
symbol = "HG"
description = "Copper"
tick_size = 0.0005
point_value = 25000.0
currency = "USD"
session = "cme"
commission_per_side = 2.5
fee_fraction_per_side = 0.0
slippage_ticks_per_side = 0.5
max_contracts = 5
"""


@pytest.mark.parametrize(
    ("name", "code", "root"),
    [
        ("MNQZ25-CME", "MNQZ25", "MNQ"),
        ("ESU24_FUT_CME", "ESU24", "ES"),
        ("CLM4.NYM", "CLM4", "CL"),
        ("F.US.EPZ20", "EPZ20", "ES"),
        ("6EH26-CME", "6EH26", "6E"),
        ("MESM2026", "MESM2026", "MES"),
        ("NQZ25[M]-CME", "NQZ25", "NQ"),
        ("BTCUSDT_PERP_BINANCE", "BTCUSDT", "BTCUSDT"),
        ("USA500IDXUSD", "USA500IDXUSD", "USA500IDXUSD"),
        ("SYNAZ26", "SYNAZ26", "SYNA"),
    ],
)
def test_contract_names_find_their_instrument(instruments: Instruments, name: str, code: str, root: str) -> None:
    assert contract_code(name) == code
    assert instruments.find(name).symbol == root


@given(
    root=st.sampled_from(["ES", "MNQ", "6E", "ZN", "SYNB"]),
    month=st.sampled_from("FGHJKMNQUVXZ"),
    year=st.one_of(st.integers(0, 99).map(lambda y: f"{y:02d}"), st.integers(0, 9).map(str)),
)
def test_every_month_and_year_of_a_root_is_that_root(root: str, month: str, year: str) -> None:
    assert root_of(f"{root}{month}{year}") == root


def test_an_unknown_symbol_is_told_with_the_lines_to_add(instruments: Instruments) -> None:
    with pytest.raises(
        InstrumentError, match=r"(?s)HGZ25-COMEX: no instrument.*searched the built-in.*symbol = \"HG\""
    ):
        instruments.find("HGZ25-COMEX")


def test_the_definition_that_an_error_shows_is_valid(instruments: Instruments, tmp_path: Path) -> None:
    with pytest.raises(InstrumentError) as caught:
        instruments.find("HGZ25")
    path = tmp_path / "mine.toml"
    path.write_text(str(caught.value).split("INSTRUMENTS=<file>: ")[1])
    assert load_instruments(path).find("HGZ25").symbol == "HG"


def test_a_users_file_adds_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN + OWN.replace('"HG"', '"ES"'))
    found = load_instruments(path)
    assert found.find("HGH26").point_value == 25_000
    assert found.find("ESH26").description == "Copper"
    with pytest.raises(InstrumentError, match=r"built-in instruments and .*mine\.toml"):
        found.find("XYZ")


def test_costs_of_a_round_trip_are_two_sides(instruments: Instruments) -> None:
    # MNQ: a tick is 0.25 x 2 USD = 0.50; 2 x (0.55 / 0.50 + 0.5) = 3.2 ticks
    mnq = instruments.find("MNQZ25")
    assert mnq.cost_ticks_round_trip == pytest.approx(3.2)
    assert mnq.cost_fraction_round_trip == 0.0
    # BTCUSDT at 10 000: 2 x 0.0004 x 10 000 / 0.01 = 800 ticks of fees on top of 2 x 50
    btc = instruments.find("BTCUSDT")
    assert btc.cost_ticks_at(10_000.0) == pytest.approx(900.0)


def test_no_built_in_instrument_trades_for_free(instruments: Instruments) -> None:
    for instrument in instruments.by_symbol.values():
        assert instrument.cost_ticks_at(100.0) > 0, instrument.symbol


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN.replace("0.0005", "-1"), "instrument HG: tick_size: .*greater than 0"),
        (OWN + 'colour = "red"\n', "instrument HG: colour: Extra inputs"),
        (OWN.replace('"cme"', '"lse"'), "unknown session 'lse'; allowed are always, cme, fx"),
        ("[[instrument]]\n", "unknown entries instrument; allowed are sessions and instruments"),
        ("symbol = ", "not valid TOML"),
        (
            "[instruments.ES]\ntick_size = 0.25\n",
            r"\[instruments.ES\] is no .*; write \[\[instruments\]\] and below it symbol",
        ),
        ("sessions = 1\n", r"sessions is 1, it must be tables by name; write each session as \[sessions.<name>\]"),
        ("[sessions]\nzone = 'UTC'\n", r"it must be tables by name; write each session as \[sessions.<name>\]"),
        ("[[sessions]]\nzone = 'UTC'\n", r"it must be tables by name; write each session as \[sessions.<name>\]"),
        ("instruments = 1\n", r"instruments is 1, it must be a list of tables; write \[\[instruments\]\] once"),
        ("instruments = ['ES']\n", r"instruments is \['ES'\], it must be a list of tables"),
        ('[sessions.x]\nzone = "Mars"\nopen = "09:00"\nclose = "17:00"\nweekdays = ["mon"]\n', "'Mars' is not an IANA"),
        ('[sessions.x]\nzone = "UTC"\nopen = "9:00"\nclose = "17:00"\nweekdays = ["mon"]\n', "not a time of day"),
    ],
)
def test_a_wrong_instruments_file_says_where_and_what(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InstrumentError, match=message):
        load_instruments(path)


def test_a_missing_instruments_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"absent\.toml: cannot read the instruments file"):
        load_instruments(tmp_path / "absent.toml")
