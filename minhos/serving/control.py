"""Talking to a running Triton as its operator: load, unload, readiness, one inference."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from minhos.errors import ServingError

__all__ = ["KEY_NAME", "TritonControl"]

KEY_NAME = "minhos-key"
TRITON_DTYPES = {"f8": "FP64", "f4": "FP32", "i8": "INT64", "i4": "INT32", "O": "BYTES"}

Array = npt.NDArray[Any]


class TritonControl:
    """A gRPC connection with the key of the restricted protocols; one per thread.

    Every refusal of the server is a ServingError with the server's own words.
    """

    def __init__(self, url: str, *, key: str | None = None, timeout_seconds: float = 120.0) -> None:
        import tritonclient.grpc as triton

        self.url = url
        self._timeout = timeout_seconds
        self._headers = {f"triton-grpc-protocol-{KEY_NAME}": key} if key else None
        self._client = triton.InferenceServerClient(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _words(self, what: str) -> Iterator[None]:
        from tritonclient.utils import InferenceServerException

        try:
            yield
        except InferenceServerException as error:
            raise ServingError(f"Triton at {self.url} could not {what}: {error.message()}") from error

    def server_ready(self) -> bool:
        """True when the server answers; nobody listening is False, not an error."""
        from tritonclient.utils import InferenceServerException

        try:
            return bool(self._client.is_server_ready(client_timeout=2.0))
        except InferenceServerException:
            return False

    def model_ready(self, name: str) -> bool:
        with self._words(f"say whether `{name}` is ready"):
            return bool(self._client.is_model_ready(name, client_timeout=self._timeout))

    def load(self, name: str) -> None:
        """Loads a model and, for an ensemble, its members. A no-op unless a file of it became newer."""
        with self._words(f"load `{name}`"):
            self._client.load_model(name, headers=self._headers, client_timeout=self._timeout)

    def unload(self, name: str, *, dependents: bool = False) -> None:
        """Unloads a model; with ``dependents`` the members too that nothing else uses. Requests in flight finish."""
        with self._words(f"unload `{name}`"):
            self._client.unload_model(
                name, headers=self._headers, unload_dependents=dependents, client_timeout=self._timeout
            )

    def index(self) -> dict[str, str]:
        """Every model of the repository with its state (``READY``, ``UNAVAILABLE``, ``UNLOADING``, or empty)."""
        with self._words("list its models"):
            answer = self._client.get_model_repository_index(headers=self._headers, client_timeout=self._timeout)
        return {model.name: model.state for model in answer.models}

    def parameters(self, name: str) -> dict[str, str]:
        """The ``parameters`` of a loaded model's configuration."""
        with self._words(f"give the configuration of `{name}`"):
            answer = self._client.get_model_config(name, client_timeout=self._timeout)
        return {key: value.string_value for key, value in answer.config.parameters.items()}

    def infer(self, name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One request; arrays in the dtypes that the model declares (text as an object array of bytes)."""
        import tritonclient.grpc as triton

        tensors = []
        for key, value in inputs.items():
            code = "O" if value.dtype == np.object_ else value.dtype.str[1:]
            tensor = triton.InferInput(key, list(value.shape), TRITON_DTYPES[code])
            tensor.set_data_from_numpy(np.ascontiguousarray(value))
            tensors.append(tensor)
        with self._words(f"answer a request to `{name}`"):
            answer = self._client.infer(name, tensors, client_timeout=self._timeout)
        return {item.name: answer.as_numpy(item.name) for item in answer.get_response().outputs}
