"""How long an answer is valid: as long as its bars are not stale and its release has not expired, never longer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from builders import DATA_THROUGH, fake_request, tiny_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.chain import WIN_PROBABILITY, Chain, Parameters
from minhos_client.contract import MEMBERS, Reason

SYMBOLS = ("MNQZ25", "ESZ25", "MESZ25")
SECOND = 1_000_000
REFUSALS = int(
    Reason.UNKNOWN_INSTRUMENT | Reason.BAD_INPUT | Reason.STALE_BARS | Reason.RELEASE_EXPIRED | Reason.BAD_PORTFOLIO
)


def answer(ask: dict[str, npt.NDArray[Any]], **changes: int) -> dict[str, npt.NDArray[Any]]:
    chain = Chain(Parameters.from_json({**tiny_parameters(SYMBOLS), **changes}), "20250101-30m-0123456789ab")
    sure = {name: lambda x: np.full((x.shape[0], 1), 0.7, dtype=np.float32) for name in (*MEMBERS, WIN_PROBABILITY)}
    return chain.decide(ask, sure)


def request(*, bars_after_us: int = 0, asked_after_us: int | list[int] = 0) -> dict[str, npt.NDArray[Any]]:
    """The last bar ends ``bars_after_us`` after the release's last bar, the question comes ``asked_after_us`` later."""
    ask = fake_request(np.random.default_rng(0), SYMBOLS, tiny_parameters(SYMBOLS)["window"])
    ask["BAR_END"] = ask["BAR_END"] + bars_after_us
    ask["AS_OF"] = ask["BAR_END"][:, -1:] + np.broadcast_to(np.array(asked_after_us), (3,))[:, None]
    return ask


def test_it_ends_when_the_bars_become_stale() -> None:
    told = answer(request(asked_after_us=60 * SECOND))
    assert (told["VALID_UNTIL"] == DATA_THROUGH + 5400 * SECOND).all()


def test_it_never_outlives_the_release() -> None:
    expiry = DATA_THROUGH + 345_600 * SECOND
    told = answer(request(bars_after_us=(345_600 - 600) * SECOND, asked_after_us=SECOND))
    assert (told["VALID_UNTIL"] == expiry).all()


def test_the_last_moment_of_fresh_bars_is_still_valid() -> None:
    ask = request(asked_after_us=[5400 * SECOND, 5400 * SECOND + 1, 1801 * SECOND])
    told = answer(ask)
    assert (told["REASONS"][:, 0] & REFUSALS).astype(bool).tolist() == [False, True, False]
    assert (told["VALID_UNTIL"] - ask["AS_OF"])[[0, 2], 0].tolist() == [0, 3599 * SECOND]
    assert told["VALID_UNTIL"][1, 0] == 0


@pytest.mark.parametrize("name", ["max_staleness_seconds", "max_age_seconds"])
def test_a_limit_beyond_all_time_is_no_limit(name: str) -> None:
    ask = request(asked_after_us=60 * SECOND)
    told = answer(ask, **{name: 2**61 - 1})
    assert not (told["REASONS"] & REFUSALS).any()
    assert (told["VALID_UNTIL"] >= ask["AS_OF"]).all()


@settings(max_examples=80, deadline=None)
@given(
    bars_after=st.integers(-10 * 86_400 * SECOND, 10 * 86_400 * SECOND),
    asked_after=st.lists(st.integers(-10, 30_000 * SECOND), min_size=3, max_size=3),
    staleness=st.integers(1, 40_000),
    age=st.integers(1, 800_000),
    broke=st.booleans(),
)
def test_every_row_that_is_not_refused_is_asked_within_its_life_and_the_releases(
    bars_after: int, asked_after: list[int], staleness: int, age: int, broke: bool
) -> None:
    ask = request(bars_after_us=bars_after, asked_after_us=asked_after)
    if broke:
        ask["PORTFOLIO"][1, 0] = np.nan
    told = answer(ask, max_staleness_seconds=staleness, max_age_seconds=age)
    refused = (told["REASONS"][:, 0] & REFUSALS) != 0
    until, as_of = told["VALID_UNTIL"][:, 0], ask["AS_OF"][:, 0]
    assert (as_of[~refused] <= until[~refused]).all()
    assert (until[~refused] <= DATA_THROUGH + age * SECOND).all()
    assert (until[refused] == 0).all()
