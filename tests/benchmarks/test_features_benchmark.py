"""The benchmark of the features measures every one of them, in batch and served, and its table fits a terminal."""

import json
from pathlib import Path

import pytest

from benchmarks.features import main
from minhos.capabilities.prediction.runtime.catalogue import CATALOGUE


def test_every_feature_is_measured_in_batch_and_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.features.os.sched_setaffinity", lambda *_: None)  # the other tests keep their cores
    assert main(["--bars", "500", "--rounds", "1", "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures["feature_ms"]) == set(CATALOGUE)
    assert figures["inputs"] > figures["features"] == len(CATALOGUE)
    times = [figures[name] for name in ("batch_seconds", "window_ms", "step_ms", "traditional_ms")]
    assert all(value > 0 for value in times)
    table = capsys.readouterr().out
    assert "a batch of 500 bars" in table
    assert f"one window of 64 instruments x {figures['window']} bars" in table
    assert max(map(len, table.splitlines())) <= 100
