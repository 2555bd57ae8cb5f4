"""Events: whole lines in order, however many processes write."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from minhos.night.events import Event, EventLog


def _write_many(path: Path, label: str) -> None:
    log = EventLog(path)
    for number in range(200):
        log.append(Event(run="r", label=label, kind="progress", words=(f"{number} " + "x" * 300,)))


def test_a_follower_sees_every_event_once_and_in_order(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append(Event("r", "ingest", "started"))
    position = log.end()
    log.append(Event("r", "ingest", "finished", ("done", "well"), 1.5))
    fresh, position = log.since(position)
    assert fresh == [Event("r", "ingest", "finished", ("done", "well"), 1.5)]
    assert log.since(position) == ([], position)


def test_a_line_that_is_still_being_written_waits_for_the_next_look(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append(Event("r", "a", "started"))
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole[:10])
    first, position = log.since(0)
    assert [event.label for event in first] == ["a"]
    log.path.write_bytes(whole + whole)
    second, _ = log.since(position)
    assert [event.label for event in second] == ["a"]


def test_two_processes_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, label)) for label in ("one", "two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    events, _ = EventLog(path).since(0)
    for label in ("one", "two"):
        mine = [int(event.words[0].split()[0]) for event in events if event.label == label]
        assert mine == list(range(200))
