"""Finished folds of a family that is being trained, so that a crash costs one fold: written whole, taken back once.

A piece belongs to its training rows, test rows, labels, weights, profile and seed, by their hash; any other training finds
none. They are removed when the family is finished: its record is what counts from then on.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos.files import read_json, write_json, write_npz
from minhos.training.families import TrainingData
from minhos.training.profiles import TrainingProfile

__all__ = ["Pieces", "fold_key", "time_left"]

FOLDER: Final = "pieces"
Float32 = npt.NDArray[np.float32]


def fold_key(data: TrainingData, test: Float32, *, profile: TrainingProfile, seed: int) -> str:
    """SHA-256 of everything that decides a fold's probabilities: what is learned from, what is asked, how, which seed."""
    digest = hashlib.sha256(f"{profile.model_dump_json()} {seed} {data.embargo_us}".encode())
    for array in (data.x, data.y, data.t0, data.t1, data.weights, test):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class Pieces:
    """The finished folds under a family's folder."""

    def __init__(self, out: Path) -> None:
        self.folder = out / FOLDER

    def get(self, k: int, key: str) -> tuple[Float32, dict[str, Any]] | None:
        """The probabilities of fold ``k``'s test rows and its report; None where none are kept of this ``key``."""
        told, kept = (self.folder / f"fold_{k}.{kind}" for kind in ("json", "npz"))
        if not (told.exists() and kept.exists()):
            return None
        content = read_json(told)
        if content["key"] != key:
            return None
        with np.load(kept, allow_pickle=False) as stored:
            p: Float32 = stored["p"]
        return p, content["report"]

    def put(self, k: int, key: str, p: Float32, report: dict[str, Any]) -> None:
        """Keep a finished fold; its report is written last and makes it count."""
        write_npz(self.folder / f"fold_{k}.npz", {"p": p})
        write_json(self.folder / f"fold_{k}.json", {"key": key, "report": report})

    def clear(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.folder, ignore_errors=True)


def time_left(rows_done: int, seconds: float, rows_to_do: int) -> str:
    """In words, by the time that each training row has taken so far; empty where nothing is known or left."""
    if rows_done <= 0 or rows_to_do <= 0:
        return ""
    left = seconds / rows_done * rows_to_do
    return f"; about {left:.0f} s left" if left < 120 else f"; about {left / 60:.0f} min left"
