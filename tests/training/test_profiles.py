"""Training profiles: those that are built in, and a file of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from minhos.capabilities.ensemble.api import FAMILIES
from minhos.config import REPOSITORY
from minhos.errors import ConfigError
from minhos.training.profiles import PROFILES, TrainingProfile, profile_toml, training_profile


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_family_understands_the_built_in_profiles(name: str) -> None:
    for family in FAMILIES.values():
        family.settings(training_profile(name))


def test_a_file_changes_what_it_names_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "full"\nfolds = 5\n\n[families.lightgbm]\nleaves = 31\n')
    profile = training_profile(str(path))
    assert (profile.name, profile.folds, profile.embargo_bars) == ("mine", 5, PROFILES["full"].embargo_bars)
    assert profile.families["lightgbm"] == {"trees": 400, "leaves": 31}
    assert profile.families["xgboost"] == {"trees": 400}
    assert TrainingProfile.model_validate(profile.model_dump(mode="json")) == profile


def test_the_example_is_a_profile_that_every_family_understands() -> None:
    profile = training_profile(str(REPOSITORY / "examples" / "profile.toml"))
    assert profile.folds == 5
    for family in FAMILIES.values():
        family.settings(profile)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("folds = 2", r"mine.toml: folds: .*greater than or equal to 4.*got 2"),
        ("fold = 5", r"mine.toml: fold: Extra inputs are not permitted"),
        ('base = "huge"', r"mine.toml: base is 'huge', but it must be one of quick, full"),
        ("folds = ", r"mine.toml: cannot be read"),
        ("families = 3", r"mine.toml: families must be tables"),
        ("[families]\nlightgbm = 3", r"mine.toml: families must be tables"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        training_profile(str(path))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.toml: cannot be read \(.*No such file"):
        training_profile(str(tmp_path / "nowhere.toml"))


def test_a_setting_that_a_family_does_not_have_names_those_it_has() -> None:
    profile = PROFILES["quick"].with_family("lightgbm", {"num_leaves": 31})
    with pytest.raises(
        ConfigError, match=r"profile quick, family lightgbm: num_leaves: Extra .* its settings are trees, "
    ):
        FAMILIES["lightgbm"].settings(profile)
    impossible = PROFILES["quick"].with_family("catboost", {"depth": 99})
    with pytest.raises(ConfigError, match=r"family catboost: depth: .*less than or equal to 12 \(got 99\)"):
        FAMILIES["catboost"].settings(impossible)


def test_a_profile_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    families = {"lightgbm": {"leaves": 31, "learning_rate": 0.0123}, "lstm": {"units": [64, 32], "dropout": 0.25}}
    path = tmp_path / "written.toml"
    path.write_text(profile_toml("quick", families, comment={"lstm": 'said "so", and\\so'}))
    assert training_profile(str(path)).families == families
