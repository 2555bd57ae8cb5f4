"""The step ``kelly``: from probabilities to whole contracts. The rows of one request are one portfolio."""

import steps

NAMES = (
    "P_UP",
    "CONFIDENCE",
    "AGREEMENT",
    "MEMBER_P_UP",
    "REGIME",
    "WIN_RAW",
    "STATE",
    "ROW_REASONS",
    "BAR_END",
    "INSTRUMENT",
    "PORTFOLIO",
)


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:  # noqa: ARG002 - Triton's signature
        self.chain = steps.load_chain()

    def execute(self, requests: list) -> list:
        return steps.answer_requests(requests, NAMES, self._size)

    def _size(self, tensors: steps.Tensors) -> steps.Tensors:
        return self.chain.size(**{name.lower(): value for name, value in tensors.items()})
