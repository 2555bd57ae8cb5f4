"""How much a training run spends: ``quick`` for every night on two cores, ``full`` for the real thing.

A profile is the recipe's size, part of a run's identity: frozen, unknown fields refused, one JSON form.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from minhos.errors import ConfigError

__all__ = ["PROFILES", "LstmProfile", "TrainingProfile", "TreeProfile", "training_profile"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LstmProfile(_Frozen):
    """The LSTM's architecture and budget.

    ``max_samples`` caps the training rows (spread over the history); ``tail_fraction`` is the fold's own last part that
    early stopping watches; ``patience`` counts epochs without a better tail loss; ``learning_rate`` falls to zero along
    a cosine. Many rows seen once or twice teach more than few rows seen often, at the same cost: on a planted edge a
    linear model finds 58 %, 12000 rows seen twice gave 56 to 57 %, 4500 seen three times 51 %.
    """

    units: tuple[int, int] = (200, 100)
    attention_units: int = Field(default=32, ge=1)
    dense_units: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    learning_rate: float = Field(default=2e-3, gt=0.0)
    batch_size: int = Field(default=128, ge=1)
    epochs: int = Field(default=2, ge=1)
    patience: int = Field(default=2, ge=1)
    tail_fraction: float = Field(default=0.2, gt=0.0, lt=0.5)
    max_samples: int | None = Field(default=12_000, ge=32)


class TreeProfile(_Frozen):
    """The number of trees of each tree family; depth and rates are the family's own defaults.

    ``boosting_threads``: one, unless the machine is otherwise idle. The boosting libraries' threads spin while they
    wait, and two of them on a busy core are many times slower than one (27 s instead of 1 s measured).
    """

    random_forest: int = Field(default=120, ge=1)
    xgboost: int = Field(default=120, ge=1)
    lightgbm: int = Field(default=120, ge=1)
    catboost: int = Field(default=150, ge=1)
    boosting_threads: int = Field(default=1, ge=1)


class TrainingProfile(_Frozen):
    """One recipe's size. ``max_samples`` of the whole universe are kept, the newest of each instrument, shared evenly.

    Four folds at least: the first feeds the stacker, the second the win model, the third its interval, and the last
    is the honest evaluation of all of them. ``train_fraction``: a rolling window instead of an expanding one;
    ``test_fraction``, ``stride_fraction``: the blocks' length and distance (``splits.walk_forward`` has their meaning).
    """

    name: str
    folds: int = Field(ge=4)
    min_train_fraction: float = Field(gt=0.0, lt=1.0)
    train_fraction: float | None = Field(default=None, gt=0.0, lt=1.0)
    test_fraction: float | None = Field(default=None, gt=0.0, lt=1.0)
    stride_fraction: float | None = Field(default=None, gt=0.0, lt=1.0)
    embargo_bars: int = Field(ge=0)
    max_samples: int | None = Field(default=None, ge=1000)
    threads: int = Field(default=2, ge=1)
    lstm: LstmProfile
    trees: TreeProfile


PROFILES: Final = {
    "quick": TrainingProfile(
        name="quick",
        folds=4,
        min_train_fraction=0.4,
        embargo_bars=6,
        max_samples=32_000,
        lstm=LstmProfile(),
        trees=TreeProfile(),
    ),
    "full": TrainingProfile(
        name="full",
        folds=6,
        min_train_fraction=0.3,
        embargo_bars=12,
        max_samples=None,
        lstm=LstmProfile(epochs=40, patience=5, max_samples=None),
        trees=TreeProfile(random_forest=400, xgboost=400, lightgbm=400, catboost=500, boosting_threads=2),
    ),
}


def training_profile(name: str) -> TrainingProfile:
    """The profile called ``name``; raises ConfigError naming the known ones."""
    try:
        return PROFILES[name]
    except KeyError:
        raise ConfigError(
            f"profile: got {name!r}, but the training profiles are {', '.join(PROFILES)}; choose one of them"
        ) from None
