"""XGBoost classifiers as canonical ONNX graphs: used by the ensemble's member and by the win probability."""

from __future__ import annotations

from typing import Any

from minhos.training.onnx_export import CONVERTER_OPSET, canonical

__all__ = ["xgboost_graph"]


def xgboost_graph(classifier: Any, width: int) -> Any:
    """The canonical ModelProto of a fitted binary ``XGBClassifier`` over ``width`` float32 features."""
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    raw = convert_xgboost(
        classifier, initial_types=[("x", FloatTensorType([None, width]))], target_opset=CONVERTER_OPSET
    )
    return canonical(raw, probability=raw.graph.output[1].name, column=1, shape=(width,))
