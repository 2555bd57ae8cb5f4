from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from minhos.errors import BadInputError, NightError
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.rolls.schedule import Roll, RollPrices, RollSchedule, read_schedule, write_schedule
from tests.market_data.rolls.expiring_market import BY_VOLUME, NQ, december_roll, us

CODES = ("NQU25", "NQZ25", "NQH26", "NQM26")


def roll(old: str, new: str, effective_us: int, decided_us: int | None = None) -> Roll:
    return Roll(
        from_contract=old,
        to_contract=new,
        first_session=date(2025, 12, 16),
        effective_us=effective_us,
        decided_us=effective_us if decided_us is None else decided_us,
        reason="a test",
        prices=RollPrices(at_us=0, price_from=100.0, price_to=101.0),
    )


def schedule(*rolls: Roll, first: str = "NQU25", codes: tuple[str, ...] = CODES) -> RollSchedule:
    return RollSchedule(
        instrument="NQ", rule=BY_VOLUME, contracts=codes, first_contract=first, rolls=rolls, as_of_us=1_000
    )


TWO_ROLLS = schedule(roll("NQU25", "NQZ25", 100, 90), roll("NQZ25", "NQM26", 200, 200))


def test_a_contract_is_held_from_the_moment_its_roll_takes_effect() -> None:
    assert TWO_ROLLS.held == ("NQU25", "NQZ25", "NQM26")
    assert [TWO_ROLLS.contract_at(us) for us in (0, 99, 100, 199, 200, 10**18)] == [
        "NQU25",
        "NQU25",
        "NQZ25",
        "NQZ25",
        "NQM26",
        "NQM26",
    ]


@given(start=st.integers(0, 300), length=st.integers(0, 300))
def test_a_position_pays_for_a_roll_exactly_where_it_changes_the_contract(start: int, length: int) -> None:
    end = start + length
    crossed = TWO_ROLLS.rolls_between(start, end)
    assert bool(crossed) == (TWO_ROLLS.contract_at(start) != TWO_ROLLS.contract_at(end))
    assert all(start < passed.effective_us <= end for passed in crossed)


def test_the_step_of_a_roll_is_a_difference_and_a_ratio() -> None:
    prices = RollPrices(at_us=0, price_from=80.0, price_to=100.0)
    assert (prices.difference, prices.ratio) == (20.0, 1.25)
    negative = RollPrices(at_us=0, price_from=-37.63, price_to=21.27)  # CLK20 and CLM20 near 2020-04-20
    assert negative.difference == pytest.approx(58.9)
    with pytest.raises(
        BadInputError, match=r'closes -37.63 and 21.27 at a roll have no ratio.*adjustment="difference"'
    ):
        _ = negative.ratio


@pytest.mark.parametrize(
    ("rolls", "words"),
    [
        ((roll("NQZ25", "NQH26", 100),), "roll 0 leaves NQZ25, held is NQU25"),
        ((roll("NQU25", "NQH26", 100), roll("NQH26", "NQZ25", 200)), "must be of .* in that order"),
        ((roll("NQU25", "ESZ25", 100),), "must be of .* in that order"),
        ((roll("NQU25", "NQZ25", 100, 101),), "roll 0 takes effect at 100, before 101, its decision"),
        ((roll("NQU25", "NQZ25", 100), roll("NQZ25", "NQH26", 100)), "one after the other"),
    ],
)
def test_a_schedule_that_cannot_have_happened_is_refused(rolls: tuple[Roll, ...], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        schedule(*rolls)


def test_a_recorded_schedule_is_read_back_as_it_was(tmp_path: Path) -> None:
    made = build_schedule(december_roll(), NQ)
    path = write_schedule(tmp_path / "rolls" / "NQ.json", made)
    assert read_schedule(path) == made
    assert json.loads(path.read_text())["rolls"][0]["first_session"] == "2025-12-16"


def test_a_schedule_without_prices_is_recorded_too(tmp_path: Path) -> None:
    made = schedule(roll("NQU25", "NQZ25", us("2025-09-16T22:00")).model_copy(update={"prices": None}))
    assert read_schedule(write_schedule(tmp_path / "NQ.json", made)) == made


def _changed(**changes: Any) -> dict[str, Any]:
    return TWO_ROLLS.model_dump(mode="json") | changes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "NQ.json: not a roll schedule: schedule: Input should be a valid dictionary"),
        (_changed(splits=[]), "NQ.json: not a roll schedule: splits: Extra inputs are not permitted"),
        (_changed(first_contract="NQH26"), "NQ.json: not a roll schedule: schedule: Value error, the contracts held"),
    ],
)
def test_another_json_file_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    path = tmp_path / "NQ.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BadInputError, match=words):
        read_schedule(path)


def test_a_missing_or_cut_schedule_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "NQ.json"
    with pytest.raises(NightError, match="is missing"):
        read_schedule(path)
    path.write_text(json.dumps(_changed())[:-40])
    with pytest.raises(NightError, match="is not valid JSON"):
        read_schedule(path)
