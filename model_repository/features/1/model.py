"""The step ``features``: bar windows to the members' inputs, by the release's own runtime."""

import steps


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:  # noqa: ARG002 - Triton's signature
        self.chain = steps.load_chain()

    def execute(self, requests: list) -> list:
        return steps.answer_rows(requests, steps.FEATURE_INPUTS, self._features)

    def _features(self, tensors: steps.Tensors) -> steps.Tensors:
        block = self.chain.features(*(tensors[name] for name in steps.FEATURE_INPUTS))
        return {
            "SEQUENCE": block.sequence,
            "TABULAR": block.tabular,
            "STATE": block.state,
            "ROW_REASONS": block.row_reasons,
        }
