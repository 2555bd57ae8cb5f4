"""A night's parameters: what Airflow's form gives, refused clearly when it is impossible."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from minhos.errors import ConfigError
from minhos.night.request import NightRequest


def test_empty_form_fields_mean_not_given() -> None:
    request = NightRequest.from_params(
        {"session": None, "data": "", "universe": [], "profile": "quick", "force": False}
    )
    assert request == NightRequest()


def test_parameters_survive_the_way_through_airflow() -> None:
    request = NightRequest(
        session=date(2025, 12, 18),
        universe=("MNQZ25",),
        profile="full",
        force=True,
        data=Path("bars"),
        map=Path("map.toml"),
        timeframe="5m",
    )
    assert NightRequest.from_params(request.to_params()) == request


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"profile": "huge"}, "night parameter profile: .*'quick', 'full', or a file that ends in .toml .*got 'huge'"),
        ({"session": "yesterday"}, "night parameter session: .*got 'yesterday'"),
        ({"sesion": "2025-01-02"}, "night parameter sesion: Extra inputs are not permitted"),
    ],
)
def test_impossible_parameters_are_named(params: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        NightRequest.from_params(params)
