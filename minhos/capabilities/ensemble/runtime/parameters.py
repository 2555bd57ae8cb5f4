"""``parameters.json`` of a release, read and checked: what its whole runtime needs to know.

It lies with the ensemble, the one capability that may know the other two; ``minhos.chain`` gives it to the outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from minhos.capabilities.ensemble.runtime.calibration import Knots, WinTable
from minhos.capabilities.ensemble.runtime.fusion import ENSEMBLE, Stacking, win_feature_names
from minhos.capabilities.ensemble.runtime.regime import Regime
from minhos.capabilities.position_sizing.runtime.settings import (
    Barriers,
    Correlation,
    Instrument,
    Sizing,
    Thresholds,
)
from minhos.capabilities.prediction.runtime.feature_set import STATE_COLUMNS, FeatureSet
from minhos.capabilities.prediction.runtime.surroundings import SurroundingsTable
from minhos_client.contract import MEMBERS, VERSION

__all__ = ["Parameters"]

Section = TypeVar("Section")


def _keys(where: str, data: object, allowed: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ValueError(f"parameters.json: {where} must be an object, got {type(data).__name__}")
    unknown, missing = sorted(set(data) - allowed), sorted(allowed - set(data))
    if unknown or missing:
        raise ValueError(
            f"parameters.json: {where} has unknown keys {unknown} and lacks {missing}; allowed: {sorted(allowed)}"
        )
    return data


def _section(kind: type[Section], where: str, data: object) -> Section:
    values = _keys(where, data, {field.name for field in fields(kind)})  # type: ignore[arg-type]
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"parameters.json: {where}: {error}") from error


@dataclass(frozen=True, eq=False)
class Parameters:
    """``parameters.json`` of a release, checked (docs/architecture.md says what each key means). Times are UTC us."""

    timeframe_seconds: int
    data_through: int
    max_age_seconds: int
    max_staleness_seconds: int
    features: FeatureSet
    regime: Regime
    stacking: Stacking
    calibration: Mapping[str, Knots]
    win: WinTable
    thresholds: Thresholds
    barriers: Barriers
    sizing: Sizing
    edge_proven: bool
    correlation: Correlation
    instruments: Mapping[str, Instrument]
    surroundings: SurroundingsTable

    def __post_init__(self) -> None:
        for name in ("timeframe_seconds", "data_through", "max_age_seconds", "max_staleness_seconds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**61:
                raise ValueError(f"parameters.json: {name} must be a whole number > 0, got {value!r}")
        if not isinstance(self.edge_proven, bool):
            raise ValueError(f"parameters.json: edge_proven must be true or false, got {self.edge_proven!r}")
        if not self.instruments:
            raise ValueError("parameters.json: instruments must name at least one symbol")
        if set(self.stacking.weights) != set(self.regime.names):
            raise ValueError(
                f"parameters.json: stacking.weights has the regimes {list(self.stacking.weights)}, allowed are exactly "
                f"those of regime.names: {list(self.regime.names)}"
            )
        ordered = {name: self.stacking.weights[name] for name in self.regime.names}
        object.__setattr__(self, "stacking", Stacking(self.stacking.intercept, ordered))
        uncorrelated = sorted(set(self.instruments) - set(self.correlation.symbols))
        if uncorrelated:
            raise ValueError(f"parameters.json: correlation.symbols lacks the instruments {uncorrelated}")
        unlisted = sorted(set(self.instruments) - set(self.surroundings.instruments))
        if unlisted:
            raise ValueError(f"parameters.json: surroundings.instruments lacks the instruments {unlisted}")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Parameters:
        """Reads the object of ``parameters.json``; ValueError names the key, what it got and what is allowed."""
        own = {field.name for field in fields(cls)}
        content = dict(_keys("the file", data, own | {"contract_version", "window", "columns"}))
        version = content.pop("contract_version")
        if version != VERSION:
            raise ValueError(f"parameters.json: contract_version is {version!r}, this runtime speaks {VERSION}")
        names = _keys("features", content["features"], {"tabular", "sequence"})
        feature_set = {"columns": content.pop("columns"), "window": content.pop("window"), **names}
        content["features"] = _section(FeatureSet, "features, columns and window", feature_set)
        for key, kind in _SECTIONS.items():
            content[key] = _section(kind, key, content[key])
        knots = _keys("calibration", content["calibration"], {*MEMBERS, ENSEMBLE})
        content["calibration"] = {key: _section(Knots, f"calibration.{key}", knots[key]) for key in knots}
        if not isinstance(content["instruments"], Mapping):
            raise ValueError("parameters.json: instruments must be an object of symbols")
        table = content["instruments"].items()
        content["instruments"] = {key: _section(Instrument, f"instruments.{key}", value) for key, value in table}
        return cls(**content)

    @property
    def window(self) -> int:
        """W: bars per row of a request."""
        return self.features.window

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of STATE's columns."""
        return (*STATE_COLUMNS, *(f"regime_{name}" for name in self.regime.names))

    @property
    def win_feature_names(self) -> tuple[str, ...]:
        """Names of the win model's K inputs."""
        return win_feature_names(self.features.tabular)


_SECTIONS: Final[dict[str, type[Any]]] = {
    "regime": Regime,
    "stacking": Stacking,
    "win": WinTable,
    "thresholds": Thresholds,
    "barriers": Barriers,
    "sizing": Sizing,
    "correlation": Correlation,
    "surroundings": SurroundingsTable,
}
