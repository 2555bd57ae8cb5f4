"""The chain: the contract's dtypes, every reason, bad rows among good ones, stages alone and composed, determinism."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from builders import DATA_THROUGH, REGIMES, fake_request, linear_predictors, tiny_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.chain import WIN_PROBABILITY, Chain, FeatureBlock, Parameters, Predictor
from minhos_client.contract import BYTES, MEMBERS, OUTPUTS, WATERFALL_STEPS, Reason, encode_bytes

SYMBOLS = ("MNQZ25", "ESZ25", "MESZ25", "NQZ25")
WIDTH = tiny_parameters(SYMBOLS)["window"]
REFUSALS = Reason.UNKNOWN_INSTRUMENT | Reason.BAD_INPUT | Reason.STALE_BARS | Reason.RELEASE_EXPIRED
DTYPES = {"FP64": np.float64, "INT64": np.int64, "INT32": np.int32, BYTES: np.object_}

Tensors = dict[str, npt.NDArray[Any]]


def chain(changes: Mapping[str, Any] | None = None, **sections: Mapping[str, Any]) -> Chain:
    data = {**tiny_parameters(SYMBOLS), **(changes or {})}
    for key, section in sections.items():
        data[key] = {**data[key], **section}
    return Chain(Parameters.from_json(data), "20250101-30m-0123456789ab")


def request(seed: int = 11, symbols: tuple[str, ...] = SYMBOLS, equity: float = 1e6) -> Tensors:
    return fake_request(np.random.default_rng(seed), symbols, WIDTH, equity=equity)


def sure(p_up: float = 0.7, win: float = 0.6) -> dict[str, Predictor]:
    """Members and win model that always say the same."""

    def say(p: float) -> Predictor:
        return lambda x: np.full((x.shape[0], 1), p, dtype=np.float32)

    return {**{name: say(p_up) for name in MEMBERS}, WIN_PROBABILITY: say(win)}


def reasons(answer: Tensors, row: int = 0) -> Reason:
    return Reason(int(answer["REASONS"][row, 0]))


class TestContract:
    @pytest.mark.parametrize("rows", [1, 4])
    @pytest.mark.parametrize("bid_ask", [True, False])
    def test_every_output_has_its_dtype_and_shape(self, rows: int, bid_ask: bool) -> None:
        data = tiny_parameters(SYMBOLS, bid_ask)
        ask = request(symbols=SYMBOLS[:rows])
        if not bid_ask:
            ask["BARS"][:, :, 5:7] = np.nan
        answer = Chain(Parameters.from_json(data), "r").decide(ask, linear_predictors(data))
        assert list(answer) == [spec.name for spec in OUTPUTS]
        for spec in OUTPUTS:
            tensor = answer[spec.name]
            assert tensor.dtype == DTYPES[spec.dtype], spec.name
            assert tensor.shape == (rows, *(len(REGIMES) if dim == "R" else dim for dim in spec.dims)), spec.name
            if spec.dtype == "FP64":
                assert np.isfinite(tensor).all(), spec.name
        assert not (answer["REASONS"] & int(REFUSALS)).any()
        np.testing.assert_allclose(answer["REGIME"].sum(axis=1), 1.0)

    def test_the_same_request_gives_the_same_bits(self) -> None:
        data = tiny_parameters(SYMBOLS)
        ask, models = request(), linear_predictors(data)
        first = Chain(Parameters.from_json(data), "r").decide(ask, models)
        second = Chain(Parameters.from_json(data), "r").decide(ask, models)
        for name, tensor in first.items():
            assert np.array_equal(tensor, second[name]), name

    def test_nothing_that_was_given_is_changed(self) -> None:
        ask = request()
        ask["BARS"][0, 3, 3] = np.nan
        before = {name: tensor.copy() for name, tensor in ask.items()}
        chain().decide(ask, sure())
        for name, tensor in ask.items():
            assert np.array_equal(tensor, before[name], equal_nan=name == "BARS"), name

    def test_a_full_decision_by_hand(self) -> None:
        ask = request(symbols=SYMBOLS[:1])
        answer = chain().decide(ask, sure())
        # Knots (0, .05) (.5, .5) (1, .95): members .68; all alike, so the stack is .68 and the ensemble .662.
        np.testing.assert_allclose(answer["MEMBER_P_UP"], 0.68, atol=1e-7)
        np.testing.assert_allclose(answer["P_UP"], 0.5 + 0.9 * 0.18, atol=1e-6)
        np.testing.assert_allclose(answer["CONFIDENCE"], 0.324, atol=1e-6)
        assert answer["AGREEMENT"][0, 0] == pytest.approx(1.0)
        np.testing.assert_allclose(answer["P_WIN"], [[0.59, 0.64, 0.69]], atol=1e-7)
        bars = ask["BARS"][0, -15:]
        reach = np.maximum(bars[1:, 1], bars[:-1, 3]) - np.minimum(bars[1:, 2], bars[:-1, 3])
        stop = np.ceil(reach.mean() / 0.25)
        assert answer["STOP_TICKS"][0, 0] == answer["TARGET_TICKS"][0, 0] == stop
        assert answer["DIRECTION"][0, 0] == 1
        odds = (stop - 1) / (stop + 1)
        assert answer["WATERFALL"][0, 0] == pytest.approx(0.64 - 0.36 / odds, abs=1e-6)
        assert answer["RISK_FRACTION"][0, 0] == answer["WATERFALL"][0, -1]
        assert answer["RISK_FRACTION"][0, 0] == pytest.approx(answer["CONTRACTS"][0, 0] * (stop + 1) * 0.5 / 1e6)
        assert answer["VALID_UNTIL"][0, 0] == DATA_THROUGH + 5_400_000_000
        assert answer["RELEASE"][0, 0] == b"20250101-30m-0123456789ab"

    def test_down_is_the_mirror_of_up(self) -> None:
        up, down = chain().decide(request(), sure(0.7)), chain().decide(request(), sure(0.3))
        np.testing.assert_array_equal(up["DIRECTION"], -down["DIRECTION"])
        np.testing.assert_allclose(up["CONTRACTS"], -down["CONTRACTS"])
        np.testing.assert_allclose(up["WATERFALL"], -down["WATERFALL"], atol=1e-9)

    @pytest.mark.parametrize(("name", "cut"), [("BARS", 1), ("BAR_END", 1), ("PORTFOLIO", 1)])
    def test_tensors_that_do_not_fit_the_contract_are_refused(self, name: str, cut: int) -> None:
        ask = request()
        ask[name] = ask[name][:, cut:]
        with pytest.raises(ValueError, match=f"{name} has the shape .* allowed is"):
            chain().decide(ask, sure())

    def test_a_model_that_answers_another_shape_is_named(self) -> None:
        models = {**sure(), "xgboost": lambda x: np.zeros((x.shape[0], 2), dtype=np.float32)}
        with pytest.raises(ValueError, match=r"the output of xgboost has the shape \(4, 2\), allowed is \(4, 1\)"):
            chain().decide(request(), models)


class TestReasons:
    def test_no_reason_when_nothing_is_wrong(self) -> None:
        sizing = {"max_risk_fraction": 1.0, "max_notional_fraction": 1000.0}
        loose = chain(sizing=sizing, instruments=_instruments(max_contracts=10_000))
        answer = loose.decide(request(symbols=SYMBOLS[:1]), sure())
        assert reasons(answer) == Reason(0)
        assert answer["CONTRACTS"][0, 0] > 0

    @pytest.mark.parametrize(
        ("reason", "change"),
        [
            (Reason.UNKNOWN_INSTRUMENT, ("INSTRUMENT", (0, 0), b"ABC")),
            (Reason.BAD_INPUT, ("BARS", (0, WIDTH - 1, 3), np.nan)),
            (Reason.BAD_INPUT, ("BARS", (0, 0, 0), 0.0)),
            (Reason.BAD_INPUT, ("BAR_END", (0, 3), DATA_THROUGH)),
            (Reason.BAD_INPUT, ("AS_OF", (0, 0), DATA_THROUGH - 1)),
            (Reason.STALE_BARS, ("AS_OF", (0, 0), DATA_THROUGH + 5_400_000_001)),
            (Reason.RELEASE_EXPIRED, ("AS_OF", (0, 0), DATA_THROUGH + 345_600_000_001)),
            (Reason.BAD_PORTFOLIO, ("PORTFOLIO", (0, 0), np.nan)),
        ],
    )
    def test_a_refused_row_says_why_and_leaves_its_neighbours_alone(
        self, reason: Reason, change: tuple[str, tuple[int, ...], Any]
    ) -> None:
        data = tiny_parameters(SYMBOLS)
        ours, models = Chain(Parameters.from_json(data), "r"), linear_predictors(data)
        name, place, value = change
        ask, other = request(), request()
        good = ours.decide(request(), models)
        ask[name][place] = value
        other["INSTRUMENT"][0, 0] = b"ANOTHER"
        answer, reference = ours.decide(ask, models), ours.decide(other, models)
        assert reasons(answer) & reason
        assert answer["DIRECTION"][0, 0] == answer["CONTRACTS"][0, 0] == answer["VALID_UNTIL"][0, 0] == 0
        assert not answer["WATERFALL"][0].any()
        assert answer["NOTIONAL_FRACTION"][0, 0] == 0.0
        for key, tensor in answer.items():
            assert np.array_equal(tensor[1:], reference[key][1:]), key
        shared = WATERFALL_STEPS.index("correlation")
        for key in ("P_UP", "CONFIDENCE", "AGREEMENT", "MEMBER_P_UP", "REGIME", "P_WIN", "STOP_TICKS", "DIRECTION"):
            assert np.array_equal(answer[key][1:], good[key][1:]), key
        assert np.array_equal(answer["WATERFALL"][1:, :shared], good["WATERFALL"][1:, :shared])

    def test_a_moment_outside_the_session_table_is_refused_and_not_guessed(self) -> None:
        table = tiny_parameters(SYMBOLS)["surroundings"]
        table["sessions"]["day"] = {key: edges[:89] for key, edges in table["sessions"]["day"].items()}
        answer = chain(surroundings=table).decide(request(), sure())
        assert [reasons(answer, row) & Reason.BAD_INPUT for row in range(4)] == [0, Reason.BAD_INPUT] * 2

    def test_a_row_without_a_prediction_says_so_in_neutral_numbers(self) -> None:
        ask = request()
        ask["BARS"][1, 5, 1] = np.nan
        answer = chain().decide(ask, sure())
        assert answer["P_UP"][1, 0] == 0.5
        assert answer["P_WIN"][1].tolist() == [0.0, 0.5, 1.0]
        assert (answer["MEMBER_P_UP"][1] == 0.5).all()
        for name in ("CONFIDENCE", "AGREEMENT", "REGIME", "STOP_TICKS", "TARGET_TICKS", "HORIZON_BARS"):
            assert not answer[name][1].any(), name

    def test_a_bad_account_keeps_the_prediction(self) -> None:
        ask = request()
        ask["PORTFOLIO"][:, 4] = 1.5
        answer = chain().decide(ask, sure())
        assert reasons(answer) == Reason.BAD_PORTFOLIO
        assert answer["P_UP"][0, 0] > 0.6
        assert answer["STOP_TICKS"][0, 0] > 0
        assert not answer["DIRECTION"].any()

    def test_low_confidence_and_low_agreement(self) -> None:
        answer = chain(thresholds={"confidence": 0.5}).decide(request(), sure())
        assert reasons(answer) == Reason.LOW_CONFIDENCE
        assert not answer["DIRECTION"].any()
        divided = {**sure(0.9), "random_forest": sure(0.1)["lstm"], "catboost": sure(0.1)["lstm"]}
        answer = chain(thresholds={"agreement": 0.8}).decide(request(), divided)
        assert reasons(answer) == Reason.LOW_AGREEMENT
        assert answer["AGREEMENT"][0, 0] == pytest.approx(0.7, abs=0.06), "by the weights of the row's regime"
        assert not answer["CONTRACTS"].any()

    def test_neutral_when_the_interval_contains_break_even(self) -> None:
        win = {"low": [0.3, 0.45, 0.75]}
        answer = chain(win=win).decide(request(), sure(win=0.5))
        assert reasons(answer) == Reason.NEUTRAL
        assert not answer["DIRECTION"].any()
        np.testing.assert_allclose(answer["P_WIN"][0], [0.45, 0.6, 0.65])

    def test_costs_over_the_target_are_neutral_without_edge(self) -> None:
        dear = chain(instruments=_instruments(cost_fraction_round_trip=0.5))
        answer = dear.decide(request(), sure(win=1.0))
        assert reasons(answer) == Reason.NEUTRAL | Reason.NO_KELLY_EDGE

    def test_without_a_proven_edge_direction_and_numbers_stay_but_no_size(self) -> None:
        answer = chain({"edge_proven": False}).decide(request(), sure())
        assert Reason.NO_PROVEN_EDGE in reasons(answer)
        assert (answer["DIRECTION"] == 1).all()
        assert (answer["WATERFALL"][:, 2] > 0).all()
        assert not answer["CONTRACTS"].any()
        assert not answer["RISK_FRACTION"].any()

    def test_caps_and_reductions(self) -> None:
        answer = chain().decide(request(), sure())
        capped = reasons(answer)
        for reason in (Reason.CAP_POSITION, Reason.CAP_RISK, Reason.CAP_NOTIONAL, Reason.CORRELATION_REDUCED):
            assert reason in capped
        ask = request()
        ask["PORTFOLIO"][:] = [0.95e6, 1e6, 1e6, 3.0, 0.5, 0.5]
        reduced = reasons(chain(instruments=_instruments(volatility_reference=1e-5)).decide(ask, sure()))
        for reason in (
            Reason.DRAWDOWN_REDUCED,
            Reason.ADOPTION_REDUCED,
            Reason.BREAKER_REDUCED,
            Reason.VOLATILITY_REDUCED,
        ):
            assert reason in reduced

    def test_under_one_contract_and_few_samples(self) -> None:
        answer = chain(win={"samples": 3}).decide(request(equity=100.0), sure())
        assert Reason.UNDER_ONE_CONTRACT | Reason.FEW_CALIBRATION_SAMPLES in reasons(answer)
        assert not answer["CONTRACTS"].any()

    @pytest.mark.parametrize("name", [*MEMBERS, WIN_PROBABILITY])
    def test_a_model_without_a_number_refuses_its_row_alone(self, name: str) -> None:
        def broken(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            result = np.full((x.shape[0], 1), 0.7, dtype=np.float32)
            result[2] = np.nan
            return result

        answer = chain().decide(request(), {**sure(), name: broken})
        assert reasons(answer, 2) == Reason.BAD_INPUT
        assert answer["CONTRACTS"][2, 0] == 0
        assert answer["DIRECTION"][:, 0].tolist() == [1, 1, 0, 1]


class TestGarbage:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.data())
    def test_no_input_whatever_raises_warns_or_gives_a_size_that_is_no_number(
        self, seed: int, data: st.DataObject
    ) -> None:
        ask = request(seed)
        floats = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1e-300, 1e308, -1e308, 1e15, 1e-9, np.nan])
        times = st.integers(-(2**63), 2**63 - 1)
        for name, value in (("BARS", floats), ("PORTFOLIO", floats), ("BAR_END", times), ("AS_OF", times)):
            for _ in range(data.draw(st.integers(0, 3))):
                place = tuple(data.draw(st.integers(0, size - 1)) for size in ask[name].shape)
                ask[name][place] = data.draw(value)
        answer = chain().decide(ask, sure())
        for spec in OUTPUTS:
            if spec.dtype == "FP64":
                assert np.isfinite(answer[spec.name]).all(), spec.name
        assert (np.abs(answer["CONTRACTS"]) <= 10).all()
        assert (np.abs(answer["RISK_FRACTION"]) <= 0.02).all()
        refused = (answer["REASONS"] & int(REFUSALS | Reason.BAD_PORTFOLIO)) != 0
        assert not answer["DIRECTION"][refused].any()

    def test_prices_volumes_and_accounts_of_any_magnitude_stay_within_the_caps(self) -> None:
        rng, ours = np.random.default_rng(0), chain(instruments=_instruments(tick_size=1e-6))
        for _ in range(60):
            ask = request(int(rng.integers(2**31)))
            ask["BARS"][:, :, :4] *= 10.0 ** rng.uniform(-13, 11, (4, 1, 1))
            ask["BARS"][:, :, 4:] *= 10.0 ** rng.uniform(-300, 14, (4, 1, 1))
            wild = rng.random((4, WIDTH, 8)) < 0.02
            ask["BARS"][wild] = 10.0 ** rng.uniform(-9, 15, wild.sum())
            ask["BARS"][:, :, 1] = np.maximum(ask["BARS"][:, :, 1], ask["BARS"][:, :, 2])
            ask["PORTFOLIO"][:, :3] = 10.0 ** rng.uniform(-3, 15.5, (4, 3))
            answer = ours.decide(ask, sure(rng.random(), rng.random()))
            assert all(np.isfinite(answer[spec.name]).all() for spec in OUTPUTS if spec.dtype == "FP64")
            assert (np.abs(answer["RISK_FRACTION"]) <= 0.02).all()
            assert (np.abs(answer["NOTIONAL_FRACTION"]) <= 3.0).all()

    def test_bytes_that_are_no_text_are_an_unknown_symbol(self) -> None:
        ask = request()
        ask["INSTRUMENT"][1, 0] = b"\xff\xfe"
        answer = chain().decide(ask, sure())
        assert reasons(answer, 1) == Reason.UNKNOWN_INSTRUMENT
        assert answer["DIRECTION"][:, 0].tolist() == [1, 0, 1, 1]

    def test_the_same_instrument_twice_is_one_bet(self) -> None:
        ask = request(symbols=("MNQZ25", "MNQZ25"))
        ask["BARS"][1] = ask["BARS"][0]
        answer = chain().decide(ask, sure())
        step = WATERFALL_STEPS.index("correlation")
        np.testing.assert_allclose(answer["WATERFALL"][:, step], answer["WATERFALL"][:, step - 1] * np.sqrt(0.5))


class TestStages:
    def test_the_steps_of_the_gpu_graph_are_the_whole(self) -> None:
        data = tiny_parameters(SYMBOLS)
        ours, models, ask = Chain(Parameters.from_json(data), "r"), linear_predictors(data), request()
        ask["BARS"][3, 1, 1] = np.nan
        block = ours.features(ask["BARS"], ask["BAR_END"], ask["AS_OF"], ask["INSTRUMENT"])
        raw = [models[name](block.sequence if name == "lstm" else block.tabular) for name in MEMBERS]
        alone = FeatureBlock.without_sequence(block.tabular, block.state, block.row_reasons)
        fused = ours.fuse(alone, np.concatenate(raw, axis=1))
        answer = ours.size(
            p_up=fused.p_up,
            confidence=fused.confidence,
            agreement=fused.agreement,
            member_p_up=fused.member_p_up,
            regime=fused.regime,
            win_raw=models[WIN_PROBABILITY](fused.win_features),
            state=block.state,
            row_reasons=block.row_reasons,
            bar_end=ask["BAR_END"],
            instrument=ask["INSTRUMENT"],
            portfolio=ask["PORTFOLIO"],
        )
        whole = ours.decide(ask, models)
        assert all(np.array_equal(answer[name], whole[name]) for name in whole)
        assert (block.sequence.shape, block.sequence.dtype) == ((4, 20, 8), np.float32)
        assert (block.tabular.dtype, block.state.dtype, block.row_reasons.shape) == (np.float32, np.float64, (4, 1))
        assert not (block.sequence[3].any() or block.tabular[3].any() or block.state[3].any())

    def test_sizing_alone_refuses_a_symbol_that_it_does_not_know(self) -> None:
        ours, ask = chain(), request()
        ask["INSTRUMENT"] = encode_bytes(["NOPE", *SYMBOLS[1:]])
        assert reasons(ours.decide(ask, sure())) == Reason.UNKNOWN_INSTRUMENT

    def test_symbols_may_come_as_text(self) -> None:
        ask = request()
        text = {**ask, "INSTRUMENT": np.array([[symbol] for symbol in SYMBOLS])}
        assert np.array_equal(chain().decide(text, sure())["CONTRACTS"], chain().decide(ask, sure())["CONTRACTS"])

    def test_unused_columns_are_ignored_whatever_they_hold(self) -> None:
        data = tiny_parameters(SYMBOLS, bid_ask=False)
        ours, ask = Chain(Parameters.from_json(data), "r"), request()
        expected = ours.decide(ask, linear_predictors(data))
        ask["BARS"][:, :, 5], ask["BARS"][:, :, 6] = np.nan, -np.inf
        answer = ours.decide(ask, linear_predictors(data))
        assert all(np.array_equal(answer[name], expected[name]) for name in expected)


def _instruments(**changes: Any) -> dict[str, Any]:
    return {symbol: {**row, **changes} for symbol, row in tiny_parameters(SYMBOLS)["instruments"].items()}
