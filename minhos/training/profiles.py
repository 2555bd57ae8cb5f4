"""How much a training run spends: ``quick`` for every night on two cores, ``full`` for the real thing, or one's own file.

A profile is the recipe's size, part of a run's identity: frozen, unknown fields refused, one JSON form. What a family may
be set to is the family's own matter (its ``settings``): a profile carries the values that differ from its defaults.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from minhos.errors import ConfigError

__all__ = ["PROFILES", "TrainingProfile", "first_problem", "profile_toml", "training_profile"]


class TrainingProfile(BaseModel):
    """One recipe's size. ``max_samples`` of the whole universe are kept, the newest of each instrument, shared evenly.

    Four folds at least: the first feeds the stacker, the second the win model, the third its interval, and the last
    is the honest evaluation of all of them. ``train_fraction``: a rolling window instead of an expanding one;
    ``test_fraction``, ``stride_fraction``: the blocks' length and distance (``splits.walk_forward`` has their meaning).

    ``threads``: of the LSTM and the forest. ``boosting_threads``: one, unless the machine is otherwise idle. The boosting
    libraries' threads spin while they wait, and two of them on a busy core are many times slower than one (27 s instead of
    1 s measured). ``families``: family -> its settings that are not the default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folds: int = Field(ge=4)
    min_train_fraction: float = Field(gt=0.0, lt=1.0)
    train_fraction: float | None = Field(default=None, gt=0.0, lt=1.0)
    test_fraction: float | None = Field(default=None, gt=0.0, lt=1.0)
    stride_fraction: float | None = Field(default=None, gt=0.0, lt=1.0)
    embargo_bars: int = Field(ge=0)
    max_samples: int | None = Field(default=None, ge=1000)
    threads: int = Field(default=2, ge=1)
    boosting_threads: int = Field(default=1, ge=1)
    families: dict[str, dict[str, Any]] = {}

    def with_family(self, family: str, settings: Mapping[str, Any]) -> TrainingProfile:
        """The profile with other settings of one family; what ``settings`` does not name stays."""
        merged = {**self.families, family: {**self.families.get(family, {}), **settings}}
        return self.model_copy(update={"families": merged})


PROFILES: Final = {
    "quick": TrainingProfile(name="quick", folds=4, min_train_fraction=0.4, embargo_bars=6, max_samples=32_000),
    "full": TrainingProfile(
        name="full",
        folds=6,
        min_train_fraction=0.3,
        embargo_bars=12,
        max_samples=None,
        boosting_threads=2,
        families={
            "lstm": {"epochs": 40, "patience": 5, "max_samples": None},
            "random_forest": {"trees": 400},
            "xgboost": {"trees": 400},
            "lightgbm": {"trees": 400},
            "catboost": {"trees": 500},
        },
    ),
}


def training_profile(name: str) -> TrainingProfile:
    """The profile called ``name``, or that of the TOML file at this path; ``base`` there names the one that it changes.

    A file's profile is called by the file's name without its ending. Raises ConfigError for an unknown name, naming the
    known ones, and for a file that cannot be read or has an impossible value.
    """
    if name in PROFILES:
        return PROFILES[name]
    if not name.endswith(".toml"):
        raise ConfigError(
            f"profile: got {name!r}, but the training profiles are {', '.join(PROFILES)}; choose one of them, or a file "
            "that ends in .toml"
        )
    return _from_file(Path(name).expanduser())


def _from_file(path: Path) -> TrainingProfile:
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"profile {path}: cannot be read ({error})") from error
    base = given.pop("base", "quick")
    if base not in PROFILES:
        raise ConfigError(f"profile {path}: base is {base!r}, but it must be one of {', '.join(PROFILES)}")
    families = given.pop("families", {})
    if not isinstance(families, dict) or not all(isinstance(one, dict) for one in families.values()):
        raise ConfigError(f"profile {path}: families must be tables, such as [families.lightgbm]")
    try:
        profile = TrainingProfile(**{**PROFILES[base].model_dump(), **given, "name": path.stem})
    except ValidationError as error:
        raise ConfigError(f"profile {path}: {first_problem(error)}") from error
    for family, settings in families.items():
        profile = profile.with_family(family, settings)
    return profile


def profile_toml(base: str, families: Mapping[str, Mapping[str, Any]], *, comment: Mapping[str, str]) -> str:
    """A profile's TOML: ``base`` and each family's own settings, under a line of ``comment`` (family -> words)."""
    lines = [f'base = "{base}"']
    for family, settings in sorted(families.items()):
        lines += ["", *([f"# {comment[family]}"] if family in comment else []), f"[families.{family}]"]
        lines += [f"{name} = {_toml(value)}" for name, value in sorted(settings.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A number, a text, a truth value or a list of them."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong, in words: where, what, and what was given."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']} (got {problem['input']!r})"
