"""Following the events of a run while other processes or threads write them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from minhos.night.events import Event, EventLog

__all__ = ["Follower"]

POLL_SECONDS = 0.2


class Follower:
    """Hands on the events of some runs that come after now. ``failure``: the last one that says that a step failed."""

    def __init__(self, events: EventLog, names: Collection[str], follow: Callable[[Event], None]) -> None:
        self._events, self._names, self._follow = events, names, follow
        self._position = events.end()
        self.failure: Event | None = None

    def drain(self) -> None:
        """Hand on what came since the last call."""
        fresh, self._position = self._events.since(self._position)
        for event in (one for one in fresh if one.run in self._names):
            self.failure = event if event.kind == "failed" else self.failure
            self._follow(event)

    @contextmanager
    def meanwhile(self) -> Iterator[None]:
        """Hand on events from a thread while the block runs, and all that are left at its end."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(POLL_SECONDS):
                self.drain()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            self.drain()
