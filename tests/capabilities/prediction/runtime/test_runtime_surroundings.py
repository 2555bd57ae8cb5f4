"""Where in its session a bar ended, and which instrument it is: the release's tables, read for windows and histories."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.prediction.runtime.surroundings import Places, SessionTable, SurroundingsTable

HOUR = 3600
MINUTE_US = 60_000_000
TABLE = SessionTable(np.array([10, 30, 50]) * HOUR, np.array([20, 40, 50 + 24]) * HOUR)


def at(hours: float) -> int:
    return round(hours * HOUR) * 1_000_000


@pytest.mark.parametrize(
    ("hours", "since", "to"),
    [
        (10 + 1 / 60, 1, 599),  # the first minute's bar
        (20, 600, 0),  # the last one
        (25, 600, 0),  # in the break: of the session that has just closed
        (30, 600, 0),  # ends as the next session opens: nothing of it is in the bar
        (31, 60, 540),
        (74, 24 * 60, 0),
    ],
)
def test_a_bar_is_of_the_session_in_which_its_last_moment_lies(hours: float, since: float, to: float) -> None:
    found = TABLE.minutes(np.array([at(hours)]))
    assert [float(part[0]) for part in found] == [since, to]


@pytest.mark.parametrize("moment", [at(10), at(0), -(2**63), at(74) + 1, 2**63 - 1])
def test_a_moment_outside_the_table_has_no_place_and_nothing_overflows(moment: int) -> None:
    assert np.isnan(TABLE.minutes(np.array([moment]))).all()


@given(st.lists(st.integers(1, 10_000), min_size=4, max_size=20), st.integers(0, 2**32 - 1))
def test_it_equals_a_loop_over_the_sessions(steps: list[int], seed: int) -> None:
    edges = np.cumsum(steps[: len(steps) // 2 * 2])
    table = SessionTable(edges[::2], edges[1::2])
    moments = np.random.default_rng(seed).integers(0, (edges[-1] + 5) * 1_000_000, 50)
    since, to = table.minutes(moments)
    for index, moment in enumerate(moments.tolist()):
        before = [
            pair for pair in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True) if pair[0] * 10**6 < moment
        ]
        if not before or moment > edges[-1] * 10**6:
            assert np.isnan([since[index], to[index]]).all()
        else:
            opened, closed = before[-1]
            known = min(moment, closed * 10**6)
            assert since[index] == (known - opened * 10**6) / MINUTE_US
            assert to[index] == (closed * 10**6 - known) / MINUTE_US


@pytest.mark.parametrize(
    ("opens", "closes", "words"),
    [
        ([], [], "as many opens as closes"),
        ([1.5], [2.5], "whole seconds"),
        ([1, 5], [4], "as many opens as closes"),
        ([4], [4], "each open before its close"),
        ([1, 3], [4, 6], "no session beginning before the last one ended"),
        ([5, 1], [6, 2], "in order of time"),
        ([1], [2**50], "in order of time"),
    ],
)
def test_a_table_that_is_none_is_refused(opens: list[Any], closes: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SessionTable(opens, closes)  # type: ignore[arg-type] - as JSON gives them


def section() -> dict[str, Any]:
    edges = {"open_seconds": [0, 86_400], "close_seconds": [3_600, 90_000]}
    later = {"open_seconds": [1_800], "close_seconds": [100_000]}
    return {
        "sessions": {"one": edges, "other": later},
        "instruments": {"A": {"session": "one", "code": 0.25}, "B": {"session": "other", "code": 0.75}},
    }


def test_windows_of_several_markets_have_each_its_own_session_tick_and_code() -> None:
    places = Places(SurroundingsTable(**section()), ("A", "B"), np.array([0.25, 5.0]))
    ends = np.array([[1_860, 3_600], [1_860, 3_600], [1_860, 86_460]]) * 1_000_000
    found = places.of_windows(np.array([0, 1, 0]), ends)
    assert found.since_open.tolist() == [[31.0, 60.0], [1.0, 30.0], [31.0, 1.0]]
    assert found.tick_size.tolist() == [[0.25], [5.0], [0.25]]
    assert found.code.tolist() == [[0.25], [0.75], [0.25]]
    alone = places.of_history("B", ends[1])
    assert alone.since_open.tolist() == found.since_open[1].tolist()
    assert (alone.tick_size.tolist(), alone.code.tolist()) == ([5.0], [0.75])
    assert alone.progress.tolist() == (found.progress[1]).tolist()


def test_a_row_of_an_unknown_instrument_is_given_some_place_for_it_is_refused() -> None:
    places = Places(SurroundingsTable(**section()), ("A", "B"), np.array([0.25, 5.0]))
    assert places.of_windows(np.array([-1]), np.array([[60_000_000]])).since_open.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("instruments", "A", "session"), "night", r"A has the session 'night', allowed are \['one', 'other'\]"),
        (("instruments", "A", "code"), 1.5, "A has the code 1.5, allowed is a number in 0..1"),
        (("instruments", "A", "code"), True, "A has the code True"),
        (
            ("instruments", "A", "zone"),
            "UTC",
            r"instruments.A must be an object with exactly the keys \['code', 'session'\]",
        ),
        (("instruments",), [], "instruments must be an object, got list"),
        (("sessions", "one"), 3, "sessions.one must be an object with exactly the keys"),
    ],
)
def test_a_section_that_is_none_is_refused(path: tuple[str, ...], value: object, words: str) -> None:
    data: Any = section()
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=words):
        SurroundingsTable(**data)
