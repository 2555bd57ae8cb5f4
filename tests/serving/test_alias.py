"""The alias's files are replaced whole, and always look newer than before."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.serving.alias import write_alias
from minhos.serving.blueprint import CONFIGS


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for release in ("r1", "r2"):
        folder = tmp_path / f"trade__{release}" / "alias"
        (folder / "configs").mkdir(parents=True)
        for name in CONFIGS:
            (folder / name).write_text(f"{release} {name}")
    return tmp_path


def newest(folder: Path) -> int:
    return max(path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file())


def test_both_profiles_point_to_the_release(repository: Path) -> None:
    for release in ("r1", "r2"):
        write_alias(repository, release)
        assert [(repository / "trade" / name).read_text() for name in CONFIGS] == [f"{release} {n}" for n in CONFIGS]
    assert (repository / "trade" / "1").is_dir()
    assert {path.name for path in (repository / "trade").iterdir()} == {"1", "configs", "config.pbtxt"}


def test_the_time_grows_even_when_the_clock_was_set_back(repository: Path) -> None:
    write_alias(repository, "r1")
    future = 4_000_000_000_000_000_000
    for path in (repository / "trade").rglob("*.pbtxt"):
        os.utime(path, ns=(future, future))
    write_alias(repository, "r2")
    for name in CONFIGS:
        assert (repository / "trade" / name).stat().st_mtime_ns > future


@given(times=st.lists(st.sampled_from(["r1", "r2"]), min_size=2, max_size=5))
def test_every_flip_is_newer_than_the_one_before(tmp_path_factory: pytest.TempPathFactory, times: list[str]) -> None:
    folder = tmp_path_factory.mktemp("flips")
    for release in ("r1", "r2"):
        source = folder / f"trade__{release}" / "alias" / "configs"
        source.mkdir(parents=True)
        (source / "cpu.pbtxt").write_text(release)
        (source.parent / "config.pbtxt").write_text(release)
    seen = 0
    for release in times:
        write_alias(folder, release)
        assert newest(folder / "trade") > seen
        seen = newest(folder / "trade")
