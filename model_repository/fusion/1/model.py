"""The step ``fusion``: five raw members to one calibrated probability, and the win model's inputs."""

import numpy as np
import steps

MEMBERS = ("LSTM", "RANDOM_FOREST", "XGBOOST", "LIGHTGBM", "CATBOOST")


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:  # noqa: ARG002 - Triton's signature
        self.chain = steps.load_chain()

    def execute(self, requests: list) -> list:
        return steps.answer_rows(requests, (*MEMBERS, "TABULAR", "STATE", "ROW_REASONS"), self._fuse)

    def _fuse(self, tensors: steps.Tensors) -> steps.Tensors:
        from minhos.chain import FeatureBlock

        block = FeatureBlock.without_sequence(tensors["TABULAR"], tensors["STATE"], tensors["ROW_REASONS"])
        fused = self.chain.fuse(block, np.concatenate([tensors[name] for name in MEMBERS], axis=1))
        return {**steps.fused_outputs(fused), "WIN_FEATURES": fused.win_features}
