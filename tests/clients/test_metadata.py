"""A server of another contract is refused in words that say which versions meet."""

import json

import pytest

from minhos_client.client import Metadata, TradeClient
from minhos_client.errors import ContractMismatch

PARAMETERS = {
    "contract_version": "1",
    "release": "20250101-30m-0123456789ab",
    "window": "69",
    "timeframe_seconds": "1800",
    "data_through": "1735689600000000",
    "max_age_seconds": "345600",
    "max_staleness_seconds": "5400",
    "horizon_bars": "6",
    "edge_proven": "false",
    **{
        name: json.dumps(["a", "b"])
        for name in ("columns", "tabular_features", "sequence_features", "regime_names", "symbols")
    },
}


def test_it_is_read_with_its_types() -> None:
    told = Metadata.from_parameters(PARAMETERS)
    assert (told.window, told.edge_proven, told.symbols) == (69, False, ("a", "b"))
    assert told.release == "20250101-30m-0123456789ab"


def test_another_contract_version_is_refused() -> None:
    with pytest.raises(ContractMismatch, match="speaks version 2 of the decision contract, this client version 1"):
        Metadata.from_parameters({**PARAMETERS, "contract_version": "2"})


def test_an_ensemble_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ContractMismatch, match="speaks version none"):
        Metadata.from_parameters({})


def test_a_missing_or_unreadable_value_is_named() -> None:
    with pytest.raises(ContractMismatch, match="window"):
        Metadata.from_parameters({name: value for name, value in PARAMETERS.items() if name != "window"})
    with pytest.raises(ContractMismatch, match="does not describe itself"):
        Metadata.from_parameters({**PARAMETERS, "symbols": "[half"})


def test_a_deadline_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        TradeClient("127.0.0.1:1", deadline_seconds=0)
