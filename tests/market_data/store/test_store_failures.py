from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from minhos.errors import BadInputError, ConfigError, SetupError
from minhos.locks import exclusive
from minhos.market_data.bars import BarSeries
from minhos.market_data.store import BarStore, data_files, upsert

Bars = Callable[..., BarSeries]


@pytest.fixture
def filled(store: BarStore, bars: Bars) -> BarStore:
    store.upsert(bars([1, 2]), source="a", recorded_at=1)
    store.upsert(bars([3]), source="b", recorded_at=2)
    return store


def newest_commit(store: BarStore) -> Path:
    return max((store.root / "_delta_log").glob("*.json"))


def test_a_folder_with_other_content_is_left_untouched(tmp_path: Path, bars: Bars) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    store = BarStore(tmp_path)
    for do in (store.catalog, lambda: store.upsert(bars([1]), source="a", recorded_at=1)):
        with pytest.raises(BadInputError, match=r"not a bar store, it has 'thesis.txt' and no log"):
            do()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_store(tmp_path: Path, bars: Bars) -> None:
    (tmp_path / "bars").write_text("")
    store = BarStore(tmp_path / "bars")
    with pytest.raises(BadInputError, match="a file, the bar store is a folder"):
        store.upsert(bars([1]), source="a", recorded_at=1)


@pytest.mark.parametrize("name", ["with space", "ha#sh", "ümläut", "br[ack]et"])
def test_a_folder_may_be_named_as_people_name_folders(tmp_path: Path, bars: Bars, name: str) -> None:
    store = BarStore(tmp_path / name)
    store.upsert(bars([1]), source='a "quoted"\nname', recorded_at=1)
    assert len(BarStore(tmp_path / name).read("ESH24", 60)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_path_that_the_library_would_take_for_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot have `%` or a backslash"):
        BarStore(tmp_path / "100%25")


def test_the_intakes_journal_may_be_there_first(store: BarStore, bars: Bars) -> None:
    store.root.mkdir()
    (store.root / "_ingest.json").write_text("{}")
    assert store.upsert(bars([1]), source="a", recorded_at=1).new == 1


def test_a_store_whose_making_was_killed_is_made_again(store: BarStore, bars: Bars) -> None:
    log = store.root / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json#1").write_text('{"commitInfo":')
    assert store.catalog() == ()
    assert store.upsert(bars([1]), source="a", recorded_at=1).new == 1


def test_another_delta_table_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    DeltaTable.create(tmp_path, pa.schema([("price", pa.float64())]))
    with pytest.raises(BadInputError, match="a Delta Lake table, but not a bar store"):
        BarStore(tmp_path).catalog()


def test_a_store_of_a_newer_version_is_refused(filled: BarStore) -> None:
    first = min((filled.root / "_delta_log").glob("*.json"))
    text = first.read_text()
    assert '"minhos.store_version":"1"' in text
    first.write_text(text.replace('"minhos.store_version":"1"', '"minhos.store_version":"2"'))
    with pytest.raises(BadInputError, match=r"a bar store of version 2, this program reads version 1; update it"):
        filled.catalog()


@pytest.mark.parametrize("content", ["hello\n", '{"add":{"path":"instr'], ids=["garbage", "cut"])
def test_a_log_that_cannot_be_read_is_told_in_one_line(filled: BarStore, bars: Bars, content: str) -> None:
    newest_commit(filled).write_text(content)
    for do in (filled.catalog, lambda: filled.upsert(bars([4]), source="c", recorded_at=3)):
        with pytest.raises(
            BadInputError, match=r"^.*the log of the bar store cannot be read \([^\n]*\); look at[^\n]*$"
        ):
            do()


def test_a_protocol_of_the_future_is_told(filled: BarStore) -> None:
    first = min((filled.root / "_delta_log").glob("*.json"))
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    for line in lines:
        if "protocol" in line:
            line["protocol"] = {"minReaderVersion": 99, "minWriterVersion": 99}
    first.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(BadInputError, match=r"log of the bar store cannot be read .*version 99"):
        filled.catalog()


@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_data_file_that_is_damaged_is_told(filled: BarStore, bars: Bars, damage: str) -> None:
    for file in filled.root.rglob("*.parquet"):
        if damage == "missing":
            file.unlink()
        else:
            file.write_bytes(b"" if damage == "empty" else file.read_bytes()[:-20])
    for do in (
        lambda: filled.read("ESH24", 60),
        lambda: filled.upsert(bars([2]), source="c", recorded_at=3),
        filled.maintain,
    ):
        with pytest.raises(BadInputError, match="a data file of the bar store is missing or broken"):
            do()


def test_a_full_disk_leaves_the_store_as_it_was(filled: BarStore, bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the second of three files."""
    monkeypatch.setattr(upsert, "_MOST_ROWS_PER_FILE", 2)
    files = sorted(filled.root.rglob("*.parquet"))
    fsync, calls = data_files.os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(data_files.os, "fsync", full)
    monkeypatch.setattr(data_files, "fsync_folder", lambda _: None)
    with pytest.raises(SetupError, match=r"cannot be written .*No space left on device.*space on the disk"):
        filled.upsert(bars(range(4, 10)), source="c", recorded_at=3)
    monkeypatch.undo()
    assert sorted(filled.root.rglob("*.parquet")) == files
    assert len(filled.read("ESH24", 60)) == 3
    assert filled.upsert(bars(range(4, 10)), source="c", recorded_at=3).new == 6


def test_a_commit_of_a_program_that_takes_no_lock_is_noticed(
    filled: BarStore, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer adds the same bars between this one's look and its commit: refused, not doubled."""
    write, others = upsert.write_file, BarStore(filled.root)

    def meanwhile(*arguments: object) -> object:
        monkeypatch.setattr(upsert, "write_file", write)
        monkeypatch.setattr("minhos.market_data.store.bar_store._LOCK", "_another.lock")
        others.upsert(bars([4]), source="other", recorded_at=4)
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(upsert, "write_file", meanwhile)
    with pytest.raises(SetupError, match="another program wrote to it in this moment"):
        filled.upsert(bars([4]), source="c", recorded_at=3)
    assert filled.catalog()[0].bars == len(filled.read("ESH24", 60)) == 4


def test_a_writer_waits_and_then_names_the_holder(filled: BarStore, bars: Bars) -> None:
    impatient = BarStore(filled.root, wait_seconds=0.0)

    def busy(_: str) -> SetupError:
        raise AssertionError

    with (
        exclusive(filled.root / "_writer.lock", busy=busy),
        pytest.raises(SetupError, match=r"process \d+ writes to the bar store"),
    ):
        impatient.upsert(bars([9]), source="c", recorded_at=3)
    assert len(impatient.read("ESH24", 60)) == 3


def test_a_flipped_bit_is_an_error_and_never_another_price(store: BarStore, bars: Bars) -> None:
    store.upsert(bars(range(1, 60), [float(row) for row in range(1, 60)]), source="a", recorded_at=1)
    truth = store.read("ESH24", 60)
    (path,) = (
        path for path in store.root.rglob("*.parquet") if b"PAR1" in path.read_bytes()[:4] and "year=2023" in str(path)
    )
    content = path.read_bytes()
    found = 0
    for position in range(4, len(content) - 8, max(1, len(content) // 150)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
        try:
            read = store.read("ESH24", 60)
        except BadInputError as error:
            assert "missing or broken" in str(error)
            found += 1
        else:  # a bit of the file that says nothing about the bars
            assert (read.bar_end.tobytes(), read.values.tobytes()) == (truth.bar_end.tobytes(), truth.values.tobytes())
    assert found > 50
