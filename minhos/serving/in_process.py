"""The chain of a release in this process: how golden answers are made, and what a server is compared with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import MinhosError, ServingError
from minhos.files import sha256_of
from minhos.serving.golden import Golden
from minhos.serving.golden_choice import answer_requests
from minhos.serving.manifest import MODELS, Release
from minhos.serving.sessions import Predictor, open_predictors
from minhos.serving.snapshot import snapshot_sources

__all__ = ["answer_golden", "in_process_chain", "plain"]

Array = npt.NDArray[Any]


def in_process_chain(release: Release) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """The release's chain in this process: contract inputs to contract outputs, ONNX Runtime on one thread.

    Raises ServingError when the release carries other runtime code than this platform: then only a server, which
    runs the release's own snapshot, gives its answers.
    """
    for name, source in snapshot_sources().items():
        if release.manifest.files.get(f"runtime/{name}") != sha256_of(source):
            raise ServingError(
                f"release {release.id} carries another {name} than this platform: ask it through a server"
            )
    return _chain(release.path, release.id, release.parameters())


def _chain(
    folder: Path,
    release_id: str,
    parameters: Mapping[str, Any],
    watch: Callable[[str, Array], None] = lambda _name, _x: None,
) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    from minhos.chain import Chain, Parameters

    chain = Chain(Parameters.from_json(dict(parameters)), release_id)

    def watched(name: str, predict: Predictor) -> Predictor:
        def call(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            watch(name, x)
            return predict(x)

        return call

    predictors = {name: watched(name, predict) for name, predict in open_predictors(folder / "onnx", MODELS).items()}
    return lambda inputs: dict(chain.decide(inputs, predictors))


def answer_golden(
    folder: Path, release_id: str, parameters: Mapping[str, Any], requests: Sequence[Mapping[str, Array]]
) -> tuple[list[Golden], int]:
    """The golden requests (`answer_requests` chooses them) with the chain's answers, and the win model's feature count.

    Raises ServingError when the chain or a model cannot answer.
    """
    widths: dict[str, int] = {}
    try:
        ask = _chain(folder, release_id, parameters, lambda name, x: widths.update({name: x.shape[1]}))
        golden = answer_requests(
            lambda request: {name: plain(value) for name, value in ask(request).items()},
            requests,
            parameters["instruments"],
        )
    except MinhosError:
        raise
    except (ValueError, RuntimeError) as error:
        raise ServingError(f"the release's chain does not answer its golden requests: {error}") from error
    return golden, widths["win_probability"]


def plain(value: Array) -> Array:
    """Text as an object array of bytes (what gRPC takes), everything else as it is."""
    if value.dtype.kind not in "OSU":
        return np.ascontiguousarray(value)
    texts = [item if isinstance(item, bytes) else str(item).encode() for item in value.reshape(-1)]
    return np.array(texts, np.object_).reshape(value.shape)
