"""What every fitted tree model is: how it predicts natively, how it becomes a graph, rows to prove that on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.training.leaks import Seen
from minhos.training.onnx_export import prove, write_model

__all__ = ["PROOF_ROWS", "FittedTrees", "p_of_up"]

Float32 = npt.NDArray[np.float32]
PROOF_ROWS = 512


@dataclass(frozen=True)
class FittedTrees:
    """A fitted model of the family ``name``.

    ``native`` is the library's own float32 [N, F] -> P(up) [N]; ``graph`` makes the canonical ONNX model; ``proof_rows``
    float32 [M, F] are training rows on which (and on thresholds between which) the two must agree. ``trained`` is what the
    trees have seen; ``shap`` float32 [N, F] -> [N, F] the library's own SHAP values, where it has them.
    """

    name: str
    native: Callable[[Float32], npt.NDArray[Any]]
    graph: Callable[[], Any]
    proof_rows: Float32
    trained: Seen
    shap: Callable[[Float32], npt.NDArray[Any]] | None = None

    @property
    def seen(self) -> Mapping[str, Seen]:
        """Trees need no scaler: there is one part."""
        return {"trees": self.trained}

    def predict_p_up(self, x: Float32) -> Float32:
        """P(up) float32 [N] by the native library."""
        return np.asarray(self.native(x)).astype(np.float32)

    def contributions(self, x: Float32) -> npt.NDArray[np.float64] | None:
        """What each feature adds to each row's log odds, [N, F]; None where the library cannot say."""
        return None if self.shap is None else np.asarray(self.shap(x), dtype=np.float64)

    def to_onnx(self, path: Path) -> float:
        """Write the canonical graph; returns the parity gap. Raises NightError when it exceeds what is allowed."""
        model = self.graph()
        gap = prove(model, self.predict_p_up, self.proof_rows, name=self.name)
        write_model(model, path)
        return gap


def p_of_up(classifier: Any, **options: Any) -> Callable[[Float32], npt.NDArray[Any]]:
    """The second column of a scikit-learn style ``predict_proba``."""

    def native(x: Float32) -> npt.NDArray[Any]:
        return np.asarray(classifier.predict_proba(x, **options))[:, 1]

    return native
