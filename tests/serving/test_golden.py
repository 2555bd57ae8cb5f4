"""Golden requests notice every difference that the contract cares about, and no other."""

from pathlib import Path

import numpy as np
import pytest

from minhos.serving.golden import prove, read_golden, write_golden
from minhos.serving.release import Release
from tests.serving.tiny_release import tiny_release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return tiny_release(tmp_path_factory.mktemp("golden"))


def altered(release: Release, name: str, change: float) -> tuple[bool, str]:
    """Proves against answers in which one tensor is off by ``change``."""
    golden = release.golden()
    answers = [
        {**one.answers, name: one.answers[name] + np.asarray(change).astype(one.answers[name].dtype)} for one in golden
    ]
    served = iter(answers)
    proof = prove(lambda _: next(served), golden, release_id=release.id)
    return proof.passes, proof.words


def test_they_survive_the_file_bit_for_bit(release: Release, tmp_path: Path) -> None:
    write_golden(tmp_path / "again.npz", release.golden())
    assert (tmp_path / "again.npz").read_bytes() == (release.path / "golden.npz").read_bytes()
    assert read_golden(tmp_path / "again.npz")[0].inputs["INSTRUMENT"].dtype == np.object_


def test_the_same_answers_pass(release: Release) -> None:
    passes, words = altered(release, "P_UP", 0.0)
    assert passes and f"{len(release.golden())} golden requests answered as in process" in words


def test_a_last_bit_passes_and_a_real_difference_does_not(release: Release) -> None:
    assert altered(release, "P_UP", 1e-7)[0]
    passes, words = altered(release, "P_UP", 1e-5)
    assert not passes and "P_UP differs by up to 1e-05" in words


@pytest.mark.parametrize("name", ["DIRECTION", "CONTRACTS", "REASONS", "VALID_UNTIL", "STOP_TICKS"])
def test_whole_numbers_must_be_equal(release: Release, name: str) -> None:
    passes, words = altered(release, name, 1)
    assert not passes and name in words


def test_a_number_that_became_nan_fails(release: Release) -> None:
    assert not altered(release, "CONFIDENCE", np.nan)[0]


def test_answers_of_another_release_fail_by_name(release: Release) -> None:
    golden = release.golden()
    served = iter([one.answers for one in golden])
    proof = prove(lambda _: next(served), golden, release_id="20250102-30m-000000000000")
    assert not proof.passes and f"RELEASE is {release.id}" in proof.words


def test_a_missing_tensor_is_named(release: Release) -> None:
    golden = release.golden()
    served = iter([{k: v for k, v in one.answers.items() if k != "WATERFALL"} for one in golden])
    assert "WATERFALL is missing" in prove(lambda _: next(served), golden, release_id=release.id).words
