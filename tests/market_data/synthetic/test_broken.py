"""The broken market: every fault is where its label says, and the reader meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from drawn_market import END

from minhos.market_data.instruments import load_instruments
from minhos.market_data.readers.scan import scan_folder
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US, HEADER, RECORD, open_scid
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.synthetic import Exchange, Fault, write_exchange
from minhos.market_data.synthetic.broken import LEAST_SESSIONS
from minhos.market_data.synthetic.faults import RECORD_FAULTS


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    folder = tmp_path_factory.mktemp("broken")
    return write_exchange(folder, seed=6, market="broken", sessions=LEAST_SESSIONS, end=END)


def records_of(exchange: Exchange, fault: Fault) -> npt.NDArray[np.void]:
    """All whole records of the fault's file."""
    content = (exchange.folder / fault.file).read_bytes()[HEADER.size :]
    return np.frombuffer(content, dtype=RECORD, count=len(content) // RECORD.itemsize)


def the(exchange: Exchange, kind: str, symbol: str = "SYNAZ26") -> tuple[Fault, npt.NDArray[np.void]]:
    """The fault of a kind in a symbol's records, and the records from its first one on."""
    (fault,) = [
        one for one in exchange.truth.faults if (one.kind, one.symbol) == (kind, symbol) and one.file.endswith(".scid")
    ]
    return fault, records_of(exchange, fault)[fault.first_record :]


def test_every_kind_is_planted_once_in_each_symbol_and_the_rest_in_text(broken: Exchange) -> None:
    faults = broken.truth.faults
    for symbol in broken.truth.symbols:
        kinds = [fault.kind for fault in faults if fault.symbol == symbol and fault.file.endswith(".scid")]
        assert sorted(kinds) == sorted(fault.kind for fault in RECORD_FAULTS)
    in_text = {fault.kind for fault in faults if fault.file.endswith(".txt")}
    assert {"duplicate_rows", "conflicting_rows", "high_below_low", "wrong_zone"} <= in_text
    assert len({fault.kind for fault in faults}) >= 25
    assert all(fault.records >= 1 and fault.start_us <= fault.end_us and fault.words for fault in faults)
    assert {fault.strength for fault in faults} == {"weak", "medium", "strong"}


def test_the_label_s_times_are_those_of_its_records(broken: Exchange) -> None:
    for kind in ("duplicate_records", "zero_volume", "off_tick_grid", "session_gap", "price_not_a_number"):
        fault, records = the(broken, kind)
        assert int(records["time"][0]) - EPOCH_OFFSET_US == fault.start_us
    redated, _ = the(broken, "impossible_date")
    before, _ = the(broken, "out_of_order")
    after, _ = the(broken, "future_date")
    assert before.end_us < redated.start_us <= redated.end_us < after.start_us


def test_records_are_wrong_as_they_are_said_to_be(broken: Exchange) -> None:
    _, records = the(broken, "negative_count")
    assert records["volume"][0] > 2**31 - 1
    _, records = the(broken, "parts_do_not_add_up")
    assert records["bid_volume"][0] + records["ask_volume"][0] == records["volume"][0] + 5
    _, records = the(broken, "price_not_a_number")
    assert np.isnan(records["close"][0])
    _, records = the(broken, "empty_records")
    assert records[:1].tobytes() == bytes(40)
    _, records = the(broken, "high_below_low")
    assert records["high"][0] < records["low"][0]
    _, records = the(broken, "off_tick_grid")
    assert abs(float(records["close"][0]) / 0.25 % 1 - 0.4) < 1e-3
    fault, records = the(broken, "stale_price")
    assert np.unique(records["close"][: fault.records]).size == 1
    whole = records_of(broken, fault)
    fault, _ = the(broken, "unit_jump")
    jump = whole["close"][fault.first_record] / whole["close"][fault.first_record - 1]
    assert jump == pytest.approx(100, rel=0.02)
    fault, _ = the(broken, "roll_jump")
    assert abs(whole["close"][fault.first_record] / whole["close"][fault.first_record - 1] - 1) > 0.003
    fault, _ = the(broken, "clock_shift")
    first = int(whole["time"][fault.first_record]) - EPOCH_OFFSET_US
    assert first == fault.start_us + 3_600_000_000


def test_the_reader_meets_every_fault_that_a_reader_can_see(broken: Exchange) -> None:
    path = broken.folder / "SYNAZ26-SIM.scid"
    now = int(np.datetime64("2026-11-24", "us").astype(np.int64))
    found = scid_bars(path, symbol="SYNAZ26", tick_size=0.25, not_after_us=now)
    counted = {rejection.why: rejection.rows for rejection in found.rejected}
    assert counted["its date cannot be (before 1979 or after 2102)"] == the(broken, "impossible_date")[0].records
    assert counted["its date lies in the future"] == the(broken, "future_date")[0].records
    assert counted["a price is not a number"] == the(broken, "price_not_a_number")[0].records
    assert counted["open or close lies outside low to high"] == the(broken, "high_below_low")[0].records
    assert found.empty == the(broken, "empty_records")[0].records
    assert found.quotes == the(broken, "zero_volume")[0].records
    assert any("still being written" in words for words in found.words)
    assert open_scid(path).loose_bytes == 20


def test_the_files_are_bars_to_a_scan_and_the_truth_is_none(broken: Exchange) -> None:
    scan = scan_folder(broken.folder, None)
    assert (scan.ignored, scan.refused, scan.synthetic) == ({}, {}, True)
    assert sorted(found.kind for found in scan.found) == ["sierra_scid"] * 2 + ["sierra_text"] * 2


def test_the_same_seed_breaks_the_same(broken: Exchange, tmp_path: Path) -> None:
    again = write_exchange(tmp_path / "x", seed=6, market="broken", sessions=LEAST_SESSIONS, end=END)
    assert again.truth == broken.truth
    other = write_exchange(tmp_path / "y", seed=7, market="broken", sessions=LEAST_SESSIONS, end=END)
    assert other.truth.faults != broken.truth.faults


def test_a_clean_market_has_no_faults(tmp_path: Path) -> None:
    truth = write_exchange(tmp_path / "x", seed=6, sessions=2, end=END).truth
    assert truth.faults == ()
    found = scid_bars(
        tmp_path / "x" / "SYNAZ26-SIM.scid", symbol="SYNAZ26", tick_size=load_instruments(None).find("SYNA").tick_size
    )
    assert (found.rejected, found.empty, found.quotes) == ((), 0, 0)
