"""What the Python models share: the release's own runtime, and requests to tensors and back.

Stamped beside ``model.py``, with the release under ``release/`` (runtime snapshot, parameters, models).
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

RELEASE = Path(__file__).with_name("release")
FEATURE_INPUTS = ("BARS", "BAR_END", "AS_OF", "INSTRUMENT")
Tensors = dict[str, np.ndarray]
Step = Callable[[Tensors], Mapping[str, np.ndarray]]


def load_chain():
    """The release's chain, from its snapshot. Nothing is written beside it: a published folder is never touched."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(RELEASE / "runtime"))
    from minhos.chain import Chain, Parameters

    parameters = Parameters.from_json(json.loads((RELEASE / "parameters.json").read_text()))
    return Chain(parameters, (RELEASE / "release_id").read_text())


def fused_outputs(fused) -> Tensors:
    """What the fusion says, as the tensors that ``kelly`` takes."""
    return {
        "P_UP": fused.p_up,
        "CONFIDENCE": fused.confidence,
        "AGREEMENT": fused.agreement,
        "MEMBER_P_UP": fused.member_p_up,
        "REGIME": fused.regime,
    }


def answer_rows(requests: Sequence, names: Sequence[str], step: Step) -> list:
    """Rows of all waiting requests in one call of ``step``: for models in which a row is a function of itself alone."""
    if len(requests) == 1:
        return [_answer(requests[0], names, step)]
    try:
        parts = [_read(request, names) for request in requests]
        whole = step({name: np.concatenate([part[name] for part in parts]) for name in names})
    except ValueError:
        return answer_requests(requests, names, step)
    ends = np.cumsum([len(part[names[0]]) for part in parts])[:-1]
    pieces = {name: np.split(value, ends) for name, value in whole.items()}
    return [_respond({name: pieces[name][i] for name in pieces}) for i in range(len(parts))]


def answer_requests(requests: Sequence, names: Sequence[str], step: Step) -> list:
    """One call of ``step`` per request: the rows of a request are one portfolio and never meet another's."""
    return [_answer(request, names, step) for request in requests]


def _answer(request, names: Sequence[str], step: Step):
    try:
        return _respond(step(_read(request, names)))
    except ValueError as error:
        problem = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
        return pb_utils.InferenceResponse(output_tensors=[], error=problem)


def _read(request, names: Sequence[str]) -> Tensors:
    return {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in names}


def _respond(outputs: Mapping[str, np.ndarray]):
    tensors = [pb_utils.Tensor(name, np.ascontiguousarray(value)) for name, value in outputs.items()]
    return pb_utils.InferenceResponse(output_tensors=tensors)
