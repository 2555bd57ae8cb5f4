"""A `.scid` that goes on growing is read once: what was appended, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market_data.bars import BarSeries
from minhos.market_data.intake.options import IntakeOptions
from minhos.market_data.intake.outcome import FileOutcome
from minhos.market_data.intake.plan import plan_intake
from minhos.market_data.intake.take_in import remove_series, take_in
from minhos.market_data.readers.scan import Statements
from minhos.market_data.sierra.scid_writer import ScidWriter, tick_records
from minhos.market_data.store import BarStore

NOW = int(np.datetime64("2025-12-20", "us").astype(np.int64))
OPEN = int(np.datetime64("2025-12-15T23:00", "us").astype(np.int64))
RECORD_BYTES, HEADER_BYTES = 40, 56
NAME = "NQZ25-CME.scid"


def ticks(count: int, *, first: int = 0, every_seconds: int = 17) -> np.ndarray:
    """Trades of a walk on the tick grid; the same walk wherever it is begun."""
    number = np.arange(first, first + count)
    price = 25_000 + 0.25 * np.round(40 * np.sin(number / 9.0))
    return tick_records(
        OPEN + number * every_seconds * 1_000_000,
        price=price,
        bid=price - 0.25,
        ask=price,
        volume=1 + number % 5,
        at_ask=number % 2 == 0,
    )


def write(folder: Path, records: np.ndarray, *, append: bool = False) -> Path:
    path = folder / NAME
    if not append:
        path.unlink(missing_ok=True)
    with ScidWriter(path, append=append) as writer:
        writer.write(records)
    return path


def ingest(
    folder: Path, store: BarStore, *, now_us: int = NOW, dry_run: bool = False, **options: object
) -> FileOutcome:
    chosen = IntakeOptions(**options)  # type: ignore[arg-type]
    outcome = take_in(plan_intake([folder], chosen, store.root), store, chosen, now_us=now_us, dry_run=dry_run)
    (file,) = outcome.files
    return file


def bars_of(store: BarStore) -> BarSeries:
    return store.read("NQZ25", 60)


def same(left: BarSeries, right: BarSeries) -> None:
    np.testing.assert_array_equal(left.bar_end, right.bar_end)
    np.testing.assert_array_equal(left.values, right.values)


def test_trades_of_a_weekend_are_warned_of(data: Path, store: BarStore) -> None:
    write(data, ticks(1_000))
    assert not any("WARNING" in line for line in ingest(data, store).words)
    two_days = 2 * 86_400 // 17
    write(data, ticks(1_000, first=-two_days))  # Saturday night
    (warning,) = [line for line in ingest(data, store).words if "WARNING" in line]
    assert "100.0% of the bars lie in the daily break, the weekend or a holiday of NQZ25 (it trades" in warning
    assert "are its times UTC?" in warning


def test_only_what_was_appended_is_read(data: Path, store: BarStore) -> None:
    write(data, ticks(1_000))
    first = ingest(data, store)
    assert (first.status, first.new, first.timeframe) == ("taken", 283, "1m")  # 283 minutes and a trade of the next one
    (again,) = plan_intake([data], IntakeOptions(), store.root).items
    assert (again.state, again.bytes_to_read) == ("unchanged", 0)
    path = write(data, ticks(500, first=1_000), append=True)
    (grown,) = plan_intake([data], IntakeOptions(), store.root).items
    open_records = grown.first_record
    assert grown.state == "grown"
    assert open_records == 999  # the trades of the open minute, and those that are new
    assert grown.bytes_to_read == path.stat().st_size - HEADER_BYTES - RECORD_BYTES * open_records
    second = ingest(data, store)
    assert (second.updated, second.same) == (0, 0)
    write(data, ticks(1_500))
    clean = BarStore(store.root.with_name("clean"))
    ingest(data, clean)
    same(bars_of(store), bars_of(clean))


@given(
    cuts=st.lists(st.integers(1, 60_000), min_size=1, max_size=5).map(sorted),
    every_seconds=st.sampled_from([1, 17, 61, 300]),
)
@settings(max_examples=25, deadline=None)
def test_any_growth_gives_what_reading_at_once_gives(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], every_seconds: int
) -> None:
    folder = tmp_path_factory.mktemp("growth")
    (folder / "data").mkdir()
    whole = write(folder / "data", ticks(1_500, every_seconds=every_seconds)).read_bytes()
    clean, grown = BarStore(folder / "clean"), BarStore(folder / "grown")
    ingest(folder / "data", clean)
    path = folder / "data" / NAME
    for cut in [*cuts, len(whole)]:
        path.write_bytes(whole[: max(cut, HEADER_BYTES)])  # a record may be cut in its middle
        ingest(folder / "data", grown)
    if clean.catalog():
        same(bars_of(grown), bars_of(clean))
    assert all(entry.revisions == 0 for entry in grown.catalog())


def test_a_file_that_was_written_anew_is_read_from_its_start(data: Path, store: BarStore) -> None:
    write(data, ticks(1_000))
    ingest(data, store)
    records = ticks(1_000)
    records["volume"][3:40] += 1
    write(data, records)
    (item,) = plan_intake([data], IntakeOptions(), store.root).items
    outcome = ingest(data, store, now_us=NOW + 1)
    assert outcome.updated > 0
    assert outcome.new == 0
    same(store.read("NQZ25", 60, recorded_by=NOW), store.read("NQZ25", 60, as_of=NOW))
    assert bars_of(store).column("volume").sum() > store.read("NQZ25", 60, recorded_by=NOW).column("volume").sum()
    assert item.first_record in (0, 999)


def test_a_file_that_became_shorter_loses_nothing_that_is_stored(data: Path, store: BarStore) -> None:
    write(data, ticks(1_000))
    ingest(data, store)
    before = bars_of(store)
    write(data, ticks(300))
    outcome = ingest(data, store)
    assert (outcome.status, outcome.new, outcome.updated) == ("taken", 0, 0)
    same(bars_of(store), before)


def test_a_wrong_multiplier_contradicts_the_store_and_is_refused_unless_it_is_meant(
    data: Path, store: BarStore
) -> None:
    write(data, ticks(1_000))
    ingest(data, store)
    hundredth = Statements(price_multipliers={"NQ": 0.01})
    refused = ingest(data, store, said=hundredth)
    assert refused.status == "refused"
    assert "283 of the 283 bars that the store has too close elsewhere" in (refused.error or "")
    assert bars_of(store).column("close")[0] > 20_000
    assert ingest(data, store, said=hundredth, replace=True).updated == 283
    assert bars_of(store).column("close")[0] < 300


def test_a_series_that_is_removed_makes_its_file_new_again(data: Path, store: BarStore) -> None:
    write(data, ticks(1_000))
    ingest(data, store)
    assert remove_series(store, "NQZ25", 60) == 283
    assert store.catalog() == ()
    assert ingest(data, store).new == 283


def test_a_store_that_is_deleted_forgets_its_files(data: Path, store: BarStore) -> None:
    import shutil

    write(data, ticks(1_000))
    ingest(data, store)
    shutil.rmtree(store.root)
    assert ingest(data, store).new == 283


def test_a_dry_run_counts_and_writes_nothing(data: Path, store: BarStore) -> None:
    write(data, ticks(1_000))
    assert ingest(data, store, dry_run=True).new == 283
    assert not store.root.exists()
    ingest(data, store)
    write(data, ticks(500, first=1_000), append=True)
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    assert ingest(data, store, dry_run=True).new > 0
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == before
