"""What cannot be a request is refused before anything is sent: by name, with the number and the limit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos_client import contract
from minhos_client.client import TradeClient
from minhos_client.decision import Account
from minhos_client.errors import BadRequest, TradeClientError
from minhos_client.request import MAX_ROWS, read_question

BLUEPRINT = Path(__file__).resolve().parents[2] / "model_repository"
GOOD: dict[str, Any] = {
    "bars": np.ones((2, 5, 8)),
    "bar_end": np.arange(10, dtype=np.int64).reshape(2, 5),
    "as_of": 1_700_000_000_000_000,
    "instruments": ("MNQZ25", "ESZ25"),
    "account": Account(equity=1e6),
}


def rows(count: int) -> dict[str, Any]:
    return {
        "bars": np.ones((count, 5, 8)),
        "bar_end": np.ones((count, 5), np.int64),
        "instruments": [f"S{n}" for n in range(count)],
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"as_of": 2**63}, r"as_of is 9223372036854775808, .* -9223372036854775808\.\.9223372036854775807"),
        ({"as_of": -(2**63) - 1}, r"as_of is -9223372036854775809"),
        ({"as_of": 1.7e15}, r"as_of is 1700000000000000\.0 \(float\)"),
        ({"as_of": None}, r"as_of is None"),
        ({"as_of": True}, r"as_of is True \(bool\)"),
        ({"instruments": None}, r"instruments is None: give a list of symbols"),
        ({"instruments": "ES"}, r"instruments is 'ES': give a list of symbols"),
        ({"instruments": ("MNQZ25", None)}, r"instruments\[1\] is None: give every symbol as a text"),
        ({"instruments": ("MNQZ25", b"ESZ25")}, r"instruments\[1\] is b'ESZ25'"),
        ({"instruments": ("MNQZ25", "\ud800")}, r"instruments\[1\] is '.ud800': a symbol must be Unicode text"),
        (rows(129), r"129 instruments were given, at most 128 .* split"),
        (rows(0), "no instruments were given"),
        ({"bars": np.ones((2, 5, 7))}, r"bars has shape \(2, 5, 7\), expected \[2 instruments, time, 8 columns\]"),
        ({"bars": np.ones((3, 5, 8))}, r"bars has shape \(3, 5, 8\)"),
        ({"bars": [[[1.0] * 8], [[1.0] * 7]]}, "bars cannot be read as numbers"),
        ({"bars": "many"}, "bars cannot be read as numbers"),
        ({"bar_end": np.ones((2, 4), np.int64)}, r"bar_end has shape \(2, 4\), the bars say \(2, 5\)"),
        ({"bar_end": np.ones((2, 5))}, r"bar_end has the type float64: give whole UTC microseconds"),
        ({"bar_end": np.ones((2, 5), "datetime64[s]")}, r"bar_end has the type datetime64\[s\]"),
        ({"bar_end": np.full((2, 5), 2**63, np.uint64)}, r"bar_end holds 9223372036854775808, .*9223372036854775807"),
        ({"bar_end": [[2**64] * 5] * 2}, r"bar_end has the type object"),
        ({"bar_end": [[1], [1, 2]]}, r"bar_end cannot be read as numbers"),
        ({"account": Account(equity=None)}, "the account cannot be read as numbers"),  # type: ignore[arg-type]
        ({"account": Account(equity=10**400)}, "the account cannot be read as numbers"),
        ({"account": Account(equity=1.0, positions=[1.0])}, "one number per instrument"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_it_is_a_bad_request_that_names_the_number_and_the_limit(changes: dict[str, Any], words: str) -> None:
    with (
        TradeClient("127.0.0.1:1") as client,  # nobody is asked
        pytest.raises(BadRequest, match=words) as caught,
    ):
        client.decide(**{**GOOD, **changes})
    assert isinstance(caught.value, TradeClientError)


@given(
    as_of=st.one_of(st.integers(), st.floats(), st.none(), st.text(max_size=2)),
    names=st.one_of(st.none(), st.text(max_size=3), st.lists(st.one_of(st.none(), st.text(max_size=2)), max_size=3)),
    time=st.one_of(st.integers(), st.floats(), st.none()),
    equity=st.one_of(st.integers(), st.floats(), st.none()),
)
def test_whatever_is_given_is_a_question_or_a_bad_request(as_of: Any, names: Any, time: Any, equity: Any) -> None:
    given_rows = {"bars": np.ones((2, 1, 8)), "bar_end": [[time], [time]]}
    try:
        question = read_question(as_of=as_of, instruments=names, account=Account(equity=equity), **given_rows)
    except BadRequest as error:
        assert len(str(error)) > 20
        return
    tensors = question.tensors(window=1, release="r")
    for spec in contract.INPUTS:
        assert tensors[spec.name].shape[0] == 2
    assert tensors["AS_OF"].tolist() == [[as_of], [as_of]]


def test_the_largest_batch_is_the_one_that_the_server_takes() -> None:
    limits = {
        int(line.split(":")[1])
        for path in BLUEPRINT.rglob("*.pbtxt")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("max_batch_size")
    }
    assert limits == {MAX_ROWS}


def test_numpy_numbers_and_the_limits_themselves_are_good() -> None:
    for as_of in (np.int64(5), 2**63 - 1, -(2**63)):
        question = read_question(**{**GOOD, "as_of": as_of, "instruments": np.array(["MNQZ25", "ESZ25"])})
        assert question.tensors(window=3, release="r")["AS_OF"].tolist() == [[int(as_of)], [int(as_of)]]
    assert read_question(**{**GOOD, **rows(128)}).tensors(window=5, release="r")["BARS"].shape == (128, 5, 8)


def test_too_short_a_history_names_both_lengths_and_the_release() -> None:
    question = read_question(**GOOD)
    with pytest.raises(BadRequest, match="5 bars per instrument were given, release r1 needs the last 6"):
        question.tensors(window=6, release="r1")
