"""What follows from the rules: a word, rows that are held, an instrument that is left out, and what a person overruled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.column_map import load_column_map
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.sessions import last_complete_session
from minhos.market_data.validation import EARLIER, Check, RawBars, Released, ValidationResult, validate
from tests.market_data.validation.made_bars import BID, HIGH, LAST, LOW, MNQ, TRADES, VOLUME, made_bars, with_cells

# Great Expectations imports modules of Python's that are deprecated
pytestmark = [
    pytest.mark.system,  # runs Great Expectations
    pytest.mark.filterwarnings("ignore:module 'sre_.*' is deprecated:DeprecationWarning"),
]

ROWS = 15 * 276


@pytest.fixture(scope="module")
def clean() -> RawBars:
    return made_bars()


def check(bars: RawBars, **more: Any) -> ValidationResult:
    return validate(bars, MNQ, session=LAST, docs_dir=None, **more)


def by_rule(result: ValidationResult) -> dict[str, Check]:
    return {check.rule: check for check in result.checks}


def upside_down(bars: RawBars, rows: Iterable[int]) -> RawBars:
    """High under low in some rows: a fault that nothing is learned from and nobody can explain."""
    return with_cells(bars, *((row, HIGH, bars.values[row, LOW] - 0.25) for row in rows))


def level(bars: RawBars, row: int) -> RawBars:
    """Another price level from a row on."""
    values = bars.values.copy()
    values[row:, :4] += 2500.0
    return RawBars(bars.symbol, bars.timeframe_seconds, bars.bar_end, values)


def without(bars: RawBars, rows: slice) -> RawBars:
    return RawBars(bars.symbol, 300, np.delete(bars.bar_end, rows), np.delete(bars.values, rows, axis=0))


def test_clean_bars_pass_every_rule_and_the_result_survives_its_json(clean: RawBars, tmp_path: Path) -> None:
    series = BarSeries(clean.symbol, 300, clean.bar_end, clean.values)
    result = validate(series, MNQ, session=LAST, docs_dir=tmp_path / "docs")
    assert result.passed
    assert {check.status for check in result.checks} == {"passed"}
    assert result.words == f"MNQZ25: passed, 34 rules on {ROWS} 5m bars"
    assert (result.verdict, result.held, result.reasons) == ("passed", (), ())
    assert ValidationResult.model_validate_json(result.model_dump_json()) == result
    assert (tmp_path / "docs" / "MNQZ25" / "index.html").is_file()


class TestSeverities:
    def test_a_warning_is_a_word_and_costs_nothing(self, clean: RawBars) -> None:
        result = check(without(clean, slice(1000, 1020)))
        assert result.passed
        assert result.held == ()
        found = by_rule(result)["no_session_gap"]
        assert (found.severity, found.status, found.excludes, found.holds) == ("warn", "failed", False, False)
        assert "1 of 4120 rows come after more than 12 missing bars of trading time" in result.words
        assert "[warn]" in result.words

    def test_bad_rows_are_held_and_the_rest_may_be_used(self, clean: RawBars) -> None:
        bars = upside_down(clean, (100, 900, 4000))
        result = check(with_cells(bars, (900, BID, 0.0)))
        assert result.passed
        assert result.verdict == "passed without 3 rows"
        assert [row.bar_end for row in result.held] == [int(clean.bar_end[row]) for row in (100, 900, 4000)]
        assert "high_above_low" in result.held[0].rules
        assert {"high_above_low", "order_flow_adds_up"} <= set(result.held[1].rules)
        assert by_rule(result)["high_above_low"].holds
        assert ValidationResult.model_validate_json(result.model_dump_json()) == result

    def test_another_price_level_excludes_the_instrument(self, clean: RawBars) -> None:
        result = check(level(clean, 2000))
        assert not result.passed
        assert by_rule(result)["one_price_base"].excludes
        assert result.held == ()
        assert result.words.startswith(f"MNQZ25: excluded, 34 rules on {ROWS} 5m bars; 1 of {ROWS} rows begin another")
        assert "never undone" in result.words

    def test_what_cannot_be_looked_at_excludes_where_it_matters(self, clean: RawBars) -> None:
        few = RawBars("MNQZ25", 300, clean.bar_end[-8:], clean.values[-8:])
        result = check(few)
        checks = by_rule(result)
        assert checks["enough_rows"].words == "8 bars, at least 250 are needed"
        assert checks["no_spike"].status == "not_evaluated"  # too few bars to know the noise
        assert checks["no_spike"].excludes
        assert checks["session_has_bars"].status == "failed"
        assert f"8 bars in the session of {LAST}, at least 13 are needed" in result.words
        overruled = check(few, released=Released(rules=frozenset(checks)))
        assert by_rule(overruled)["enough_rows"].status == "released"
        assert by_rule(overruled)["no_spike"].status == "not_evaluated"  # nobody can release what nobody has seen
        assert not overruled.passed

    def test_a_source_without_order_flow_has_no_rules_for_it(self, clean: RawBars) -> None:
        values = clean.values.copy()
        values[:, BID : TRADES + 1] = np.nan
        result = check(RawBars("MNQZ25", 300, clean.bar_end, values))
        assert result.passed
        assert not {"order_flow_adds_up", "trades_within_volume"} & set(by_rule(result))

    def test_a_day_that_is_no_session_is_refused(self, clean: RawBars) -> None:
        with pytest.raises(BadInputError, match="2025-11-22 is a Saturday"):
            validate(clean, MNQ, session=date(2025, 11, 22), docs_dir=None)


class TestTooMany:
    def test_over_one_row_in_a_hundred_the_rest_is_not_trusted(self, clean: RawBars) -> None:
        at_most = check(upside_down(clean, range(10, 10 + 41 * 90, 90)))
        assert (at_most.passed, len(at_most.held)) == (True, 41)  # of 4140
        result = check(upside_down(clean, range(10, 10 + 42 * 90, 90)))
        assert not result.passed
        assert result.verdict == "excluded"
        assert len(result.held) == 42
        assert result.reasons == (
            "42 of 4140 rows would be held in quarantine, at most 1% (or 20) may be: the rest cannot be trusted either",
        )
        assert result.reasons[0] in result.words

    def test_over_a_tenth_of_the_session_the_night_has_nothing_to_judge(self, clean: RawBars) -> None:
        assert check(upside_down(clean, range(ROWS - 270, ROWS - 270 + 27))).passed  # of 276
        result = check(upside_down(clean, range(ROWS - 270, ROWS - 270 + 28)))
        assert not result.passed
        assert result.reasons == (
            f"28 of the 276 bars of the session of {LAST} would be held in quarantine, at most 10% may be",
        )

    def test_what_is_released_does_not_count(self, clean: RawBars) -> None:
        rows = range(10, 10 + 42 * 90, 90)
        ends = frozenset(int(clean.bar_end[row]) for row in rows)
        first = check(upside_down(clean, rows))
        broken = {rule for row in first.held for rule in row.rules}
        released = Released(rows=frozenset((rule, end) for rule in broken for end in sorted(ends)[:2]))
        result = check(upside_down(clean, rows), released=released)
        assert (result.passed, len(result.held)) == (True, 40)


class TestReleased:
    def test_a_row_is_released_from_one_rule_alone(self, clean: RawBars) -> None:
        bars = with_cells(clean, (900, VOLUME, -5.0), (901, VOLUME, -5.0))
        end = int(clean.bar_end[900])
        first = check(bars)
        (row, _) = first.held
        assert set(row.rules) == {"no_negative_volume", "order_flow_adds_up", "trades_within_volume"}
        result = check(bars, released=Released(rows=frozenset({("no_negative_volume", end)})))
        assert by_rule(result)["no_negative_volume"].status == "failed"  # of the other row
        assert [set(row.rules) for row in result.held] == [set(row.rules) - {"no_negative_volume"}, set(row.rules)]

    def test_a_check_whose_rows_are_all_released_is_released_and_says_so(self, clean: RawBars) -> None:
        bars = with_cells(clean, (900, TRADES, clean.values[900, VOLUME] + 1))
        end = int(clean.bar_end[900])
        result = check(bars, released=Released(rows=frozenset({("trades_within_volume", end)})))
        found = by_rule(result)["trades_within_volume"]
        assert (found.status, found.holds) == ("released", False)
        assert found.words.endswith(": released")
        assert (result.verdict, result.held) == ("passed", ())
        assert "released" in result.words

    def test_a_rule_that_excluded_the_series_can_be_released(self, clean: RawBars) -> None:
        result = check(level(clean, 2000), released=Released(rules=frozenset({"one_price_base"})))
        assert result.passed
        assert by_rule(result)["one_price_base"].status == "released"

    def test_a_series_keeps_all_its_bad_rows_as_evidence_until_all_are_released(self, clean: RawBars) -> None:
        bars = level(level(clean, 2000), 3000)
        (first, second) = by_rule(check(bars))["one_price_base"].bad_bar_ends
        half = check(bars, released=Released(rows=frozenset({("one_price_base", first)})))
        assert by_rule(half)["one_price_base"].bad_bar_ends == (first, second)
        assert not half.passed
        both = check(bars, released=Released(rows=frozenset({("one_price_base", first), ("one_price_base", second)})))
        assert both.passed

    def test_what_is_released_elsewhere_counts_for_nothing(self, clean: RawBars) -> None:
        bars = upside_down(clean, [900])
        other = Released(rows=frozenset({("high_above_low", int(clean.bar_end[901])), ("no_spike", 900)}))
        assert len(check(bars, released=other).held) == 1


class TestHeldBefore:
    def test_rows_that_earlier_validations_hold_stay_out(self, clean: RawBars) -> None:
        bars = upside_down(clean, [900])
        ends = [int(clean.bar_end[row]) for row in (500, 900)]
        result = check(bars, held_before=[*ends, 12345])  # the last one is no bar of this series
        first, second = result.held
        assert (first.bar_end, first.rules) == (ends[0], (EARLIER,))
        assert "held since an earlier session" in first.why[0]
        assert second.bar_end == ends[1]
        assert EARLIER not in second.rules
        assert result.verdict == "passed without 2 rows"

    def test_they_count_among_those_that_are_too_many(self, clean: RawBars) -> None:
        result = check(clean, held_before=clean.bar_end[10 : 10 + 42 * 90 : 90].tolist())
        assert not result.passed
        assert result.reasons[0].startswith("42 of 4140 rows would be held")


def test_what_matters_of_a_check_follows_from_its_severity_and_its_status() -> None:
    def made(severity: str, status: str) -> Check:
        return Check.model_validate({"rule": "x", "severity": severity, "status": status, "words": "x"})

    excluding = {("exclude", "failed"), ("exclude", "not_evaluated"), ("quarantine", "not_evaluated")}
    for severity in ("warn", "quarantine", "exclude"):
        for status in ("passed", "failed", "not_evaluated", "released"):
            one = made(severity, status)
            assert one.excludes == ((severity, status) in excluding), (severity, status)
            assert one.holds == ((severity, status) == ("quarantine", "failed")), (severity, status)


@pytest.mark.thorough
def test_clean_real_files_pass(real_data: Path, examples: Path, instruments: Instruments) -> None:
    # one file of each kind: intraday, session-anchored, daily with settlements, order flow, an index, a currency
    names = ("MNQZ25-CME_5m.scid", "CLX25-NYMEX_1H.scid", "CLX25-NYMEX.DAILY")
    everything = [read_sierra_text(real_data / "sierra_bardata" / f"{name}_BarData.txt", zone="UTC") for name in names]
    csv = {"crypto_orderflow": "BTCUSDT_30m.csv", "indices_crypto": "USA500IDXUSD_H1.csv", "fx": "GBPUSDh1.csv"}
    for name, file in csv.items():
        path = real_data / name / file
        rule = load_column_map(examples / f"{name}.toml").rule_for(path)
        assert rule is not None
        everything.append(read_mapped_table(path, rule))
    for bars in everything:
        instrument = instruments.find(bars.series.symbol)
        session = last_complete_session(bars.series, instrument)
        assert session is not None
        result = validate(bars.series, instrument, session=session, docs_dir=None)
        assert result.passed, result.words
