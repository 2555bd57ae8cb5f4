"""Events are handed on while a run writes them, and none is lost at its end."""

from __future__ import annotations

from pathlib import Path

from minhos.night.events import Event, EventLog
from minhos.night.following import Follower


def test_what_came_before_and_what_others_say_is_not_handed_on(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append(Event("mine", "ingest", "started"))
    seen: list[Event] = []
    follower = Follower(log, {"mine"}, seen.append)
    log.append(Event("other", "ingest", "failed"))
    log.append(Event("mine", "train[lstm]", "progress", ("fold 1",)))
    follower.drain()
    follower.drain()
    assert seen == [Event("mine", "train[lstm]", "progress", ("fold 1",))]
    assert follower.failure is None


def test_the_last_failure_is_kept(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    follower = Follower(log, {"mine"}, lambda _: None)
    log.append(Event("mine", "stack", "failed", ("too few rows",)))
    log.append(Event("mine", "track", "finished"))
    follower.drain()
    assert follower.failure == Event("mine", "stack", "failed", ("too few rows",))


def test_everything_is_handed_on_by_the_end_of_the_block_also_where_it_fails(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    seen: list[Event] = []
    try:
        with Follower(log, {"mine"}, seen.append).meanwhile():
            for number in range(200):
                log.append(Event("mine", f"step {number}", "progress"))
            raise ValueError("the block fails")
    except ValueError:
        pass
    assert [event.label for event in seen] == [f"step {number}" for number in range(200)]
