from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from minhos.errors import NightError
from minhos.training.onnx_export import canonical, prove, session


def linear(name: str, *, stamp: str) -> onnx.ModelProto:
    """[1 - p, p] with p = sigmoid(x0), plus a label output, with names and stamps of the day."""
    nodes = [
        helper.make_node("MatMul", [f"{name}_in", f"{name}_w"], [f"{name}_z"], name=f"{name}_1", doc_string=stamp),
        helper.make_node("Sigmoid", [f"{name}_z"], ["probabilities"], name=f"{name}_2"),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, name=f"{name}_3"),
    ]
    weights = helper.make_tensor(f"{name}_w", TensorProto.FLOAT, [2, 2], [-1.0, 1.0, 0.0, 0.0])
    graph = helper.make_graph(
        nodes,
        f"graph {stamp}",
        [helper.make_tensor_value_info(f"{name}_in", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, None),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        initializer=[weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name=stamp)
    helper.set_model_props(model, {"train_finish_time": stamp})
    return model


def native(x: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-x[:, 0]))).astype(np.float32)


def test_two_exports_of_one_computation_become_the_same_bytes() -> None:
    one, two = (
        canonical(linear(name, stamp=name), probability="probabilities", column=1, shape=(2,))
        for name in ("monday", "tuesday")
    )
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)


def test_a_canonical_model_has_one_input_x_and_one_output_p_up() -> None:
    model = canonical(linear("m", stamp="s"), probability="probabilities", column=1, shape=(2,))
    assert [item.name for item in model.graph.input] == ["x"]
    assert [item.name for item in model.graph.output] == ["p_up"]
    assert "ArgMax" not in {node.op_type for node in model.graph.node}
    x = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    assert session(model.SerializeToString())(x) == pytest.approx(native(x), abs=1e-6)
    assert session(model.SerializeToString())(x[:1]).shape == (1,)


def test_a_model_that_predicts_something_else_may_not_leave() -> None:
    model = canonical(linear("m", stamp="s"), probability="probabilities", column=0, shape=(2,))
    with pytest.raises(NightError, match="ONNX export of wrong: ONNX Runtime differs"):
        prove(model, native, np.zeros((5, 2), np.float32) + 1, name="wrong")


def test_a_graph_with_a_second_input_is_refused() -> None:
    raw = linear("m", stamp="s")
    raw.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1]))
    with pytest.raises(NightError, match=r"inputs \['m_in', 'scale'\]"):
        canonical(raw, probability="probabilities", column=1, shape=(2,))


def test_an_output_that_nothing_computes_is_refused() -> None:
    with pytest.raises(NightError, match="no node computes 'p'"):
        canonical(linear("m", stamp="s"), probability="p", column=1, shape=(2,))
