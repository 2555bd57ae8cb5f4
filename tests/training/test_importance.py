"""Shares of features: what a model listens to, by SHAP where the library has it, else by shuffling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import FAMILIES
from minhos.training.families import TrainingData
from minhos.training.importance import importance_of
from minhos.training.profiles import PROFILES, TrainingProfile

NAMES = ("signal", "half", "noise", "nothing")
SMALL = TrainingProfile(
    **{
        **PROFILES["quick"].model_dump(),
        "name": "test",
        "threads": 1,
        "families": {
            "random_forest": {"trees": 15},
            "xgboost": {"trees": 25},
            "lightgbm": {"trees": 25},
            "catboost": {"trees": 25},
        },
    }
)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def data() -> TrainingData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2500, 4)).astype(np.float32)
    x[:, 3] = 1.0
    y = (rng.random(2500) < 1 / (1 + np.exp(-2.0 * x[:, 0] - 1.0 * x[:, 1]))).astype(np.int8)
    times = np.arange(2500, dtype=np.int64)
    return TrainingData(x, y, times, times + 1, 0)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "lstm"])
def test_every_tree_family_listens_to_what_was_planted(name: str, data: TrainingData) -> None:
    fitted = FAMILIES[name].fit(data, seed=1, profile=SMALL, progress=quiet)
    found = importance_of(fitted, data.x, NAMES, seed=1)
    assert found["method"] == ("permutation" if name == "random_forest" else "shap")
    share = found["share"]
    assert list(share)[:2] == ["signal", "half"] and share["signal"] > 0.5
    assert sum(share.values()) == pytest.approx(1.0, abs=1e-5) and set(share) == set(NAMES)
    assert share["nothing"] == 0.0, "what never changes says nothing"
    assert found == importance_of(fitted, data.x, NAMES, seed=1)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost"])
def test_contributions_add_up_to_the_models_own_log_odds(name: str, data: TrainingData) -> None:
    """Local accuracy (Lundberg and Lee 2017, property 1): rows differ in log odds by what their features add."""
    fitted = FAMILIES[name].fit(data, seed=1, profile=SMALL, progress=quiet)
    rows = data.x[:200]
    added = fitted.contributions(rows)
    assert added is not None and added.shape == rows.shape
    p = fitted.predict_p_up(rows).astype(np.float64)
    gap = np.log(p / (1 - p)) - added.sum(axis=1)
    assert np.ptp(gap) < 1e-4


class Last:
    """A model of sequences that looks at the newest step of its second feature."""

    def predict_p_up(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-x[:, -1, 1])), dtype=np.float32)

    def contributions(self, x: np.ndarray) -> None:
        """It has none."""

    def to_onnx(self, path: Path) -> float:
        raise NotImplementedError


def test_a_sequences_feature_is_shuffled_with_all_its_steps() -> None:
    x = np.random.default_rng(1).normal(size=(700, 20, 3)).astype(np.float32)
    found = importance_of(Last(), x, ("a", "b", "c"), seed=1)
    assert found == {"method": "permutation", "rows": 500, "share": {"b": 1.0, "a": 0.0, "c": 0.0}}


def test_a_model_that_listens_to_nothing_says_equal_shares() -> None:
    x = np.zeros((60, 20, 2), dtype=np.float32)
    assert importance_of(Last(), x, ("a", "b"), seed=1)["share"] == {"a": 0.5, "b": 0.5}
