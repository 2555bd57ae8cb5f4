"""The golden requests reach the sizer: positions on both sides, a small account in drawdown, a refused row."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minhos.errors import ServingError
from minhos.serving.golden import Golden, prove
from minhos.serving.golden_choice import answer_requests
from minhos.serving.release import MODELS, Release, build_release, in_process_chain
from minhos_client.contract import PORTFOLIO_FIELDS, WATERFALL_STEPS, Reason
from tests.serving.tiny_release import SYMBOLS, parameters, request, tiny_release

EQUITY, START, PEAK = (PORTFOLIO_FIELDS.index(name) for name in ("equity", "start_equity", "peak_equity"))

Tensors = Mapping[str, np.ndarray]


def invented(sizes: Sequence[tuple[float, int]]) -> list[Golden]:
    """What a chain would keep whose answer to candidate ``n`` is the waterfall and the contracts ``sizes[n]``."""
    candidates = [{**request(), "NUMBER": np.array(number)} for number in range(len(sizes))]

    def ask(inputs: Tensors) -> dict[str, np.ndarray]:
        size, contracts = sizes[int(inputs["NUMBER"])] if "NUMBER" in inputs else (0.0, 0)
        rows = len(inputs["AS_OF"])
        waterfall = np.zeros((rows, len(WATERFALL_STEPS)))
        waterfall[-1, :8] = size
        return {"WATERFALL": waterfall, "CONTRACTS": np.full((rows, 1), contracts)}

    return answer_requests(ask, [request(), *candidates], SYMBOLS)


def numbers(golden: list[Golden]) -> list[int]:
    return [int(one.inputs["NUMBER"]) for one in golden if "NUMBER" in one.inputs]


class TestWhatIsKept:
    def test_without_a_position_there_are_the_request_its_first_row_and_a_refused_row(self) -> None:
        golden = invented([(0.0, 0)] * 5)
        assert [len(one.inputs["AS_OF"]) for one in golden] == [2, 1, 2]
        assert golden[2].inputs["INSTRUMENT"][0, 0].decode() not in SYMBOLS
        assert golden[2].inputs["INSTRUMENT"][1, 0] == golden[0].inputs["INSTRUMENT"][1, 0]

    def test_up_to_three_positions_are_kept_in_their_order_and_one_of_them_again_in_drawdown(self) -> None:
        golden = invented([(0.0, 0), (0.1, 1), (0.1, 1), (0.1, 1), (0.1, 1)])
        assert numbers(golden) == [1, 2, 3, 1]
        account, small = golden[3].inputs["PORTFOLIO"], golden[-1].inputs["PORTFOLIO"]
        np.testing.assert_allclose(small[:, EQUITY], 0.2 * account[:, START])
        np.testing.assert_allclose(small[:, EQUITY], 0.9 * small[:, PEAK])
        others = [place for place in range(len(PORTFOLIO_FIELDS)) if place not in (EQUITY, PEAK)]
        np.testing.assert_array_equal(small[:, others], account[:, others])

    def test_both_sides_are_kept_when_there_are_both(self) -> None:
        assert numbers(invented([(0.1, 1)] * 4 + [(-0.1, -1)] + [(0.1, 1)]))[:-1] == [0, 1, 4]

    def test_whole_contracts_are_better_than_a_size_under_one(self) -> None:
        assert numbers(invented([(0.1, 0)] * 3 + [(0.2, 2), (-0.1, 0), (-0.1, -1)])) == [3, 5, 0, 3]

    def test_one_position_is_kept_alone(self) -> None:
        assert numbers(invented([(0.0, 0), (-0.1, 0)])) == [1, 1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return tiny_release(tmp_path_factory.mktemp("source"))


def build(source: Release, folder: Path, golden_inputs: Sequence[Tensors], **changes: Any) -> Release:
    return build_release(
        releases=folder / "releases",
        parameters={**parameters(), **changes},
        onnx={model: source.onnx(model) for model in MODELS},
        manifest={},
        golden_inputs=golden_inputs,
    )


def candidates(count: int) -> list[dict[str, np.ndarray]]:
    return [request(seed=seed) for seed in range(count)]


class TestInARelease:
    def test_the_sizer_is_asked_and_the_proof_says_how_often(self, source: Release, tmp_path: Path) -> None:
        release = build(source, tmp_path, candidates(12), thresholds={"confidence": 0.02, "agreement": 0.5})
        golden = release.golden()
        sized = [one for one in golden if one.answers["WATERFALL"].any()]
        assert len(golden) == 7 and len(sized) >= 4
        assert any(one.answers["CONTRACTS"].any() for one in golden)
        reduced = golden[-1].answers["REASONS"][golden[-1].answers["DIRECTION"] != 0]
        assert (reduced & int(Reason.DRAWDOWN_REDUCED)).all() and reduced.size
        refused, neighbour = golden[2].answers["REASONS"][:, 0]
        assert refused == Reason.UNKNOWN_INSTRUMENT and not neighbour & Reason.UNKNOWN_INSTRUMENT
        proof = prove(in_process_chain(release), golden, release_id=release.id)
        assert proof.passes
        assert f"7 golden requests answered as in process, {len(sized)} of them with a position" in proof.words

    def test_a_release_that_never_takes_a_position_says_so(self, source: Release, tmp_path: Path) -> None:
        release = build(source, tmp_path, candidates(5), thresholds={"confidence": 1.0, "agreement": 1.0})
        golden = release.golden()
        words = prove(in_process_chain(release), golden, release_id=release.id).words
        assert "3 golden requests answered as in process, none of them with a position in the waterfall" in words

    def test_a_sizer_that_is_wrong_is_noticed(self, source: Release, tmp_path: Path) -> None:
        release = build(source, tmp_path, candidates(12))
        ask = in_process_chain(release)

        def other_caps(inputs: Tensors) -> dict[str, np.ndarray]:
            answer = ask(inputs)
            return {**answer, "WATERFALL": answer["WATERFALL"] * 1.01}

        proof = prove(other_caps, release.golden(), release_id=release.id)
        assert not proof.passes and "WATERFALL differs" in proof.words

    def test_the_candidates_are_part_of_what_a_release_is(self, source: Release, tmp_path: Path) -> None:
        first, again = build(source, tmp_path, candidates(4)), build(source, tmp_path, candidates(4))
        assert again == first
        assert build(source, tmp_path, candidates(5)).id != first.id

    def test_no_request_at_all_is_refused(self, source: Release, tmp_path: Path) -> None:
        with pytest.raises(ServingError, match="no golden request was given"):
            build(source, tmp_path, [])

    def test_a_candidate_of_another_window_is_named(self, source: Release, tmp_path: Path) -> None:
        bad = request(seed=3)
        bad["BARS"] = bad["BARS"][:, 1:]
        with pytest.raises(ServingError, match=r"golden request 2's BARS is float64 \(2, 83, 8\)"):
            build(source, tmp_path, [*candidates(2), bad])
