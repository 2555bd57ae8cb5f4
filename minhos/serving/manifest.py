"""What a release is on disk: its manifest, its identity, its files."""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from minhos.errors import ServingError
from minhos.files import canonical_json, sha256_of
from minhos.market_data.timeframes import timeframe_name
from minhos.serving.golden import Golden, read_golden
from minhos_client import contract

__all__ = ["GOLDEN", "MANIFEST", "MODELS", "Manifest", "Release", "hashes_of", "identify", "load_release"]

MODELS = (*contract.MEMBERS, "win_probability")
MANIFEST = "manifest.json"
GOLDEN = "golden.npz"


class Manifest(BaseModel):
    """What a release says of itself. ``files`` maps every other file to its SHA-256; ``facts`` are free words.

    ``golden_requests_sha256``: of the golden request, of its first row, and of all candidates together (if any).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: str
    contract_version: int
    data_through: int
    timeframe_seconds: int
    window: int
    win_feature_count: int
    edge_proven: bool
    symbols: tuple[str, ...]
    golden_requests_sha256: tuple[str, ...]
    facts: dict[str, Any]
    files: dict[str, str]


@dataclass(frozen=True)
class Release:
    """A release on disk. Nothing in it is ever written again."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        return self.manifest.release

    def parameters(self) -> dict[str, Any]:
        """``parameters.json`` as it was given to ``build_release``."""
        value: dict[str, Any] = json.loads((self.path / "parameters.json").read_text(encoding="utf-8"))
        return value

    def onnx(self, model: str) -> Path:
        return self.path / "onnx" / f"{model}.onnx"

    def golden(self) -> list[Golden]:
        return read_golden(self.path / GOLDEN)


def load_release(path: Path) -> Release:
    """Reads a release's manifest without checking the files (``verify_release`` does).

    Raises ServingError when there is no release or its manifest is not one of this version.
    """
    try:
        manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise ServingError(f"{path} is not a release: it has no {MANIFEST}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ServingError(
            f"{path / MANIFEST} is not a manifest of this version ({first['loc']}: {first['msg']}): "
            "publish another release, or use the version that made this one"
        ) from error
    return Release(path=path, manifest=manifest)


def hashes_of(root: Path) -> dict[str, str]:
    """Every file under ``root`` with its SHA-256, by its path inside."""
    return {path.relative_to(root).as_posix(): sha256_of(path) for path in sorted(root.rglob("*")) if path.is_file()}


def identify(manifest: Manifest) -> str:
    """The id that the content has: golden answers are left out, they follow from the rest (and carry the id)."""
    content = manifest.model_dump(mode="json", exclude={"release", "win_feature_count"})
    content["files"].pop(GOLDEN, None)
    day = dt.datetime.fromtimestamp(manifest.data_through / 1e6, tz=dt.UTC)
    digest = hashlib.sha256(canonical_json(content)).hexdigest()
    return f"{day:%Y%m%d}-{timeframe_name(manifest.timeframe_seconds)}-{digest[:12]}"
