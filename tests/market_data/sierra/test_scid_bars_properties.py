"""What holds for any intraday file: the format's words one record at a time, any window, any growth, any bytes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from minhos.market_data.sierra.scid import open_scid
from minhos.market_data.sierra.scid_bars import ScidBars, scid_bars
from tests.market_data.sierra.scid_files import FIRST, LAST, MINUTE_US, NOON_US, Record, bar, slow_bars, write_file

quarters = st.integers(0, 8).map(lambda ticks: 0.25 * ticks)
prices = st.integers(-8, 8).map(lambda ticks: 0.25 * ticks)
ticks = st.builds(
    lambda price, bid, ask, volume: Record(0, price, ask, bid, volume=volume), *[prices] * 3, st.integers(0, 3)
)
parts = st.builds(lambda price, mark: Record(0, price, open=mark), prices, st.sampled_from([FIRST, LAST]))
bars = st.builds(
    lambda low, a, b, up: bar(0, low + min(a, up), low + up, low, low + min(b, up)), prices, *[quarters] * 3
)
kinds = st.one_of(ticks, parts, bars)
steps = st.one_of(st.integers(0, 3), st.integers(0, 70_000_000), st.integers(-40_000_000, 0))
leaps = st.integers(3_700_000_000, 9_000_000_000)


def as_dict(*pieces: ScidBars, timeframe_us: int = MINUTE_US) -> dict[int, list[float]]:
    return {
        int(end) - timeframe_us: row
        for piece in pieces
        for end, row in zip(piece.series.bar_end, piece.series.values.tolist(), strict=True)
    }


@st.composite
def files(draw: st.DrawFn, *, leaping: bool = False) -> list[Record]:
    """Any mixture of kinds, a time that sometimes goes back, bars shorter or longer apart than a minute; `leaping`: times
    hours ahead too, some of which come back."""
    records, now = [], NOON_US
    for item in draw(st.lists(kinds, min_size=1, max_size=40)):
        leap = draw(leaps) if leaping and draw(st.integers(0, 4)) == 0 else 0
        now += leap + draw(steps)
        records.append(item._replace(time_us=now))
        now -= leap if leap and draw(st.booleans()) else 0
    return records


@settings(max_examples=100)
@given(records=files(), window=st.integers(1, 45), combine=st.booleans())
def test_bars_are_those_of_a_slow_reading_whatever_the_window(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], window: int, combine: bool
) -> None:
    path = write_file(tmp_path_factory.mktemp("scid") / "ESZ25.scid", records)
    found = scid_bars(path, symbol="ESZ25", window_records=window, combine_sub_trades=combine, timeframe_seconds=60)
    expected = slow_bars(records, combine=combine)
    if expected:
        expected.popitem()  # still open
    assert as_dict(found) == expected


@settings(max_examples=100)
@given(records=st.one_of(files(), files(leaping=True)), data=st.data(), combine=st.booleans())
def test_reading_a_growing_file_gives_the_bars_of_reading_it_at_once(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], data: st.DataObject, combine: bool
) -> None:
    path = tmp_path_factory.mktemp("scid") / "ESZ25.scid"
    content = write_file(path, records).read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(56, len(content)), max_size=4)))
    pieces: list[ScidBars] = []
    resume = 0
    for cut in [*cuts, len(content)]:  # anywhere, inside a record too
        path.write_bytes(content[:cut])
        pieces.append(scid_bars(path, symbol="ESZ25", first_record=resume, combine_sub_trades=combine))
        resume = pieces[-1].resume_record
    ends = [int(end) for piece in pieces for end in piece.series.bar_end]
    assert ends == sorted(set(ends))
    whole = scid_bars(path, symbol="ESZ25", combine_sub_trades=combine)
    assert as_dict(*pieces) == as_dict(whole)
    assert resume == whole.resume_record


@given(records=files(), noise=st.binary(max_size=200), at=st.integers(0, 4000))
def test_bytes_of_any_kind_give_bars_or_words(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], noise: bytes, at: int
) -> None:
    path = write_file(tmp_path_factory.mktemp("scid") / "ESZ25.scid", records)
    content = bytearray(path.read_bytes())
    content[at : at + len(noise)] = noise
    path.write_bytes(content)
    try:
        found = scid_bars(path, symbol="ESZ25", tick_size=0.25)
    except BadInputError:
        return
    assert np.isfinite(found.series.values).all()
    assert np.all(found.series.column("low") <= found.series.column("high"))
    assert open_scid(path).records == (len(content) - struct.unpack_from("<I", content, 4)[0]) // 40
