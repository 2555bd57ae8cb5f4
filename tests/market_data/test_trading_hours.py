from __future__ import annotations

import pytest
from pydantic import ValidationError

from minhos.market_data.trading_hours import Anchors, Session

WEEK = ("mon", "tue", "wed", "thu", "fri")


def test_breaks_count_from_midnight_of_the_trading_date() -> None:
    grains = Session(zone="America/Chicago", open="19:00", close="13:20", weekdays=WEEK, breaks=(("07:45", "08:30"),))
    assert grains.break_minutes == ((465, 510),)
    evening = Session(zone="America/Chicago", open="17:00", close="16:00", weekdays=WEEK, breaks=(("23:30", "00:30"),))
    assert evening.break_minutes == ((-30, 30),)


@pytest.mark.parametrize(
    "breaks",
    [
        (("13:20", "14:00"),),  # it begins at the close
        (("08:30", "07:45"),),
        (("10:00", "11:00"), ("07:45", "08:30")),
        (("07:45", "08:30"), ("08:30", "09:00")),
        (("18:00", "18:30"),),  # between the close and the open
    ],
)
def test_breaks_outside_the_session_or_out_of_order_are_refused(breaks: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValidationError, match="must lie in order inside the session 19:00 to 13:20"):
        Session(zone="America/Chicago", open="19:00", close="13:20", weekdays=WEEK, breaks=breaks)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"zone": "Mars"}, "'Mars' is not an IANA"),
        ({"zone": "../etc/passwd"}, "is not an IANA"),
        ({"open": "24:01"}, "not a time of day"),
        ({"close": "7:00"}, "not a time of day"),
        ({"weekdays": ("monday",)}, r"unknown weekdays \['monday'\]"),
        ({"weekdays": ()}, "at least 1"),
        ({"breaks": (("07:45",),)}, "Field required"),
        ({"breaks": (("7:45", "08:30"),)}, "not a time of day"),
        ({"holidays": ()}, "Extra inputs"),
    ],
)
def test_a_wrong_session_is_refused(fields: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"zone": "UTC", "open": "00:00", "close": "24:00", "weekdays": WEEK}
    with pytest.raises(ValidationError, match=message):
        Session.model_validate(good | fields)


def test_anchors_open_before_they_close() -> None:
    with pytest.raises(ValidationError, match="day_open 20:15 must be before day_close 13:30"):
        Anchors(zone="UTC", day_open="20:15", day_close="13:30")
