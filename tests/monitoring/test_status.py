import json
import os
from pathlib import Path
from typing import Any

import pytest

from minhos.config import Settings
from minhos.night.events import Event, EventLog, Kind
from minhos.night.run import NOT_STARTED
from monitoring.status import Serving, status

HOUR_US = 3_600_000_000
NOW = 1_763_683_200_000_000  # 2025-11-21 00:00 UTC


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def write_run(settings: Settings, name: str, seconds: int, files: dict[str, Any]) -> None:
    """A run's folder, its files written ``seconds`` after an arbitrary beginning."""
    folder = settings.runs / name
    folder.mkdir(parents=True)
    for file, value in files.items():
        path = folder / file
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        os.utime(path, (1_000_000 + seconds, 1_000_000 + seconds))


def outcome(session: str, **changes: Any) -> dict[str, Any]:
    return {
        "session": session,
        "decision": "published",
        "release": f"{session}-30m-0123456789ab",
        "words": ["sound", "no proven edge: size 0"],
        "finished_at": f"{session}T23:10:00Z",
        "synthetic": False,
    } | changes


def happened(settings: Settings, run: str, label: str, kind: Kind, *words: str) -> None:
    EventLog(settings.runs / "events.jsonl").append(Event(run=run, label=label, kind=kind, words=words))


def test_a_new_machine_says_what_to_start(home: Settings) -> None:
    said = status(home, lambda: None, now_us=NOW)

    assert said.lines() == [
        "serving     nothing answers at 127.0.0.1:8001 (start it: minhos serve)",
        "last night  none yet (start one: make run)",
    ]


def test_it_says_what_serves_how_old_it_is_and_what_the_last_night_decided(home: Settings) -> None:
    write_run(home, "first", 10, {"outcome.json": outcome("2025-11-19")})
    write_run(
        home,
        "second",
        20,
        {"request.json": {}, "outcome.json": outcome("2025-11-20"), "drift.json": {"words": "stable: 0 of 12"}},
    )
    serving = Serving("2025-11-20-30m-0123456789ab", NOW - 3 * HOUR_US)

    said = status(home, lambda: serving, now_us=NOW)

    assert said.data_age_seconds == 3 * 3600
    assert said.lines() == [
        "serving     2025-11-20-30m-0123456789ab at 127.0.0.1:8001",
        "data        through 2025-11-20 21:00 UTC, 3 hours old",
        "last night  session 2025-11-20: published, finished 2025-11-20T23:10:00Z",
        "            sound; no proven edge: size 0",
        "drift       stable: 0 of 12",
    ]
    assert json.loads(json.dumps(said.as_json()))["last_night"]["run"] == "second"


def test_synthetic_data_is_said_loudly(home: Settings) -> None:
    write_run(home, "run", 10, {"outcome.json": outcome("2025-11-20", synthetic=True)})

    assert "SYNTHETIC" in "\n".join(status(home, lambda: None, now_us=NOW).lines())


def test_a_night_that_began_after_the_last_outcome_is_named(home: Settings) -> None:
    write_run(home, "broken off long ago", 5, {"request.json": {}})
    write_run(home, "finished", 10, {"request.json": {}, "outcome.json": outcome("2025-11-20")})
    assert status(home, lambda: None, now_us=NOW).unfinished_run is None

    write_run(home, "tonight", 20, {"request.json": {}})
    assert status(home, lambda: None, now_us=NOW).unfinished_run == "tonight"


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "cannot be read"), ("[]", "is not a JSON object"), ('{"session": "2025-11-21"}', "has no 'decision'")],
)
def test_an_unreadable_outcome_is_reported_and_the_one_before_it_is_shown(
    home: Settings, text: str, problem: str
) -> None:
    write_run(home, "good", 10, {"outcome.json": outcome("2025-11-20")})
    write_run(home, "bad", 20, {"outcome.json": text})

    said = status(home, lambda: None, now_us=NOW)

    assert said.last_night is not None
    assert said.last_night.session == "2025-11-20"
    assert len(said.problems) == 1
    assert problem in said.problems[0]
    assert said.lines()[-1].startswith("problem     ")


def test_data_from_a_clock_that_runs_ahead_has_age_zero(home: Settings) -> None:
    assert status(home, lambda: Serving("r", NOW + HOUR_US), now_us=NOW).data_age_seconds == 0.0


def test_a_failed_night_is_a_problem_in_its_own_words(home: Settings) -> None:
    failed = outcome("2025-11-20", decision="failed", release=None, words=["train[lstm]: no space left on device"])
    write_run(home, "good", 10, {"outcome.json": outcome("2025-11-19")})
    write_run(home, "bad", 20, {"request.json": {}, "outcome.json": failed})
    happened(home, "bad", "train[lstm]", "failed", "no space left on device")

    said = status(home, lambda: None, now_us=NOW)

    assert said.last_night is not None and said.last_night.decision == "failed"
    assert said.unfinished_run is None
    assert said.lines()[1:] == [
        "last night  session 2025-11-20: failed, finished 2025-11-20T23:10:00Z",
        "drift       not measured",
        "problem     the night of session 2025-11-20 failed: train[lstm]: no space left on device "
        "(remove the cause and run it again)",
    ]


def test_a_night_that_could_not_start_is_a_problem_until_one_has_ended(home: Settings) -> None:
    write_run(home, "good", 10, {"outcome.json": outcome("2025-11-19")})
    happened(home, NOT_STARTED, "ingest", "failed", "an old mistake")
    happened(home, "good", "smoke_test", "finished", "served")
    assert status(home, lambda: None, now_us=NOW).problems == ()

    happened(home, "other", "ingest", "started")
    happened(home, NOT_STARTED, "ingest", "failed", "/data is empty: give a folder of bar files")
    (problem,) = status(home, lambda: None, now_us=NOW).problems
    assert problem == "a night could not start: /data is empty: give a folder of bar files"

    happened(home, "good", "smoke_test", "finished", "served")
    assert status(home, lambda: None, now_us=NOW).problems == ()


def test_a_night_that_could_not_start_is_said_on_a_machine_that_has_had_none(home: Settings) -> None:
    happened(home, NOT_STARTED, "ingest", "failed", "/data is not there")

    said = status(home, lambda: None, now_us=NOW)

    assert said.last_night is None
    assert said.lines()[-1] == "problem     a night could not start: /data is not there"


def test_a_step_that_failed_before_its_night_had_a_request_is_named(home: Settings) -> None:
    happened(home, "2025-11-20_30m", "ingest", "failed", "no space left on device")

    (problem,) = status(home, lambda: None, now_us=NOW).problems

    assert problem == "a night could not start: no space left on device"


@pytest.mark.parametrize("line", ["{", "[]", '{"run": "x"}', '{"surprise": 1, "words": []}'])
def test_a_damaged_event_log_is_a_problem_and_no_error(home: Settings, line: str) -> None:
    happened(home, NOT_STARTED, "ingest", "failed", "no data")
    with (home.runs / "events.jsonl").open("a") as stream:
        stream.write(line + "\n")

    (problem,) = status(home, lambda: None, now_us=NOW).problems

    assert problem.startswith(f"{home.runs / 'events.jsonl'} cannot be read")
