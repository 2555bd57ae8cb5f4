"""Which features a fitted model listens to: shares that sum to 1, comparable from session to session.

SHAP values (Lundberg and Lee 2017) where the library computes them in its trees (Lundberg et al. 2020): the share of a
feature is its mean absolute contribution. Else permutation (Breiman 2001; Fisher, Rudin and Dominici 2019), by how far
the probability moves when the feature's values are shuffled among the rows, all steps of a sequence together. Neither
looks at a label: it is what the model uses, not what is worth using. Features that say the same share what is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.training.families import FittedFamily

__all__ = ["importance_of"]

_SHAP_ROWS = 1000
_PERMUTED_ROWS = 500


def importance_of(
    fitted: FittedFamily, x: npt.NDArray[np.float32], names: Sequence[str], *, seed: int
) -> dict[str, Any]:
    """``{"method": "shap" | "permutation", "rows": n, "share": {feature: share}}``, the largest share first.

    ``x`` float32 [N, F] or [N, steps, F] in time order, F features called ``names``; rows evenly spread over it are used.
    """
    found = fitted.contributions(_spread(x, _SHAP_ROWS))
    if found is not None:
        method, rows, size = "shap", len(found), np.abs(found).mean(axis=0)
    else:
        method, picked = "permutation", _spread(x, _PERMUTED_ROWS)
        rows, size = len(picked), _moved(fitted, picked, seed)
    total = float(size.sum())
    share = size / total if total > 0.0 else np.full(len(size), 1.0 / len(size))
    order = np.argsort(-share, kind="stable")
    return {"method": method, "rows": rows, "share": {names[k]: round(float(share[k]), 6) for k in order.tolist()}}


def _spread(x: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.float32]:
    rows = np.unique(np.linspace(0, len(x) - 1, min(most, len(x))).round().astype(np.int64))
    return x[rows]


def _moved(fitted: FittedFamily, x: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float64]:
    """Mean absolute change of P(up) per shuffled feature; all variants in one call, which is what costs in a network."""
    features, order = x.shape[-1], np.random.default_rng(seed).permutation(len(x))
    variants = np.repeat(x[None], features, axis=0)
    for k in range(features):
        variants[k, ..., k] = x[order][..., k]
    base = fitted.predict_p_up(x).astype(np.float64)
    p = fitted.predict_p_up(variants.reshape(-1, *x.shape[1:])).astype(np.float64)
    moved: npt.NDArray[np.float64] = np.abs(p.reshape(features, len(x)) - base).mean(axis=1)
    return moved
