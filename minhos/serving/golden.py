"""Golden requests: questions whose answers a release carries, asked again wherever it is served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import ServingError
from minhos.files import write_durable
from minhos_client.contract import BYTES, INPUTS, OUTPUTS, TensorSpec, decode_bytes
from minhos_client.tensors import pack, unpack

__all__ = ["TOLERANCE", "Ask", "Golden", "Proof", "check_request", "prove", "read_golden", "write_golden"]

TOLERANCE = 1e-6
DTYPES = {"FP64": np.float64, "INT64": np.int64, "INT32": np.int32}

Array = npt.NDArray[Any]
Ask = Callable[[Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True)
class Golden:
    """One request of the contract and the answer of the chain in process."""

    inputs: dict[str, Array]
    answers: dict[str, Array]

    @property
    def has_position(self) -> bool:
        """True when a row has a direction, so that its waterfall is not all zeros."""
        return bool(self.answers["WATERFALL"].any())


@dataclass(frozen=True)
class Proof:
    """What asking the golden requests showed; ``words`` names every difference, or says that there is none and how much
    of the sizer was asked."""

    passes: bool
    largest_difference: float
    words: str


def check_request(inputs: Mapping[str, Array], *, window: int, name: str = "golden request") -> None:
    """Refuses tensors that are not a request of the contract; ``name`` says in the message which request it is.

    Raises ServingError, which names the tensor, its shape and dtype, and what the contract says.
    """
    if set(inputs) != {spec.name for spec in INPUTS}:
        raise ServingError(
            f"the {name} has the tensors {', '.join(sorted(inputs))}, the contract "
            f"{', '.join(spec.name for spec in INPUTS)}"
        )
    count = len(inputs["AS_OF"])
    for spec in INPUTS:
        value = inputs[spec.name]
        wanted = (count, *_dims(spec, window))
        dtype_fits = value.dtype.kind in "OSU" if spec.dtype == BYTES else value.dtype == DTYPES[spec.dtype]
        if value.shape != wanted or not dtype_fits or count == 0:
            raise ServingError(
                f"the {name}'s {spec.name} is {value.dtype} {value.shape}, the contract says "
                f"{spec.dtype} {wanted} with at least one row"
            )


def _dims(spec: TensorSpec, window: int) -> tuple[int, ...]:
    return tuple(window if dim == "W" else int(dim) for dim in spec.dims)


def write_golden(path: Path, golden: list[Golden]) -> None:
    """Writes requests and answers as one npz file without pickles (names ``<n>.in.BARS``, ``<n>.out.P_UP``)."""
    tensors: dict[str, Array] = {}
    for number, one in enumerate(golden):
        tensors |= {f"{number}.in.{name}": value for name, value in one.inputs.items()}
        tensors |= {f"{number}.out.{name}": value for name, value in one.answers.items()}
    write_durable(path, pack(tensors))


def read_golden(path: Path) -> list[Golden]:
    """The requests and answers of ``write_golden``, in order."""
    tensors = unpack(path.read_bytes())
    found: dict[int, Golden] = {}
    for key, value in tensors.items():
        number, side, name = key.split(".")
        one = found.setdefault(int(number), Golden({}, {}))
        (one.inputs if side == "in" else one.answers)[name] = value
    return [found[number] for number in sorted(found)]


def prove(ask: Ask, golden: list[Golden], *, release_id: str, tolerance: float = TOLERANCE) -> Proof:
    """Asks every golden request again.

    Floating-point tensors may differ by ``tolerance``; whole numbers (direction, contracts, ticks, reasons, times)
    and the release id must be equal. NaN equals NaN.
    """
    largest, differences = 0.0, []
    for number, one in enumerate(golden):
        served = ask(one.inputs)
        for spec in OUTPUTS:
            if spec.name not in served:
                differences.append(f"request {number}: {spec.name} is missing")
                continue
            if spec.dtype == BYTES:
                names = sorted(set(decode_bytes(np.asarray(served[spec.name]))))
                if names != [release_id]:
                    differences.append(f"request {number}: {spec.name} is {', '.join(names)}, not {release_id}")
                continue
            expected, found = one.answers[spec.name], served[spec.name]
            if expected.shape != found.shape:
                differences.append(f"request {number}: {spec.name} has shape {found.shape}, not {expected.shape}")
                continue
            gap = _largest_gap(expected, found)
            largest = max(largest, gap if expected.dtype.kind == "f" else 0.0)
            if gap > (tolerance if expected.dtype.kind == "f" else 0):
                differences.append(f"request {number}: {spec.name} differs by up to {gap:.3g}")
    positions = sum(one.has_position for one in golden)
    words = "; ".join(differences) or (
        f"{len(golden)} golden requests answered as in process, {positions or 'none'} of them with a position in the "
        f"waterfall (largest difference {largest:.1e}, allowed {tolerance:.0e})"
    )
    return Proof(passes=not differences, largest_difference=largest, words=words)


def _largest_gap(expected: Array, found: Array) -> float:
    both_nan = np.isnan(expected.astype(np.float64)) & np.isnan(found.astype(np.float64))
    gap = np.abs(np.where(both_nan, 0.0, expected - found.astype(expected.dtype)))
    return float(np.where(np.isnan(gap), np.inf, gap).max(initial=0.0))
