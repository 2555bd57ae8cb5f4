"""Market depth records for tests, written as people read them: `add_bid(10, 99.75, 5)` is at 10 s, 5 at 99.75.

``from depth_records import snapshot``: the folder ``tests`` is on pytest's path (``pythonpath`` in pyproject.toml).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minhos.market_data.sierra.depth import (
    ADD_ASK,
    ADD_BID,
    CLEAR_BOOK,
    DELETE_ASK,
    DELETE_BID,
    END_OF_BATCH,
    HEADER,
    MAGIC,
    MODIFY_ASK,
    MODIFY_BID,
    RECORD,
    Records,
)

__all__ = [
    "DAY_US",
    "FILE_NAME",
    "Row",
    "add_ask",
    "add_bid",
    "change_ask",
    "change_bid",
    "drop_ask",
    "drop_bid",
    "ended",
    "records_of",
    "snapshot",
    "write_plain",
]

DAY_US = 1_764_547_200_000_000  # 2025-12-01T00:00Z
EPOCH_US = 2_209_161_600_000_000  # 1899-12-30 to 1970-01-01
FILE_NAME = "ESZ25-CME.2025-12-01.depth"

Row = tuple[float, int, int, float, int]
"""Seconds after `DAY_US`, command, flags, price, quantity."""


def add_bid(at: float, price: float, quantity: int) -> Row:
    return (at, ADD_BID, 0, price, quantity)


def add_ask(at: float, price: float, quantity: int) -> Row:
    return (at, ADD_ASK, 0, price, quantity)


def change_bid(at: float, price: float, quantity: int) -> Row:
    return (at, MODIFY_BID, 0, price, quantity)


def change_ask(at: float, price: float, quantity: int) -> Row:
    return (at, MODIFY_ASK, 0, price, quantity)


def drop_bid(at: float, price: float) -> Row:
    return (at, DELETE_BID, 0, price, 0)


def drop_ask(at: float, price: float) -> Row:
    return (at, DELETE_ASK, 0, price, 0)


def ended(*rows: Row) -> list[Row]:
    """One batch: its last record carries the end."""
    at, command, flags, price, quantity = rows[-1]
    return [*rows[:-1], (at, command, flags | END_OF_BATCH, price, quantity)]


def snapshot(at: float, bids: dict[float, int], asks: dict[float, int]) -> list[Row]:
    """The whole book, as Sierra Chart writes it about every ten minutes."""
    levels = [add_bid(at, *level) for level in bids.items()] + [add_ask(at, *level) for level in asks.items()]
    return ended((at, CLEAR_BOOK, 0, 0.0, 0), *levels)


def records_of(rows: list[Row]) -> Records:
    """`RECORD` [n]."""
    records = np.zeros(len(rows), dtype=RECORD)
    for record, (at, command, flags, price, quantity) in zip(records, rows, strict=True):
        record["time"] = DAY_US + EPOCH_US + round(at * 1e6)
        record["command"], record["flags"], record["price"], record["quantity"] = command, flags, price, quantity
    return records


def write_plain(folder: Path, records: Records | list[Row], *, name: str = FILE_NAME) -> Path:
    """A depth file without waiting for the disk."""
    path = folder / name
    body = records_of(records) if isinstance(records, list) else records
    path.write_bytes(HEADER.pack(MAGIC, 64, 24, 1, bytes(48)) + body.tobytes())
    return path
