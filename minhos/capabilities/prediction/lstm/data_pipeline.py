"""From a fold's training rows to what the network is fitted on: rows spread over the history, and their purged tail.

A row weighs its label's uniqueness times its class's weight, N / (2 N_class) by weight: a history that mostly rose does
not teach the network to say "up". What that does to the probabilities is undone by their calibration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.lstm.settings import LstmSettings
from minhos.errors import NightError
from minhos.training.families import TrainingData
from minhos.training.leaks import Seen
from minhos.training.splits import purged_tail

__all__ = ["LstmData", "class_weights", "prepare"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LstmData:
    """``fit_*`` the network learns from; ``tail_*`` early stopping watches. x float32 [N, steps, C], y, weight float32 [N].

    ``fit_seen`` is what one has seen who knows the fitting rows, ``seen`` who knows the tail too.
    """

    fit_x: Float32
    fit_y: Float32
    fit_weight: Float32
    tail_x: Float32
    tail_y: Float32
    tail_weight: Float32
    fit_seen: Seen
    seen: Seen


def prepare(data: TrainingData, settings: LstmSettings) -> LstmData:
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
    weight = data.weights[rows]
    weight = weight * class_weights(y[fold.train], weight[fold.train])[y.astype(np.int64)]
    return LstmData(
        fit_x=x[fold.train],
        fit_y=y[fold.train],
        fit_weight=weight[fold.train],
        tail_x=x[fold.test],
        tail_y=y[fold.test],
        tail_weight=weight[fold.test],
        fit_seen=Seen.of(data.t1[rows][fold.train]),
        seen=Seen.of(data.t1[rows]),
    )


def class_weights(y: Float32, weight: Float32) -> Float32:
    """Weights of class 0 and class 1, float32 [2], that give both the same total among rows with these weights.

    One class alone weighs 1: there is nothing to balance.
    """
    mass = np.array([weight[y < 0.5].sum(), weight[y >= 0.5].sum()], dtype=np.float64)
    if not (mass > 0).all():
        return np.ones(2, dtype=np.float32)
    balanced: Float32 = (mass.sum() / (2.0 * mass)).astype(np.float32)
    return balanced
