"""Named tensors as bytes: what the decision log stores and what identifies a request."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import numpy as np

from minhos_client.contract import Array

__all__ = ["pack", "tensors_hash", "unpack"]


def pack(tensors: Mapping[str, Array]) -> bytes:
    """Tensors as the bytes of an npz file without pickles (text as fixed-width bytes); same tensors, same bytes."""
    buffer = io.BytesIO()
    plain = {
        name: value.astype(np.bytes_) if value.dtype == np.object_ else value for name, value in sorted(tensors.items())
    }
    np.savez(buffer, allow_pickle=False, **plain)
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, Array]:
    """The inverse of ``pack``: text comes back as an object array of bytes, fit to be sent again."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {
            name: archive[name].astype(np.object_) if archive[name].dtype.kind == "S" else archive[name]
            for name in archive.files
        }


def tensors_hash(inputs: Mapping[str, Array]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of the tensors."""
    digest = hashlib.sha256()
    for name, value in sorted(inputs.items()):
        plain = value.astype(np.bytes_) if value.dtype == np.object_ else value
        digest.update(f"{name} {plain.dtype.str} {plain.shape}\n".encode())
        digest.update(np.ascontiguousarray(plain).tobytes())
    return digest.hexdigest()
