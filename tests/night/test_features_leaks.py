"""A future bar in a feature and a smoothed regime: the features step itself stops at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from minhos.chain import Chain, FeatureBlock
from minhos.errors import LeakError
from minhos.market_data.night_bars import NightBars
from minhos.night.steps.features import samples_of
from tests.night.test_rolled_samples import FEES, NEW, parameters

Planted = Callable[[FeatureBlock, npt.NDArray[np.float64], dict[str, Any]], FeatureBlock]


def next_bars_value(block: FeatureBlock, _bars: npt.NDArray[np.float64], _p: dict[str, Any]) -> FeatureBlock:
    """One feature shifted by a bar, as a centred window or a bar's open time would do."""
    tabular = block.tabular.copy()
    tabular[:, 3] = np.roll(tabular[:, 3], -1)
    return replace(block, tabular=tabular)


def next_step_in_the_sequence(block: FeatureBlock, _bars: npt.NDArray[np.float64], _p: dict[str, Any]) -> FeatureBlock:
    sequence = block.sequence.copy()
    sequence[:-1, -1, 0] = block.sequence[1:, -1, 0]
    return replace(block, sequence=sequence)


def smoothed_regime(block: FeatureBlock, bars: npt.NDArray[np.float64], p: dict[str, Any]) -> FeatureBlock:
    """hmmlearn's own probabilities of calm and volatile: forward and backward over the whole history."""
    from hmmlearn.hmm import GaussianHMM

    regime = p["regime"]["volatility"]
    model = GaussianHMM(n_components=2, covariance_type="diag", init_params="")
    model.startprob_, model.transmat_ = np.array(regime["stationary"]), np.array(regime["transition"])
    model.means_, model.covars_ = np.array(regime["means"])[:, None], np.array(regime["stds"])[:, None] ** 2
    smoothed = model.predict_proba(np.diff(np.log(bars[:, 3]))[:, None])
    state = block.state.copy()
    trend = state[:, 3:].reshape(-1, 2, 2).sum(axis=1)
    state[:, 3:] = (smoothed[-len(state) :, :, None] * trend[:, None, :]).reshape(-1, 4)
    return replace(block, state=state)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (next_bars_value, "features of NQH26: tabular of row 0 is another"),
        (next_step_in_the_sequence, "features of NQH26: sequence of row 0 is another"),
        (smoothed_regime, "features of NQH26: state of row .* or a smoothed regime"),
    ],
)
def test_a_planted_look_ahead_stops_the_features_step(
    monkeypatch: pytest.MonkeyPatch, plant: Planted, words: str
) -> None:
    given = parameters(NEW, FEES)
    honest = Chain.history_block

    def leaking(self: Chain, bars: npt.NDArray[np.float64], bar_end: npt.NDArray[np.int64]) -> FeatureBlock:
        block = honest(self, bars, bar_end)
        return plant(block, bars, given)

    samples_of(NightBars.of(NEW), FEES, given, None)
    monkeypatch.setattr(Chain, "history_block", leaking)
    with pytest.raises(LeakError, match=words):
        samples_of(NightBars.of(NEW), FEES, given, None)
