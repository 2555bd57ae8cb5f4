"""What was asked for: the parameters of a night, as the trigger form, the command line and the tests give them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from minhos.errors import ConfigError
from minhos.training.profiles import PROFILES

__all__ = ["NightRequest"]


class NightRequest(BaseModel):
    """One night's parameters; unknown keys are errors.

    ``session`` is a trading date (None: the last complete session of the data); ``data`` a folder of files (None: the
    synthetic exchange); ``universe`` the symbols (empty: all that the data have); ``timeframe`` like ``5m``;
    ``profile`` the name of a training profile, or the path of a TOML file with one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: date | None = None
    universe: tuple[str, ...] = Field(default=())
    profile: str = "quick"
    force: bool = False
    data: Path | None = None
    map: Path | None = None
    instruments: Path | None = None
    timeframe: str | None = None

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in PROFILES and not name.endswith(".toml"):
            raise ValueError(f"should be one of {', '.join(map(repr, PROFILES))}, or a file that ends in .toml")
        return name

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> NightRequest:
        """The request in Airflow's parameters; empty strings mean "not given".

        Raises:
            ConfigError: A parameter is unknown or has an impossible value.
        """
        given = {name: value for name, value in params.items() if value not in (None, "")}
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"night parameter {where}: {first['msg']} (got {first['input']!r})") from error

    def to_params(self) -> dict[str, Any]:
        """JSON values for Airflow's ``--conf``."""
        return self.model_dump(mode="json")
