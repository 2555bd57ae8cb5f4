"""From a fold's training rows to what the network is fitted on: rows spread over the history, and their purged tail."""

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
    """At most ``max_samples`` rows, evenly spread in time, cut into a fitting part and the fold's own purged tail.

    Spread, because labels of neighbouring rows overlap: the same number of newest rows says much less.
    Raises NightError when the input is not [N, steps, C] or the rows are too few to cut.
    """
    if data.x.ndim != 3:
        raise NightError(f"lstm: got inputs of shape {data.x.shape}, but it takes sequences [N, steps, features]")
    count = len(data.y) if settings.max_samples is None else min(settings.max_samples, len(data.y))
    rows = np.linspace(0, len(data.y) - 1, count).round().astype(np.int64)
    x, y = data.x[rows], data.y[rows].astype(np.float32)
    fold = purged_tail(data.t0[rows], data.t1[rows], fraction=settings.tail_fraction, embargo_us=data.embargo_us)
    return LstmData(x[fold.train], y[fold.train], x[fold.test], y[fold.test])
