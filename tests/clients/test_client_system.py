"""The typed client against a real server: decisions, deadlines, and errors that say what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from builders import REGIMES
from tritonclient.utils import InferenceServerException

from minhos.serving.control import TritonControl
from minhos.serving.publisher import publish
from minhos.serving.release import Release, in_process_chain
from minhos.serving.triton import ServerSettings, TritonServer, free_port
from minhos_client.client import TradeClient
from minhos_client.contract import Reason
from minhos_client.decision import Account, Decision
from minhos_client.errors import (
    BadRequest,
    DeadlineExceeded,
    DecisionLogError,
    NotServing,
    ServerUnavailable,
    TradeClientError,
)
from minhos_client.log import DecisionLog
from tests.serving.tiny_release import SERVING, SYMBOLS, parameters, request, tiny_release

pytestmark = pytest.mark.system

WINDOW = parameters()["window"]


@dataclass
class Served:
    url: str
    home: Path
    repository: Path
    control: TritonControl
    release: Release


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    settings = ServerSettings(home=home, serving_environment=SERVING, grpc_port=free_port(), metrics_port=free_port())
    with TritonServer(settings) as server, server.control() as control:
        assert server.state is not None
        url = server.state.url
        with TradeClient(url) as client, pytest.raises(NotServing, match="publish a release first"):
            client.metadata()
        release = tiny_release(home)
        publish(release, repository=settings.models, control=control)
        yield Served(url, home, settings.models, control, release)


@pytest.fixture
def client(served: Served) -> Iterator[TradeClient]:
    with TradeClient(served.url, deadline_seconds=10.0) as client:
        yield client


def ask(client: TradeClient, inputs: dict[str, np.ndarray], **changes: object) -> list[Decision]:
    given = {
        "bars": inputs["BARS"],
        "bar_end": inputs["BAR_END"],
        "as_of": int(inputs["AS_OF"][0, 0]),
        "instruments": SYMBOLS,
        "account": Account(equity=1_000_000.0),
    }
    return client.decide(**{**given, **changes})  # type: ignore[arg-type]


def test_the_metadata_tells_what_is_live(served: Served, client: TradeClient) -> None:
    told = client.metadata()
    assert (told.release, told.window, told.timeframe_seconds) == (served.release.id, WINDOW, 1800)
    assert set(told.symbols) == set(SYMBOLS)


def test_decisions_are_those_of_the_chain_in_process(served: Served, client: TradeClient) -> None:
    inputs = request(seed=21)
    expected = Decision.from_outputs(in_process_chain(served.release)(inputs), SYMBOLS, REGIMES)
    for found, wanted in zip(ask(client, inputs), expected, strict=True):
        assert (found.direction, found.contracts, found.reasons) == (wanted.direction, wanted.contracts, wanted.reasons)
        assert found.p_up == pytest.approx(wanted.p_up, abs=1e-6)
        assert found.member_p_up == pytest.approx(wanted.member_p_up, abs=1e-6)
        assert found.release == served.release.id


def test_of_a_longer_history_the_last_window_counts(served: Served, client: TradeClient) -> None:
    inputs = request(seed=22)
    longer = np.concatenate([np.full((2, 30, 8), 7.0), inputs["BARS"]], axis=1)
    before = inputs["BAR_END"][:, :1] - 1_800_000_000 * np.arange(30, 0, -1)
    history = np.concatenate([before, inputs["BAR_END"]], axis=1)
    assert ask(client, inputs, bars=longer, bar_end=history) == ask(client, inputs)


def test_a_bad_row_says_why_and_its_neighbour_is_served(client: TradeClient) -> None:
    inputs = request(seed=23)
    (_, clean) = ask(client, inputs)
    inputs["BARS"][0, -1, 3] = np.nan
    bad, neighbour = ask(client, inputs)
    assert bad.reasons == Reason.BAD_INPUT and (bad.direction, bad.contracts) == (0, 0)
    assert "unusable" in bad.reason_words[0]
    assert neighbour.p_up == pytest.approx(clean.p_up, abs=1e-12) and not neighbour.reasons & Reason.BAD_INPUT


def test_an_unknown_instrument_and_an_old_release_are_reasons(client: TradeClient) -> None:
    inputs = request(seed=24)
    unknown, known = ask(client, inputs, instruments=("NOBODY", SYMBOLS[1]))
    assert unknown.reasons & Reason.UNKNOWN_INSTRUMENT and not known.reasons & Reason.UNKNOWN_INSTRUMENT
    week_later = int(inputs["AS_OF"][0, 0]) + 7 * 86_400_000_000
    for decision in ask(client, inputs, as_of=week_later):
        assert decision.reasons & Reason.RELEASE_EXPIRED and decision.contracts == 0


def test_an_account_in_ruins_is_a_reason(client: TradeClient) -> None:
    for decision in ask(client, request(seed=25), account=Account(equity=float("nan"))):
        assert decision.reasons & Reason.BAD_PORTFOLIO and decision.contracts == 0


def test_what_is_logged_can_be_replayed_bit_for_bit(served: Served, tmp_path: Path) -> None:
    with (
        DecisionLog(tmp_path / "log.sqlite") as log,
        TradeClient(served.url, deadline_seconds=10.0, log=log) as client,
    ):
        ask(client, request(seed=26))
        (entry,) = log.latest()
    replayed = served.control.infer("trade", entry.inputs)
    assert entry.release == served.release.id and entry.latency_seconds > 0
    for name, value in entry.outputs.items():
        assert replayed[name].tolist() == value.tolist(), name


class TestADecisionInHand:
    """What was answered in time is returned, whatever fails afterwards."""

    def test_a_log_that_cannot_be_written_is_reported_and_the_decision_is_given(
        self, served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        reported: list[DecisionLogError] = []
        log = DecisionLog(tmp_path / "log.sqlite")
        log.close()
        with TradeClient(served.url, deadline_seconds=10.0, log=log, on_log_error=reported.append) as client:
            decisions = ask(client, request(seed=28))
        assert [decision.release for decision in decisions] == [served.release.id] * 2
        (record,) = caplog.records
        assert (record.levelname, record.name) == ("ERROR", "minhos_client.client")
        assert "is not logged" in record.getMessage() and "log.sqlite took no entry" in record.getMessage()
        assert [str(error) in record.getMessage() for error in reported] == [True]

    def test_a_log_that_another_program_holds_is_reported_without_a_callback_too(
        self, served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with (
            DecisionLog(tmp_path / "log.sqlite", busy_timeout_seconds=0.05) as log,
            closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as other,
            TradeClient(served.url, deadline_seconds=10.0, log=log) as client,
        ):
            other.execute("BEGIN IMMEDIATE")
            assert len(ask(client, request(seed=28))) == 2
            other.execute("ROLLBACK")
            assert len(log) == 0
            ask(client, request(seed=28))
            assert len(log) == 1
        assert [record.levelname for record in caplog.records] == ["ERROR"]

    def test_regimes_of_a_new_release_are_numbered_when_there_is_no_time_to_ask_for_their_names(
        self, served: Served
    ) -> None:
        late = chain([0.0, 0.0], repeat(100.0))  # the deadline is over when the answer is there
        clocks = chain(repeat(0.0, 3), late)
        with TradeClient(served.url, deadline_seconds=10.0, clock=lambda: next(clocks)) as client:
            assert set(ask(client, request(seed=29))[0].regime) == set(REGIMES)
            other = tiny_release(served.home, seed=3)
            publish(other, repository=served.repository, control=served.control)
            try:
                (numbered, _) = ask(client, request(seed=29))
            finally:
                publish(served.release, repository=served.repository, control=served.control)
        assert numbered.release == other.id
        assert list(numbered.regime) == [f"regime_{k}" for k in range(4)] and sum(
            numbered.regime.values()
        ) == pytest.approx(1.0)


class TestErrors:
    def test_nobody_at_the_address(self) -> None:
        with (
            TradeClient(f"127.0.0.1:{free_port()}", deadline_seconds=2.0) as client,
            pytest.raises(ServerUnavailable, match="minhos serve"),
        ):
            ask(client, request())

    def test_a_deadline_that_cannot_be_met(self, client: TradeClient) -> None:
        client.metadata()
        with pytest.raises(DeadlineExceeded, match="longer deadline_seconds"):
            ask(client, request(rows=2), deadline_seconds=0.0002)

    def test_a_deadline_that_is_over_before_the_call(self, client: TradeClient) -> None:
        with pytest.raises(DeadlineExceeded):
            ask(client, request(), deadline_seconds=1e-9)

    def test_a_model_that_nobody_published(self, served: Served) -> None:
        with TradeClient(served.url, model="trade__nobody") as client, pytest.raises(NotServing, match="trade__nobody"):
            client.metadata()

    def test_too_short_a_history_names_both_lengths(self, client: TradeClient) -> None:
        inputs = request()
        with pytest.raises(BadRequest, match=f"{WINDOW - 1} bars .* needs the last {WINDOW}"):
            ask(client, inputs, bars=inputs["BARS"][:, 1:], bar_end=inputs["BAR_END"][:, 1:])

    def test_bars_of_another_shape_are_named(self, client: TradeClient) -> None:
        with pytest.raises(BadRequest, match=r"bars has shape \(2, 84, 7\)"):
            ask(client, request(), bars=request()["BARS"][..., :7])

    def test_every_error_is_a_trade_client_error(self) -> None:
        assert issubclass(BadRequest, TradeClientError)


class TestMalformedTensors:
    """What the typed client cannot even send is a gRPC error of the server."""

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("BARS", np.zeros((2, WINDOW, 7)), "unexpected shape"),
            ("BARS", np.zeros((2, WINDOW, 8), np.float32), "unexpected datatype|data-type"),
            ("AS_OF", None, "expected 5 inputs but got 4|missing"),
            ("PORTFOLIO", np.zeros((1, 6)), "batch"),
        ],
    )
    def test_wrong_shape_type_or_a_missing_input(
        self, served: Served, name: str, value: np.ndarray | None, words: str
    ) -> None:
        inputs = {**request(), name: value}
        tensors = []
        for key, array in inputs.items():
            if array is None:
                continue
            kinds = {"float64": "FP64", "float32": "FP32", "int64": "INT64", "object": "BYTES"}
            tensor = triton.InferInput(key, list(array.shape), kinds[array.dtype.name])
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)
        with (
            triton.InferenceServerClient(served.url) as raw,
            pytest.raises(InferenceServerException, match=words) as caught,
        ):
            raw.infer("trade", tensors)
        assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"

    def test_the_next_good_request_is_served(self, client: TradeClient) -> None:
        assert len(ask(client, request())) == 2


def test_a_release_with_another_window_is_followed_without_an_error(served: Served, client: TradeClient) -> None:
    inputs = request(seed=27, window=WINDOW + 3)
    assert ask(client, inputs)[0].release == served.release.id
    wider = tiny_release(served.home, seed=2, window=WINDOW + 3)
    publish(wider, repository=served.repository, control=served.control)
    assert {decision.release for decision in ask(client, inputs)} == {wider.id}
    assert client.metadata().window == WINDOW + 3
    publish(served.release, repository=served.repository, control=served.control)
    short = request(seed=27)
    assert {decision.release for decision in ask(client, short)} == {served.release.id}
