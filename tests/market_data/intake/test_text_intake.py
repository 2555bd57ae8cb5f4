"""Text and tables into the store: corrections, contradictions, rejected rows, files that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from minhos.errors import BadInputError
from minhos.market_data.history import History, Moment
from minhos.market_data.instruments import load_instruments
from minhos.market_data.intake.journal import read_journal
from minhos.market_data.intake.options import IntakeOptions
from minhos.market_data.intake.outcome import IntakeOutcome
from minhos.market_data.intake.plan import plan_intake
from minhos.market_data.intake.take_in import take_in
from minhos.market_data.readers.scan import Statements
from minhos.market_data.store import BarStore

NOW = int(np.datetime64("2026-02-01", "us").astype(np.int64))
HEAD = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
NAME = "ESZ25-CME_5m.scid_BarData.txt"
UTC = Statements(zone="UTC")


def rows(count: int, *, close: Callable[[int], float] = lambda row: 6850.0 + row % 7, hour: int = 14) -> list[str]:
    clock = [f"2025/12/17, {hour + row // 12}:{row % 12 * 5:02d}:00" for row in range(count)]
    return [f"{at}, 6850.00, 6860.00, 6840.00, {close(row):.2f}, 10, 4, 6, 4" for row, at in enumerate(clock)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\r\n".join([HEAD, *lines]) + "\r\n")
    return path


def ingest(paths: list[Path], store: BarStore, *, now_us: int = NOW, **options: object) -> IntakeOutcome:
    chosen = IntakeOptions(**{"said": UTC, **options})  # type: ignore[arg-type]
    return take_in(plan_intake(paths, chosen, store.root), store, chosen, now_us=now_us)


def test_a_correction_is_updated_and_both_values_can_be_asked_for(data: Path, store: BarStore) -> None:
    lines = rows(60)
    write(data / NAME, lines)
    (first,) = ingest([data], store).files
    assert (first.new, first.updated, first.same) == (59, 0, 0)  # the last row is still open
    lines[10] = lines[10].replace("10, 4, 6, 4", "12, 4, 6, 6")
    write(data / NAME, [*lines, *rows(62)[60:]])
    (second,) = ingest([data], store, now_us=NOW + 5).files
    assert (second.new, second.updated, second.same) == (2, 1, 58)
    history = History(store, load_instruments(None))

    def volume(**moment: int) -> float:
        return float(history.bars("ESZ25", 300, Moment(**moment)).column("volume")[10])

    end = int(history.bars("ESZ25", 300).bar_end[-1])
    assert (volume(), volume(recorded_by=NOW), volume(as_of=end), volume(as_of=NOW + 5)) == (12, 10, 10, 12)


def test_another_time_zone_contradicts_what_is_there(data: Path, store: BarStore) -> None:
    path = write(data / NAME, rows(60, close=lambda row: 6850.0 + (row * 37) % 11 / 4))
    ingest([path], store)
    (refused,) = ingest([path], store, said=Statements(zone="Etc/GMT+2")).files
    assert refused.status == "refused"
    assert "another time zone, price scale or contract" in (refused.error or "")
    assert len(store.read("ESZ25", 300)) == 59


def test_a_broken_file_is_refused_and_the_others_are_taken(data: Path, store: BarStore) -> None:
    write(data / NAME, rows(60))
    write(data / "NQZ25-CME_5m.scid_BarData.txt", [*rows(30), "2025/12/17, 16:30:00, 1.00", *rows(60)[31:]])
    (data / "CLF26.scid").write_bytes(b"SCID" + bytes(10))
    (data / "GCG26.scid").write_bytes(b"")
    write(data / "LBRZ25-CME_5m.scid_BarData.txt", rows(60))
    outcome = ingest([data], store)
    assert {one.symbol: one.status for one in outcome.files} == {
        "ESZ25": "taken",
        "NQZ25": "refused",
        "CLF26": "refused",
        "GCG26": "refused",
        "LBRZ25": "refused",
    }
    errors = {one.symbol: one.error or "" for one in outcome.files}
    assert "line 32: malformed row" in errors["NQZ25"]
    assert "the header is cut" in errors["CLF26"]
    assert "named like a file of Sierra Chart's bars" in errors["GCG26"]
    assert "no instrument definition" in errors["LBRZ25"]
    assert [entry.symbol for entry in store.catalog()] == ["ESZ25"]


def test_a_rejected_row_is_counted_with_its_line_and_reason(data: Path, store: BarStore) -> None:
    lines = rows(119)
    lines[50] = lines[50].replace("6860.00, 6840.00", "6830.00, 6840.00")
    write(data / NAME, lines)
    (file,) = ingest([data], store).files
    assert [one.words() for one in file.rejected] == ["1 row rejected, the first in line 52: high is under low"]
    assert file.new == 117


def test_bars_that_end_in_the_future_are_rejected(data: Path, store: BarStore) -> None:
    write(data / NAME, rows(60))
    now = int(np.datetime64("2025-12-17T16:02", "us").astype(np.int64))
    (file,) = ingest([data], store, now_us=now).files
    assert file.new == 24
    assert [(one.why[:26], one.rows, one.first) for one in file.rejected] == [
        ("the bar ends in the future", 35, "bar 25")
    ]


def test_files_under_folders_are_found_and_what_is_no_file_is_passed_over(data: Path, store: BarStore) -> None:
    (data / "sub" / "x.scid").mkdir(parents=True)
    (data / ".hidden").mkdir()
    write(data / "sub" / NAME, rows(60))
    write(data / ".hidden" / "NQZ25-CME_5m.scid_BarData.txt", rows(60))
    os.mkfifo(data / "ESH26-CME.scid")
    (data / "gone.txt").symlink_to(data / "nowhere")
    outcome = ingest([data], store)
    assert [(one.path.name, one.status) for one in outcome.files if one.status == "taken"] == [(NAME, "taken")]
    assert "ESH26-CME.scid" in outcome.ignored


def test_a_file_that_vanishes_before_it_is_read_is_refused(data: Path, store: BarStore) -> None:
    path = write(data / NAME, rows(60))
    other = write(data / "NQZ25-CME_5m.scid_BarData.txt", rows(60))
    options = IntakeOptions(said=UTC)
    plan = plan_intake([data], options, store.root)
    path.unlink()
    outcome = take_in(plan, store, options, now_us=NOW)
    assert {one.path: one.status for one in outcome.files} == {path: "refused", other: "taken"}


def test_a_path_that_is_not_there_and_a_folder_without_bars_are_errors(data: Path, store: BarStore) -> None:
    with pytest.raises(BadInputError, match="absent: cannot read the file"):
        plan_intake([data / "absent"], IntakeOptions(), store.root)
    with pytest.raises(BadInputError, match="no files there"):
        plan_intake([data], IntakeOptions(), store.root)


def test_a_broken_journal_is_told_with_what_to_do(data: Path, store: BarStore) -> None:
    write(data / NAME, rows(60))
    ingest([data], store)
    (store.root / "_ingest.json").write_text("{")
    with pytest.raises(BadInputError, match="move it away: the files are then read again"):
        plan_intake([data], IntakeOptions(), store.root)
    (store.root / "_ingest.json").unlink()  # as after a kill between the rows and the journal
    (file,) = ingest([data], store).files
    assert (file.new, file.updated, file.same) == (0, 0, 59)
    assert len(read_journal(store.root).files) == 1


def test_bars_of_the_synthetic_exchange_stay_apart(data: Path, store: BarStore, tmp_path: Path) -> None:
    write(data / NAME, rows(60))
    ingest([data], store)
    (tmp_path / "made-up").mkdir()
    write(tmp_path / "made-up" / NAME, rows(60))
    (tmp_path / "made-up" / "SYNTHETIC.txt").write_text("made up\n")
    with pytest.raises(BadInputError, match="it holds bars of a real market"):
        ingest([tmp_path / "made-up"], store)
    other = BarStore(tmp_path / "other" / "bars")
    ingest([tmp_path / "made-up"], other)
    with pytest.raises(BadInputError, match="it holds bars of the synthetic exchange"):
        ingest([data], other)


def test_the_zone_must_be_known(data: Path, store: BarStore) -> None:
    write(data / NAME, rows(60))
    (refused,) = ingest([data], store, said=Statements()).files
    assert "does not name its time zone and it cannot be inferred" in (refused.error or "")
    assert "--zone America/New_York" in (refused.error or "")


def test_a_symbol_that_no_name_says_is_given_or_mapped(data: Path, store: BarStore) -> None:
    write(data / "my export_BarData.txt", rows(60))
    (refused,) = ingest([data], store).files
    assert refused.status == "refused"
    (given,) = ingest([data], store, said=Statements(zone="UTC", symbol="ESZ25")).files
    assert (given.symbol, given.new) == ("ESZ25", 59)
    (data / "map.toml").write_text('[symbols]\n"my *" = "NQZ25"\n')
    (mapped,) = ingest([data], store).files
    assert (mapped.symbol, mapped.new) == ("NQZ25", 59)


def test_a_name_that_says_its_symbol_is_not_overruled_by_the_command_line(data: Path, store: BarStore) -> None:
    write(data / NAME, rows(60))
    write(data / "NQZ25-CME_5m.scid_BarData.txt", rows(60))
    write(data / "my export_BarData.txt", rows(60))
    outcome = ingest([data], store, said=Statements(zone="UTC", symbol="YMZ25"))
    assert sorted(one.symbol for one in outcome.files) == ["ESZ25", "NQZ25", "YMZ25"]


def test_a_contract_anywhere_in_the_name_is_its_symbol(data: Path, store: BarStore) -> None:
    write(data / "Copy of ESZ25-CME_5m.scid_BarData.txt", rows(60))
    (file,) = ingest([data], store).files
    assert (file.symbol, file.new) == ("ESZ25", 59)


def test_a_broken_map_refuses_the_files_beside_it_and_no_others(data: Path, store: BarStore) -> None:
    for folder in ("good", "bad", "plain"):
        (data / folder).mkdir()
        write(data / folder / NAME.replace("ES", {"good": "ES", "bad": "NQ", "plain": "YM"}[folder]), rows(60))
    (data / "bad" / "map.toml").write_text("[sierra_text]\nzoned = 1\n")
    (data / "plain" / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    outcome = ingest([data], store)
    assert {one.symbol: one.status for one in outcome.files} == {"ESZ25": "taken", "NQZ25": "refused", "YMZ25": "taken"}
    assert "sierra_text.zoned" in (outcome.refused[0].error or "")


def test_files_of_which_none_can_be_used_are_told_one_by_one(data: Path, store: BarStore) -> None:
    (data / "ESZ25.scid").write_bytes(b"")
    (data / NAME).write_bytes(b"")
    outcome = ingest([data], store)
    assert [one.status for one in outcome.files] == ["refused", "refused"]


MAP = """
[[files]]
glob = "ES*"
symbol = "ESZ25"
time = "t"
{clock}
columns = {{ open = "o", high = "h", low = "l", close = "c" }}
"""


def week_of_es(path: Path, *, shift_hours: int = 0, epoch: bool = False) -> Path:
    """Five-minute bars of five sessions in December (23:00 to 22:00 UTC), on a clock that is `shift_hours` ahead of UTC."""
    sessions = [np.datetime64(f"2025-12-{day}T23:00", "s") for day in ("07", "08", "09", "10", "11")]
    starts = [first + 300 * bar + 3600 * shift_hours for first in sessions for bar in range(23 * 12)]
    stamps = [str(int(start.astype(np.int64))) if epoch else str(start).replace("T", " ") for start in starts]
    path.write_text("\n".join(["t,o,h,l,c", *(f"{stamp},6850,6851,6849,6850" for stamp in stamps)]) + "\n")
    return path


@pytest.mark.parametrize("epoch", [False, True])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_that_is_read_in_another_zone_is_warned_of(
    data: Path, store: BarStore, suffix: str, epoch: bool
) -> None:
    path = week_of_es(data / "ES.csv", shift_hours=3, epoch=epoch)
    if suffix == "parquet":
        pd.read_csv(path).to_parquet(data / "ES.parquet")
        path.unlink()
    clock = 'clock = "epoch_s"' if epoch else 'zone = "UTC"'
    (data / "map.toml").write_text(MAP.format(clock=clock))
    (file,) = ingest([data], store, said=Statements()).files
    (warning,) = [line for line in file.words if "WARNING" in line]
    # an hour of bars in each of four breaks, three after Friday's close: 4 x 12 + 36 of 1,380
    assert "6.1% of the bars lie in the daily break, the weekend or a holiday of ESZ25" in warning
    assert (
        "are its times UTC?" if epoch else "by UTC (it trades 17:00 to 16:00 America/Chicago): is the time"
    ) in warning
    (again,) = ingest([data], store, said=Statements()).files  # what was said once is not forgotten
    assert (again.status, again.words) == ("unchanged", file.words)


def test_a_table_in_the_right_zone_is_not_warned_of(data: Path, store: BarStore) -> None:
    week_of_es(data / "ES.csv")
    (data / "map.toml").write_text(MAP.format(clock='zone = "UTC"'))
    (file,) = ingest([data], store, said=Statements()).files
    assert not any("WARNING" in line for line in file.words)


def test_a_text_file_that_is_read_in_another_zone_is_warned_of_at_once(data: Path, store: BarStore) -> None:
    clock = [f"2025/12/{10 + row // 288}, {row % 288 // 12:02d}:{row % 12 * 5:02d}:00" for row in range(600)]
    write(data / NAME, [f"{at}, 6850.00, 6860.00, 6840.00, 6850.00, 10, 4, 6, 4" for at in clock])
    (file,) = ingest([data], store, said=Statements(zone="America/New_York")).files
    assert any("of the bars lie in the daily break" in line and "by America/New_York" in line for line in file.words)
