"""Training that was cut short goes on behind its last finished fold, and only there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import FAMILIES, train_family
from minhos.capabilities.ensemble.models.pieces import time_left
from minhos.night.run import Run
from minhos.training.families import TrainingData
from minhos.training.profiles import PROFILES, TrainingProfile
from minhos.training.samples import Samples
from minhos.training.splits import Fold, walk_forward
from tests.training.market import BAR_US, planted_samples

PROFILE = PROFILES["quick"]


class Killed(Exception):
    """What a crash is to the code around it: nothing after it happens."""


class Counting:
    """A family that counts its fits and dies in one of them; it predicts from its rows' mean and seed."""

    name = "counting"
    input = "tabular"

    def __init__(self, dies_in: int | None = None) -> None:
        self.fits = 0
        self.dies_in = dies_in

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: object) -> Counting:
        self.fits += 1
        if self.fits == self.dies_in:
            raise Killed
        self.p = float(np.random.default_rng(seed).uniform(0.4, 0.6)) + float(data.x.mean()) * 1e-3
        self.seen = {"mean": data.seen}
        return self

    def predict_p_up(self, x: np.ndarray) -> np.ndarray:
        return (self.p + 1e-3 * x[:, 0]).astype(np.float32)

    def contributions(self, x: np.ndarray) -> None:
        """It has none."""

    def to_onnx(self, path: Path) -> float:
        path.write_bytes(b"counting")
        return 0.0


@pytest.fixture(scope="module")
def samples() -> Samples:
    return planted_samples(seed=4, bars=600)


@pytest.fixture(scope="module")
def folds(samples: Samples) -> list[Fold]:
    return walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)


def trained(
    family: Counting,
    samples: Samples,
    folds: list[Fold],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    seed: int = 3,
    profile: TrainingProfile = PROFILE,
) -> list[str]:
    monkeypatch.setitem(FAMILIES, "counting", family)  # type: ignore[arg-type]
    words: list[str] = []
    train_family("counting", samples, folds, profile=profile, seed=seed, out=out, progress=words.append)
    return words


def out_of_fold(folder: Path) -> np.ndarray:
    with np.load(folder / "oof.npz") as stored:
        p: np.ndarray = stored["p"]
    return p


def test_the_finished_folds_are_kept_and_the_result_is_that_of_one_go(
    samples: Samples, folds: list[Fold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(Counting(), samples, folds, tmp_path / "whole", monkeypatch)
    with pytest.raises(Killed):
        trained(Counting(dies_in=3), samples, folds, tmp_path / "cut", monkeypatch)
    assert not (tmp_path / "cut" / "record.json").exists()
    rest = Counting()
    words = trained(rest, samples, folds, tmp_path / "cut", monkeypatch)
    assert rest.fits == 3, "two folds and the final fit"
    assert sum("done before" in word for word in words) == 2
    np.testing.assert_array_equal(out_of_fold(tmp_path / "cut"), out_of_fold(tmp_path / "whole"))
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["model.onnx", "oof.npz", "record.json"]


@pytest.mark.parametrize("other", ["seed", "profile", "label", "feature", "weight"])
def test_a_fold_of_any_other_training_is_not_taken(
    samples: Samples, folds: list[Fold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    with pytest.raises(Killed):
        trained(Counting(dies_in=4), samples, folds, tmp_path, monkeypatch)
    row = int(folds[0].train[5])
    changed, seed, profile = samples, 3, PROFILE
    if other == "seed":
        seed = 4
    elif other == "profile":
        profile = PROFILE.model_copy(update={"threads": 1})
    elif other == "label":
        changed = replace(samples, up=np.where(np.arange(len(samples)) == row, 1 - samples.up, samples.up))
    elif other == "feature":
        tabular = samples.tabular.copy()
        tabular[row, 0] += 1.0
        changed = replace(samples, tabular=tabular)
    else:
        t1 = samples.t1.copy()
        t1[row] += 1
        changed = replace(samples, t1=t1)
    again = Counting()
    trained(again, changed, folds, tmp_path, monkeypatch, seed=seed, profile=profile)
    assert again.fits == 5, "four folds and the final fit"


def test_a_torn_piece_is_trained_again(
    samples: Samples, folds: list[Fold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        trained(Counting(dies_in=4), samples, folds, tmp_path, monkeypatch)
    (tmp_path / "pieces" / "fold_0.npz").unlink()
    told = tmp_path / "pieces" / "fold_1.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "key": "of something else"}))
    again = Counting()
    trained(again, samples, folds, tmp_path, monkeypatch)
    assert again.fits == 4, "folds 1, 2 and 4, and the final fit"


def test_force_forgets_unfinished_training(tmp_path: Path) -> None:
    pieces = tmp_path / "runs" / "one" / "models" / "lstm" / "pieces"
    pieces.mkdir(parents=True)
    (pieces / "fold_0.json").write_text("{}")
    Run(tmp_path / "runs" / "one").forget()
    assert not pieces.exists()
    assert pieces.parent.exists()


@pytest.mark.parametrize(
    ("done", "seconds", "to_do", "words"),
    [
        (1000, 10.0, 3000, "; about 30 s left"),
        (1000, 100.0, 3000, "; about 5 min left"),
        (0, 0.0, 3000, ""),
        (1000, 10.0, 0, ""),
    ],
)
def test_the_time_left_is_that_of_the_rows_left(done: int, seconds: float, to_do: int, words: str) -> None:
    assert time_left(done, seconds, to_do) == words
