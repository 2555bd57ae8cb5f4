"""A zone that is given is held against the sessions: confirmed, not to be told, or refused with both evidences."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import BadInputError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.bar_file import BarFile
from minhos.market_data.readers.scan import Statements, read_found, scan_paths
from minhos.market_data.readers.sierra_text import read_sierra_text

HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def write(path: Path, days: int) -> Path:
    """15-minute bars of CL in UTC from Sunday 2025-11-09: 23:00 to 22:00."""
    lines = [HEADER]
    for number in range(days):
        day = date(2025, 11, 10) + timedelta(days=number)
        if day.weekday() < 5:
            opens = datetime(day.year, day.month, day.day) - timedelta(hours=1)
            moments = [opens + timedelta(minutes=15 * k) for k in range(92)]
            lines += [f"{m.year}/{m.month}/{m.day}, {m:%H:%M:%S}, 60.1, 60.3, 60.0, 60.2, 6, 4, 2, 4" for m in moments]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "CLZ25-NYMEX_15m.scid_BarData.txt", 19)


def read(path: Path, instruments: Instruments, zone: str | None, *, certain: bool = False) -> BarFile:
    return read_sierra_text(path, zone=zone, zone_is_certain=certain, instrument=instruments.find("CL"))


def test_a_right_zone_is_confirmed_in_words(path: Path, instruments: Instruments) -> None:
    file = read(path, instruments, "UTC")
    assert file.words[0].startswith(
        f"{path.name}: times are read as UTC, as given, confirmed: 14 of 14 session opens (17:00 America/Chicago)"
    )


def test_another_name_of_the_same_clock_is_confirmed_under_the_name_that_was_given(
    path: Path, instruments: Instruments
) -> None:
    file = read(path, instruments, "Europe/London")  # winter
    assert file.zone == "Europe/London"
    assert "as given, confirmed: 14 of 14" in file.words[0]


def test_a_zone_that_the_sessions_contradict_is_refused_with_both_evidences(
    path: Path, instruments: Instruments
) -> None:
    with pytest.raises(BadInputError) as caught:
        read(path, instruments, "America/New_York")
    message = str(caught.value)
    assert message.startswith(
        f"{path}: the times are said to be of America/New_York, but the sessions say UTC: 14 of 14 "
    )
    assert (
        "; as given, America/New_York 0 of 14 opens and 0 of 14 closes; say --zone UTC, or leave the zone out."
        in message
    )
    assert message.endswith("say so in the column map: zone_is_certain = true under [sierra_text]")


def test_a_zone_of_which_the_map_is_certain_is_taken_aloud(path: Path, instruments: Instruments) -> None:
    file = read(path, instruments, "America/New_York", certain=True)
    assert (
        "times are read as America/New_York, as the map is certain, though the sessions say UTC: 14 of" in file.words[0]
    )
    shift: BarSeries = read(path, instruments, "UTC").series
    np.testing.assert_array_equal(file.series.bar_end - shift.bar_end, 5 * 3_600_000_000)


def test_a_zone_on_which_the_sessions_say_nothing_is_taken_and_said_to_be_unproven(
    tmp_path: Path, instruments: Instruments
) -> None:
    file = read(write(tmp_path / "CLZ25-NYMEX_15m.txt", 1), instruments, "America/New_York")
    assert file.zone == "America/New_York"
    assert "as given; the sessions neither confirm nor contradict it: it shows too few session opens" in file.words[0]


def test_the_map_says_that_it_is_certain(path: Path, instruments: Instruments) -> None:
    column_map = path.with_name("map.toml")
    for text, certain in (("", False), ("zone_is_certain = true\n", True)):
        column_map.write_text(f'[sierra_text]\nzone = "America/New_York"\n{text}')
        (found,) = scan_paths([path], None, Statements()).found
        assert (found.zone, found.zone_is_certain) == ("America/New_York", certain)
        if certain:
            assert read_found(found, instruments.find("CL")).zone == "America/New_York"
        else:
            with pytest.raises(BadInputError, match="but the sessions say UTC"):
                read_found(found, instruments.find("CL"))


def test_a_map_that_names_no_zone_makes_that_of_the_command_line_not_certain(path: Path) -> None:
    path.with_name("map.toml").write_text("[sierra_text]\nzone_is_certain = true\n")
    (found,) = scan_paths([path], None, Statements(zone="America/New_York")).found
    assert (found.zone, found.zone_is_certain) == ("America/New_York", False)
