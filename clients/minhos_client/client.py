"""The typed client of the Triton ensemble ``trade``: bars and an account in, decisions out, in time or not at all."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from minhos_client import contract
from minhos_client.decision import Account, Decision
from minhos_client.errors import (
    BadRequest,
    ContractMismatch,
    DeadlineExceeded,
    DecisionLogError,
    NotServing,
    ServerUnavailable,
    TradeClientError,
)
from minhos_client.log import DecisionLog
from minhos_client.request import read_question

__all__ = ["Metadata", "TradeClient"]

LOGGER: Final = logging.getLogger(__name__)

ERRORS: Final[dict[str, type[TradeClientError]]] = {
    "StatusCode.DEADLINE_EXCEEDED": DeadlineExceeded,
    "StatusCode.UNAVAILABLE": ServerUnavailable,
    "StatusCode.NOT_FOUND": NotServing,
    "StatusCode.INVALID_ARGUMENT": BadRequest,
}
ADVICE: Final[dict[type[TradeClientError], str]] = {
    DeadlineExceeded: "trade nothing on it, or give a longer deadline_seconds",
    ServerUnavailable: "is the server running (`minhos serve`), and is this its address?",
    NotServing: "publish a release first: run a night (`make run`)",
    BadRequest: "see the contract for shapes and types",
}
_NOTHING: Final = np.empty(0, np.object_)


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the live release says of itself. Ages and lengths in seconds, ``data_through`` in UTC microseconds."""

    contract_version: int
    release: str
    window: int
    timeframe_seconds: int
    data_through: int
    max_age_seconds: int
    max_staleness_seconds: int
    horizon_bars: int
    edge_proven: bool
    columns: tuple[str, ...]
    tabular_features: tuple[str, ...]
    sequence_features: tuple[str, ...]
    regime_names: tuple[str, ...]
    symbols: tuple[str, ...]

    @classmethod
    def from_parameters(cls, parameters: dict[str, str]) -> Metadata:
        """From the ``parameters`` of the ensemble's configuration.

        Raises ContractMismatch for another contract version or for an ensemble that is not one of ours.
        """
        spoken = parameters.get("contract_version", "none")
        if spoken != str(contract.VERSION):
            raise ContractMismatch(
                f"the server speaks version {spoken} of the decision contract, this client version "
                f"{contract.VERSION}: install the client of the server's version, or ask for that release's server"
            )
        try:
            values: dict[str, Any] = {
                name: parameters[name] if name == "release" else json.loads(parameters[name])
                for name in cls.__dataclass_fields__
            }
        except (KeyError, json.JSONDecodeError) as error:
            raise ContractMismatch(
                f"the server's ensemble does not describe itself as the contract asks ({error!r})"
            ) from error
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = tuple(value)
        return cls(**values)


class TradeClient:
    """A connection to one server; give every thread its own. Also a context manager.

    :param url: ``host:port`` of the server's gRPC service.
    :param model: the ensemble; ``trade`` is the live release, ``trade__<release>`` one release by name.
    :param deadline_seconds: the longest wait for one answer, everything included.
    :param log: where every answer is written with its request; None keeps nothing.
    :param on_log_error: called when an answer could not be written, beside the ERROR in the ``logging`` of this module;
        the decision is returned all the same, unless the call raises.
    :param clock: a clock that measures latency (seconds, monotonic).
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "trade",
        deadline_seconds: float = 1.0,
        log: DecisionLog | None = None,
        on_log_error: Callable[[DecisionLogError], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not deadline_seconds > 0:
            raise ValueError(f"deadline_seconds is {deadline_seconds}: give a positive number of seconds")
        self.url = url
        self.model = model
        self.deadline_seconds = deadline_seconds
        self._log = log
        self._on_log_error = on_log_error
        self._clock = clock
        self._metadata: Metadata | None = None
        self._triton = triton.InferenceServerClient(url)

    def __enter__(self) -> TradeClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; the log stays open, it belongs to the caller."""
        self._triton.close()

    def metadata(self, *, refresh: bool = False) -> Metadata:
        """What the live release says of itself; asked once, then remembered until ``refresh`` or a changed shape.

        Raises ServerUnavailable, NotServing, DeadlineExceeded or ContractMismatch.
        """
        if self._metadata is None or refresh:
            self._metadata = self._ask_metadata(self.deadline_seconds)
        return self._metadata

    def decide(
        self,
        bars: npt.ArrayLike,
        bar_end: npt.ArrayLike,
        as_of: int,
        instruments: Sequence[str],
        account: Account,
        *,
        deadline_seconds: float | None = None,
    ) -> list[Decision]:
        """Decisions for the instruments of one portfolio at one moment.

        :param bars: float64 [B, T, 8], T >= the release's window (the last ``window`` bars are sent), oldest first,
            columns as ``contract.BAR_COLUMNS``; a column the source does not have is NaN.
        :param bar_end: int64 [B, T], UTC microseconds at which each bar was complete.
        :param as_of: UTC microseconds of the decision; live: now.
        :param instruments: at most ``request.MAX_ROWS`` symbols.
        :returns: one Decision per instrument, in order. A refused row is flat and says why; it never raises.

        A release with another window published between two calls costs one silent second try. An answer in hand is
        returned even when it cannot be logged, or when its release cannot be asked for the names of its regimes
        (they are then ``regime_0``, ``regime_1``, ...).
        Raises BadRequest, DeadlineExceeded, ServerUnavailable, NotServing or ContractMismatch.
        """
        started = self._clock()
        ends_at = started + (self.deadline_seconds if deadline_seconds is None else deadline_seconds)
        question = read_question(bars, bar_end, as_of, instruments, account)
        known = self._metadata or self._ask_metadata(self._left(ends_at))
        self._metadata = known
        for attempt in (1, 2):
            try:
                inputs = question.tensors(window=known.window, release=known.release)
                outputs = self._infer(inputs, self._left(ends_at))
            except BadRequest:
                fresh = self._ask_metadata(self._left(ends_at))
                self._metadata = fresh
                if attempt == 2 or fresh.window == known.window:
                    raise
                known = fresh
                continue
            break
        try:
            regimes = self._regime_names(outputs, known, ends_at)
            decisions = Decision.from_outputs(outputs, question.instruments, regimes)
        except ValueError as error:
            raise ContractMismatch(f"the answer of {self.url} cannot be read: {error}") from error
        if self._log is not None:
            self._keep(self._log, inputs, outputs, latency_seconds=self._clock() - started)
        return decisions

    def _regime_names(self, outputs: dict[str, contract.Array], known: Metadata, ends_at: float) -> tuple[str, ...]:
        """Names of the columns of REGIME, numbers where the release that answered cannot be asked for its own."""
        answered = contract.decode_bytes(outputs.get("RELEASE", _NOTHING))[:1]
        if answered != [known.release]:
            try:
                known = self._metadata = self._ask_metadata(self._left(ends_at))
            except ContractMismatch:
                raise
            except TradeClientError as error:
                LOGGER.warning("the regimes of release %s are numbered, not named: %s", " ".join(answered), error)
        if answered == [known.release]:
            return known.regime_names
        return tuple(f"regime_{number}" for number in range(outputs.get("REGIME", _NOTHING).shape[-1]))

    def _keep(
        self,
        log: DecisionLog,
        inputs: dict[str, contract.Array],
        outputs: dict[str, contract.Array],
        *,
        latency_seconds: float,
    ) -> None:
        try:
            log.append(inputs, outputs, latency_seconds=latency_seconds)
        except DecisionLogError as error:
            LOGGER.error("an answer of %s was given, but is not logged: %s", self.url, error)
            if self._on_log_error is not None:
                self._on_log_error(error)

    def _left(self, ends_at: float) -> float:
        left = ends_at - self._clock()
        if left <= 0:
            raise DeadlineExceeded(f"no answer of {self.url} within the deadline: {ADVICE[DeadlineExceeded]}")
        return left

    def _ask_metadata(self, seconds: float) -> Metadata:
        try:
            answer = self._triton.get_model_config(self.model, client_timeout=seconds)
        except InferenceServerException as error:
            raise self._typed(error) from error
        return Metadata.from_parameters({key: value.string_value for key, value in answer.config.parameters.items()})

    def _infer(self, inputs: dict[str, contract.Array], seconds: float) -> dict[str, contract.Array]:
        tensors = []
        for spec in contract.INPUTS:
            tensor = triton.InferInput(spec.name, list(inputs[spec.name].shape), spec.dtype)
            tensor.set_data_from_numpy(inputs[spec.name])
            tensors.append(tensor)
        try:
            answer = self._triton.infer(self.model, tensors, client_timeout=seconds)
        except InferenceServerException as error:
            raise self._typed(error) from error
        found = {spec.name: answer.as_numpy(spec.name) for spec in contract.OUTPUTS}
        return {name: value for name, value in found.items() if value is not None}

    def _typed(self, error: InferenceServerException) -> TradeClientError:
        kind = ERRORS.get(error.status() or "", TradeClientError)
        if kind is ServerUnavailable and "timeout expired" in error.message():
            kind = DeadlineExceeded
        if kind is ServerUnavailable and "is not ready" in error.message():
            kind = NotServing
        if kind is BadRequest and "unknown model" in error.message():
            kind = NotServing
        advice = ADVICE.get(kind, "see the server's log")
        return kind(f"no decision of `{self.model}` at {self.url}: {error.message()}; {advice}")
