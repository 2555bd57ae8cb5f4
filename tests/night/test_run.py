"""A step is done once; a failure leaves no record; two processes never do the same step."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from minhos.errors import NightError
from minhos.files import write_json
from minhos.night.outcome import read_outcome
from minhos.night.run import Progress, Run, StepResult


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "runs" / "2025-01-02_5m_quick_abc")


def _kinds(run: Run) -> list[str]:
    return [event.kind for event in run.events.since(0)[0]]


def test_a_finished_step_is_reused_with_its_words_and_outputs(run: Run) -> None:
    calls = []

    def work(progress: Progress) -> StepResult:
        calls.append(1)
        progress("half way")
        return StepResult(("two files",), {"files": ["a", "b"]})

    first = run.step("ingest", work)
    again = run.step("ingest", work)
    assert calls == [1]
    assert again == first
    assert run.outputs("ingest") == {"files": ["a", "b"]}
    assert _kinds(run) == ["started", "progress", "finished", "reused"]


def test_a_repeated_step_works_every_time(run: Run) -> None:
    numbers = iter(range(3))

    def work(_progress: Progress) -> StepResult:
        return StepResult((f"try {next(numbers)}",))

    assert run.step("publish", work, repeat=True).words == ("try 0",)
    assert run.step("publish", work, repeat=True).words == ("try 1",)


def test_a_failed_step_leaves_no_record_and_says_why(run: Run) -> None:
    def work(_progress: Progress) -> StepResult:
        raise NightError("bars are torn")

    with pytest.raises(NightError, match="bars are torn"):
        run.step("validate", work)
    assert run.record("validate") is None
    events, _ = run.events.since(0)
    assert (events[-1].kind, events[-1].words) == ("failed", ("bars are torn",))
    with pytest.raises(NightError, match=r"step validate of run .* has not finished: run it first"):
        run.outputs("validate")


def test_a_failed_night_is_its_outcome(run: Run) -> None:
    write_json(run.folder / "request.json", {"request": {}, "plan": {"session": "2025-01-02", "synthetic": False}})

    def work(_progress: Progress) -> StepResult:
        raise NightError("no server")

    with pytest.raises(NightError):
        run.step("publish", work, repeat=True)
    outcome = read_outcome(run.folder)
    assert (outcome.decision, outcome.release, outcome.session) == ("failed", None, "2025-01-02")
    assert outcome.words == ("publish: no server",)


def test_a_defect_is_an_event_too(run: Run) -> None:
    def work(_progress: Progress) -> StepResult:
        raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        run.step("stack", work)
    assert run.events.since(0)[0][-1].words == ("ZeroDivisionError: division by zero",)


def test_forgetting_makes_every_step_work_again(run: Run) -> None:
    run.step("ingest", lambda _: StepResult(("old",)))
    run.forget()
    assert run.step("ingest", lambda _: StepResult(("new",))).words == ("new",)


def test_a_step_that_another_process_does_is_refused(run: Run) -> None:
    run.step("train[lstm]", lambda _: StepResult(()))
    with (run.folder / "records" / ".train[lstm].lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(NightError, match=r"step train\[lstm\] of run .* is being done by another process"):
            run.step("train[lstm]", lambda _: StepResult(()))
        assert run.step("train[xgboost]", lambda _: StepResult(("other items go on",))).words
