"""A night on each folder of real files: what is read, what is left out and why, and what the release then says.

The files are read where they lie: ``$MINHOS_REAL_DATA``, else ``../shared/data`` beside the repository.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from system_home import Home, contents, make_home

from minhos.config import REPOSITORY
from minhos.night.recipe import RECIPE
from minhos_client.contract import BAR_COLUMNS, MEMBERS, WATERFALL_STEPS, Reason

pytestmark = [pytest.mark.system, pytest.mark.thorough]

FLOW = frozenset({"bid_volume", "ask_volume", "trades"})
NEED_FLOW = frozenset(
    {
        *(f"order_flow_imbalance_{bars}" for bars in (1, 6, 12)),
        "flow_move_1",
        "flow_lead_12",
        *(f"flow_forecast_{bars}" for bars in (24, 48)),
        "volume_delta_20",
        "cumulative_delta_24",
        "kyle_lambda_24",
        *(f"order_flow_imbalance_1@{lag}" for lag in (1, 2, 3)),
        "trade_size_ratio_20",
    }
)
REFUSALS = Reason.UNKNOWN_INSTRUMENT | Reason.BAD_INPUT | Reason.STALE_BARS | Reason.RELEASE_EXPIRED
REFUSALS |= Reason.BAD_PORTFOLIO


@dataclass(frozen=True)
class Case:
    """One folder and what its last complete session is known to be; ``excluded`` symbol -> words of its reason."""

    folder: str
    mapped: bool
    session: str
    timeframe: str
    symbols: tuple[str, ...]
    excluded: dict[str, str]
    absent: frozenset[str] = frozenset()


CASES = (
    Case(
        "sierra_bardata",
        mapped=False,
        session="2025-12-18",
        timeframe="5m",
        symbols=("MNQZ25",),
        excluded={
            "CLX25": "no bars in the session of 2025-12-18, its 5m bars are of 2025-09-22 to 2025-10-21",
        },
    ),
    Case("crypto_orderflow", mapped=True, session="2021-01-02", timeframe="30m", symbols=("BTCUSDT",), excluded={}),
    Case(
        "indices_crypto",
        mapped=True,
        session="2023-09-10",
        timeframe="30m",
        symbols=("BTCUSD",),
        excluded={"USA500IDXUSD": "no 30m bars, it has 1h"},
        absent=FLOW,
    ),
)


def real_data() -> Path:
    """The folder of real files; skips where there is none."""
    folder = Path(os.environ.get("MINHOS_REAL_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(
            f"no real data in {folder}: set MINHOS_REAL_DATA to the folder that has sierra_bardata and the others"
        )
    return folder


def words_of(text: str) -> str:
    """Printed text without the table's line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
def test_a_night_on_real_files(case: Case, tmp_path: Path) -> None:
    data = real_data() / case.folder
    given = contents(data)
    home = make_home(tmp_path)
    mapped = ("--map", str(REPOSITORY / "examples" / f"{case.folder}.toml")) if case.mapped else ()
    done = home.minhos("night", "--data", str(data), *mapped)
    assert done.returncode in (0, 3), done.stdout[-4000:] + done.stderr[-4000:]
    assert contents(data) == given
    printed = words_of(done.stdout)

    the_plan(case, home, printed)
    the_validation(case, home)
    the_features(case, home)
    the_gate_and_the_outcome(home, printed, held=done.returncode == 3)
    if done.returncode == 0:
        with home.serving():
            the_answers(case, home, home.decide())
        smoke = home.json("smoke.json")
        the_answers(case, home, smoke["newest"])
        assert smoke["moments"] > 0


def the_plan(case: Case, home: Home, printed: str) -> None:
    """The last complete session and the finest timeframe; who is left out is named with the reason."""
    plan = home.json("request.json")["plan"]
    assert (plan["session"], plan["symbols"]) == (case.session, list(case.symbols))
    assert home.run_folder().name.startswith(f"{case.session}_{case.timeframe}_quick_")
    assert plan["excluded"] == case.excluded
    for symbol, why in case.excluded.items():
        assert f"{symbol} is left out: {why}" in printed
    assert "SYNTHETIC" not in printed


def the_validation(case: Case, home: Home) -> None:
    """Real files pass every rule that excludes; no rule for columns that the source does not have."""
    results = home.json("validation.json")
    assert [(result["symbol"], result["passed"]) for result in results] == [(symbol, True) for symbol in case.symbols]
    for result in results:
        states = {check["rule"]: check["status"] for check in result["checks"] if check["severity"] == "exclude"}
        assert len(states) >= 7
        assert set(states.values()) == {"passed"}
        assert len(result["held"]) <= 20, result["held"]
        assert ("order_flow_adds_up" in {check["rule"] for check in result["checks"]}) == (not case.absent)


def the_features(case: Case, home: Home) -> None:
    """What the source lacks is not in the release's columns, and nothing made of it is among its features."""
    parameters = home.json("parameters.json")
    assert parameters["columns"] == [name for name in BAR_COLUMNS if name not in case.absent]
    tabular, sequence = parameters["features"]["tabular"], parameters["features"]["sequence"]
    assert len(sequence) == 8
    assert NEED_FLOW.isdisjoint({*tabular, *sequence}) if case.absent else set(tabular) >= NEED_FLOW


def the_gate_and_the_outcome(home: Home, printed: str, *, held: bool) -> None:
    """Every check has words, and the decision's words are those that were printed."""
    gate, outcome = home.json("gate.json"), home.json("outcome.json")
    assert all(check["words"] for check in gate["checks"])
    assert gate["sound"] != held
    assert outcome["synthetic"] is False
    sound = "published" if gate["edge_proven"] else "published on paper"
    expected = "held" if held else sound
    assert outcome["decision"] == expected
    assert outcome["words"] == gate["words"]
    assert f"decision: {expected.upper()}" in printed
    for words in gate["words"]:
        assert words in printed


def the_answers(case: Case, home: Home, decisions: list[dict[str, Any]]) -> None:
    """Every number of every decision is in its range: NaN is in none."""
    proven = home.json("gate.json")["edge_proven"]
    assert [one["instrument"] for one in decisions] == list(case.symbols)
    for one in decisions:
        assert one["release"] == home.json("release.json")["release"]
        assert not one["reasons"] & REFUSALS, one["reason_words"]
        assert one["direction"] in (-1, 0, 1)
        assert 0.0 <= one["p_up"] <= 1.0
        assert one["confidence"] == pytest.approx(2 * abs(one["p_up"] - 0.5), abs=1e-12)
        assert 0.0 <= one["agreement"] <= 1.0
        assert set(one["member_p_up"]) == set(MEMBERS)
        assert all(0.0 <= p <= 1.0 for p in one["member_p_up"].values())
        assert sum(one["regime"].values()) == pytest.approx(1.0, abs=1e-9)
        assert all(0.0 <= p <= 1.0 for p in one["regime"].values())
        assert 0.0 <= one["p_win_low"] <= one["p_win"] <= one["p_win_high"] <= 1.0
        assert min(one["stop_ticks"], one["target_ticks"]) >= 1
        assert one["horizon_bars"] == RECIPE.horizon_bars
        assert list(one["waterfall"]) == list(WATERFALL_STEPS)
        assert all(-1.0 <= step <= 1.0 for step in one["waterfall"].values())
        assert abs(one["risk_fraction"]) <= RECIPE.sizing.max_risk_fraction
        assert abs(one["notional_fraction"]) <= RECIPE.sizing.max_notional_fraction
        assert one["contracts"] * one["direction"] >= 0
        assert bool(one["reasons"] & Reason.NO_PROVEN_EDGE) == (not proven)
        if not proven:
            assert (one["contracts"], one["risk_fraction"], one["notional_fraction"]) == (0, 0.0, 0.0)
        assert one["valid_until"] >= one["data_through"]
