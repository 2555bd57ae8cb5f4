"""The benchmark of the synthetic exchange measures both markets and leaves nothing behind."""

import json
from pathlib import Path

import pytest

from benchmarks.synthetic import main


def test_both_markets_are_written_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "benchmarks.synthetic.os.sched_setaffinity", lambda *_: None
    )  # the other tests keep their cores
    options = ["--sessions", "2", "--rounds", "1", "--ticks", "5", "--folder", str(tmp_path)]
    assert main([*options, "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures) == {"planted", "placebo"}
    for one in figures.values():
        assert one["ticks"] > 2 * 2 * 276 * 2
        assert one["ticks_per_second"] > 0 < one["plain_ticks_per_second"]
    table = capsys.readouterr().out
    assert "plain / ours" in table
    assert max(map(len, table.splitlines())) <= 100
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]
