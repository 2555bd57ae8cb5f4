"""Whole files or none: a failed or killed writer leaves the old file."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from minhos import files
from minhos.errors import NightError


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files.write_text(tmp_path / "record.json", "old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["record.json"]


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    path = files.write_bytes(tmp_path / "new" / "model.onnx", b"bytes")
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_that_is_not_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_reading_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NightError, match=r"gate.json is missing: run the step that writes it first"):
        files.read_json(tmp_path / "gate.json")
    (tmp_path / "torn.json").write_text('{"a": ')
    with pytest.raises(NightError, match=r"torn.json is not valid JSON .*FORCE=1"):
        files.read_json(tmp_path / "torn.json")


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    assert files.canonical_json({"b": 1, "a": [1.5]}) == files.canonical_json(json.loads('{"a":[1.5],"b":1}'))
    arrays = {"p": np.arange(3.0)}
    first = files.write_npz(tmp_path / "one.npz", arrays)
    second = files.write_npz(tmp_path / "two.npz", arrays)
    assert files.sha256_of(first) == files.sha256_of(second)
