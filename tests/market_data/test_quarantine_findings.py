"""Several processes at one ledger, and what of a validation becomes a finding."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.market_data.quarantine import Finding, Quarantine, findings_of
from minhos.market_data.validation import Check, HeldRow, RawBars, ValidationResult
from minhos_client.contract import BAR_COLUMNS

NIGHT, NEXT = date(2025, 12, 18), date(2025, 12, 19)
END = 1_766_080_800_000_000  # 2025-12-18T18:00Z
STEP = 300_000_000
BAR = {**dict.fromkeys(BAR_COLUMNS, 25_000.0), "trades": None}
ROW = Finding("MNQZ25", 300, END, "no_spike", NIGHT, "1 of 400 rows jump out and back", BAR)
SERIES = replace(
    ROW, bar_end=None, rule="one_price_base", words="1 of 400 rows begin another level", bar={"bad_bar_ends": [END]}
)


@pytest.fixture
def ledger(tmp_path: Path) -> Quarantine:
    return Quarantine(tmp_path / "home" / "quarantine.sqlite")


def held(ledger: Quarantine, *findings: Finding, at_us: int = 1) -> int:
    return ledger.hold(findings, actor="night 2025-12-18", at_us=at_us)


HOLDING = """
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from minhos.market_data.quarantine import Finding, Quarantine

ledger = Quarantine(Path(sys.argv[1]))
one = Finding("MNQZ25", 300, 0, "no_spike", date(2025, 12, 18), "a spike", {"open": 1.0})
count = 0
print("ready", flush=True)
sys.stdin.readline()
for batch in range(int(sys.argv[2])):
    findings = [replace(one, bar_end=5 * batch + index) for index in range(5)]
    count += ledger.hold(findings, actor=sys.argv[3], at_us=1)
    print(batch, flush=True)
print("held", count, flush=True)
"""


def start(ledger: Quarantine, batches: int, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(ledger.path), str(batches), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


class TestProcesses:
    def test_two_at_once_hold_everything_once(self, ledger: Quarantine) -> None:
        both = [start(ledger, 40, name) for name in ("one", "two")]
        for process in both:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        counts = [int(process.communicate(timeout=120)[0].split()[-1]) for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert sum(counts) == 200
        events = ledger.held()
        assert [event.finding.bar_end for event in events] == list(range(200))
        assert sorted(event.id for event in events) == list(range(1, 201))  # no number for anything else

    def test_a_writer_that_is_killed_leaves_whole_transactions(self, ledger: Quarantine) -> None:
        process = start(ledger, 100_000, "killed")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        for _ in range(8):
            process.stdout.readline()
        process.kill()
        process.communicate(timeout=60)
        events = ledger.held()
        assert len(events) >= 40
        assert len(events) % 5 == 0
        assert held(ledger, ROW) == 1


class TestFindings:
    def test_held_rows_and_rules_that_exclude_become_findings(self) -> None:
        values = np.arange(16.0).reshape(2, 8)
        values[1, 7] = np.nan
        bars = RawBars("MNQZ25", 300, np.array([END - STEP, END]), values)
        spike = "jumps out and back by 30 times the local noise"
        checks = (
            Check(rule="no_spike", severity="quarantine", status="failed", words="a spike", bad_bar_ends=(END,)),
            Check(rule="one_price_base", severity="exclude", status="failed", words="a level"),
            Check(rule="clock_kept", severity="exclude", status="not_evaluated", words="not evaluated"),
            Check(rule="inside_sessions", severity="exclude", status="released", words="released"),
            Check(rule="no_session_gap", severity="warn", status="failed", words="a gap", bad_bar_ends=(END,)),
        )
        result = ValidationResult(
            symbol="MNQZ25", timeframe_seconds=300, session=NIGHT, rows=2, passed=False, checks=checks,
            held=(
                HeldRow(bar_end=END - STEP, rules=("earlier",), why=("held before",)),
                HeldRow(bar_end=END, rules=("no_spike",), why=(spike,)),
            ),
        )  # fmt: skip
        row, series = findings_of(result, bars)
        assert (row.bar_end, row.rule, row.words, row.session) == (END, "no_spike", spike, NIGHT)
        assert (row.bar["open"], row.bar["bid_volume"], row.bar["trades"]) == (8.0, 13.0, None)
        assert (series.bar_end, series.rule, series.bar) == (None, "one_price_base", {"session": NIGHT.isoformat()})
