"""From a fold's training rows to what the network is fitted on: the newest rows, and their own purged tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from minhos.errors import NightError
from minhos.training.families import TrainingData
from minhos.training.profiles import LstmProfile
from minhos.training.splits import purged_tail

__all__ = ["LstmData", "prepare"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LstmData:
    """``fit_*`` the network learns from; ``tail_*`` early stopping watches. x float32 [N, steps, C], y float32 [N]."""

    fit_x: Float32
    fit_y: Float32
    tail_x: Float32
    tail_y: Float32


def prepare(data: TrainingData, settings: LstmProfile) -> LstmData:
    """The newest ``max_samples`` rows, cut in time into a fitting part and the fold's own purged tail.

    Raises NightError when the input is not [N, steps, C] or the rows are too few to cut.
    """
    if data.x.ndim != 3:
        raise NightError(f"lstm: got inputs of shape {data.x.shape}, but it takes sequences [N, steps, features]")
    newest = slice(-settings.max_samples if settings.max_samples else None, None)
    x, y = data.x[newest], data.y[newest].astype(np.float32)
    fold = purged_tail(data.t0[newest], data.t1[newest], fraction=settings.tail_fraction, embargo_us=data.embargo_us)
    return LstmData(x[fold.train], y[fold.train], x[fold.test], y[fold.test])
