"""The decision log: every answer with the request that led to it, in one SQLite file that several processes share."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minhos_client.contract import Array, decode_bytes
from minhos_client.errors import DecisionLogError
from minhos_client.tensors import pack, tensors_hash, unpack

__all__ = ["DecisionLog", "LogEntry"]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY,
    request_sha256 TEXT NOT NULL,
    as_of INTEGER NOT NULL,
    release TEXT NOT NULL,
    latency_seconds REAL NOT NULL,
    inputs BLOB NOT NULL,
    outputs BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_as_of ON decisions (as_of);
"""


@dataclass(frozen=True)
class LogEntry:
    """One logged answer; ``inputs`` and ``outputs`` are the contract's tensors, bit for bit."""

    id: int
    request_sha256: str
    as_of: int
    release: str
    latency_seconds: float
    inputs: dict[str, Array]
    outputs: dict[str, Array]


class DecisionLog:
    """An append-only log in write-ahead mode: several processes may write, readers never wait for them.

    A connection belongs to the thread that opened it. Raises DecisionLogError when the file cannot be used.
    """

    def __init__(self, path: Path, *, busy_timeout_seconds: float = 0.2) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=busy_timeout_seconds, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise DecisionLogError(f"the decision log {path} cannot be opened: {error}") from error

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def append(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array], *, latency_seconds: float) -> int:
        """Writes one answer; returns its number. It is whole in the file, or not there at all."""
        try:
            cursor = self._connection.execute(
                "INSERT INTO decisions (request_sha256, as_of, release, latency_seconds, inputs, outputs) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    tensors_hash(inputs),
                    int(inputs["AS_OF"].reshape(-1)[0]),
                    decode_bytes(outputs["RELEASE"])[0],
                    latency_seconds,
                    pack(inputs),
                    pack(outputs),
                ),
            )
        except sqlite3.Error as error:
            raise DecisionLogError(f"the decision log {self.path} took no entry: {error}") from error
        return int(cursor.lastrowid or 0)

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM decisions").fetchone()[0])

    def latest(self, count: int = 20) -> list[LogEntry]:
        """The newest entries, newest first."""
        rows = self._connection.execute(
            "SELECT id, request_sha256, as_of, release, latency_seconds, inputs, outputs FROM decisions "
            "ORDER BY id DESC LIMIT ?",
            (count,),
        )
        return [
            LogEntry(
                id=number,
                request_sha256=request,
                as_of=as_of,
                release=release,
                latency_seconds=latency,
                inputs=unpack(inputs),
                outputs=unpack(outputs),
            )
            for number, request, as_of, release, latency, inputs, outputs in rows
        ]
