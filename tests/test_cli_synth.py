"""`minhos synth` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from minhos.cli import app

COMMAND = [sys.executable, "-c", "from minhos.cli import main; main()"]
SMALL = ["--sessions", "2", "--end", "2026-11-20", "--seed", "3"]


def minhos(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_it_writes_a_market_and_says_what_can_be_known_of_it(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["synth", str(tmp_path / "x"), *SMALL])
    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.output.split())
    for expected in (
        "SYNTHETIC DATA",
        "planted market, seed 3, 2 sessions to 2026-11-20",
        "SYNAZ26-SIM.scid",
        "Bayes limit: whoever knows the true state names the direction of the next 6 steps of 300 s in 68.0",
        "from the sign of the last imbalance",
        "ideal Kelly growth",
        "ticks written",
    ):
        assert expected in words
    again = CliRunner().invoke(app, ["synth", str(tmp_path / "x"), *SMALL])
    assert "was there already, nothing was written" in " ".join(again.output.split())


def test_json_is_the_truth_and_all_that_standard_output_has(tmp_path: Path) -> None:
    status, out, error = minhos("synth", tmp_path / "x", "--market", "placebo", "--json", *SMALL)
    assert status == 0, error
    answer = json.loads(out)
    written = json.loads((tmp_path / "x" / "truth.json").read_text())
    assert answer == {"folder": str(tmp_path / "x"), **written}
    assert answer["market"] == "placebo"


def test_faults_of_the_broken_market_are_listed(tmp_path: Path) -> None:
    shown = CliRunner().invoke(
        app, ["synth", str(tmp_path / "x"), "--market", "broken", "--sessions", "22", "--end", "2026-11-20"]
    )
    assert shown.exit_code == 0, shown.output
    for words in ("planted faults", "duplicate_records", "wrong_zone", "unit_jump"):
        assert words in shown.output


@pytest.mark.system  # seconds of writing markets
def test_what_is_not_possible_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for arguments, words in (
        ([tmp_path], "is no synthetic exchange; nothing was written"),
        ([tmp_path / "x", "--market", "real"], "the markets are placebo, planted, broken"),
        ([tmp_path / "x", "--accuracy", "0.9"], "can be made for 0.51 to 0.74"),
        ([tmp_path / "x", "--market", "placebo", "--accuracy", "0.6"], "the placebo has nothing to predict"),
        ([tmp_path / "x", "--symbols", "NOPE"], "no instrument definition"),
        (
            [tmp_path / "x", "--symbols", "NOPE"],
            "give it with --instruments (a night: INSTRUMENTS=<file>): instruments = [{",
        ),
        ([tmp_path / "x", "--ticks", "1"], "possible are 2 to 10000"),
    ):
        status, out, error = minhos("synth", *arguments)
        assert (status, error.count("\n"), out) == (2, 1, ""), error
        assert words in error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
