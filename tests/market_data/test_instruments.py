from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.errors import InstrumentError
from minhos.market_data.anchors import with_anchors
from minhos.market_data.instruments import Anchors, Instruments, Session, load_instruments
from minhos.market_data.symbols import contract_code, root_of

REPOSITORY = Path(__file__).resolve().parents[2]
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
        ("SOLUSDT", "SOLUSDT", "SOLUSDT"),
        ("SOLZ25-CME", "SOLZ25", "SOL"),
        ("1OZG26-COMEX", "1OZG26", "1OZ"),
        ("10YZ25-CBOT", "10YZ25", "10Y"),
        ("F.US.KWEZ25", "KWEZ25", "KE"),
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
        InstrumentError, match=r"(?s)LBRZ25-CME: no instrument.*searched the built-in.*symbol = \"LBR\""
    ):
        instruments.find("LBRZ25-CME")


def test_the_definition_that_an_error_shows_is_valid(instruments: Instruments, tmp_path: Path) -> None:
    with pytest.raises(InstrumentError) as caught:
        instruments.find("LBRZ25")
    path = tmp_path / "mine.toml"
    path.write_text(str(caught.value).split("INSTRUMENTS=<file>): ")[1])
    assert load_instruments(path).find("LBRZ25").symbol == "LBR"


def test_a_users_file_adds_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN + OWN.replace('"HG"', '"ES"'))
    found = load_instruments(path)
    assert found.find("HGH26").point_value == 25_000
    assert found.find("ESH26").description == "Copper"
    with pytest.raises(InstrumentError, match=r"built-in instruments and .*mine\.toml"):
        found.find("XYZ")


# Tick values of the contract specifications of CME, CBOT, NYMEX and COMEX, in dollars.
TICK_VALUES = {
    "ES": 12.50, "MES": 1.25, "NQ": 5.00, "MNQ": 0.50, "RTY": 5.00, "M2K": 0.50, "EMD": 10.00, "YM": 5.00, "MYM": 0.50,
    "NKD": 25.00, "CL": 10.00, "MCL": 1.00, "QM": 12.50, "NG": 10.00, "RB": 4.20, "HO": 4.20, "GC": 10.00, "MGC": 1.00,
    "SI": 25.00, "SIL": 5.00, "HG": 12.50, "MHG": 1.25, "PL": 5.00, "ZN": 15.625, "TN": 15.625, "ZB": 31.25,
    "UB": 31.25, "ZF": 7.8125, "ZT": 7.8125, "SR3": 6.25, "6E": 6.25, "6J": 6.25, "6B": 6.25, "6A": 5.00, "6C": 5.00,
    "6S": 6.25, "6N": 5.00, "6M": 5.00, "M6E": 1.25, "M6A": 1.00, "M6B": 0.625, "BTC": 25.00, "MBT": 0.50,
    "ETH": 25.00, "MET": 0.05, "ZC": 12.50, "ZW": 12.50, "ZS": 12.50, "ZM": 10.00, "ZL": 6.00, "LE": 10.00,
    "HE": 10.00, "GF": 12.50, "BZ": 10.00, "QG": 12.50, "MNG": 1.00, "QO": 12.50, "1OZ": 0.25, "PA": 10.00,
    "MTN": 1.5625, "MWN": 3.125, "10Y": 1.00, "ZQ": 10.4175, "MCD": 1.00, "6L": 5.00, "6Z": 12.50, "SOL": 25.00,
    "MSL": 1.25, "XRP": 25.00, "MXP": 1.25, "KE": 12.50, "ZO": 12.50,
}  # fmt: skip


def test_a_tick_of_each_future_is_worth_what_its_exchange_says(instruments: Instruments) -> None:
    futures = {symbol: known for symbol, known in instruments.by_symbol.items() if known.contract_months}
    assert {symbol: known.tick_value for symbol, known in futures.items()} == pytest.approx(TICK_VALUES, rel=1e-12)
    assert {known.currency for known in futures.values()} == {"USD"}
    assert {known.exchange for known in futures.values()} == {"CME", "CBOT", "COMEX", "NYMEX"}


def test_every_built_in_future_is_found_by_its_dated_names(instruments: Instruments) -> None:
    for known in instruments.by_symbol.values():
        for month in known.contract_months:
            for root in (known.symbol, *known.aliases):
                for year in ("6", "26", "2026"):
                    assert instruments.find(f"{root}{month}{year}") is known
        assert instruments.find(known.symbol) is known


def test_no_two_built_in_instruments_share_a_name(instruments: Instruments) -> None:
    names = [name for known in instruments.by_symbol.values() for name in (known.symbol, *known.aliases)]
    assert len(names) == len(set(names))


def test_what_expires_has_a_roll_and_what_does_not_has_none(instruments: Instruments) -> None:
    for known in instruments.by_symbol.values():
        assert (known.roll is not None) == bool(known.contract_months), known.symbol
        assert known.expiry is None or known.contract_months, known.symbol


def test_index_futures_have_the_anchors_of_sierra_and_energies_the_clock(instruments: Instruments) -> None:
    anchors = instruments.find("MNQZ25").bar_anchors
    assert anchors is not None
    assert (anchors.zone, anchors.day_open_minute, anchors.day_close_minute) == ("UTC", 13 * 60 + 30, 20 * 60 + 15)
    assert instruments.find("CLX25").bar_anchors is None


def test_an_entry_takes_what_it_leaves_out_from_the_one_it_is_based_on(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[instruments]]\nsymbol = "ES"\nbased_on = "ES"\ncommission_per_side = 1.1\n'
        '[[instruments]]\nsymbol = "HALF"\nbased_on = "ES"\npoint_value = 25.0\n'
    )
    built_in, own = load_instruments(None), load_instruments(path)
    es = built_in.find("ESH26")
    assert own.find("EPH26") == es.model_copy(update={"commission_per_side": 1.1})
    assert own.find("HALFH26") == es.model_copy(
        update={"symbol": "HALF", "point_value": 25.0, "commission_per_side": 1.1, "aliases": ()}
    )


def test_one_key_of_a_session_can_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    chicago = '{ zone = "America/Chicago", day_open = "08:30", day_close = "15:15" }'
    path.write_text(
        f'[[instruments]]\nsymbol = "ES"\nbased_on = "ES"\nsession = {{ anchors = {chicago} }}\n'
        '[[instruments]]\nsymbol = "OWN"\nbased_on = "ES"\n'
        '[[instruments]]\nsymbol = "REST"\nbased_on = "ES"\nsession = { calendar = "NYSE" }\n'
        '[[instruments]]\nsymbol = "DAY"\nbased_on = "ES"\n'
        'session = { zone = "UTC", open = "09:00", close = "17:00", weekdays = ["mon"] }\n'
    )
    built_in, own = load_instruments(None).find("ES"), load_instruments(path)
    anchors = Anchors(zone="America/Chicago", day_open="08:30", day_close="15:15")
    assert own.find("ES") == with_anchors(built_in, anchors)
    assert own.find("OWN").session == own.find("ES").session
    assert own.find("REST").session == own.find("ES").session.model_copy(update={"calendar": "NYSE"})
    assert own.find("DAY").session == Session(zone="UTC", open="09:00", close="17:00", weekdays=("mon",))


def test_a_users_session_of_a_built_in_name_is_that_of_the_instruments_based_on_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[sessions.cme_index]\nzone = "UTC"\nopen = "09:00"\nclose = "17:00"\nweekdays = ["mon"]\n'
        '[[instruments]]\nsymbol = "ES"\nbased_on = "ES"\n'
        '[[instruments]]\nsymbol = "NQ"\nbased_on = "ES"\nsession = { calendar = "NYSE" }\n'
    )
    own = load_instruments(path)
    assert own.find("ES").session.open == "09:00"
    assert (own.find("NQ").session.open, own.find("NQ").session.calendar) == ("09:00", "NYSE")


def test_instruments_are_read_without_the_slow_libraries() -> None:
    code = (
        "import sys; from minhos.market_data.instruments import load_instruments; import minhos.market_data.sessions; "
        "load_instruments(None); assert not {'pandas', 'pandas_market_calendars'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


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
        (OWN.replace('"cme"', '"lse"'), "unknown session 'lse'; allowed are always, cme, .*, fx, .* or a table"),
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
        (OWN + 'based_on = "LBR"\n', "instrument HG: based_on 'LBR' is no instrument that is defined before it"),
        (
            OWN + 'expiry = "whenever"\n',
            "instrument HG: expiry: Input should be 'third_friday', 'third_last_business_day'",
        ),
        (OWN + 'contract_months = "ABC"\n', "instrument HG: contract_months: String should match"),
        (
            OWN + 'roll = { by = "mood" }\n',
            "instrument HG: roll.by: Input should be 'volume', 'open_interest' or 'date'",
        ),
        (OWN + "price_multiplier = 0.0\n", "instrument HG: price_multiplier: Input should be greater than 0"),
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
