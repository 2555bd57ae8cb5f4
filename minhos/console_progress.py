"""A progress bar with the time left, gone when the work is done; the verbs of the command line say what they count."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

__all__ = ["WorkProgress"]


class WorkProgress:
    """Shown while its block runs; nothing where the output is no terminal. `amount`: how the work done is written."""

    def __init__(self, out: Console, amount: ProgressColumn, *, doing: str = "", total: float | None = None) -> None:
        self.out = out
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            amount,
            TimeRemainingColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._progress.add_task(doing, total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, *, done: float, doing: str, total: float | None = None) -> None:
        """How much is done, of how much (None: as before), and of what."""
        self._progress.update(self._task, completed=done, description=doing, total=total)
