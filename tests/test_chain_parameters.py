"""``parameters.json`` as the runtime reads it: what is accepted, and what each mistake says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from builders import REGIMES, tiny_parameters

from minhos.chain import Parameters
from minhos_client.contract import MEMBERS

Json = dict[str, Any]


def good() -> Json:
    return json.loads(json.dumps(tiny_parameters(["MNQZ25", "ESZ25"])))  # type: ignore[no-any-return]


def test_a_release_is_read_from_plain_json() -> None:
    parameters = Parameters.from_json(good())
    assert parameters.window == 84
    assert parameters.state_names == ("close", "atr", "volatility", *(f"regime_{name}" for name in REGIMES))
    assert parameters.win_feature_names[:5] == ("confidence", "agreement", "side_logit", "side", "log_return_1")
    assert parameters.instruments["ESZ25"].point_value == 50.0


def test_it_cannot_be_changed_afterwards() -> None:
    parameters = Parameters.from_json(good())
    with pytest.raises(AttributeError):
        parameters.edge_proven = False  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        parameters.correlation.matrix[0, 1] = 0.0


def test_reading_does_not_change_what_was_read() -> None:
    data = good()
    Parameters.from_json(data)
    assert data == good()


def _set(*path: Any) -> Callable[[Json], None]:
    *keys, value = path

    def change(data: Json) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value

    return change


MISTAKES: list[tuple[Callable[[Json], None], str]] = [
    (_set("secret", 1), r"the file has unknown keys \['secret'\] and lacks \[\]"),
    (lambda d: d.pop("win"), r"the file has unknown keys \[\] and lacks \['win'\]"),
    (_set("contract_version", 2), "contract_version is 2, this runtime speaks 1"),
    (_set("window", 83), r"window must be a whole number in 84\.\.128, got 83"),
    (_set("window", 129), r"window must be a whole number in 84\.\.128, got 129"),
    (_set("timeframe_seconds", 0), "timeframe_seconds must be a whole number > 0, got 0"),
    (_set("data_through", 1.5), "data_through must be a whole number > 0"),
    (_set("edge_proven", "yes"), "edge_proven must be true or false, got 'yes'"),
    (_set("columns", ["close", "open"]), "columns must hold the prices and follow"),
    (_set("features", "tabular", ["astrology"]), r"features \['astrology'\] are unknown or need columns not in use"),
    (_set("features", "tabular", []), "tabular must name at least one feature"),
    (_set("features", "sequence", ["rsi_14"]), "sequence must name 8 features, got 1"),
    (_set("features", "tabular", ["rsi_14@0"]), "'rsi_14@0' is no feature with a lag: write rsi_14@1"),
    (
        lambda d: d["features"]["sequence"].__setitem__(0, "log_return_1@1"),
        r"sequence must name features without a lag, got \['log_return_1@1'\]",
    ),
    (_set("features", "lags", 3), r"features has unknown keys \['lags'\]"),
    (_set("regime", "volatility", "stds", [0.1, -1]), r"regime: volatility\.stds must be > 0"),
    (_set("regime", "trend", "smoothed", True), r"regime: trend must be an object with exactly the keys"),
    (_set("regime", "names", ["calm", "volatile"]), r"regime: names must be \['calm_ranging'"),
    (_set("regime", "trend_bars", 1), r"regime: trend_bars must be a whole number in 2\.\.64, got 1"),
    (
        _set("stacking", "weights", "calm_ranging", "lstm", -1),
        "stacking: weights of calm_ranging must be finite and >= 0",
    ),
    (_set("stacking", "weights", "calm_ranging", {"lstm": 1}), "weights of calm_ranging must name exactly the members"),
    (lambda d: d["stacking"]["weights"].pop("calm_ranging"), r"stacking.weights has the regimes \['calm_trending'"),
    (lambda d: d["calibration"].pop("ensemble"), r"calibration has unknown keys \[\] and lacks \['ensemble'\]"),
    (_set("calibration", "lstm", {"x": [0], "y": [2]}), r"calibration.lstm has unknown keys \['y'\]"),
    (_set("calibration", "lstm", "point", [0, 0.5, 2]), "calibration.lstm: point must lie in"),
    (_set("calibration", "lstm", "low", [0.04, 0.5, 0.96]), "calibration.lstm: low <= point <= high must hold"),
    (_set("win", "samples", -5), "win: samples must be a whole number >= 0"),
    (_set("thresholds", "confidence", 2), "thresholds: confidence must be a finite number >= 0.0 and <= 1.0, got 2"),
    (_set("barriers", "stop_atr", 0), "barriers: stop_atr must be a finite number > 0.0"),
    (_set("barriers", "horizon_bars", 0.5), r"barriers: horizon_bars must be a whole number in 1\.\."),
    (_set("sizing", "kelly_fraction", 1.5), "sizing: kelly_fraction must be a finite number >= 0.0 and <= 1.0"),
    (_set("sizing", "max_drawdown", True), "sizing: max_drawdown must be a finite number"),
    (_set("instruments", "ESZ25", "tick_size", 0), "instruments.ESZ25: tick_size must be a finite number > 0.0, got 0"),
    (_set("instruments", "ESZ25", "tick_value", 1), r"instruments.ESZ25 has unknown keys \['tick_value'\]"),
    (_set("instruments", "ESZ25", 3), "instruments.ESZ25 must be an object, got int"),
    (_set("instruments", {}), "instruments must name at least one symbol"),
    (lambda d: d["surroundings"]["instruments"].pop("ESZ25"), r"surroundings.instruments lacks .*\['ESZ25'\]"),
    (_set("surroundings", "instruments", "ESZ25", "session", "?"), r"surroundings: ESZ25 has the session '\?'"),
    (_set("surroundings", "sessions", "day", "open_seconds", [1]), "surroundings: a session table needs whole seconds"),
    (_set("correlation", {"symbols": ["MNQZ25"], "matrix": [[1]]}), r"correlation.symbols lacks .*\['ESZ25'\]"),
    (_set("correlation", "matrix", [[1, 0.5], [0.4, 1]]), "correlation: matrix must be symmetric"),
    (_set("correlation", "matrix", [[1, float("nan")], [0.4, 1]]), "correlation: matrix must be finite"),
]


@pytest.mark.parametrize(("change", "words"), MISTAKES, ids=[words[:40] for _, words in MISTAKES])
def test_a_mistake_is_named(change: Callable[[Json], None], words: str) -> None:
    data = good()
    change(data)
    with pytest.raises(ValueError, match=words):
        Parameters.from_json(data)


def test_a_source_without_order_flow_cannot_use_order_flow() -> None:
    data = tiny_parameters(["BTCUSD"], bid_ask=False)
    assert Parameters.from_json(data).features.columns == ("open", "high", "low", "close", "volume", "trades")
    data["features"]["tabular"].append("order_flow_imbalance_1")
    with pytest.raises(ValueError, match="need columns not in use"):
        Parameters.from_json(data)


def test_the_builder_names_every_member() -> None:
    assert all(set(weights) == set(MEMBERS) for weights in good()["stacking"]["weights"].values())


def test_the_order_of_regimes_in_the_file_does_not_matter() -> None:
    data = good()
    data["stacking"]["weights"] = dict(reversed(data["stacking"]["weights"].items()))
    assert (Parameters.from_json(data).stacking.matrix == Parameters.from_json(good()).stacking.matrix).all()
