"""Less after losses: a factor that falls in a straight line from 1 at the equity's peak to 0 at the largest drawdown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "drawdown_factor"]

FloatArray = npt.NDArray[np.float64]


def drawdown_factor(equity: FloatArray, peak_equity: FloatArray, max_drawdown: float) -> FloatArray:
    """``max(0, 1 - drawdown / max_drawdown)``, [B] in 0..1; ``drawdown = 1 - equity / peak`` as a fraction.

    A peak under the equity (the caller books the new peak later) is no drawdown. ``equity`` and ``peak_equity`` > 0.
    """
    drawdown = np.maximum(0.0, 1.0 - equity / peak_equity)
    result: FloatArray = np.maximum(0.0, 1.0 - drawdown / max_drawdown)
    return result
