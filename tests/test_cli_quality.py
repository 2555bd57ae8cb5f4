"""`minhos validate` and `minhos quarantine` as a user calls them: judge, hold, look, release."""

from __future__ import annotations

import json
import os
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from minhos.cli import app
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import load_instruments
from minhos.market_data.sessions import sessions_between
from minhos.market_data.store import BarStore

# Great Expectations imports modules of Python's that are deprecated
pytestmark = [
    pytest.mark.system,  # runs Great Expectations
    pytest.mark.filterwarnings("ignore:module 'sre_.*' is deprecated:DeprecationWarning"),
]
SPOILED, HELD = 1000, 1700


@pytest.fixture(scope="module")
def walk() -> BarSeries:
    """Twelve whole sessions of CLF26, 5-minute bars of a walk on the tick grid, with one impossible high."""
    instrument = load_instruments(None).find("CLF26")
    sessions = sessions_between(instrument, date(2025, 11, 3), date(2025, 11, 18))
    ends = np.concatenate(
        [np.arange(opens + 300_000_000, closes + 1, 300_000_000) for opens, closes in sessions.stretches_us]
    )
    rng = np.random.default_rng(3)
    close = 60.0 + 0.01 * np.cumsum(rng.integers(-4, 5, len(ends)))
    opened = np.concatenate((close[:1], close[:-1]))
    spread = 0.01 * rng.integers(1, 5, (2, len(ends)))
    volume = rng.integers(200, 900, len(ends)).astype(float)
    bid = np.floor(volume / 2)
    values = np.stack(
        [
            opened,
            np.maximum(opened, close) + spread[0],
            np.minimum(opened, close) - spread[1],
            close,
            volume,
            bid,
            volume - bid,
            np.floor(volume / 3),
        ],
        axis=1,
    )
    values[:, :4] = np.round(values[:, :4], 2)
    values[SPOILED, 1] = values[SPOILED, 2] - 1.0
    return BarSeries("CLF26", 300, ends, values)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, walk: BarSeries) -> Path:
    for name in [name for name in os.environ if name.startswith("MINHOS_") and name != "MINHOS_REAL_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    BarStore(tmp_path / "bars").upsert(walk, source="test", recorded_at=1)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_a_bad_row_is_held_shown_released_and_used_again(home: Path, walk: BarSeries) -> None:
    status, out = run("validate", "--json")
    (result,) = json.loads(out)
    assert (status, result["passed"]) == (0, True)
    assert [row["bar_end"] for row in result["held"]] == [int(walk.bar_end[SPOILED])]
    page = (home / "validation" / "5m" / "index.html").read_text(encoding="utf-8")
    assert "passed without 1 rows" in page
    assert "http" not in page.replace("http-equiv", ""), "the page needs no network"
    assert (home / "validation" / "5m" / "CLF26" / "index.html").is_file(), "Great Expectations' Data Docs"
    status, out = run("quarantine", "list", "--json")
    held = json.loads(out)
    assert {one["rule"] for one in held} >= {"high_above_low"}
    assert all(one["bar_end_us"] == int(walk.bar_end[SPOILED]) for one in held)
    number = next(str(one["id"]) for one in held if one["rule"] == "high_above_low")
    assert "high_above_low" in run("quarantine", "show", number)[1]
    assert run("validate")[0] == 0
    assert json.loads(run("quarantine", "list", "--json")[1]) == held, "what is held is not held twice"
    status, out = run("quarantine", "release", number, "--whole-rows", "--why", "it was a test")
    assert (status, out.count("released: CLF26 5m")) == (0, len(held))
    assert "all of it had been released before" in run("quarantine", "release", number, "--why", "again")[1]
    assert "nothing is held" in run("quarantine", "list")[1]
    (again,) = json.loads(run("validate", "--json")[1])
    assert again["held"] == []
    assert {check["status"] for check in again["checks"] if check["rule"] == "high_above_low"} == {"released"}
    (first, second) = json.loads(run("quarantine", "show", number, "--json")[1])
    assert (first["action"], second["action"], second["words"]) == ("held", "released", "it was a test")
    assert first["bar"]["high"] == walk.values[SPOILED, 1]


def test_a_dry_run_holds_and_writes_nothing(home: Path) -> None:
    assert run("validate", "CLF26", "--dry-run")[0] == 0
    assert [path.name for path in home.iterdir() if path.name != "bars"] == []


def test_an_instrument_that_would_be_excluded_is_status_1(home: Path, walk: BarSeries) -> None:
    values = walk.values.copy()
    values[2000:, :4] *= 100
    BarStore(home / "bars").upsert(BarSeries("CLG26", 300, walk.bar_end, values), source="test", recorded_at=2)
    status, out = run("validate", "CLG26")
    assert status == 1
    assert "CLG26 5m: excluded" in out
    assert "another unit from" in " ".join(out.split())


@pytest.fixture
def rolled(home: Path, walk: BarSeries) -> Path:
    """Two expiries of CL until 17 December, the second 1.5 higher and ten times as busy in the last three days."""
    sessions = sessions_between(load_instruments(None).find("CLF26"), date(2025, 11, 3), date(2025, 12, 17))
    ends = np.concatenate(
        [np.arange(opens + 300_000_000, closes + 1, 300_000_000) for opens, closes in sessions.stretches_us]
    )
    laps = -(-len(ends) // len(walk))
    values = np.concatenate([walk.values] * laps)[: len(ends)]
    rise = walk.values[-1, 3] - walk.values[0, 0]
    values[:, :4] += rise * np.repeat(np.arange(laps), len(walk))[: len(ends), None]
    values[SPOILED :: len(walk), 1] = values[SPOILED :: len(walk), 2] + 0.2
    later = values.copy()
    values[HELD, 1] = values[HELD, 2] - 1.0
    later[:, :4] += 1.5
    busy = ends > ends[-1] - 3 * 86_400_000_000
    later[:, 4:] = np.floor(later[:, 4:] * np.where(busy, 10.0, 0.1)[:, None])
    later[:, 4] = later[:, 5] + later[:, 6]
    values[:, :4], later[:, :4] = np.round(values[:, :4], 2), np.round(later[:, :4], 2)
    store = BarStore(home / "bars")
    for number, (code, own) in enumerate((("CLF26", values), ("CLG26", later))):
        store.upsert(BarSeries(code, 300, ends, own), source="test", recorded_at=3 + number)
    return home


def test_a_root_is_judged_as_the_one_series_that_a_night_joins(rolled: Path, walk: BarSeries) -> None:
    _, out = run("validate", "CL[C]", "--json")
    (result,) = json.loads(out)
    checks = {check["rule"]: check for check in result["checks"]}
    assert result["symbol"] == "CL"
    assert checks["on_tick_grid"]["status"] == "passed", "prices as traded are judged, not those adjusted by ratio"
    assert checks["one_price_base"]["status"] == "passed", "a roll is no jump"
    held = json.loads(run("quarantine", "list", "CL", "--json")[1])
    (row,) = [one for one in held if one["rule"] == "high_above_low"]
    assert row["bar_end_us"] == int(walk.bar_end[HELD])
    assert row["bar"]["low"] - row["bar"]["high"] == pytest.approx(1.0), "the evidence is the row as it traded"
    assert row["bar"]["close"] == round(walk.values[HELD, 3], 2)
    assert (rolled / "validation" / "5m" / "CL.json").is_file()


def test_a_finding_about_the_whole_series_is_shown_too(home: Path, walk: BarSeries) -> None:
    values = walk.values.copy()
    values[2000:, :4] *= 100
    BarStore(home / "bars").upsert(BarSeries("CLG26", 300, walk.bar_end, values), source="test", recorded_at=2)
    assert run("validate", "CLG26")[0] == 1
    held = json.loads(run("quarantine", "list", "CLG26", "--json")[1])
    by_shape = {next(iter(one["bar"])): one for one in held if one["bar_end"] is None}
    assert "bad_bar_ends" in by_shape
    for one in by_shape.values():
        status, out = run("quarantine", "show", str(one["id"]))
        assert status == 0
        assert f"CLG26 5m, all bars: {one['rule']}" in out
    assert re.search(r"\d+ rows?, 2025-11-", run("quarantine", "show", str(by_shape["bad_bar_ends"]["id"]))[1])


def test_names_in_the_list_are_understood_and_an_unknown_one_is_told(rolled: Path) -> None:
    from minhos.errors import BadInputError

    assert "nothing of CL is held" in run("quarantine", "list", "CL[C]")[1]
    run("validate", "CL[C]")
    assert run("quarantine", "list", "CL[C]", "--json")[1] == run("quarantine", "list", "CL", "--json")[1] != "[]\n"
    with pytest.raises(
        BadInputError, match="no bars of FOO, in the quarantine or the store; there are those of CL, CLF26"
    ):
        run("quarantine", "list", "FOO")


def test_a_session_without_bars_is_refused_and_leaves_no_finding(home: Path) -> None:
    from minhos.errors import BadInputError

    for session in ("2025-12-10", "2020-01-06"):
        with pytest.raises(
            BadInputError, match=f"CLF26: no bars for the session of {session}; the stored ones are of 2025-11-0"
        ):
            run("validate", "CLF26", "--session", session)
    assert not (home / "quarantine.sqlite").exists()


def test_a_look_into_an_empty_home_makes_no_ledger(home: Path) -> None:
    from minhos.errors import BadInputError

    for arguments in (["show", "1"], ["release", "1", "--why", "x"]):
        with pytest.raises(BadInputError, match="there is no entry 1 in the quarantine"):
            run("quarantine", *arguments)
    assert not (home / "quarantine.sqlite").exists()


def test_a_partial_release_is_said_and_counted(home: Path, walk: BarSeries) -> None:
    values = walk.values.copy()
    spoiled = [500, 700, SPOILED]
    values[spoiled, 1] = values[spoiled, 2] - 1.0
    BarStore(home / "bars").upsert(BarSeries("CLG26", 300, walk.bar_end, values), source="test", recorded_at=2)
    run("validate", "CLG26")
    held = json.loads(run("quarantine", "list", "CLG26", "--json")[1])
    number = next(str(one["id"]) for one in held if one["rule"] == "high_above_low")
    run("quarantine", "release", number, "--why", "a test")
    (again,) = json.loads(run("validate", "CLG26", "--json")[1])
    check = next(one for one in again["checks"] if one["rule"] == "high_above_low")
    assert check["words"].endswith(": 1 of them is released, 2 left")
    assert (check["bad_count"], len(check["bad_bar_ends"]), len(check["bad_row_words"])) == (2, 2, 2)
    assert again["verdict"] == "passed without 3 rows"
    run("quarantine", "release", number, "--alike", "--whole-rows", "--why", "a test")
    out = run("validate", "CLG26")[1]
    assert "[released]" in out


def test_the_list_has_a_line_for_each_rule_and_all_its_rows_when_asked(home: Path, walk: BarSeries) -> None:
    values = walk.values.copy()
    spoiled = [500, 700, SPOILED]
    values[spoiled, 1] = values[spoiled, 2] - 1.0
    BarStore(home / "bars").upsert(BarSeries("CLG26", 300, walk.bar_end, values), source="test", recorded_at=2)
    assert run("validate", "CLG26")[0] == 0
    short = run("quarantine", "list", "CLG26")[1]
    full = run("quarantine", "list", "CLG26", "--all")[1]
    assert short.count("high_above_low") == 1
    assert "3 rows" in " ".join(short.split())
    assert full.count("high_above_low") == 3
    assert all(len(line) <= 100 for text in (short, full) for line in text.splitlines())
    first = json.loads(run("quarantine", "list", "CLG26", "--json")[1])
    number = next(str(one["id"]) for one in first if one["rule"] == "high_above_low")
    assert run("quarantine", "release", number, "--alike", "--why", "a test")[1].count("high_above_low") == 3


def test_mistakes_are_told(home: Path) -> None:
    from minhos.errors import BadInputError, ConfigError

    for arguments, error, words in (
        (["validate", "NQZ25"], BadInputError, "no bars of NQZ25"),
        (["validate", "--session", "2025-11-15"], BadInputError, "is a Saturday"),
        (["quarantine", "show", "7"], BadInputError, "there is no entry 7"),
        (["quarantine", "release", "7", "--why", "x"], BadInputError, "there is no entry 7"),
        (["quarantine", "release", "7", "--why", " "], ConfigError, "needs its reason"),
    ):
        with pytest.raises(error, match=words):
            run(*arguments)


def test_the_help_has_examples() -> None:
    for arguments in (["validate"], ["quarantine", "list"], ["quarantine", "show"], ["quarantine", "release"]):
        assert "Example: minhos" in run(*arguments, "--help")[1]
