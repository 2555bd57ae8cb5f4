"""The typed client of the Triton ensemble ``trade``: bars and an account in, decisions out, in time or not at all."""

from __future__ import annotations

import json
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
    NotServing,
    ServerUnavailable,
    TradeClientError,
)
from minhos_client.log import DecisionLog

__all__ = ["Metadata", "TradeClient"]

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
    :param clock: a clock that measures latency (seconds, monotonic).
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "trade",
        deadline_seconds: float = 1.0,
        log: DecisionLog | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not deadline_seconds > 0:
            raise ValueError(f"deadline_seconds is {deadline_seconds}: give a positive number of seconds")
        self.url = url
        self.model = model
        self.deadline_seconds = deadline_seconds
        self._log = log
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
        :returns: one Decision per instrument, in order. A refused row is flat and says why; it never raises.

        A release with another window published between two calls costs one silent second try.
        Raises BadRequest, DeadlineExceeded, ServerUnavailable, NotServing or ContractMismatch.
        """
        started = self._clock()
        ends_at = started + (self.deadline_seconds if deadline_seconds is None else deadline_seconds)
        values, times = np.asarray(bars, np.float64), np.asarray(bar_end, np.int64)
        known = self._metadata or self._ask_metadata(self._left(ends_at))
        self._metadata = known
        for attempt in (1, 2):
            try:
                inputs = _request(values, times, as_of, instruments, account, known)
                outputs = self._infer(inputs, self._left(ends_at))
            except BadRequest:
                fresh = self._ask_metadata(self._left(ends_at))
                self._metadata = fresh
                if attempt == 2 or fresh.window == known.window:
                    raise
                known = fresh
                continue
            break
        regimes = known.regime_names
        if contract.decode_bytes(outputs.get("RELEASE", _NOTHING))[:1] != [known.release]:
            self._metadata = self._ask_metadata(self._left(ends_at))
            regimes = self._metadata.regime_names
        try:
            decisions = Decision.from_outputs(outputs, instruments, regimes)
        except ValueError as error:
            raise ContractMismatch(f"the answer of {self.url} cannot be read: {error}") from error
        if self._log is not None:
            self._log.append(inputs, outputs, latency_seconds=self._clock() - started)
        return decisions

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


def _request(
    bars: npt.NDArray[np.float64],
    bar_end: npt.NDArray[np.int64],
    as_of: int,
    instruments: Sequence[str],
    account: Account,
    known: Metadata,
) -> dict[str, contract.Array]:
    """The contract's input tensors, the last ``window`` bars of what was given."""
    count, columns = len(instruments), len(contract.BAR_COLUMNS)
    if bars.ndim != 3 or bars.shape[0] != count or bars.shape[2] != columns:
        raise BadRequest(f"bars has shape {bars.shape}, expected [{count} instruments, time, {columns} columns]")
    if bar_end.shape != bars.shape[:2]:
        raise BadRequest(f"bar_end has shape {bar_end.shape}, the bars say {bars.shape[:2]}")
    if count == 0:
        raise BadRequest("no instruments were given: ask for one at least")
    if bars.shape[1] < known.window:
        raise BadRequest(
            f"{bars.shape[1]} bars per instrument were given, release {known.release} needs the last {known.window}"
        )
    try:
        portfolio = account.rows(count)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return {
        "BARS": np.ascontiguousarray(bars[:, -known.window :]),
        "BAR_END": np.ascontiguousarray(bar_end[:, -known.window :]),
        "AS_OF": np.full((count, 1), as_of, np.int64),
        "INSTRUMENT": contract.encode_bytes(list(instruments)),
        "PORTFOLIO": portfolio,
    }
