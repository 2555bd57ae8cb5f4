"""The waterfall: goldens by hand and the properties of a careful sizer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.capabilities.position_sizing.runtime.barriers import payoff
from minhos.capabilities.position_sizing.runtime.settings import Sizing
from minhos.capabilities.position_sizing.runtime.sizer import Bet, Sized, bad_portfolio, size_bets
from minhos_client.contract import WATERFALL_STEPS, Reason

OPEN = Sizing(
    kelly_fraction=0.25, max_risk_fraction=1.0, max_notional_fraction=1000.0, max_drawdown=0.2, interval_z=1.645
)
ACCOUNT = (100_000.0, 100_000.0, 100_000.0, 0.0, 1.0, 1.0)


def bet(
    directions: tuple[float, ...] = (1.0,),
    win: tuple[float, float, float] = (0.55, 0.6, 0.65),
    point_value: float = 2.0,
    volatility: float = 0.0001,
    max_contracts: float = 1e6,
) -> Bet:
    rows = len(directions)
    each = np.ones(rows)
    return Bet(
        direction=np.array(directions),
        p_win=np.tile(win, (rows, 1)),
        payoff=payoff(
            atr=10.0 * each,
            close=20_000.0 * each,
            tick_size=0.25 * each,
            cost_ticks_round_trip=0.0 * each,
            cost_fraction_round_trip=0.0 * each,
            stop_atr=1.0,
            target_atr=1.0,
        ),
        close=20_000.0 * each,
        tick_size=0.25 * each,
        point_value=point_value * each,
        max_contracts=max_contracts * each,
        volatility_reference=0.001 * each,
        volatility=volatility * each,
    )


def size(
    b: Bet, account: tuple[float, ...] = ACCOUNT, rho: float = 0.0, sizing: Sizing = OPEN, proven: bool = True
) -> Sized:
    rows = b.direction.shape[0]
    matrix = np.full((rows, rows), rho)
    np.fill_diagonal(matrix, 1.0)
    return size_bets(b, np.tile(account, (rows, 1)), matrix, sizing, edge_proven=proven)


def test_every_step_by_hand() -> None:
    account = (90_000.0, 100_000.0, 100_000.0, 0.0, 0.5, 0.8)
    sized = size(bet((1.0, 1.0), volatility=0.002), account, rho=0.5)
    raw = 0.6 - 0.4
    shrunk = raw * 0.04 / (0.04 + (2 * 0.05 / 1.645) ** 2)
    quarter = shrunk / 4
    calm = quarter / 2
    together = calm * np.sqrt(2 / 3)
    after_loss = together * 0.5
    adopted = after_loss * 0.5
    broken = adopted * 0.8
    contracts = np.floor(broken * 90_000 / (40 * 0.25 * 2))
    expected = [raw, shrunk, quarter, calm, together, after_loss, adopted, broken, broken, contracts * 20 / 90_000]
    np.testing.assert_allclose(sized.waterfall, [expected, expected], rtol=1e-12)
    assert sized.contracts.tolist() == [contracts, contracts]
    np.testing.assert_allclose(sized.notional_fraction, contracts * 20_000 * 2 / 90_000)
    said = Reason.VOLATILITY_REDUCED | Reason.CORRELATION_REDUCED | Reason.DRAWDOWN_REDUCED
    assert Reason(int(sized.reasons[0])) == said | Reason.ADOPTION_REDUCED | Reason.BREAKER_REDUCED


def test_the_point_value_is_in_the_size_an_es_contract_is_not_an_mes_contract() -> None:
    micro = size(bet(point_value=5.0)).contracts[0]
    full = size(bet(point_value=50.0)).contracts[0]
    # .2 shrunk by .0400 / (.0400 + .0037) and quartered risks 4577 USD; a stop of 10 points costs 50 or 500.
    assert (micro, full) == (91.0, 9.0)


def test_a_short_is_the_mirror_of_a_long() -> None:
    long, short = size(bet((1.0,))), size(bet((-1.0,)))
    np.testing.assert_array_equal(long.waterfall, -short.waterfall)
    assert long.contracts[0] == -short.contracts[0] > 0


def test_a_row_without_direction_has_no_size_and_no_negative_zero() -> None:
    sized = size(bet((0.0, 1.0)))
    assert not sized.waterfall[0].any()
    assert not np.signbit(sized.waterfall[0]).any()
    assert sized.contracts[0] == 0.0 != sized.contracts[1]


@pytest.mark.parametrize("win", [(0.4, 0.5, 0.6), (0.1, 0.2, 0.3)])
def test_no_position_without_its_own_edge(win: tuple[float, float, float]) -> None:
    assert not size(bet((1.0, -1.0), win=win), rho=-0.9).waterfall.any()


def test_without_a_proven_edge_the_size_is_shown_but_not_taken() -> None:
    sized = size(bet(), proven=False)
    assert (sized.waterfall[0, : WATERFALL_STEPS.index("caps")] > 0).all()
    assert sized.waterfall[0, -2:].tolist() == [0.0, 0.0]
    assert sized.contracts[0] == 0.0


def test_under_one_contract_is_said_and_not_rounded_up() -> None:
    sized = size(bet(point_value=2000.0))
    assert sized.contracts[0] == 0.0
    assert sized.reasons[0] & Reason.UNDER_ONE_CONTRACT


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=5),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.05),
    st.floats(0.0, 5.0),
    st.integers(0, 50),
    st.floats(1e3, 1e8),
)
def test_the_size_is_never_above_any_cap_and_no_step_but_the_first_enlarges(
    directions: list[float], p: float, width: float, risk: float, notional: float, most: int, equity: float
) -> None:
    win = (max(0.0, p - width), p, min(1.0, p + width))
    limits = replace(OPEN, max_risk_fraction=risk, max_notional_fraction=notional)
    account = (equity, equity, equity, 0.0, 0.9, 1.0)
    sized = size(bet(tuple(directions), win=win, max_contracts=float(most)), account, rho=0.3, sizing=limits)
    assert (np.abs(sized.contracts) <= most).all()
    assert (np.abs(sized.waterfall[:, -1]) <= risk).all()
    assert (np.abs(sized.notional_fraction) <= notional).all()
    assert (np.diff(np.abs(sized.waterfall), axis=1) <= 1e-9).all()
    assert (np.sign(sized.contracts) * np.array(directions) >= 0).all()


def _steps(account: tuple[float, ...] = ACCOUNT, rho: float = 0.2, width: float = 0.05) -> np.ndarray:
    win = (0.6 - width, 0.6, 0.6 + width)
    return np.abs(size(bet((1.0, 1.0), win=win, volatility=0.0015), account, rho=rho).waterfall)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_it_never_grows_when_adoption_multiplier_or_equity_fall(share: float, other: float) -> None:
    low, high = sorted((share, other))
    for field in (4, 5):
        less, more = list(ACCOUNT), list(ACCOUNT)
        less[field], more[field] = low, high
        assert (_steps(tuple(less)) <= _steps(tuple(more))).all()
    peaks = [(ACCOUNT[0], ACCOUNT[1], ACCOUNT[0] * (1 + x), *ACCOUNT[3:]) for x in (low, high)]
    assert (_steps(peaks[1]) <= _steps(peaks[0])).all()


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 0.4), st.floats(0.0, 0.4))
def test_it_never_grows_with_correlation_or_doubt(rho: float, rho2: float, width: float, width2: float) -> None:
    slack = 1e-12
    assert (_steps(rho=max(rho, rho2))[:, :-1] <= _steps(rho=min(rho, rho2))[:, :-1] + slack).all()
    assert (_steps(width=max(width, width2))[:, :-1] <= _steps(width=min(width, width2))[:, :-1] + slack).all()


@given(st.floats(0.1, 10.0))
def test_the_account_currency_does_not_matter(rate: float) -> None:
    account = (*(value * rate for value in ACCOUNT[:3]), *ACCOUNT[3:])
    ours, theirs = size(bet()), size(bet(point_value=2.0 * rate), account)
    np.testing.assert_allclose(ours.waterfall, theirs.waterfall, rtol=1e-12)
    assert ours.contracts[0] == theirs.contracts[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [(0, np.nan), (0, 0.0), (0, -1.0), (0, np.inf), (1, 0.0), (2, np.nan), (3, np.nan), (4, -0.1), (4, 1.1), (5, 2.0)],
)
def test_an_impossible_account_is_found(field: int, value: float) -> None:
    rows = np.tile(ACCOUNT, (2, 1))
    rows[1, field] = value
    assert bad_portfolio(rows).tolist() == [False, True]


def test_a_peak_that_is_not_booked_yet_is_no_error() -> None:
    rows = np.tile(ACCOUNT, (1, 1))
    rows[0, 2] = 90_000.0
    assert not bad_portfolio(rows).any()
