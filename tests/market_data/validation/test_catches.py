"""Every kind of dirt that is known, at its strongest, in bars that are clean: held, left out or at least told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import load_instruments
from minhos.market_data.sessions import last_complete_session
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.synthetic import write_exchange
from minhos.market_data.synthetic.dirt import CORRUPTIONS, Corrupted
from minhos.market_data.validation import RawBars, ValidationResult, validate
from tests.market_data.validation.made_bars import LAST, MNQ, made_bars

# Great Expectations imports modules of Python's that are deprecated
pytestmark = [
    pytest.mark.thorough,  # a run of Great Expectations for each kind: half a minute
    pytest.mark.filterwarnings("ignore:module 'sre_.*' is deprecated:DeprecationWarning"),
]

STRONG = 2

CAUGHT_BY = {
    "high_below_low": "high_above_low",
    "open_outside_range": "open_in_range",
    "close_outside_range": "close_in_range",
    "missing_price": "finite_prices",
    "infinite_price": "finite_prices",
    "zero_price": "no_foreign_stretch",
    "negated_price": "no_foreign_stretch",
    "outlier_spike": "no_foreign_stretch",
    "bad_tick": "no_absurd_wick",
    "off_tick_grid": "on_tick_grid",
    "stale_price": "price_not_stale",
    "stale_bar": "no_repeated_bar",
    "mixed_price_bases": "no_foreign_stretch",
    "unit_jump": "one_price_base",
    "roll_jump": "one_price_base",
    "zero_volume": "no_move_without_volume",
    "negative_count": "no_negative_volume",
    "wrapped_count": "no_negative_volume",
    "parts_do_not_add_up": "order_flow_adds_up",
    "missing_flow": "complete_columns",
    "volume_spike": "volume_plausible",
    "more_trades_than_volume": "trades_within_volume",
    "duplicate_rows": "times_increase",
    "conflicting_rows": "times_increase",
    "unsorted_rows": "times_increase",
    "wrong_date": "times_increase",
    "irregular_stamps": "on_bar_grid",
    "clock_shift": "clock_kept",
    "wrong_zone": "clock_kept",
    "stamped_at_start": "clock_kept",
    "missing_coverage": "bars_complete",
    "mixed_timeframes": "bars_complete",
    "bars_while_closed": "no_quote_while_closed",
}
"""The rule that names each kind; it holds the wrong rows or leaves the instrument out."""

ONLY_TOLD = {
    "session_gap": "no_session_gap",  # an outage of the exchange looks the same, and the bars that are there are right
    "truncated": "session_covered",  # so does a half-day that the calendar does not have; 5 % of a session are asked for
}
"""What nothing in the bars tells from a thing that happens: the rule that warns."""


@pytest.fixture(scope="module")
def clean() -> BarSeries:
    bars = made_bars()
    return BarSeries(bars.symbol, bars.timeframe_seconds, bars.bar_end, bars.values)


def judged(bars: RawBars) -> ValidationResult:
    return validate(bars, MNQ, session=LAST, docs_dir=None)


def spoiled(clean: BarSeries, name: str) -> Corrupted:
    return CORRUPTIONS[name].apply(clean, MNQ, STRONG, np.random.Generator(np.random.PCG64(3)))


def test_every_kind_of_dirt_has_its_place_here() -> None:
    assert CAUGHT_BY.keys() | ONLY_TOLD.keys() == CORRUPTIONS.keys()
    assert not CAUGHT_BY.keys() & ONLY_TOLD.keys()


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_strong_dirt_is_held_or_its_instrument_left_out(name: str, clean: BarSeries) -> None:
    dirty = spoiled(clean, name)
    result = judged(RawBars(clean.symbol, 300, dirty.bar_end, dirty.values))
    (found,) = (check for check in result.checks if check.rule == CAUGHT_BY[name])
    assert found.status == "failed", result.words
    held = {row.bar_end for row in result.held}
    assert not result.passed or set(dirty.bar_end[dirty.rows].tolist()) <= held, result.words
    if found.severity == "quarantine" and name not in {"stale_price", "mixed_price_bases"}:
        assert set(dirty.bar_end[dirty.rows].tolist()) <= set(found.bad_bar_ends)


@pytest.mark.parametrize("name", ONLY_TOLD)
def test_what_happens_in_markets_too_is_told(name: str, clean: BarSeries) -> None:
    dirty = spoiled(clean, name)
    result = judged(RawBars(clean.symbol, 300, dirty.bar_end, dirty.values))
    (found,) = (check for check in result.checks if check.rule == ONLY_TOLD[name])
    assert (found.severity, found.status) == ("warn", "failed"), result.words
    assert found.words in result.words
    assert result.passed
    assert result.held == ()


class TestCleanBarsRaiseNothing:
    @pytest.mark.parametrize("seed", [8, 9])
    def test_of_other_draws(self, seed: int) -> None:
        result = judged(made_bars(seed=seed))
        assert {check.status for check in result.checks} == {"passed"}, result.words

    @pytest.mark.parametrize(
        ("symbol", "timeframe_seconds", "first"),
        [
            ("BTCUSDT", 1800, date(2025, 10, 20)),
            ("CLZ25", 900, date(2025, 10, 20)),  # with the clocks going back
            ("6EZ25", 3600, date(2025, 8, 25)),  # with Labor Day
            ("ZCZ25", 900, date(2025, 10, 20)),  # with a break in each session
        ],
    )
    def test_of_other_markets(self, symbol: str, timeframe_seconds: int, first: date) -> None:
        last = date(2025, 11, 18)
        bars = made_bars(symbol, first=first, last=last, timeframe_seconds=timeframe_seconds)
        result = validate(bars, load_instruments(None).find(symbol), session=last, docs_dir=None)
        assert {check.status for check in result.checks} == {"passed"}, result.words

    @pytest.mark.parametrize("market", ["planted", "placebo"])
    def test_of_the_synthetic_exchange(self, market: str, tmp_path: Path) -> None:
        end = date(2026, 11, 20)
        made = write_exchange(
            tmp_path / "exchange",
            seed=1,
            end=end,
            market=market,
            symbols=("SYNAZ26",),
            sessions=15,
            mean_ticks=6.0,  # type: ignore[arg-type]
        )
        instrument = load_instruments(None).find("SYNAZ26")
        series = scid_bars(
            made.files[0], symbol="SYNAZ26", timeframe_seconds=300, tick_size=instrument.tick_size
        ).series
        session = last_complete_session(series, instrument)
        assert session is not None
        result = validate(series, instrument, session=session, docs_dir=None)
        assert result.passed, result.words
        assert result.held == (), result.words
