"""A future bar in a feature: the features step itself stops at it (at a smoothed regime: `test_regimes`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from minhos.chain import Chain, FeatureBlock
from minhos.errors import LeakError
from minhos.market_data.night_bars import NightBars
from minhos.night.steps.features import samples_of
from tests.night.test_rolled_samples import FEES, NEW, parameters

Planted = Callable[[FeatureBlock], FeatureBlock]


def next_bars_value(block: FeatureBlock) -> FeatureBlock:
    """One feature shifted by a bar, as a centred window or a bar's open time would do."""
    tabular = block.tabular.copy()
    tabular[:, 3] = np.roll(tabular[:, 3], -1)
    return replace(block, tabular=tabular)


def next_step_in_the_sequence(block: FeatureBlock) -> FeatureBlock:
    sequence = block.sequence.copy()
    sequence[:-1, -1, 0] = block.sequence[1:, -1, 0]
    return replace(block, sequence=sequence)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (next_bars_value, "features of NQH26: tabular of row 0 is another"),
        (next_step_in_the_sequence, "features of NQH26: sequence of row 0 is another"),
    ],
)
def test_a_planted_look_ahead_stops_the_features_step(
    monkeypatch: pytest.MonkeyPatch, plant: Planted, words: str
) -> None:
    given = parameters(NEW, FEES)
    honest = Chain.history_block

    def leaking(
        self: Chain, bars: npt.NDArray[np.float64], bar_end: npt.NDArray[np.int64], symbol: str
    ) -> FeatureBlock:
        return plant(honest(self, bars, bar_end, symbol))

    samples_of(NightBars.of(NEW), FEES, given, None)
    monkeypatch.setattr(Chain, "history_block", leaking)
    with pytest.raises(LeakError, match=words):
        samples_of(NightBars.of(NEW), FEES, given, None)
