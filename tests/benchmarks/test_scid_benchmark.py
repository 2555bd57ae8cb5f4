"""The benchmark of intraday files measures what it says: equal bars, a fresh process, and a second reading that is short."""

import json
from pathlib import Path

import pytest

from benchmarks.scid import APPENDED_TICKS, main


def test_both_sides_give_the_same_bars_and_the_second_reading_is_short(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.scid.os.sched_setaffinity", lambda *_: None)  # the other tests keep their cores
    options = ["--ticks", "20000", "--large-ticks", "30000", "--rounds", "1", "--folder", str(tmp_path)]
    assert main([*options, "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["against_pandas"]["equal"]
    assert figures["against_pandas"]["bars"] > 10
    large = figures["large"]
    assert large["peak_bytes"] >= large["peak_bytes_before"] > 0
    assert APPENDED_TICKS < large["append_ticks_read"] < APPENDED_TICKS + 1_000  # the open bar once more, not the file
    table = capsys.readouterr().out
    assert "the bars are the same in every number" in table
    assert max(map(len, table.splitlines())) <= 100
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]
