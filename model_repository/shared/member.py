"""An ONNX model in the Python backend: what the CPU server has in place of the ONNX Runtime backend.

Stamped as ``1/model.py`` of every model that is one ONNX file (``x`` float32 [N, ...] -> ``p_up`` float32 [N, 1]).
"""

from pathlib import Path

import steps
from sessions import open_predictor


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:  # noqa: ARG002 - Triton's signature
        self.predict = open_predictor(Path(__file__).with_name("model.onnx"))

    def execute(self, requests: list) -> list:
        return steps.answer_rows(requests, ("x",), lambda tensors: {"p_up": self.predict(tensors["x"])})
