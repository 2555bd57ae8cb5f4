"""The stack whose weights move with the regime: to the member that is better there, and nowhere without evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.capabilities.ensemble.api import EnsembleSettings
from minhos.capabilities.ensemble.fusion.stacking import Past, choose_shrinkage, fit_members, fit_stacking
from minhos.capabilities.ensemble.runtime.fusion import Stacking
from minhos_client.contract import MEMBERS

SETTINGS = EnsembleSettings()
REGIMES = ("calm", "volatile")
LSTM, CATBOOST = MEMBERS.index("lstm"), MEMBERS.index("catboost")


def past(
    rows: int = 6000, *, seed: int = 0, calm: float = 1.5, volatile: float = 0.0, overlap: float = 1.0, stay: int = 60
) -> Past:
    """The LSTM sees ``calm`` of the truth in calm bars, ``volatile`` of it in volatile ones, as loud as ever, CatBoost the
    other way round; the others see noise."""
    rng = np.random.default_rng(seed)
    loud = np.arange(rows) // stay % 2 == 1
    edge = rng.normal(size=rows)
    views = 0.3 * rng.normal(size=(rows, len(MEMBERS)))
    for member, seen in ((LSTM, np.where(loud, volatile, calm)), (CATBOOST, np.where(loud, calm, volatile))):
        views[:, member] += seen * edge + np.sqrt(max(calm, volatile) ** 2 - seen**2) * rng.normal(size=rows)
    p = np.where(loud, 0.95, 0.05)
    t0 = np.arange(rows, dtype=np.int64)
    return Past(
        raw=1 / (1 + np.exp(-views)),
        regime=np.stack([1 - p, p], axis=1),
        up=(rng.random(rows) < 1 / (1 + np.exp(-edge))).astype(np.int8),
        t0=t0,
        t1=t0 + 6,
        embargo_us=2,
        overlap=overlap,
    )


def fitted(of: Past, ridge: float | None = None) -> tuple[Stacking, float]:
    chosen = choose_shrinkage(of, REGIMES, SETTINGS) if ridge is None else ridge
    return fit_stacking(of, fit_members(of, SETTINGS), REGIMES, SETTINGS, regime_ridge=chosen), chosen


def test_the_better_member_gets_the_weight_in_its_regime() -> None:
    stacking, ridge = fitted(past())
    assert np.isfinite(ridge)
    calm, volatile = stacking.weights["calm"], stacking.weights["volatile"]
    assert (
        max(calm, key=lambda name: calm[name]) == "lstm"
        and max(volatile, key=lambda name: volatile[name]) == "catboost"
    )
    assert calm["lstm"] > 3 * calm["catboost"] and volatile["catboost"] > 3 * volatile["lstm"]


@pytest.mark.parametrize("seed", range(6))
def test_where_members_are_the_same_in_every_regime_the_weights_do_not_move(seed: int) -> None:
    stacking, ridge = fitted(past(seed=seed, calm=0.8, volatile=0.8))
    assert ridge == np.inf
    assert stacking.weights["calm"] == stacking.weights["volatile"]


def test_a_regime_that_never_changes_moves_nothing_however_weak_the_ridge() -> None:
    one = past(calm=0.8, volatile=0.8)
    same = replace(one, regime=np.tile([0.3, 0.7], (len(one.up), 1)))
    moved, _ = fitted(same, 0.5)
    plain, _ = fitted(same, np.inf)
    assert moved.matrix == pytest.approx(np.tile(plain.matrix[0], (2, 1)), abs=2e-3)


def test_an_infinite_ridge_is_the_plain_stack_and_a_strong_one_is_near_it() -> None:
    of = past()
    plain, strong, weak = (fitted(of, ridge)[0].matrix for ridge in (np.inf, 1e4, 3.0))
    assert np.ptp(plain, axis=0).max() == 0.0
    assert strong == pytest.approx(plain, abs=0.02)
    assert np.ptp(weak, axis=0).max() > 10 * np.ptp(strong, axis=0).max()


@pytest.mark.parametrize(("rows", "overlap"), [(140, 1.0), (800, 6.0)])
def test_little_data_falls_back_to_the_plain_stack(rows: int, overlap: float) -> None:
    of = past(rows, overlap=overlap)
    assert choose_shrinkage(of, REGIMES, SETTINGS) == np.inf


def test_moving_weights_are_worth_it_out_of_sample_where_members_differ_by_regime() -> None:
    of, later = past(), past(seed=9)

    def loss(stacking: Stacking) -> float:
        logits = np.log(later.raw / (1 - later.raw))
        z = stacking.intercept + (logits * stacking.at(later.regime)).sum(axis=1)
        return float(np.mean(np.logaddexp(0.0, z) - later.up * z))

    assert loss(fitted(of)[0]) < loss(fitted(of, np.inf)[0]) - 0.01


def test_what_is_not_yet_known_when_the_tail_begins_chooses_nothing() -> None:
    """The strength is chosen inside the past: purged rows between its two parts play no part in the fit."""
    of = past(900)
    cut = int(900 * (1 - 1 / 3))
    purged = np.arange(cut - 7, cut)  # their labels reach into the tail, or into its embargo
    up = of.up.copy()
    up[purged] = 1 - up[purged]
    assert choose_shrinkage(of, REGIMES, SETTINGS) == choose_shrinkage(replace(of, up=up), REGIMES, SETTINGS)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), ridge=st.sampled_from([0.5, 3.0, 30.0, np.inf]))
def test_weights_are_never_negative_and_the_fit_is_deterministic(seed: int, ridge: float) -> None:
    of = past(300, seed=seed)
    one, two = fitted(of, ridge)[0], fitted(of, ridge)[0]
    assert (one.matrix >= 0).all() and one.weights == two.weights and one.intercept == two.intercept
