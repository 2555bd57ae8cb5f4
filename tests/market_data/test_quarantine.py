"""The quarantine's ledger: what is held, what is released, and that all of it stays on record."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError, ConfigError, SetupError
from minhos.market_data.quarantine import Finding, Quarantine
from minhos.market_data.validation import Check, RawBars, ValidationResult
from minhos_client.contract import BAR_COLUMNS

NIGHT, NEXT = date(2025, 12, 18), date(2025, 12, 19)
END = 1_766_080_800_000_000  # 2025-12-18T18:00Z
STEP = 300_000_000
BAR = {**dict.fromkeys(BAR_COLUMNS, 25_000.0), "trades": None}
ROW = Finding("MNQZ25", 300, END, "no_spike", NIGHT, "1 of 400 rows jump out and back", BAR)
SERIES = replace(
    ROW, bar_end=None, rule="one_price_base", words="1 of 400 rows begin another level", bar={"bad_bar_ends": [END]}
)


def bars(*, symbol: str = "MNQZ25", seconds: int = 300, price: float = 25_000.0) -> RawBars:
    """The row of `ROW` and the one after it, both as they were; another `price` is another bar."""
    values = np.full((2, len(BAR_COLUMNS)), price)
    values[:, -1] = np.nan
    return RawBars(symbol, seconds, np.array([END, END + STEP]), values)


def result(session: date, *checks: Check) -> ValidationResult:
    return ValidationResult(symbol="MNQZ25", timeframe_seconds=300, session=session, rows=2, passed=True, checks=checks)


@pytest.fixture
def ledger(tmp_path: Path) -> Quarantine:
    return Quarantine(tmp_path / "home" / "quarantine.sqlite")


def held(ledger: Quarantine, *findings: Finding, at_us: int = 1) -> int:
    return ledger.hold(findings, actor="night 2025-12-18", at_us=at_us)


class TestHolding:
    def test_a_finding_is_held_with_its_reason_and_its_bar(self, ledger: Quarantine) -> None:
        assert held(ledger, ROW, SERIES, at_us=END + STEP) == 2
        series, row = ledger.held()
        assert row.finding == ROW
        assert (row.action, row.actor, row.at_us) == ("held", "night 2025-12-18", END + STEP)
        assert (row.series, row.bar) == ("MNQZ25 5m", "2025-12-18T18:00Z")
        assert (series.finding, series.bar) == (SERIES, "all bars")
        assert json.loads(json.dumps(row.to_dict())) == {
            "id": 1,
            "action": "held",
            "at_us": END + STEP,
            "at": "2025-12-18T18:05Z",
            "actor": "night 2025-12-18",
            "symbol": "MNQZ25",
            "timeframe": "5m",
            "bar_end_us": END,
            "bar_end": "2025-12-18T18:00Z",
            "rule": "no_spike",
            "session": "2025-12-18",
            "words": "1 of 400 rows jump out and back",
            "bar": BAR,
        }

    def test_what_is_held_is_not_held_again(self, ledger: Quarantine) -> None:
        assert held(ledger, ROW, SERIES) == 2
        assert held(ledger, replace(ROW, session=NEXT, words="other words"), SERIES) == 0
        assert [event.finding for event in ledger.history(1)] == [ROW]

    def test_one_finding_twice_at_once_is_one_entry(self, ledger: Quarantine) -> None:
        assert held(ledger, ROW, ROW) == 1
        assert len(ledger.history(1)) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"symbol": "ESZ25"},
            {"timeframe_seconds": 60},
            {"bar_end": END + STEP},
            {"bar_end": None},
            {"rule": "no_wick"},
        ],
    )
    def test_a_finding_is_one_row_of_one_series_under_one_rule(
        self, ledger: Quarantine, other: dict[str, object]
    ) -> None:
        assert held(ledger, ROW) == 1
        assert held(ledger, replace(ROW, **other)) == 1  # type: ignore[arg-type]

    def test_what_is_held_is_listed_by_series_oldest_bar_first(self, ledger: Quarantine) -> None:
        es = replace(ROW, symbol="ESZ25")
        held(ledger, replace(ROW, bar_end=END + STEP), ROW, es)
        assert [event.finding for event in ledger.held()] == [es, ROW, replace(ROW, bar_end=END + STEP)]
        assert [event.finding for event in ledger.held("ESZ25")] == [es]

    def test_nothing_is_written_for_nothing(self, ledger: Quarantine) -> None:
        assert held(ledger) == 0
        assert ledger.held() == ()
        assert not ledger.path.exists()

    def test_a_price_that_is_no_number_is_refused_whole(self, ledger: Quarantine) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            held(ledger, SERIES, replace(ROW, bar={"open": math.nan}))
        assert ledger.held() == ()


class TestReleasing:
    def test_a_release_is_on_record_with_its_reason(self, ledger: Quarantine) -> None:
        held(ledger, ROW, SERIES)
        (released,) = ledger.release([1], actor="ana", why="  news of the day ", at_us=9)
        assert released.finding == ROW
        assert [event.finding for event in ledger.held()] == [SERIES]
        first, last = ledger.history(1)
        assert (first.action, first.finding.words) == ("held", ROW.words)
        assert (last.action, last.actor, last.finding.words, last.at_us) == ("released", "ana", "news of the day", 9)
        assert ledger.history(last.id) == (first, last)  # either number tells the whole story

    @pytest.mark.parametrize("why", ["", "  \n"])
    def test_a_release_needs_a_reason(self, ledger: Quarantine, why: str) -> None:
        held(ledger, ROW)
        with pytest.raises(ConfigError, match=r"a release needs its reason \(--why\)"):
            ledger.release([1], actor="ana", why=why, at_us=9)
        assert len(ledger.held()) == 1

    def test_what_is_released_is_not_held_again(self, ledger: Quarantine) -> None:
        held(ledger, ROW)
        ledger.release([1], actor="ana", why="right", at_us=9)
        assert held(ledger, replace(ROW, session=NEXT)) == 0
        assert ledger.held() == ()

    def test_what_is_released_twice_is_released_once(self, ledger: Quarantine) -> None:
        held(ledger, ROW)
        assert len(ledger.release([1, 1], actor="ana", why="right", at_us=9)) == 1
        assert ledger.release([1, 2], actor="bob", why="right too", at_us=10) == ()
        assert len(ledger.history(1)) == 2

    def test_alike_are_the_rows_of_one_series_that_one_rule_holds(self, ledger: Quarantine) -> None:
        rows = [replace(ROW, bar_end=END + k * STEP) for k in range(3)]
        others = [
            replace(ROW, rule="no_absurd_wick"),
            replace(ROW, symbol="ESZ25"),
            replace(ROW, timeframe_seconds=60),
            replace(SERIES, rule=ROW.rule),
        ]
        held(ledger, *rows, *others)
        released = ledger.release([2], actor="ana", why="right", at_us=9, alike=True)
        assert sorted(event.finding.bar_end or 0 for event in released) == [END, END + STEP, END + 2 * STEP]
        assert len(ledger.held()) == len(others)

    def test_alike_and_whole_rows_release_what_others_hold_of_these_rows(self, ledger: Quarantine) -> None:
        rows = [replace(ROW, bar_end=END + k * STEP) for k in range(2)]
        wick = [replace(row, rule="no_absurd_wick") for row in rows]
        elsewhere = replace(wick[0], bar_end=END + 9 * STEP)
        held(ledger, *rows, *wick, elsewhere)
        assert len(ledger.release([1], actor="ana", why="right", at_us=9, alike=True, whole_rows=True)) == 4
        assert [event.finding for event in ledger.held()] == [elsewhere]

    def test_what_has_lapsed_cannot_be_released(self, ledger: Quarantine) -> None:
        held(ledger, ROW)
        ledger.settle(result(NEXT), bars(price=24_000.0), actor="night", at_us=END)
        with pytest.raises(
            BadInputError, match=r"entry 2: it lapsed on 2025-12-18T18:00Z \(the bar has other values since\)"
        ):
            ledger.release([1], actor="ana", why="right", at_us=9)
        assert len(ledger.history(1)) == 2

    def test_an_unknown_number_releases_nothing_at_all(self, ledger: Quarantine) -> None:
        held(ledger, ROW)
        with pytest.raises(BadInputError, match=r"no entry 7 in the quarantine; `minhos quarantine list` shows"):
            ledger.release([1, 7], actor="ana", why="right", at_us=9)
        assert len(ledger.held()) == 1
        with pytest.raises(BadInputError, match="no entry 7"):
            ledger.history(7)

    def test_validation_is_told_what_a_person_said_of_this_series(self, ledger: Quarantine) -> None:
        held(
            ledger,
            ROW,
            SERIES,
            replace(ROW, timeframe_seconds=60),
            replace(ROW, symbol="ESZ25"),
            replace(ROW, rule="x"),
        )
        ledger.release([1, 2, 3, 4], actor="ana", why="right", at_us=9)
        released = ledger.released(bars(), NIGHT)
        assert released.rows == {("no_spike", END), ("one_price_base", END)}
        assert released.rules == frozenset()
        assert ledger.released(bars(symbol="CLZ25"), NIGHT).rows == frozenset()

    def test_a_release_is_of_the_bar_as_it_was(self, ledger: Quarantine) -> None:
        held(ledger, ROW)
        ledger.release([1], actor="ana", why="right", at_us=9)
        assert ledger.released(bars(price=1.0), NEXT).rows == frozenset()
        assert held(ledger, replace(ROW, session=NEXT, bar={**BAR, "close": 1.0})) == 1
        assert [event.finding.session for event in ledger.held()] == [NEXT]

    def test_a_release_of_a_series_covers_the_rows_that_were_bad_then(self, ledger: Quarantine) -> None:
        held(ledger, SERIES)
        ledger.release([1], actor="ana", why="a real jump", at_us=9)
        assert ("one_price_base", END + STEP) not in ledger.released(bars(), NEXT).rows
        assert held(ledger, replace(SERIES, bar={"bad_bar_ends": [END, END + STEP]})) == 1

    def test_a_release_of_a_rule_about_no_rows_is_for_its_session(self, ledger: Quarantine) -> None:
        held(ledger, replace(SERIES, rule="session_has_bars", bar={"session": NIGHT.isoformat()}))
        ledger.release([1], actor="ana", why="a short day", at_us=9)
        assert ledger.released(bars(), NIGHT).rules == {"session_has_bars"}
        assert ledger.released(bars(), NEXT).rules == frozenset()


class TestLapsing:
    def test_a_held_row_lapses_when_its_bar_is_corrected(self, ledger: Quarantine) -> None:
        held(ledger, ROW)
        assert ledger.settle(result(NEXT), bars(), actor="night", at_us=9) == 0
        assert ledger.settle(result(NEXT), bars(price=24_990.0), actor="night", at_us=9) == 1
        assert ledger.held() == ()
        assert [(event.action, event.finding.words) for event in ledger.history(1)] == [
            ("held", ROW.words),
            ("lapsed", "the bar has other values since"),
        ]
        assert held(ledger, ROW) == 1, "what comes back is held again"

    def test_a_held_series_lapses_when_its_rule_passes_later(self, ledger: Quarantine) -> None:
        fine = Check(rule="one_price_base", severity="exclude", status="passed", words="none")
        held(ledger, SERIES)
        assert ledger.settle(result(date(2025, 12, 17), fine), bars(), actor="night", at_us=9) == 0
        assert ledger.settle(result(NEXT, fine), bars(), actor="night", at_us=9) == 1
        assert ledger.held() == ()

    def test_another_series_is_left_alone(self, ledger: Quarantine) -> None:
        held(ledger, replace(ROW, symbol="ESZ25"), replace(ROW, timeframe_seconds=60))
        assert ledger.settle(result(NEXT), bars(price=1.0), actor="night", at_us=9) == 0


class TestEarlierSessions:
    def test_rows_of_earlier_sessions_stay_out_and_those_of_the_same_one_are_found_anew(
        self, ledger: Quarantine
    ) -> None:
        held(ledger, ROW, SERIES, replace(ROW, rule="x"), replace(ROW, bar_end=END + STEP, session=NEXT))
        assert ledger.held_before(bars(), NIGHT) == ()
        assert ledger.held_before(bars(), NEXT) == (END,)
        assert ledger.held_before(bars(), date(2025, 12, 22)) == (END, END + STEP)
        assert ledger.held_before(bars(seconds=60), date(2025, 12, 22)) == ()
        assert ledger.held_before(bars(price=1.0), NEXT) == ()  # it was corrected

    def test_a_row_is_free_when_all_of_its_findings_are_released(self, ledger: Quarantine) -> None:
        held(ledger, ROW, replace(ROW, rule="x"))
        ledger.release([1], actor="ana", why="right", at_us=9)
        assert ledger.held_before(bars(), NEXT) == (END,)
        ledger.release([2], actor="ana", why="right", at_us=9)
        assert ledger.held_before(bars(), NEXT) == ()

    def test_the_state_of_series_is_all_that_a_validation_takes_from_the_ledger(self, ledger: Quarantine) -> None:
        assert ledger.state(["MNQZ25"], 300, NEXT) == {}
        held(ledger, ROW, SERIES)
        row = ["held", "no_spike", END, "2025-12-18", BAR]
        assert ledger.state(["MNQZ25", "ESZ25"], 300, NEXT)["MNQZ25"][1:] == [row]
        assert ledger.state(["MNQZ25"], 300, NIGHT) == {}, "what this very session has found is found again"
        ledger.release([2], actor="ana", why="right", at_us=9)
        series = ["released", "one_price_base", None, "2025-12-18", {"bad_bar_ends": [END]}]
        assert json.loads(json.dumps(ledger.state(["MNQZ25"], 300, NEXT)))["MNQZ25"] == [series, row]


class TestTheRecord:
    @pytest.mark.parametrize(
        "statement", ["UPDATE events SET words = ''", "DELETE FROM events", "DELETE FROM events WHERE id = 1"]
    )
    def test_the_database_itself_refuses_to_change_it(self, ledger: Quarantine, statement: str) -> None:
        held(ledger, ROW)
        with (
            closing(sqlite3.connect(ledger.path)) as database,
            pytest.raises(sqlite3.IntegrityError, match="the quarantine is append-only"),
        ):
            database.execute(statement)
        assert [event.finding for event in ledger.held()] == [ROW]

    def test_an_entry_cannot_take_the_place_of_another(self, ledger: Quarantine) -> None:
        """SQLite's REPLACE deletes the old row without a trigger's word unless recursive triggers are on."""
        held(ledger, ROW)
        with closing(sqlite3.connect(ledger.path, isolation_level=None)) as database:
            row = database.execute("SELECT * FROM events").fetchone()
            marks = ", ".join("?" * len(row))
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(f"INSERT OR REPLACE INTO events VALUES ({marks})", (*row[:-1], "another"))

    @pytest.mark.parametrize(
        "content", [b"no database at all, but long enough to be one" * 10, b"SQLite format 3\x00" + b"\x07" * 200]
    )
    def test_a_damaged_file_is_told_and_kept(self, ledger: Quarantine, content: bytes) -> None:
        ledger.path.parent.mkdir()
        ledger.path.write_bytes(content)
        for act in (ledger.held, lambda: held(ledger, ROW), lambda: ledger.history(1)):
            with pytest.raises(
                BadInputError, match=r"quarantine.sqlite: not a quarantine of this platform, or damaged"
            ):
                act()
        assert ledger.path.read_bytes() == content

    def test_pages_that_are_damaged_are_told_in_words(self, ledger: Quarantine) -> None:
        held(ledger, *(replace(ROW, bar_end=END + STEP * index) for index in range(500)))
        content = bytearray(ledger.path.read_bytes())
        content[8192:] = b"\xff" * (len(content) - 8192)
        ledger.path.write_bytes(content)
        with pytest.raises(BadInputError, match="damaged"):
            ledger.held()

    def test_a_database_of_something_else_is_refused(self, ledger: Quarantine) -> None:
        ledger.path.parent.mkdir()
        with closing(sqlite3.connect(ledger.path)) as database:
            database.execute("CREATE TABLE events (what TEXT)")
        with pytest.raises(BadInputError, match="not a quarantine of this platform"):
            ledger.held()

    def test_where_no_folder_can_be_made_the_set_up_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("a file")
        with pytest.raises(SetupError, match="the quarantine cannot be opened"):
            held(Quarantine(tmp_path / "home" / "quarantine.sqlite"), ROW)

    def test_a_ledger_that_is_being_written_for_long_is_not_called_damaged(self, ledger: Quarantine) -> None:
        held(ledger, ROW)
        with closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            impatient = Quarantine(ledger.path, wait_seconds=0.01)
            for act in (impatient.held, lambda: held(impatient, SERIES)):
                with pytest.raises(
                    SetupError, match=r"cannot be read or written \(database is locked\); it is as it was"
                ):
                    act()
            other.execute("ROLLBACK")
        assert held(ledger, SERIES) == 1
