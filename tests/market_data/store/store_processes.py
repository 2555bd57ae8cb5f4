"""Processes that write to a store at once, or die while they do; started by `test_store_writers.py` as a program.

The libraries are imported once, then every writer is a fork of this process, which itself never opens a store: the
threads of the Delta Lake library do not survive a fork.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import deltalake.transaction  # noqa: F401
import numpy as np
import pyarrow.dataset
import pyarrow.parquet  # noqa: F401

from minhos.errors import SetupError
from minhos.market_data.bars import BarSeries
from minhos.market_data.store import BarStore, bar_store

MINUTE = 60_000_000
NAMES = ("ESH24", "NQH24")
STEPS_OF_AN_UPSERT = 6  # each of two files and its folder, the commit and its folder, forced to the disk


def fork(work: Callable[[], object]) -> int:
    """Do `work` in a child; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def status_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def finished(work: Callable[[], object]) -> None:
    assert status_of(fork(work)) == 0


def series(symbol: str, minutes: range, value: float) -> BarSeries:
    return BarSeries(symbol, 60, MINUTE * np.array(minutes, dtype=np.int64), np.full((len(minutes), 8), value))


def batch(number: int) -> list[tuple[BarSeries, str]]:
    """Two series at once: each batch corrects all earlier bars and adds three."""
    return [(series(symbol, range(1, 4 + 3 * number), float(number)), "batch") for symbol in NAMES]


def state(store: BarStore) -> int:
    """The number of the newest batch; fails where the store is not exactly as after one."""
    found = [store.find(symbol, 60) for symbol in NAMES]
    if all(one is None for one in found):
        return -1
    values = {float(value) for one in found if one is not None for value in np.unique(one.values)}
    assert len(values) == 1, f"a mix of {values}"
    number = int(values.pop())
    assert [one is not None and len(one) for one in found] == [3 + 3 * number] * 2, number
    return number


def dies_at_fsync(store: BarStore, number: int, allowed: int) -> None:
    """Upsert a batch, and die at the moment before one of its fsyncs."""
    fsync, calls = os.fsync, []

    def deadly(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > allowed:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = deadly
    store.upsert_many(batch(number), recorded_at=number)


def killed(store: BarStore) -> None:
    """A writer is killed at each of its steps, then at random moments: the store is as before or as after, and works."""

    def check(number: int) -> None:
        assert state(store) in (number - 1, number)
        store.upsert_many(batch(number), recorded_at=number)
        assert state(store) == number

    outcomes = [-signal.SIGKILL]
    number = 0
    while outcomes[-1] != 0:
        outcomes.append(status_of(fork(partial(dies_at_fsync, store, number, allowed=number))))
        finished(partial(check, number))
        number += 1
    assert set(outcomes) == {-signal.SIGKILL, 0}
    assert number > STEPS_OF_AN_UPSERT
    dice = random.Random(7)
    for later in range(number, number + 6):
        child = fork(partial(store.upsert_many, batch(later), recorded_at=later))
        time.sleep(dice.uniform(0, 0.06))
        os.kill(child, signal.SIGKILL)
        status_of(child)
        finished(partial(check, later))


def together(store: BarStore) -> None:
    """Two writers share a series (odd and even pairs) and have one each, a reader looks on all the while."""

    def writes(which: int) -> None:
        for turn in range(8):
            first = 1 + 4 * turn + 2 * which
            own = series(f"ZZ{which}", range(1 + turn, 2 + turn), 1.0)
            store.upsert_many([(series("ESH24", range(first, first + 2), 1.0), "x"), (own, "x")], recorded_at=turn)
            store.upsert(series("CLH24", range(1, 3), 1.0), source="the same from both", recorded_at=turn)

    def reads() -> None:
        most = 0
        while most < 32:
            found = store.find("ESH24", 60)
            pairs = [] if found is None else ((found.bar_end // MINUTE - 1) // 2).tolist()
            assert pairs == sorted([*set(pairs)] * 2), pairs
            assert len(pairs) >= most
            most = len(pairs)

    children = [fork(partial(writes, 0)), fork(partial(writes, 1)), fork(reads)]
    assert [status_of(child) for child in children] == [0, 0, 0]

    def check() -> None:
        found = {entry.symbol: (entry.bars, entry.revisions) for entry in store.catalog()}
        assert found == {"ESH24": (32, 0), "ZZ0": (8, 0), "ZZ1": (8, 0), "CLH24": (2, 0)}, found

    finished(check)


def full(store: BarStore) -> None:
    """No file may grow past a few bytes: first none at all, then only the log's commit."""

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    def no_data_file() -> None:
        limit(300)
        try:
            store.upsert_many(batch(1), recorded_at=1)
        except SetupError as error:
            assert "the bar store cannot be written" in str(error), error
        else:
            raise AssertionError

    def no_commit() -> None:
        commit = bar_store.commit

        def limited(*arguments: object, **named: object) -> None:
            limit(300)
            commit(*arguments, **named)

        bar_store.commit = limited
        try:
            store.upsert_many(batch(1), recorded_at=1)
        except SetupError as error:
            assert "the commit to the bar store failed" in str(error), error
            assert "File too large" in str(error), error
            assert str(error).isprintable(), error
        else:
            raise AssertionError

    def check() -> None:
        assert state(store) == 0
        store.upsert_many(batch(1), recorded_at=1)
        assert state(store) == 1

    finished(partial(store.upsert_many, batch(0), recorded_at=0))
    finished(no_data_file)
    finished(no_commit)
    finished(check)


if __name__ == "__main__":
    bar_store._CROWDED = 3
    bar_store._COMMITS_BETWEEN_TIDYINGS = 4
    {"killed": killed, "together": together, "full": full}[sys.argv[1]](BarStore(Path(sys.argv[2])))
