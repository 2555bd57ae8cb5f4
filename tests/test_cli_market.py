"""`minhos ingest`, `minhos bars`, `minhos depth` as a user calls them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from depth_records import FILE_NAME, records_of, snapshot
from typer.testing import CliRunner

from minhos.cli import app
from minhos.market_data.sierra.depth import write_depth
from minhos.market_data.store import BarStore

pytestmark = pytest.mark.system  # processes of the real command line
COMMAND = str(Path(sys.executable).parent / "minhos")
HEAD = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def write_export(folder: Path, symbol: str, count: int = 60, *, close: float = 6850.0) -> Path:
    clock = [f"2025/12/{10 + row // 240}, {row % 240 // 12:02d}:{row % 12 * 5:02d}:00" for row in range(count)]
    rows = [f"{at}, {close}, {close + 2}, {close - 2}, {close + row % 3}, 10, 4, 6, 4" for row, at in enumerate(clock)]
    path = folder / f"{symbol}-CME_5m.scid_BarData.txt"
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MINHOS_") and name != "MINHOS_REAL_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def minhos(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_an_intake_shows_its_plan_its_summary_and_then_what_is_there(home: Path, data: Path) -> None:
    write_export(data, "ESZ25")
    (data / "notes.pdf").write_bytes(b"%PDF\0")
    shown = CliRunner().invoke(app, ["ingest", str(data), "--zone", "UTC"])
    assert shown.exit_code == 0, shown.output
    for words in ("Plan", "sierra_text", "times in UTC", "notes.pdf is not read", "Bars taken in", "ESZ25 5m", "59"):
        assert words in shown.output
    listed = CliRunner().invoke(app, ["bars", "--json"])
    (entry,) = json.loads(listed.output)
    assert (entry["symbol"], entry["timeframe"], entry["bars"]) == ("ESZ25", "5m", 59)
    one = CliRunner().invoke(app, ["bars", "ESZ25", "--timeframe", "15m", "--rows", "2"])
    assert "ESZ25 15m, 19 bars, the last 2" in one.output
    assert "built from 5m bars" in one.output
    then = CliRunner().invoke(app, ["bars", "ESZ25", "--as-of", "2025-12-10T01:00", "--json"])
    assert len(json.loads(then.output)["bar_end"]) == 12


def test_bars_outside_the_sessions_are_told_by_the_intake_and_where_days_are_built(home: Path, data: Path) -> None:
    write_export(
        data, "ESZ25", 700
    )  # twenty hours a day from 00:00: read as New York, the break has twelve of them a day
    taken = CliRunner().invoke(app, ["ingest", str(data), "--zone", "Europe/London", "--dry-run"])
    assert "WARNING" not in taken.output
    taken = CliRunner().invoke(app, ["ingest", str(data), "--zone", "America/New_York"])
    words = " ".join(taken.output.split())
    assert taken.exit_code == 0, taken.output
    assert "of the bars lie in the daily break, the weekend or a holiday of ESZ25 by America/New_York" in words
    assert "is the time zone right? It is said with --zone" in words
    shown = CliRunner().invoke(app, ["bars", "ESZ25", "--timeframe", "1d"])
    assert "of 699 5m bars lie between two sessions and are in no day" in " ".join(shown.output.split())
    status, out, error = minhos("bars", "ESZ25", "--timeframe", "1d", "--json")
    assert status == 0
    assert json.loads(out)["symbol"] == "ESZ25"
    assert "are in no day" in " ".join(error.split())
    joined = CliRunner().invoke(app, ["bars", "ES", "--timeframe", "1d", "--continuous", "none"])
    assert "ESZ25: " in joined.output
    assert "are in no day" in " ".join(joined.output.split())
    hours = CliRunner().invoke(app, ["bars", "ESZ25", "--timeframe", "1h"])
    assert "in no day" not in hours.output


def test_an_intake_of_two_expiries_tells_and_records_their_rolls_and_looking_shows_them(home: Path, data: Path) -> None:
    write_export(data, "ESZ25", 1100)
    later = write_export(data, "ESH26", 1100)
    later.write_text(later.read_text().replace(", 10, 4, 6, 4", ", 5, 2, 3, 2"))
    shown = CliRunner().invoke(app, ["ingest", str(data), "--zone", "UTC"])
    assert "ES rolls: no roll, all of ESZ25" in shown.output
    recorded = (home / "bars" / "_rolls" / "ES.json").read_bytes()
    looked = CliRunner().invoke(app, ["bars", "ES", "--continuous", "ratio", "--timeframe", "15m"])
    assert "no roll, all of ESZ25" in looked.output
    assert (home / "bars" / "_rolls" / "ES.json").read_bytes() == recorded
    told = CliRunner().invoke(app, ["bars", "ES", "--continuous", "ratio", "--json"])
    assert json.loads(told.output)["words"] == ["no roll, all of ESZ25"]


def test_json_is_all_that_standard_output_has_and_a_refused_file_is_status_1(home: Path, data: Path) -> None:
    write_export(data, "ESZ25")
    write_export(data, "LBRZ25")
    status, out, error = minhos("ingest", data, "--zone", "UTC", "--json")
    answer = json.loads(out)
    assert status == 1
    assert (answer["new"], answer["refused"], answer["dry_run"]) == (59, 1, False)
    assert "Plan" in error


def test_what_cannot_be_used_is_one_line_and_status_2(home: Path, data: Path) -> None:
    for arguments, words in (
        (["ingest", data / "absent"], "cannot read the file"),
        (["ingest", data], "no files there"),
        (["ingest", data, "--zone", "Mars/Olympus"], "is not an IANA time zone"),
        (["ingest", data, "--multiplier", "ES"], "write SYMBOL=FACTOR"),
        (["ingest", data, "--timeframe", "soon"], "timeframe 'soon' is not known"),
        (["bars", "ESZ25"], "no bars of ESZ25; there are none at all; take its files in with `minhos ingest`"),
        (["bars", "ESZ25", "--remove"], "--remove needs --timeframe"),
        (["bars", "--remove"], "--remove: say of which symbol"),
        (["bars", "--as-of", "2025-12-10"], "--as-of: say of which symbol"),
        (
            ["bars", "ESZ25", "--timeframe", "5m", "--remove", "--from", "2025-12-10", "--json"],
            "--remove removes a whole series, it cannot go with --from, --json",
        ),
        (["bars", "ESZ25", "--from", "2025-12-11", "--to", "2025-12-10"], "give the earlier moment first"),
        (["depth", "ESZ25"], "no 1m depth bars of ESZ25; there are none"),
    ):
        status, out, error = minhos(*arguments)
        assert (status, error.count("\n"), out) == (2, 1, ""), error
        assert words in error


def test_a_series_is_removed_only_when_it_is_meant(home: Path, data: Path) -> None:
    write_export(data, "ESZ25")
    assert minhos("ingest", data, "--zone", "UTC")[0] == 0
    remove = ["bars", "ESZ25", "--timeframe", "5m", "--remove"]
    refused = CliRunner().invoke(app, remove, input="n\n")
    assert refused.exit_code == 1
    assert [entry.bars for entry in BarStore(home / "bars").catalog()] == [59]
    assert "59 bars of ESZ25 5m are removed" in CliRunner().invoke(app, [*remove, "--yes"]).output
    assert BarStore(home / "bars").catalog() == ()


def test_bars_are_found_by_the_names_of_files_and_a_range_without_bars_says_what_there_is(
    home: Path, data: Path
) -> None:
    write_export(data, "ESZ25")
    assert minhos("ingest", data, "--zone", "UTC")[0] == 0
    for name in ("ESZ25", "esz25", "ESZ25-CME"):
        assert "ESZ25 5m, 59 bars" in CliRunner().invoke(app, ["bars", name]).output
    for name in ("ES", "ES[C]"):
        status, _, error = minhos("bars", name)
        assert status == 2
        assert "has expiries, ESZ25: name one of them, or join them with --continuous ratio" in error
    empty = CliRunner().invoke(app, ["bars", "ESZ25", "--from", "2026-01-01"])
    assert empty.exit_code == 0
    assert "there are bars from 2025-12-10 00:05 UTC to 2025-12-10 04:55 UTC" in " ".join(empty.output.split())


def test_a_home_that_cannot_be_written_is_one_line_and_a_dry_run_writes_nothing(
    home: Path, data: Path, tmp_path: Path
) -> None:
    write_export(data, "ESZ25")
    status, out, _ = minhos("ingest", data, "--zone", "UTC", "--dry-run", "--json")
    assert (status, json.loads(out)["new"]) == (0, 59)
    assert not home.exists()
    home.write_text("a file is in the way")
    for arguments in (["ingest", data, "--zone", "UTC"], ["bars", "ESZ25", "--timeframe", "5m", "--remove", "--yes"]):
        status, out, error = minhos(*arguments)
        assert status == 2, error
        assert "Traceback" not in out + error
        assert error.count("\n") == 1


def test_depth_files_become_bars_of_the_top_of_the_book(home: Path, data: Path) -> None:
    write_depth(data / FILE_NAME, records_of(snapshot(30, {99.75: 5}, {100.0: 3})))
    assert CliRunner().invoke(app, ["ingest", str(data)]).exit_code == 0
    assert "2025-12-01" in CliRunner().invoke(app, ["depth"]).output
    assert (
        "there are days from 2025-12-01" in CliRunner().invoke(app, ["depth", "esz25", "--from", "2026-01-01"]).output
    )
    shown = json.loads(CliRunner().invoke(app, ["depth", "ESZ25", "--json"]).output)
    assert shown["columns"]["bid"][0] == 99.75
    assert shown["columns"]["imbalance"][0] == 0.25


def test_two_intakes_at_once_take_turns(home: Path, data: Path) -> None:
    for symbol in ("ESZ25", "NQZ25", "CLF26", "GCG26"):
        write_export(data, symbol, 400)
    both = [
        subprocess.Popen(
            [COMMAND, "ingest", str(data), "--zone", "UTC"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.wait(60) == 0
        one.communicate()
    entries = BarStore(home / "bars").catalog()
    assert [(entry.bars, entry.revisions) for entry in entries] == [(399, 0)] * 4


def test_an_intake_that_is_killed_leaves_whole_files_and_the_next_one_completes_it(home: Path, data: Path) -> None:
    symbols = ("ESZ25", "NQZ25", "CLF26", "GCG26", "RTYZ25", "YMZ25")
    for symbol in symbols:
        write_export(data, symbol, 400)
    moments = random.Random(7)
    killed = 0
    for _ in range(4):
        one = subprocess.Popen([COMMAND, "ingest", str(data), "--zone", "UTC", "--full"], stdout=subprocess.DEVNULL)
        time.sleep(0.35 + 0.5 * moments.random())
        if one.poll() is None:
            one.send_signal(signal.SIGKILL)
            killed += 1
        one.wait(30)
        assert all(entry.bars == 399 for entry in BarStore(home / "bars").catalog())
    assert minhos("ingest", data, "--zone", "UTC")[0] == 0
    entries = BarStore(home / "bars").catalog()
    assert [(entry.bars, entry.revisions) for entry in entries] == [(399, 0)] * len(symbols)
    assert killed


def test_times_can_be_typed_as_they_are_printed(home: Path, data: Path) -> None:
    write_export(data, "ESZ25")
    assert minhos("ingest", data, "--zone", "UTC")[0] == 0
    for moment in ("2025-12-10T01:00", "2025-12-10T01:00Z", "2025-12-10 01:00", "2025-12-10 01:00 UTC"):
        shown = CliRunner().invoke(app, ["bars", "ESZ25", "--as-of", moment, "--json"])
        assert len(json.loads(shown.stdout)["bar_end"]) == 12, moment


def test_a_continuous_series_is_shown_in_whole_numbers(home: Path, data: Path) -> None:
    write_export(data, "ESZ25", close=6850.0)
    write_export(data, "ESH26", close=6903.0)
    assert minhos("ingest", data, "--zone", "UTC")[0] == 0
    shown = CliRunner().invoke(app, ["bars", "ES", "--continuous", "ratio", "--timeframe", "5m", "--rows", "3"]).stdout
    assert "contract" in shown
    assert "ESZ25" in shown
    assert "\u2026" not in shown, "nothing is cut"


def test_the_help_has_an_example() -> None:
    for verb in ("ingest", "bars", "depth"):
        shown = CliRunner().invoke(app, [verb, "--help"])
        assert "Example: minhos" in shown.output
