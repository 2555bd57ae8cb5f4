"""The step ``experts``: features, the five members, fusion and the win probability in one process (CPU profile)."""

import numpy as np
import steps
from sessions import open_predictors

MEMBERS = ("lstm", "random_forest", "xgboost", "lightgbm", "catboost")


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:  # noqa: ARG002 - Triton's signature
        self.chain = steps.load_chain()
        self.models = open_predictors(steps.RELEASE / "onnx", (*MEMBERS, "win_probability"))

    def execute(self, requests: list) -> list:
        return steps.answer_rows(requests, steps.FEATURE_INPUTS, self._judge)

    def _judge(self, tensors: steps.Tensors) -> steps.Tensors:
        block = self.chain.features(*(tensors[name] for name in steps.FEATURE_INPUTS))
        raw = [self.models[name](block.sequence if name == "lstm" else block.tabular) for name in MEMBERS]
        fused = self.chain.fuse(block, np.concatenate(raw, axis=1))
        return {
            **steps.fused_outputs(fused),
            "WIN_RAW": self.models["win_probability"](fused.win_features),
            "STATE": block.state,
            "ROW_REASONS": block.row_reasons,
        }
