"""Fusion: stacking by hand, agreement, win features, members without a number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.capabilities.ensemble.runtime.calibration import Knots
from minhos.capabilities.ensemble.runtime.fusion import (
    ENSEMBLE,
    Fused,
    Stacking,
    agreement_share,
    fuse_members,
    logit,
    sigmoid,
    stack,
    win_feature_names,
)
from minhos.training.isotonic import IDENTITY
from minhos_client.contract import MEMBERS

STRAIGHT = Knots(**{name: np.array(values) for name, values in IDENTITY.items()})
CALIBRATION = dict.fromkeys((*MEMBERS, ENSEMBLE), STRAIGHT)
ONE = (0.4, 0.3, 0.2, 0.1, 0.0)
WEIGHTED = Stacking(
    0.1, {"calm": dict(zip(MEMBERS, ONE, strict=True)), "volatile": dict(zip(MEMBERS, ONE, strict=True))}
)
MOVING = Stacking(
    0.0,
    {
        "calm": dict(zip(MEMBERS, (0.8, 0.2, 0.0, 0.0, 0.0), strict=True)),
        "volatile": dict(zip(MEMBERS, (0.0, 0.2, 0.0, 0.0, 0.6), strict=True)),
    },
)


def at(rows: int) -> np.ndarray:
    return WEIGHTED.at(np.full((rows, 2), 0.5))


def fuse(raw: list[list[float]], refused: list[bool] | None = None) -> Fused:
    rows = len(raw)
    return fuse_members(
        member_raw=np.array(raw, dtype=np.float32),
        tabular=np.ones((rows, 2), dtype=np.float32),
        regime=np.full((rows, 2), 0.5),
        refused=np.array(refused or [False] * rows),
        stacking=WEIGHTED,
        calibration=CALIBRATION,
    )


def test_stacking_is_linear_in_logits() -> None:
    members = np.array([[0.6, 0.55, 0.5, 0.4, 0.9]])
    z = 0.1 + 0.4 * np.log(0.6 / 0.4) + 0.3 * np.log(0.55 / 0.45) + 0.1 * np.log(0.4 / 0.6)
    assert stack(members, 0.1, at(1))[0] == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-15)


@given(st.floats(-30, 30))
def test_logit_and_sigmoid_are_inverse(z: float) -> None:
    assert logit(sigmoid(np.array([z])))[0] == pytest.approx(z, rel=1e-2, abs=1e-9)


def test_agreement_is_the_weighted_share_on_the_ensembles_side() -> None:
    members = np.array([[0.6, 0.4, 0.5, 0.7, 0.1], [0.6, 0.4, 0.5, 0.7, 0.1]])
    share = agreement_share(members, np.array([0.55, 0.45]), at(2))
    np.testing.assert_allclose(share, [0.4 + 0.5 * 0.2 + 0.1, 0.3 + 0.5 * 0.2])


def test_without_any_weight_all_members_count_alike() -> None:
    nobody = np.zeros((1, 5))
    assert agreement_share(np.array([[0.6, 0.6, 0.6, 0.4, 0.4]]), np.array([0.5]), nobody)[0] == pytest.approx(0.6)


def test_win_features_say_confidence_agreement_side_and_then_the_tabular_ones() -> None:
    fused = fuse([[0.3] * 5])
    p = fused.p_up[0, 0]
    assert p < 0.5
    head = [2 * (0.5 - p), 1.0, np.log((1 - p) / p), -1.0]
    np.testing.assert_allclose(fused.win_features[0], [*head, 1.0, 1.0], rtol=1e-6)
    assert fused.win_features.dtype == np.float32
    assert win_feature_names(["a", "b"]) == ("confidence", "agreement", "side_logit", "side", "a", "b")


def test_a_refused_row_is_neutral_whatever_its_members_say() -> None:
    fused = fuse([[0.9] * 5, [float("nan")] * 5], [True, True])
    assert fused.p_up.tolist() == [[0.5], [0.5]]
    assert (fused.member_p_up == 0.5).all()
    assert (fused.win_features == 0.0).all()


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -0.1, 1.5])
def test_a_member_without_a_probability_voids_its_row_alone(broken: float) -> None:
    fused = fuse([[0.7] * 5, [0.7, 0.7, broken, 0.7, 0.7]])
    assert np.isnan(fused.p_up[1, 0])
    assert (fused.win_features[1] == 0.0).all()
    assert fused.p_up[0, 0] == fuse([[0.7] * 5, [0.7] * 5]).p_up[0, 0]


def test_weights_are_mixed_by_the_regimes_probabilities() -> None:
    weights = MOVING.at(np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]]))
    np.testing.assert_allclose(weights[0], [0.8, 0.2, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(weights[1], [0.0, 0.2, 0.0, 0.0, 0.6])
    np.testing.assert_allclose(weights[2], [0.2, 0.2, 0.0, 0.0, 0.45])


def test_the_regime_says_whom_the_ensemble_follows_and_who_counts_for_agreement() -> None:
    fused = fuse_members(
        member_raw=np.array([[0.7, 0.5, 0.5, 0.5, 0.2]] * 2),
        tabular=np.ones((2, 2), dtype=np.float32),
        regime=np.array([[1.0, 0.0], [0.0, 1.0]]),
        refused=np.zeros(2, dtype=bool),
        stacking=MOVING,
        calibration=CALIBRATION,
    )
    assert fused.p_up[0, 0] > 0.6 and fused.p_up[1, 0] < 0.35
    np.testing.assert_allclose(fused.agreement[:, 0], [0.8 + 0.1, (0.6 + 0.1) / 0.8])


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2).filter(lambda p: sum(p) > 0.01))
def test_where_regimes_weigh_alike_the_weights_do_not_move(p: list[float]) -> None:
    np.testing.assert_allclose(WEIGHTED.at(np.array([p]) / sum(p))[0], ONE, atol=1e-12)


def test_a_rows_answer_does_not_depend_on_its_batch() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1.0, 1.0], 300)
    assert all(np.array_equal(MOVING.at(p)[k], MOVING.at(p[k : k + 1])[0]) for k in range(300))


def test_impossible_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights of calm must be finite and >= 0"):
        Stacking(0.0, {"calm": dict.fromkeys(MEMBERS, -0.1)})
    with pytest.raises(ValueError, match="weights of calm must name exactly the members"):
        Stacking(0.0, {"calm": {"lstm": 1.0}})
    with pytest.raises(ValueError, match="weights must name the regimes"):
        Stacking(0.0, {})
    with pytest.raises(ValueError, match="intercept must be a finite number"):
        Stacking(float("nan"), {"calm": dict.fromkeys(MEMBERS, 0.1)})
