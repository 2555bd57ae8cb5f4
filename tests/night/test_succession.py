"""Who may take the place of what serves, and what is said when trading loses by it."""

from __future__ import annotations

from typing import Any

import pytest

from minhos.night.succession import what_is_lost, why_held
from minhos.serving.manifest import Manifest


def _manifest(release: str, **changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "release": release,
        "contract_version": 1,
        "data_through": 1000,
        "timeframe_seconds": 300,
        "window": 69,
        "win_feature_count": 30,
        "edge_proven": False,
        "symbols": ("ESZ25", "NQZ25"),
        "golden_requests_sha256": (),
        "facts": {"synthetic": False},
        "files": {},
    }
    return Manifest(**{**fields, **changes})


LIVE = _manifest("live")


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (_manifest("new", data_through=2000), None),
        (_manifest("new", data_through=999), "live serves and knows later data than new"),
        (_manifest("new", data_through=999, timeframe_seconds=1800), None),
        (_manifest("new", data_through=999, symbols=("CLX25",)), None),
        (_manifest("new", data_through=2000, facts={"synthetic": True}), "synthetic data do not replace it"),
        (_manifest("live"), None),
    ],
)
def test_an_older_night_and_a_made_up_market_are_held(candidate: Manifest, words: str | None) -> None:
    held = why_held(candidate, LIVE, force=False)
    assert (held is None) == (words is None)
    assert words is None or (held is not None and words in held and "FORCE=1" in held)
    assert why_held(candidate, LIVE, force=True) is None


def test_nothing_serving_holds_nothing() -> None:
    assert why_held(_manifest("new"), None, force=False) is None
    assert what_is_lost(_manifest("new"), None) == ()


def test_a_real_night_replaces_a_synthetic_one() -> None:
    synthetic = _manifest("made-up", data_through=9000, facts={"synthetic": True}, symbols=("SYNAZ26",))
    assert why_held(_manifest("new"), synthetic, force=False) is None


def test_instruments_and_the_right_to_size_are_not_lost_in_silence() -> None:
    serving = _manifest("live", edge_proven=True)
    assert what_is_lost(_manifest("new", symbols=("NQZ25",)), serving) == (
        "NO LONGER SERVED: ESZ25 (live knew them)",
        "live was allowed to size, new is not: every position goes to 0",
    )
    assert what_is_lost(_manifest("new", edge_proven=True), serving) == ()
    assert what_is_lost(serving, serving) == ()
