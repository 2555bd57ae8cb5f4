from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.readers.column_map import load_column_map
from minhos.market_data.readers.mapped_table import read_mapped_table

MAP = """
[[files]]
glob = "*.csv"
symbol = "BTCUSDT"
zone = "UTC"
time = "t"
columns = { open = "o", high = "h", low = "l", close = "c", volume = "v" }
"""
CSV = "t,o,h,l,c,v,buy\n" + "".join(f"2026-01-05 10:{m:02d}:00,1,3,0.5,2,10,4\n" for m in range(0, 50, 10))


def read(folder: Path, *, text: str = MAP, csv: str = CSV, name: str = "BTCUSDT.csv") -> BarSeries:
    (folder / "map.toml").write_text(text)
    path = folder / name
    path.write_text(csv)
    rule = load_column_map(folder / "map.toml").rule_for(path)
    assert rule is not None
    return read_mapped_table(path, rule).series


def test_columns_that_are_not_mapped_are_nan(tmp_path: Path) -> None:
    bars = read(tmp_path)
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("BTCUSDT", 600, 5)
    assert bars.values[0, :5].tolist() == [1.0, 3.0, 0.5, 2.0, 10.0]
    assert np.isnan(bars.values[:, 5:]).all()
    assert iso(int(bars.bar_end[0])) == "2026-01-05T10:10Z"


def test_a_column_may_be_the_difference_of_two(tmp_path: Path) -> None:
    text = MAP.replace('volume = "v"', 'volume = "v", ask_volume = "buy", bid_volume = "v - buy"')
    bars = read(tmp_path, text=text)
    assert bars.values[0, 4:7].tolist() == [10.0, 6.0, 4.0]


def test_stamps_may_be_the_bars_end_and_the_last_row_still_open(tmp_path: Path) -> None:
    bars = read(tmp_path, text=MAP.replace('time = "t"', 'time = "t"\nstamp = "end"\nlast_bar = "open"'))
    assert [iso(int(end))[11:16] for end in bars.bar_end] == ["10:00", "10:10", "10:20", "10:30"]


def test_prices_are_scaled_and_volumes_are_not(tmp_path: Path) -> None:
    bars = read(tmp_path, text=MAP.replace('time = "t"', 'time = "t"\nprice_scale = 0.0001'))
    assert bars.values[0, :5].tolist() == pytest.approx([0.0001, 0.0003, 0.00005, 0.0002, 10.0])


def test_times_of_a_zone_become_utc_across_its_clock_change(tmp_path: Path) -> None:
    hours = ["2026-03-07 12:00:00", "2026-03-07 13:00:00", "2026-03-07 14:00:00", "2026-03-09 12:00:00"]
    csv = "t,o,h,l,c,v\n" + "".join(f"{hour},1,1,1,1,1\n" for hour in hours)
    bars = read(tmp_path, text=MAP.replace("UTC", "America/New_York"), csv=csv)
    assert [iso(int(end)) for end in bars.bar_end][::3] == ["2026-03-07T18:00Z", "2026-03-09T17:00Z"]


def test_a_time_that_the_clock_change_skips_is_told(tmp_path: Path) -> None:
    csv = "t,o,h,l,c,v\n" + "".join(f"2026-03-08 0{hour}:30:00,1,1,1,1,1\n" for hour in range(4))
    with pytest.raises(BadInputError, match=r"do not fit the zone America/New_York .* export the file in UTC"):
        read(tmp_path, text=MAP.replace("UTC", "America/New_York"), csv=csv)


@pytest.mark.parametrize(("clock", "factor"), [("epoch_s", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000)])
def test_times_may_count_from_the_epoch(tmp_path: Path, clock: str, factor: int) -> None:
    csv = "t,o,h,l,c,v\n" + "".join(f"{(1_767_607_200 + 60 * i) * factor},1,1,1,1,1\n" for i in range(4))
    bars = read(tmp_path, text=MAP.replace('time = "t"', f'time = "t"\nclock = "{clock}"'), csv=csv)
    assert iso(int(bars.bar_end[0])) == "2026-01-05T10:01Z"


def test_date_and_time_may_be_two_columns(tmp_path: Path) -> None:
    csv = "d;t;o;h;l;c;v\n" + "".join(f"20260105;10:0{i};1;1;1;1;1\n" for i in range(4))
    text = MAP.replace('time = "t"', 'time = ["d", "t"]\nclock = "%Y%m%d %H:%M"\nseparator = ";"')
    assert iso(int(read(tmp_path, text=text, csv=csv).bar_end[0])) == "2026-01-05T10:01Z"


@given(prices=st.lists(st.integers(-(10**9), 10**9), min_size=4, max_size=20))
@settings(max_examples=25, deadline=None)
def test_every_written_number_is_read_exactly(tmp_path_factory: pytest.TempPathFactory, prices: list[int]) -> None:
    cells = [",".join([str(price / 100)] * 4) for price in prices]
    csv = "t,o,h,l,c,v\n" + "".join(f"2026-01-05 10:{i:02d}:00,{cell},1\n" for i, cell in enumerate(cells))
    bars = read(tmp_path_factory.mktemp("csv"), csv=csv)
    assert bars.values[:, 3].tolist() == [price / 100 for price in prices]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAP + 'colour = "red"\n', r"map\.toml: files\.0\.colour: Extra inputs.*allowed keys are glob, symbol"),
        (MAP.replace('v" }', 'v", bidd = "x" }'), r"files\.0\.columns\.bidd: Extra.*allowed keys are open, high"),
        (MAP.replace('open = "o", ', ""), r"files\.0\.columns\.open: Field required"),
        (MAP.replace("UTC", "Mars"), r"'Mars' is not an IANA time zone"),
        (MAP.replace('time = "t"', 'time = "t"\ntimeframe = "soon"'), r"timeframe 'soon' is not known"),
        (MAP.replace('time = "t"', 'time = "t"\ntimeframe = "5m"'), r"the column map says 5m, its rows are 10m bars"),
        (MAP.replace('"o"', '"first"'), r"the column map names 'first', the file has t, o, h, l, c, v, buy"),
        (MAP.replace('"v"', '"v - sold"'), r"the column map names 'sold'"),
        (MAP + MAP, r"matched by '\*\.csv' and '\*\.csv' of the column map"),
        ("[[files", r"map\.toml: not valid TOML"),
        ('[sierra_text]\ncolour = "x"\nzone = "UTC"\n', r"sierra_text\.colour: Extra inputs.*allowed keys are zone"),
        ("rules = 1\n", r"rules: Extra inputs.*allowed keys are files, symbols, sierra_text"),
    ],
)
def test_a_wrong_map_says_which_key_and_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read(tmp_path, text=text)


def test_the_real_order_flow_file_derives_bid_volume(real_data: Path, examples: Path) -> None:
    path = real_data / "crypto_orderflow" / "BTCUSDT_30m.csv"
    rule = load_column_map(examples / "crypto_orderflow.toml").rule_for(path)
    assert rule is not None
    bars = read_mapped_table(path, rule).series
    assert (bars.symbol, bars.timeframe_seconds, len(bars)) == ("BTCUSDT", 1800, 17_528)
    assert iso(int(bars.bar_end[0])) == "2020-01-03T15:30Z"
    # bid volume by hand: 689.818058 - 389.016901 = 300.801157
    expected = [7255.49, 7276.99, 7252.48, 7269.0, 689.818058, 300.801157, 389.016901, 7131.0]
    assert bars.values[0].tolist() == pytest.approx(expected, abs=1e-9)


def test_the_real_index_files_have_no_order_flow_and_none_is_faked(real_data: Path, examples: Path) -> None:
    column_map = load_column_map(examples / "indices_crypto.toml")
    for name, symbol, seconds, rows in (
        ("BTCUSD_M30.csv", "BTCUSD", 1800, 78_407),
        ("USA500IDXUSD_H1.csv", "USA500IDXUSD", 3600, 53_256),
    ):
        path = real_data / "indices_crypto" / name
        rule = column_map.rule_for(path)
        assert rule is not None
        file = read_mapped_table(path, rule)
        bars = file.series
        assert (bars.symbol, bars.timeframe_seconds, len(bars)) == (symbol, seconds, rows)
        assert f"{name}, line {rows + 2}: the file has no final newline" in file.words[1]  # neither has one
        assert np.isnan(bars.values[:, 5:]).all()
        assert np.isfinite(bars.values[:, :5]).all()


def test_a_scaled_price_is_the_decimal_that_was_meant(tmp_path: Path) -> None:
    csv = CSV.replace(",1,3,0.5,2,", ",1685400,1694999,1671500,1681000,")
    bars = read(tmp_path, csv=csv, text=MAP.replace('time = "t"', 'time = "t"\nprice_scale = 0.0001'))
    assert bars.values[0, :4].tolist() == [168.54, 169.4999, 167.15, 168.1]


def test_a_gzipped_table_is_read_like_the_table(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "map.toml").write_text(MAP.replace("*.csv", "*.csv.gz"))
    path = tmp_path / "BTCUSDT.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    rule = load_column_map(tmp_path / "map.toml").rule_for(path)
    assert rule is not None
    assert len(read_mapped_table(path, rule).series) == 5
    path.write_bytes(gzip.compress(CSV.encode())[:-20])
    with pytest.raises(BadInputError, match="not a readable archive"):
        read_mapped_table(path, rule)


def test_times_may_count_nanoseconds(tmp_path: Path) -> None:
    start = int(np.datetime64("2026-01-05T10:00", "ns").astype(np.int64))
    rows = "".join(f"{start + minute * 60_000_000_000},1,3,0.5,2,10,4\n" for minute in range(0, 50, 10))
    text = MAP.replace('zone = "UTC"', 'clock = "epoch_ns"')
    bars = read(tmp_path, text=text, csv=f"t,o,h,l,c,v,buy\n{rows}")
    assert [iso(int(end))[11:16] for end in bars.bar_end] == ["10:10", "10:20", "10:30", "10:40", "10:50"]


def test_prices_of_32_bits_are_put_on_the_tick_grid(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from minhos.market_data.instruments import load_instruments

    (tmp_path / "map.toml").write_text(MAP.replace("*.csv", "*.parquet").replace("BTCUSDT", "CLZ25"))
    times = pa.array([f"2026-01-05 10:{minute:02d}:00" for minute in range(0, 50, 10)])
    prices = {name: pa.array(np.full(5, 62.07, dtype=np.float32)) for name in "ohlc"}
    path = tmp_path / "CLZ25.parquet"
    pq.write_table(pa.table({"t": times, **prices, "v": pa.array([1.0] * 5)}), path)
    rule = load_column_map(tmp_path / "map.toml").rule_for(path)
    assert rule is not None
    bars = read_mapped_table(path, rule, load_instruments(None).find("CLZ25")).series
    assert bars.values[:, :4].tolist() == [[62.07] * 4] * 5
