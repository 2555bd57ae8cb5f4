"""One ONNX form for every model: input ``x`` float32 [N, ...], output ``p_up`` float32 [N, 1], proven and reproducible.

Exporters differ in outputs (labels, ZipMaps), names, stamps and versions. ``canonical`` removes all of that, so the
same training gives the same bytes; ``prove`` compares ONNX Runtime with the native library, also on rows that lie
exactly on the trees' thresholds, where float64 thresholds and float32 inputs part ways.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import NightError
from minhos.files import write_bytes

__all__ = ["CONVERTER_OPSET", "OPSET", "canonical", "prove", "session", "threshold_rows", "write_model"]

OPSET = 17
CONVERTER_OPSET = 15  # the newest that onnxmltools writes; its few operators mean the same in opset 17
_IR_VERSION = 8  # the one of opset 17: every ONNX Runtime since 1.12 reads it
_TOLERANCE = 1e-5
Float32 = npt.NDArray[np.float32]


def canonical(model: Any, *, probability: str, column: int | None, shape: tuple[int, ...]) -> Any:
    """The same computation as a ModelProto with fixed names and no stamps.

    ``probability`` names the tensor that holds P(up); ``column`` slices it out of [N, classes] (None: it is [N, 1]
    already); ``shape`` is the input's shape without the batch. Only the nodes that lead to it are kept.

    Raises NightError when the graph has another input than the features.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    constants = {item.name: item for item in model.graph.initializer}
    inputs = [item.name for item in model.graph.input if item.name not in constants]
    if len(inputs) != 1:
        raise NightError(f"ONNX export: the graph has inputs {inputs}, but a model takes exactly one, its features")
    kept = _ancestors(model.graph.node, probability)
    names = {inputs[0]: "x"}
    nodes: list[Any] = []
    used: list[Any] = []
    for node in kept:
        for name in node.input:
            if name and name in constants and name not in names:
                names[name] = f"c{len(used)}"
                tensor = onnx.TensorProto()
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constants[name]), names[name]))
                used.append(tensor)
        copy = onnx.NodeProto(op_type=node.op_type, domain=node.domain, name=f"n{len(nodes)}")
        copy.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
        for attribute in copy.attribute:
            attribute.doc_string = ""
        copy.input.extend([names[name] if name else "" for name in node.input])
        for name in node.output:
            names.setdefault(name, f"t{len(names)}" if name else "")
        copy.output.extend([names[name] for name in node.output])
        nodes.append(copy)
    _finish(nodes, used, names[probability], column)
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info("p_up", TensorProto.FLOAT, ["N", 1])],
        initializer=used,
    )
    versions = {item.domain: item.version for item in model.opset_import}
    domains = sorted({node.domain for node in nodes} | {""})
    opsets = [helper.make_opsetid(domain, versions.get(domain, OPSET) if domain else OPSET) for domain in domains]
    result = helper.make_model(graph, opset_imports=opsets, producer_name="minhos", ir_version=_IR_VERSION)
    onnx.checker.check_model(result)
    return result


def _ancestors(nodes: Any, output: str) -> list[Any]:
    needed, kept = {output}, []
    for node in reversed(list(nodes)):
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
    if not kept:
        raise NightError(f"ONNX export: no node computes {output!r}; the exporter's output names have changed")
    return kept[::-1]


def _finish(nodes: list[Any], constants: list[Any], source: str, column: int | None) -> None:
    from onnx import helper, numpy_helper

    if column is None:
        nodes.append(helper.make_node("Identity", [source], ["p_up"], name="p_up"))
        return
    bounds = {"slice_from": column, "slice_to": column + 1, "slice_axis": 1}
    constants.extend(numpy_helper.from_array(np.array([value], np.int64), name) for name, value in bounds.items())
    nodes.append(helper.make_node("Slice", [source, *bounds], ["p_up"], name="p_up"))


def session(model: bytes, *, threads: int = 1) -> Callable[[Float32], Float32]:
    """``model`` as a function from float32 [N, ...] to float32 [N], by ONNX Runtime on the CPU."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    runtime = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def predict(x: Float32) -> Float32:
        result: Float32 = runtime.run(["p_up"], {"x": np.ascontiguousarray(x, dtype=np.float32)})[0]
        return result.reshape(-1)

    return predict


def threshold_rows(model: Any, rows: Float32, *, count: int, rng: np.random.Generator) -> Float32:
    """Rows of ``rows`` [N, F] with one feature moved onto a tree's threshold, or one float32 step beside it."""
    found = []
    for node in model.graph.node:
        if node.op_type.startswith("TreeEnsemble"):
            values = {item.name: item for item in node.attribute}
            branch = np.array([mode != b"LEAF" for mode in values["nodes_modes"].strings], dtype=bool)
            feature = np.array(values["nodes_featureids"].ints)[branch]
            threshold = np.array(values["nodes_values"].floats, dtype=np.float32)[branch]
            found.append((feature, threshold))
    if not found or not sum(len(feature) for feature, _ in found):
        return rows[:0]
    features = np.concatenate([feature for feature, _ in found])
    thresholds = np.concatenate([threshold for _, threshold in found])
    picked = rng.integers(0, len(features), count)
    result = rows[rng.integers(0, len(rows), count)].copy()
    exact = thresholds[picked]
    beside = np.stack([exact, np.nextafter(exact, np.float32(np.inf)), np.nextafter(exact, np.float32(-np.inf))])
    result[np.arange(count), features[picked]] = beside[np.arange(count) % 3, np.arange(count)]
    return result


def prove(model: Any, native: Callable[[Float32], Float32], rows: Float32, *, name: str) -> float:
    """The largest |ONNX Runtime - native| over ``rows``, noise of their scale, and rows on thresholds.

    Raises NightError when it exceeds 1e-5: a model that predicts something else must not leave training.
    """
    rng = np.random.default_rng(0)
    scale = rows.std(axis=0, keepdims=True) + np.float32(1e-6)
    noise = (rows.mean(axis=0) + 2 * scale * rng.standard_normal((256, *rows.shape[1:]))).astype(np.float32)
    checked = [rows, noise]
    if rows.ndim == 2:
        checked.append(threshold_rows(model, rows, count=1024, rng=rng))
    x = np.concatenate(checked)
    served = session(model.SerializeToString(deterministic=True))(x)
    gap = float(np.abs(served.astype(np.float64) - native(x).astype(np.float64)).max())
    if not gap <= _TOLERANCE:
        raise NightError(
            f"ONNX export of {name}: ONNX Runtime differs from the native library by {gap:.2e} over {len(x)} rows, "
            f"allowed is {_TOLERANCE:.0e}; check the library and ONNX Runtime versions against the lock"
        )
    return gap


def write_model(model: Any, path: Path) -> None:
    """The canonical model's bytes, atomically."""
    write_bytes(path, model.SerializeToString(deterministic=True))
