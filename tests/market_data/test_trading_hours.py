from __future__ import annotations

from datetime import date, timedelta

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


def test_earlier_hours_hold_up_to_their_date() -> None:
    session = Session.model_validate(
        {"zone": "UTC", "open": "09:00", "close": "17:00", "weekdays": WEEK}
        | {
            "earlier": (
                {"before": date(2000, 1, 3), "open": "10:00", "close": "15:00", "weekdays": ("mon",)},
                {"before": "2010-01-04", "open": "09:00", "close": "16:00", "weekdays": WEEK},
            )
        }
    )
    closes = [session.hours_on(date(*day)).close for day in ((1999, 12, 31), (2000, 1, 3), (2010, 1, 3), (2010, 1, 4))]
    assert closes == ["15:00", "16:00", "16:00", "17:00"]
    found = session.periods(date(1999, 12, 30), date(2026, 1, 1))
    assert [(str(first), str(last), hours.close) for first, last, hours in found] == [
        ("1999-12-30", "2000-01-02", "15:00"),
        ("2000-01-03", "2010-01-03", "16:00"),
        ("2010-01-04", "2026-01-01", "17:00"),
    ]
    assert session.periods(date(2020, 1, 1), date(2020, 1, 2)) == (
        (date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=1), session),
    )


OLD = {"before": "2015-01-01", "open": "17:00", "close": "16:15", "weekdays": WEEK}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"continuous": True}, "continuous hours open when the session before closes, got 17:00 to 16:00"),
        ({"weekly_breaks": (("sat", "02:00", "04:00"),)}, "halts of a continuous market; write breaks, or continuous"),
        ({"open": "16:00", "continuous": True, "weekly_breaks": (("sun", "04:00", "02:00"),)}, "is no weekly break"),
        ({"open": "16:00", "continuous": True, "weekly_breaks": (("day", "02:00", "04:00"),)}, "is no weekly break"),
        ({"earlier": ({"open": "17:00", "close": "16:15", "weekdays": WEEK},)}, "before"),
        (
            {"earlier": (OLD, OLD | {"before": "2012-01-01"})},
            "earlier hours must be oldest first, got before = 2015-01-01, 2012-01-01",
        ),
        ({"earlier": (OLD | {"zone": "UTC"},)}, "Extra inputs"),
    ],
)
def test_wrong_hours_are_refused(fields: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"zone": "America/Chicago", "open": "17:00", "close": "16:00", "weekdays": WEEK}
    with pytest.raises(ValidationError, match=message):
        Session.model_validate(good | fields)


def test_a_market_that_never_closes_may_be_continuous() -> None:
    days = Session(zone="UTC", open="00:00", close="24:00", weekdays=WEEK, continuous=True)
    assert not days.opens_day_before
