from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.expectations import check_frame, validate
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.column_map import load_column_map
from minhos.market_data.readers.mapped_table import read_mapped_table
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.rules import measure, rules_for
from minhos.market_data.sessions import last_complete_session
from minhos.market_data.validation import ValidationResult

# Great Expectations imports modules of Python's that are deprecated
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_.*' is deprecated:DeprecationWarning")

SESSION = date(2025, 12, 18)
OPEN, HIGH, LOW, CLOSE, VOLUME, BID, ASK, TRADES = range(8)
Make = Callable[..., BarSeries]


def check(series: BarSeries, instruments: Instruments, docs_dir: Path | None = None) -> ValidationResult:
    return validate(series, instruments.find(series.symbol), session=SESSION, docs_dir=docs_dir)


def spoiled(series: BarSeries, *cells: tuple[int, int, float]) -> BarSeries:
    values = series.values.copy()
    for row, column, value in cells:
        values[row, column] = value
    return BarSeries(series.symbol, series.timeframe_seconds, series.bar_end, values)


def test_clean_bars_pass_every_rule_and_the_result_survives_its_json(
    clean_series: Make, instruments: Instruments, tmp_path: Path
) -> None:
    result = check(clean_series(), instruments, docs_dir=tmp_path / "docs")
    assert result.passed
    assert {check.status for check in result.checks} == {"passed"}
    assert result.words == "MNQZ25: passed, 15 rules on 400 bars"
    assert ValidationResult.model_validate_json(result.model_dump_json()) == result
    assert (tmp_path / "docs" / "MNQZ25" / "index.html").is_file()


def _corruptions(series: BarSeries) -> dict[str, list[tuple[int, int, float]]]:
    """Cells (row, column, value) that are wrong, by the rule that must catch them."""
    values = series.values
    return {
        "finite_prices": [(7, CLOSE, np.nan), (9, HIGH, np.inf)],
        "high_above_low": [(20, HIGH, values[20, LOW] - 0.25)],
        "open_in_range": [(121, OPEN, values[121, HIGH] + 0.25)],
        "close_in_range": [(122, CLOSE, values[122, LOW] - 0.25)],
        "no_negative_volume": [(130, VOLUME, -5.0)],
        "order_flow_adds_up": [(31, BID, values[31, BID] + 1)],
        "complete_columns": [(32, TRADES, np.nan)],
        "on_tick_grid": [(40, LOW, values[40, LOW] - 0.1)],
        "no_spike": [(50, column, values[50, column] + 250) for column in range(4)],
        "no_absurd_wick": [(60, HIGH, values[60, HIGH] + 500)],
        "no_absurd_move": [(row, column, values[row, column] * 100) for row in (398, 399) for column in range(4)],
    }


def test_every_planted_corruption_is_caught_by_its_rule_and_shown(clean_series: Make, instruments: Instruments) -> None:
    series = clean_series()
    corruptions = _corruptions(series)
    cells = [cell for planted in corruptions.values() for cell in planted]
    result = check(spoiled(series, *cells), instruments)
    assert not result.passed
    checks = {check.rule: check for check in result.checks}
    for rule, planted in corruptions.items():
        rows = {planted[0][0]} if rule == "no_absurd_move" else {row for row, _, _ in planted}
        shown = {row.bar_end for row in checks[rule].bad_rows}
        assert checks[rule].status == "failed", rule
        assert {iso(int(series.bar_end[row])) for row in rows} <= shown, rule
    untouched = {"times_increase", "enough_rows", "session_has_bars", "session_covered"}
    assert {rule for rule, check in checks.items() if check.status == "passed"} == untouched


def test_bad_rows_are_shown_with_their_time_and_values(clean_series: Make, instruments: Instruments) -> None:
    series = clean_series()
    result = check(spoiled(series, *((row, HIGH, 1.0) for row in range(100, 107))), instruments)
    found = next(check for check in result.checks if check.rule == "high_above_low")
    assert found.words == (
        "7 of 400 rows have high under low: 2025-12-17T21:05Z, 2025-12-17T21:10Z, 2025-12-17T21:15Z, ... "
        "(all of them in validation.json)"
    )
    assert (found.bad_count, len(found.bad_rows)) == (7, 5)
    assert found.bad_bar_ends == tuple(iso(int(series.bar_end[row])) for row in range(100, 107))
    assert found.bad_rows[0].bar_end == "2025-12-17T21:05Z"
    assert found.bad_rows[0].values["high"] == 1.0
    assert "excluded" in result.words


def test_up_to_three_bad_rows_are_all_named(clean_series: Make, instruments: Instruments) -> None:
    series = clean_series()
    result = check(spoiled(series, *((row, HIGH, 1.0) for row in range(100, 103))), instruments)
    found = next(check for check in result.checks if check.rule == "high_above_low")
    assert found.words == ("3 of 400 rows have high under low: 2025-12-17T21:05Z, 2025-12-17T21:10Z, 2025-12-17T21:15Z")


def test_a_series_with_its_times_out_of_order_is_caught(clean_series: Make, instruments: Instruments) -> None:
    series, instrument = clean_series(), instruments.find("MNQZ25")
    rules = rules_for(series, instrument, session=SESSION, least_rows=10, least_session_share=0.05)
    frame = measure(series, instrument, session=SESSION)
    frame.loc[5, "bar_end"] = frame.loc[4, "bar_end"]  # a BarSeries refuses it, a frame does not
    found = next(
        check for check in check_frame(frame, rules, name="X", docs_dir=None) if check.rule == "times_increase"
    )
    assert found.status == "failed"


def test_a_rule_that_cannot_be_evaluated_is_no_pass_and_gates(clean_series: Make, instruments: Instruments) -> None:
    series, instrument = clean_series(), instruments.find("MNQZ25")
    rules = rules_for(series, instrument, session=SESSION, least_rows=10, least_session_share=0.05)
    frame = measure(series, instrument, session=SESSION).drop(columns=["ticks_off_grid"])
    checks = {check.rule: check for check in check_frame(frame, rules, name="X", docs_dir=None)}
    assert checks["on_tick_grid"].status == "not_evaluated"
    assert checks["on_tick_grid"].gates
    assert "on_tick_grid could not be evaluated" in checks["on_tick_grid"].words
    assert "ticks_off_grid" in checks["on_tick_grid"].words
    assert checks["high_above_low"].status == "passed"


def test_few_rows_and_a_session_without_bars_fail(clean_series: Make, instruments: Instruments) -> None:
    series = clean_series(8)
    result = check(series, instruments)
    checks = {check.rule: check for check in result.checks}
    assert checks["enough_rows"].words == "8 bars, at least 250 are needed"
    assert checks["no_spike"].status == "not_evaluated"  # too few bars to know the noise
    assert checks["session_has_bars"].status == "failed"
    assert "8 bars in the session of 2025-12-18, at least 13 are needed" in result.words
    with pytest.raises(BadInputError, match="2025-12-20 is a Saturday"):
        validate(series, instruments.find("MNQZ25"), session=date(2025, 12, 20), docs_dir=None)


def test_a_source_without_order_flow_has_no_rules_for_it(clean_series: Make, instruments: Instruments) -> None:
    series = clean_series()
    cells = [(row, column, np.nan) for row in range(len(series)) for column in (BID, ASK, TRADES)]
    result = check(spoiled(series, *cells), instruments)
    assert result.passed
    assert "order_flow_adds_up" not in {check.rule for check in result.checks}


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
