from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError, ConfigError, InstrumentError
from minhos.market_data.bars import iso, read_bars
from minhos.market_data.ingest import NightPlan, ingest
from minhos.market_data.instruments import Instruments
from minhos.market_data.intake.take_in import remove_series
from minhos.market_data.outside import outside_words
from minhos.market_data.readers.sierra_text import read_sierra_text
from minhos.market_data.store import BarStore
from tests.market_data.night_plans import NOW, Write, lines, plan


@pytest.fixture
def week(write_export: Write, tmp_path: Path) -> Path:
    """ES and CL: ES has the sessions of 17 and 18 December and an evening more, CL expired on the 8th."""
    write_export("ESZ25-CME_5m.scid_BarData.txt", lines(17, 420))  # 17 December 15:00 to 19 December 04:00 UTC
    write_export("ESZ25-CME_1H.scid_BarData.txt", lines(17, 30, step=60))
    write_export("CLX25-NYMEX_5m.scid_BarData.txt", lines(8, 85))
    return tmp_path


def test_the_finest_timeframe_and_the_last_complete_session_are_chosen(week: Path) -> None:
    night = plan(week)
    assert (night.timeframe_seconds, night.session, night.symbols) == (300, date(2025, 12, 18), ("ESZ25",))
    assert night.excluded == {
        "CLX25": "no bars in the session of 2025-12-18, its 5m bars are of 2025-12-08 to 2025-12-08"
    }
    assert [source.path.name for source in night.used] == ["ESZ25-CME_5m.scid_BarData.txt"]
    assert not night.synthetic
    assert any("times are read as UTC" in words for words in night.words)
    assert any(words.startswith("CLX25 is left out: no bars") for words in night.words)


def test_a_plan_survives_its_json(week: Path) -> None:
    night = plan(week)
    assert NightPlan.model_validate_json(night.model_dump_json()) == night


def test_the_bars_stop_at_the_sessions_end_and_the_sources_stay_as_they_were(week: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in week.iterdir() if path.is_file()}
    (written,) = ingest(plan(week), tmp_path / "run" / "bars")
    assert written == tmp_path / "run" / "bars" / "ESZ25.parquet"
    bars = read_bars(written)
    assert iso(int(bars.bar_end[-1])) == "2025-12-18T22:00Z"
    assert (bars.symbol, bars.timeframe_seconds) == ("ESZ25", 300)
    assert {path.name: path.read_bytes() for path in week.iterdir() if path.is_file()} == before


def test_the_same_night_planned_twice_is_the_same(week: Path, tmp_path: Path) -> None:
    store = BarStore(tmp_path / ".home" / "bars")
    assert plan(week, store=store) == plan(week, store=store)
    assert plan(week).data_hash == plan(week, store=store).data_hash
    assert plan(week).data_hash != plan(week, session=date(2025, 12, 17)).data_hash


def test_a_session_may_be_asked_for(week: Path, write_export: Write) -> None:
    write_export("CLX25-NYMEX_5m.scid_BarData.txt", lines(17, 85))
    night = plan(week, session=date(2025, 12, 17))
    assert night.symbols == ("CLX25", "ESZ25")
    late = plan(week, session=date(2025, 12, 19))
    assert any("ESZ25: the session of 2025-12-19 is not complete in the data" in words for words in late.words)


def test_a_timeframe_may_be_asked_for(week: Path) -> None:
    night = plan(week, timeframe="1h")
    assert (night.timeframe_seconds, night.symbols) == (3600, ("ESZ25",))
    assert night.excluded["CLX25"].startswith("no bars in the session of 2025-12-18, its 1h bars are of 2025-12-08")
    with pytest.raises(ConfigError, match="timeframe 'soon' is not known"):
        plan(week, timeframe="soon")
    with pytest.raises(BadInputError, match="no 2m bars; the timeframes there are 5m, 1h; choose one of them"):
        plan(week, timeframe="2m")


def test_a_finer_timeframe_without_enough_bars_is_passed_over(week: Path) -> None:
    assert plan(week, min_bars=300).timeframe_seconds == 300
    with pytest.raises(BadInputError, match=r"too little history, 500 bars are needed .* ESZ25 5m: 419"):
        plan(week, min_bars=500)


def test_a_universe_chooses_the_symbols(week: Path) -> None:
    night = plan(week, universe=["CLX25-NYMEX"])
    assert (night.symbols, night.session, night.excluded) == (("CLX25",), date(2025, 12, 8), {})
    with pytest.raises(BadInputError, match="no bars of NQZ25; there are those of CLX25, ESZ25"):
        plan(week, universe=["ESZ25", "NQZ25"])


def test_a_universe_may_name_roots_and_says_what_they_are(week: Path, write_export: Write) -> None:
    write_export("ESH26-CME_5m.scid_BarData.txt", lines(17, 420))
    night = plan(week, universe=["ES", "CLX25"])
    assert night.symbols == ("ESH26", "ESZ25")
    assert "ES of the universe is ESH26 and ESZ25 here" in night.words
    assert not any("CLX25 of the universe" in words for words in night.words)
    assert plan(week, universe=["EP"]).symbols == ("ESH26", "ESZ25")  # CQG's name of the same contract
    with pytest.raises(BadInputError, match="no bars of NQ; there are those of CLX25, ESH26, ESZ25; name a"):
        plan(week, universe=["ES", "NQ"])
    with pytest.raises(BadInputError, match="no bars of ESU25"):  # another month is not what was asked for
        plan(week, universe=["ESU25"])


def test_a_root_without_definition_is_refused_where_it_was_asked_for(week: Path, write_export: Write) -> None:
    write_export("LBRZ25-COMEX_5m.scid_BarData.txt", lines(17, 420))
    with pytest.raises(InstrumentError, match="LBRZ25: no instrument definition"):
        plan(week, universe=["LBR"])


BTC_MAP = """
[sierra_text]
zone = "UTC"

[[files]]
glob = "BTC*.csv"
symbol = "BTCUSDT"
zone = "UTC"
time = "t"
columns = { open = "o", high = "h", low = "l", close = "c" }
"""


def test_a_market_that_never_closes_does_not_exclude_the_futures_on_a_saturday(
    write_export: Write, tmp_path: Path
) -> None:
    # Friday 19 December 2025 ends at 22:00 UTC for ES; BTC goes on into Sunday
    write_export("ESZ25-CME_5m.scid_BarData.txt", lines(18, 360))
    hours = [f"2025-12-{18 + i // 288} {i % 288 // 12:02d}:{i % 12 * 5:02d}:00,1,1,1,1" for i in range(3 * 288 + 20)]
    (tmp_path / "BTC_5m.csv").write_text("\n".join(["t,o,h,l,c", *hours, ""]))
    (tmp_path / "map.toml").write_text(BTC_MAP)
    night = plan(tmp_path)
    assert (night.session, night.symbols, night.excluded) == (date(2025, 12, 19), ("BTCUSDT", "ESZ25"), {})
    assert any(
        words.startswith(
            "session 2025-12-19 is the last one that is complete for BTCUSDT, ESZ25; 2025-12-20 is complete"
        )
        for words in night.words
    )


def test_of_equally_complete_days_the_later_one_is_taken_and_short_files_have_no_say(
    week: Path, write_export: Write
) -> None:
    assert plan(week).session == date(2025, 12, 18)
    write_export("CLX25-NYMEX_5m.scid_BarData.txt", lines(17, 85))
    both = plan(week)
    assert (both.session, both.symbols) == (date(2025, 12, 17), ("CLX25", "ESZ25"))
    assert any("2025-12-18 is complete for ESZ25 only (SESSION=2025-12-18 runs that one)" in w for w in both.words)
    assert plan(week, min_bars=100).session == date(2025, 12, 18)


def test_an_export_made_right_after_the_close_has_the_session_complete(write_export: Write, tmp_path: Path) -> None:
    # the last row is 21:55, the session's last bar: it is left out as still open, but its end is the close
    write_export("ESZ25-CME_5m.scid_BarData.txt", lines(18, 84))
    night = plan(tmp_path)
    assert night.session == date(2025, 12, 18)
    assert not any("not complete" in words for words in night.words)
    (written,) = ingest(night, tmp_path / "bars")
    assert iso(int(read_bars(written).bar_end[-1])) == "2025-12-18T21:55Z"
    write_export("ESZ25-CME_5m.scid_BarData.txt", lines(18, 83))  # ends before the close
    with pytest.raises(BadInputError, match="no complete session"):
        plan(tmp_path)


def test_a_chart_in_another_zone_is_warned_of(write_export: Write, tmp_path: Path) -> None:
    write_export("ESZ25-CME_5m.scid_BarData.txt", lines(17, 420))
    assert not any("WARNING" in words for words in plan(tmp_path).words)
    (tmp_path / "map.toml").write_text('[sierra_text]\nzone = "America/Chicago"\nzone_is_certain = true\n')
    (warning,) = [words for words in plan(tmp_path).words if "WARNING" in words]
    assert "of the bars lie in the daily break, the weekend or a holiday of ESZ25 by America/Chicago" in warning
    assert "it trades 17:00 to 16:00 America/Chicago" in warning
    assert "is the time zone right? It is said with --zone, or in the map" in warning


@pytest.mark.parametrize("name", ["MNQZ25-CME_5m", "MNQZ25-CME_1H", "CLX25-NYMEX_5m", "CLX25-NYMEX_1H"])
def test_the_real_exports_are_not_warned_of_and_five_minute_ones_read_as_new_york_are(
    real_data: Path, instruments: Instruments, name: str
) -> None:
    path = real_data / "sierra_bardata" / f"{name}.scid_BarData.txt"
    instrument = instruments.find(name)
    right, wrong = read_sierra_text(path, zone="UTC"), read_sierra_text(path, zone="America/New_York")
    assert outside_words(path.name, right.series, instrument, zone=right.zone) == ()
    assert len(outside_words(path.name, wrong.series, instrument, zone=wrong.zone)) == 1


def test_a_symbol_without_definition_is_left_out_or_refused_where_it_was_asked_for(
    week: Path, write_export: Write
) -> None:
    write_export("LBRZ25-COMEX_5m.scid_BarData.txt", lines(17, 420))
    night = plan(week)
    assert night.symbols == ("ESZ25",)
    assert night.excluded["LBRZ25"].startswith("LBRZ25: no instrument definition, searched the built-in instruments")
    with pytest.raises(InstrumentError, match="LBRZ25: no instrument definition"):
        plan(week, universe=["LBRZ25"])


def test_a_folder_of_unknown_symbols_only_is_an_error(write_export: Write, tmp_path: Path) -> None:
    write_export("LBRZ25-COMEX_5m.scid_BarData.txt", lines(17, 420))
    with pytest.raises(BadInputError, match=r"no symbol is left; LBRZ25: no instrument definition"):
        plan(tmp_path)


def test_two_files_of_one_symbol_and_timeframe_are_joined(week: Path, write_export: Write) -> None:
    alone = plan(week).used[0]
    write_export("ESZ25-CME.scid_BarData.txt", lines(15, 560))  # two days earlier, and what both have
    (joined,) = plan(week).used
    assert joined.rows == alone.rows + 2 * 276


def test_two_files_that_contradict_each_other_leave_the_symbol_out(week: Path, write_export: Write) -> None:
    other = [row.replace("11.00, 9.00, 10.00", "11.00, 9.00, 10.75") for row in lines(17, 420)]
    write_export("ESZ25-CME_5m.scid_BarData.csv.txt", other)
    assert "ESZ25: 419 of the 419 bars that the store has too close elsewhere" in plan(week).excluded["ESZ25"]


def test_a_night_on_the_store_itself_is_the_night_on_its_files(week: Path, tmp_path: Path) -> None:
    store = BarStore(tmp_path / ".home" / "bars")
    first = plan(week, store=store)
    again = plan(store.root, store=store)
    assert (again.session, again.symbols, again.data_hash) == (first.session, first.symbols, first.data_hash)
    assert [source.kind for source in again.used] == ["bar_store"]


def test_a_timeframe_that_no_file_has_is_built_from_a_finer_one(week: Path, tmp_path: Path) -> None:
    night = plan(week, timeframe="30m", session=date(2025, 12, 18))
    assert (night.timeframe_seconds, night.symbols) == (1800, ("ESZ25",))
    (written,) = ingest(night, tmp_path / "bars")
    bars = read_bars(written)
    assert iso(int(bars.bar_end[-1])) == "2025-12-18T22:15Z"  # index futures count from 20:15
    assert bars.column("volume")[-2:].tolist() == [36.0, 18.0]  # the market rests from 22:00


def test_no_symbol_left_says_why_for_each(week: Path) -> None:
    with pytest.raises(
        BadInputError, match=r"no symbol is left for the session of 2025-12-01 in 5m; CLX25: no bars .*ESZ25"
    ):
        plan(week, session=date(2025, 12, 1))


def test_a_missing_folder_and_an_empty_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"absent: cannot read the data folder \(No such file or directory\)"):
        plan(tmp_path / "absent", map_file=None, store=BarStore(tmp_path / "home" / "bars"))
    (tmp_path / "sub").mkdir()
    with pytest.raises(BadInputError, match="the data folder has no files"):
        plan(tmp_path)


def test_a_folder_without_bars_says_why_for_each_file(tmp_path: Path) -> None:
    (tmp_path / "notes.pdf").write_bytes(b"%PDF\0")
    (tmp_path / "x.csv").write_text("when,price\n1,2\n")
    with pytest.raises(BadInputError, match=r"\(when,price\) are not a Sierra Chart export and no pattern of utc"):
        plan(tmp_path)


def test_a_half_written_last_line_is_left_out_and_a_broken_file_leaves_its_symbol_out(
    week: Path, write_export: Write
) -> None:
    path = write_export("CLX25-NYMEX_5m.scid_BarData.txt", lines(17, 85))
    path.write_bytes(path.read_bytes()[:-25])
    assert "CLX25" in plan(week, session=date(2025, 12, 17)).symbols
    path.write_bytes(b"Date, Time, Op")
    night = plan(week)
    assert night.symbols == ("ESZ25",)
    assert "named like a file of Sierra Chart's bars, but it begins with" in night.excluded["CLX25"]


def test_other_files_are_ignored_aloud(week: Path) -> None:
    (week / "LICENSE").write_text("free\n")
    (week / "x.csv").write_text("when,price\n1,2\n")
    night = plan(week)
    assert night.ignored["LICENSE"] == "not a bar file"
    assert "no pattern of utc.toml matches its name" in night.ignored["x.csv"]
    assert "LICENSE is not read: not a bar file" in night.words


def test_many_files_that_are_not_read_are_one_line(week: Path) -> None:
    for number in range(300):
        (week / f"X{number:03d}.log").write_text("noise\n")
    (week / "LICENSE").write_text("free\n")
    ignored = [words for words in plan(week).words if "not read" in words]
    assert ignored == ["301 files are not read: not a bar file (LICENSE, X000.log, ...)"]


def test_a_map_beside_the_files_is_found_and_two_are_refused(week: Path) -> None:
    (week / "map.toml").write_text('[sierra_text]\nzone = "America/Chicago"\nzone_is_certain = true\n')
    night = plan(week, session=date(2025, 12, 18))
    assert night.map_file == week / "map.toml"
    assert any("times are read as America/Chicago" in words for words in night.words)
    (week / "own.toml").write_text("[[instruments]]\n")  # instruments are no map
    assert plan(week).map_file == week / "map.toml"
    (week / "pyproject.toml").write_text("[project]\n")  # nor is what says nothing that a map says
    assert plan(week).map_file == week / "map.toml"
    (week / "other.toml").write_text("[scid]\n")
    with pytest.raises(BadInputError, match=r"more than one column map, map\.toml and other\.toml"):
        plan(week)


def test_what_is_taken_in_after_the_plan_does_not_change_the_night(
    week: Path, write_export: Write, tmp_path: Path
) -> None:
    store = BarStore(tmp_path / ".home" / "bars")
    night = plan(week, store=store)
    write_export("ESZ25-CME_5m.scid_BarData.txt", [row.replace("4, 2, 4", "4, 3, 3") for row in lines(17, 420)])
    later = plan(week, store=store, now_us=NOW + 1)
    assert later.data_hash != night.data_hash
    (before,) = ingest(night, tmp_path / "before")
    (after,) = ingest(later, tmp_path / "after")
    assert set(read_bars(before).column("bid_volume")) == {2.0}
    assert set(read_bars(after).column("bid_volume")) == {3.0}


def test_bars_that_are_removed_after_the_plan_are_told(week: Path, tmp_path: Path) -> None:
    store = BarStore(tmp_path / ".home" / "bars")
    night = plan(week, store=store)
    remove_series(store, "ESZ25", 300)
    with pytest.raises(BadInputError, match="no bars"):
        ingest(night, tmp_path / "bars")
    assert not (tmp_path / "bars").exists()


@pytest.mark.parametrize(
    ("folder", "column_map", "timeframe", "session", "symbol", "seconds", "excluded"),
    [
        ("sierra_bardata", None, None, date(2025, 12, 18), "MNQZ25", 300, "CLX25"),
        ("crypto_orderflow", "crypto_orderflow.toml", None, date(2021, 1, 2), "BTCUSDT", 1800, None),
        ("indices_crypto", "indices_crypto.toml", None, date(2023, 9, 10), "BTCUSD", 1800, "USA500IDXUSD"),
        ("indices_crypto", "indices_crypto.toml", "1h", date(2023, 9, 8), "BTCUSD USA500IDXUSD", 3600, None),
    ],
)
def test_the_real_folders_make_a_night(
    real_data: Path,
    examples: Path,
    tmp_path: Path,
    folder: str,
    column_map: str | None,
    timeframe: str | None,
    session: date,
    symbol: str,
    seconds: int,
    excluded: str | None,
) -> None:
    night = plan(
        real_data / folder,
        store=BarStore(tmp_path / "home" / "bars"),
        map_file=None if column_map is None else examples / column_map,
        timeframe=timeframe,
        min_bars=2000,
    )
    assert (night.session, night.symbols, night.timeframe_seconds) == (session, tuple(symbol.split()), seconds)
    assert set(night.excluded) == ({excluded} if excluded else set())
    bars = read_bars(ingest(night, tmp_path)[0])
    assert len(bars) >= 2000
    assert np.isfinite(bars.values[:, :4]).all()
    assert not any("WARNING" in words for words in night.words)


def test_a_night_says_which_rows_were_rejected_also_when_the_file_was_read_before(
    week: Path, tmp_path: Path, write_export: Write
) -> None:
    rows = lines(17, 420)
    rows[9] = rows[9].replace("11.00, 9.00", "8.00, 9.00")
    write_export("ESZ25-CME_5m.scid_BarData.txt", rows)
    store = BarStore(tmp_path / ".home" / "bars")
    told = "ESZ25-CME_5m.scid_BarData.txt: 1 row rejected, the first in line 11: high is under low"
    for _ in range(2):
        assert told in plan(week, store=store).words


def test_a_night_on_the_store_is_warned_of_bars_outside_the_sessions_and_of_days_without_them(
    write_export: Write, tmp_path: Path
) -> None:
    write_export("ESZ25-CME_5m.scid_BarData.txt", lines(8, 2_000))
    (tmp_path / "map.toml").write_text('[sierra_text]\nzone = "America/Chicago"\n')
    store = BarStore(tmp_path / ".home" / "bars")
    plan(tmp_path, store=store)
    words = plan(store.root, store=store, timeframe="1d", min_bars=2).words
    assert any(
        line.startswith("ESZ25: ") and "5m bars lie between two sessions and are in no day" in line for line in words
    )
    words = plan(store.root, store=store).words
    assert any(line.startswith("WARNING: ESZ25: ") and "are its times UTC?" in line for line in words)
    assert not any("in no day" in line for line in words)
