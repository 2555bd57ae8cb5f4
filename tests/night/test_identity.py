"""The run's key: the same for the same night, another for anything that decides the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from minhos.night import identity


def test_the_key_does_not_depend_on_the_order_of_facts() -> None:
    assert identity.run_key({"a": 1, "b": [2]}) == identity.run_key({"b": [2], "a": 1})
    assert identity.run_key({"a": 1}) != identity.run_key({"a": 2})


def test_changed_code_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "minhos").mkdir()
    module = tmp_path / "minhos" / "chain.py"
    module.write_text("x = 1\n")
    monkeypatch.setattr(identity, "REPOSITORY", tmp_path)
    before = identity.run_key({})
    module.write_text("x = 2\n")
    assert identity.run_key({}) != before
