"""What makes a run the same run: the bars, the request, the settings of the profile and the code."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["code_hash", "run_key"]

REPOSITORY = Path(__file__).resolve().parents[2]


def code_hash() -> str:
    """sha256 of the Python code and the Triton blueprint that decide a night's result."""
    digest = hashlib.sha256()
    for root, pattern in (
        ("minhos", "*.py"),
        ("minhos", "*.toml"),
        ("monitoring", "*.py"),
        ("clients/minhos_client", "*.py"),
        ("model_repository", "*.pbtxt"),
        ("model_repository", "*.py"),
        ("requirements", "*.txt"),
    ):
        for path in sorted((REPOSITORY / root).rglob(pattern)):
            digest.update(str(path.relative_to(REPOSITORY)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def run_key(facts: dict[str, Any]) -> str:
    """A short hash of everything that decides the result of a run."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    text = json.dumps({**facts, "code": code_hash(), "python": python}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
