from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minhos.errors import BadInputError, InstrumentError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import RollRule
from minhos.market_data.rolls.decide import build_schedule
from tests.market_data.rolls.expiring_market import (
    BY_DATE,
    BY_OPEN_INTEREST,
    BY_VOLUME,
    NQ,
    bars_of,
    daily_bars_of,
    december_roll,
    us,
    weekdays,
)

DAYS = weekdays("2025-12-08", 10)


@pytest.mark.parametrize("by", ["volume", "open_interest"])
def test_figures_of_the_whole_market_cannot_decide(by: str) -> None:
    market = {day: 750_000.0 + 1000 * day.day for day in DAYS}
    contracts = {code: daily_bars_of(code, market, open_interest=market) for code in ("NQZ25", "NQH26")}
    expected = (
        f"NQZ25 and NQH26 have the same {by.replace('_', ' ')} in 10 of 10 sessions: .* roll by date, or give intraday"
    )
    with pytest.raises(BadInputError, match=expected):
        build_schedule(contracts, NQ, rule=RollRule(by=by))  # type: ignore[arg-type]


def test_far_months_that_trade_the_same_few_contracts_are_no_market_figures() -> None:
    contracts = december_roll() | {code: bars_of(code, dict.fromkeys(DAYS, 2.0)) for code in ("NQM26", "NQU26")}
    assert build_schedule(contracts, NQ).held == ("NQZ25", "NQH26")


def _unknown_volume() -> dict[str, BarSeries]:
    return december_roll() | {"NQH26": bars_of("NQH26", dict.fromkeys(DAYS, np.nan))}


@pytest.mark.parametrize(
    ("contracts", "words"),
    [
        (dict, "no bars in no contract; give the bars of at least one expiry"),
        (lambda: {"NQZ25": bars_of("NQZ25", {})}, "no bars in NQZ25"),
        (lambda: {"ESZ25": bars_of("ESZ25", {DAYS[0]: 1.0})}, "ESZ25 is no contract of NQ; give only .* NQ or ENQ"),
        (lambda: {"NQ": bars_of("NQ", {DAYS[0]: 1.0})}, "NQ: no dated contract"),
        (lambda: {"NQF26": bars_of("NQF26", {DAYS[0]: 1.0})}, "NQF26: no bars of a month that NQ is held in"),
        (
            lambda: {"NQU25": bars_of("NQU25", {DAYS[0]: 1.0})},
            "first bars are of 2025-12-08, after the last day of every",
        ),
        (lambda: december_roll() | {"NQZ5": december_roll()["NQZ25"]}, "NQZ5 and NQZ25 are the same contract"),
        (
            _unknown_volume,
            "NQH26: its bars have no volume, so it cannot decide a roll; roll by date or by open_interest",
        ),
    ],
)
def test_what_cannot_be_scheduled_is_refused_in_words(
    contracts: Callable[[], dict[str, BarSeries]], words: str
) -> None:
    with pytest.raises(BadInputError, match=words):
        build_schedule(contracts(), NQ)


def test_open_interest_that_no_bar_carries_is_refused() -> None:
    with pytest.raises(BadInputError, match="NQZ25: its bars have no open interest, so it cannot"):
        build_schedule(december_roll(), NQ, rule=BY_OPEN_INTEREST)


def test_a_moment_before_the_first_bar_is_refused() -> None:
    with pytest.raises(BadInputError, match="no bars in NQZ25, NQH26"):
        build_schedule(december_roll(), NQ, as_of_us=us("2025-12-01T00:00"))


def test_an_instrument_without_rule_or_expiry_is_refused() -> None:
    with pytest.raises(InstrumentError, match="NQ: no roll rule; write roll = "):
        build_schedule(december_roll(), NQ.model_copy(update={"roll": None}))
    undated = NQ.model_copy(update={"expiry": None})
    assert len(build_schedule(december_roll(), undated, rule=BY_VOLUME).rolls) == 1  # volume needs no date
    with pytest.raises(InstrumentError, match="NQ: no expiry rule"):
        build_schedule(december_roll(), undated, rule=BY_DATE)
