"""Decisions and accounts: plain values out of tensors, nothing lost and nothing guessed."""

import json

import numpy as np
import pytest

from minhos_client.contract import OUTPUTS, Reason
from minhos_client.decision import Account, Decision

DTYPES = {"FP64": np.float64, "INT64": np.int64, "INT32": np.int32}


def answer(count: int) -> dict[str, np.ndarray]:
    """A contract answer whose values tell tensor and row apart."""
    tensors = {}
    for number, spec in enumerate(OUTPUTS):
        dims = (count, *(2 if dim == "R" else int(dim) for dim in spec.dims))
        if spec.dtype == "BYTES":
            tensors[spec.name] = np.full(dims, b"20251120-30m-0123456789ab", np.object_)
        else:
            tensors[spec.name] = (np.arange(np.prod(dims)).reshape(dims) + 100 * number).astype(DTYPES[spec.dtype])
    return tensors


class TestDecision:
    def test_every_row_gets_its_own_values_in_contract_order(self) -> None:
        tensors = answer(2)
        first, second = Decision.from_outputs(tensors, ["MNQZ25", "MESZ25"], ["calm", "volatile"])
        assert (first.instrument, second.instrument) == ("MNQZ25", "MESZ25")
        assert second.direction == tensors["DIRECTION"][1, 0]
        assert (second.p_win_low, second.p_win, second.p_win_high) == tuple(tensors["P_WIN"][1])
        assert list(second.member_p_up) == ["lstm", "random_forest", "xgboost", "lightgbm", "catboost"]
        assert list(second.member_p_up.values()) == tensors["MEMBER_P_UP"][1].tolist()
        assert next(iter(second.waterfall)) == "raw_kelly" and list(second.waterfall)[-1] == "rounding"
        assert second.regime == dict(zip(["calm", "volatile"], tensors["REGIME"][1], strict=True))
        assert first.release == "20251120-30m-0123456789ab"

    def test_it_becomes_json_with_the_reasons_in_words(self) -> None:
        tensors = answer(1)
        tensors["REASONS"][:] = int(Reason.NEUTRAL | Reason.NO_PROVEN_EDGE)
        (decision,) = Decision.from_outputs(tensors, ["MNQZ25"], ["calm", "volatile"])
        back = json.loads(json.dumps(decision.to_dict()))
        assert back["reasons"] == int(Reason.NEUTRAL | Reason.NO_PROVEN_EDGE)
        assert [words.split()[0] for words in back["reason_words"]] == ["the", "the"]
        assert back["instrument"] == "MNQZ25"

    def test_a_missing_tensor_is_named(self) -> None:
        tensors = answer(1)
        del tensors["P_WIN"]
        with pytest.raises(ValueError, match="no P_WIN"):
            Decision.from_outputs(tensors, ["MNQZ25"], ["calm", "volatile"])

    def test_an_answer_for_another_number_of_instruments_is_refused(self) -> None:
        with pytest.raises(ValueError, match="the request 1 instruments"):
            Decision.from_outputs(answer(2), ["MNQZ25"], ["calm", "volatile"])


class TestAccount:
    def test_an_unknown_start_is_todays_equity_and_an_unknown_peak_the_larger(self) -> None:
        assert Account(equity=90.0).rows(1).tolist() == [[90.0, 90.0, 90.0, 0.0, 1.0, 1.0]]
        assert Account(equity=90.0, start_equity=100.0).rows(1)[0, 2] == 100.0

    def test_positions_go_to_their_own_rows(self) -> None:
        assert Account(equity=1.0, positions=[2.0, -3.0]).rows(2)[:, 3].tolist() == [2.0, -3.0]
        assert Account(equity=1.0, positions=4.0).rows(2)[:, 3].tolist() == [4.0, 4.0]

    def test_positions_of_another_length_are_refused(self) -> None:
        with pytest.raises(ValueError, match="3 instruments"):
            Account(equity=1.0, positions=[1.0]).rows(3)
