"""Tiny, true releases for the tests: linear ONNX models, the builders' parameters, a golden request and a few candidates."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from minhos.serving.release import MODELS, Release, build_release
from tests.builders import fake_request, tiny_parameters

__all__ = ["SERVING", "SYMBOLS", "linear_onnx", "parameters", "request", "tiny_release"]

SYMBOLS = ("MNQH25", "ESH25")
ROOT = Path(__file__).resolve().parents[2]
SERVING = Path(os.environ.get("MINHOS_SERVING_ENVIRONMENT", ROOT / ".venv-serving"))


def parameters() -> dict[str, Any]:
    return tiny_parameters(SYMBOLS)


def request(seed: int = 0, rows: int = 2, window: int | None = None) -> dict[str, np.ndarray]:
    """A request of ``rows`` instruments, in turn the two symbols; ``window`` is the release's by default."""
    symbols = [SYMBOLS[row % 2] for row in range(rows)]
    return fake_request(np.random.default_rng(seed), symbols, window or parameters()["window"])


def linear_onnx(path: Path, dims: tuple[int, ...], seed: int) -> Path:
    """``p_up = sigmoid(flatten(clip(x)) @ w)`` as an ONNX file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    size = int(np.prod(dims))
    weights = np.random.default_rng(seed).normal(0.0, 1.5 / np.sqrt(size), (size, 1)).astype(np.float32)
    limits = [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("low", -5.0), ("high", 5.0))]
    graph = helper.make_graph(
        [
            helper.make_node("Clip", ["x", "low", "high"], ["bounded"]),
            helper.make_node("Flatten", ["bounded"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weights"], ["score"]),
            helper.make_node("Sigmoid", ["score"], ["p_up"]),
        ],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *dims])],
        [helper.make_tensor_value_info("p_up", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(weights, "weights"), *limits],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def tiny_release(
    folder: Path, *, seed: int = 1, facts: dict[str, Any] | None = None, window: int | None = None
) -> Release:
    """A release in ``folder / "releases"``; another seed gives other models and so another release."""
    content = parameters()
    content["window"] = window or content["window"]
    tabular = len(content["features"]["tabular"])
    dims = {"lstm": (20, 8), "win_probability": (tabular + 4,)}
    models = folder / f"models-{seed}"
    models.mkdir(parents=True, exist_ok=True)
    onnx = {
        name: linear_onnx(models / f"{name}.onnx", dims.get(name, (tabular,)), seed * 10 + number)
        for number, name in enumerate(MODELS)
    }
    return build_release(
        releases=folder / "releases",
        parameters=content,
        onnx=onnx,
        manifest={"note": "tiny", **(facts or {})},
        golden_inputs=[request(seed, window=content["window"]) for seed in range(4)],
    )
