"""ONNX Runtime sessions as the chain's predictors: one thread each, the same offline and inside Triton.

A publish copies this file beside every Python model of a release, so it imports NumPy and ONNX Runtime only.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["Predictor", "open_predictor", "open_predictors"]

Predictor = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def open_predictor(path: Path) -> Predictor:
    """A model file as a function ``x: float32 [N, ...] -> p_up: float32 [N, 1]``.

    Raises ValueError when the file is not a model with input ``x`` and output ``p_up``, or when it cannot be run.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as refusals

    refused = (
        refusals.Fail,
        refusals.InvalidArgument,
        refusals.InvalidGraph,
        refusals.InvalidProtobuf,
        refusals.NoSuchFile,
        refusals.NotImplemented,
        refusals.RuntimeException,
    )

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except refused as error:
        raise ValueError(f"{path} is not a model that ONNX Runtime reads: {error}") from error
    names = ([tensor.name for tensor in session.get_inputs()], [tensor.name for tensor in session.get_outputs()])
    if names != (["x"], ["p_up"]):
        raise ValueError(f"{path}: a model has the input x and the output p_up, this one has {names[0]} and {names[1]}")

    def predict(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        try:
            answer: npt.NDArray[np.float32] = session.run(["p_up"], {"x": x})[0]
        except refused as error:
            raise ValueError(f"{path} does not take x {x.dtype} {x.shape}: {error}") from error
        return answer.reshape(len(x), 1)

    return predict


def open_predictors(folder: Path, names: Iterable[str]) -> dict[str, Predictor]:
    """``<folder>/<name>.onnx`` for every name."""
    return {name: open_predictor(folder / f"{name}.onnx") for name in names}
