"""A planted leak of each kind, each caught by the check that training itself calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import LeakError
from minhos.training.labels import LabelKind
from minhos.training.leaks import Seen, check_causal, check_fold, check_label_times, check_labels, check_seen
from minhos.training.samples import Samples
from minhos.training.splits import Fold, walk_forward
from tests.training.market import BAR_US, planted_bars, planted_samples

TICK = 0.01
LABELS = ("up", "win_long", "win_short", "exit_ticks_long", "exit_ticks_short", "bars_held_long", "bars_held_short")


@pytest.fixture(scope="module", params=["triple_barrier", "fixed_horizon"])
def world(request: pytest.FixtureRequest) -> tuple[Samples, np.ndarray, np.ndarray]:
    kind: LabelKind = request.param
    samples = planted_samples(bars=600, symbols=("AAA",), label=kind)
    bars, _ = planted_bars(0, bars=600, edge=1.0)
    return samples, bars, (np.arange(600, dtype=np.int64) + 1) * BAR_US


def folds_of(samples: Samples) -> list[Fold]:
    return walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)


class TestUnpurgedFold:
    def test_the_splitters_own_folds_pass(self, world: tuple[Samples, np.ndarray, np.ndarray]) -> None:
        samples = world[0]
        for fold in folds_of(samples):
            check_fold(fold, samples.t0, samples.t1, where="a family")

    def test_a_fold_that_trains_up_to_its_test_block_is_caught(
        self, world: tuple[Samples, np.ndarray, np.ndarray]
    ) -> None:
        samples = world[0]
        fold = folds_of(samples)[1]
        unpurged = replace(fold, train=np.arange(fold.test[0], dtype=np.int64))
        with pytest.raises(
            LeakError, match=r"lstm, fold 2 of 4: the fold leaks: [1-9]\d* training labels were not known"
        ):
            check_fold(unpurged, samples.t0, samples.t1, where="lstm, fold 2 of 4")

    def test_one_row_too_many_is_enough(self, world: tuple[Samples, np.ndarray, np.ndarray]) -> None:
        samples = world[0]
        fold = folds_of(samples)[1]
        late = np.flatnonzero(samples.t1 + fold.embargo_us > fold.start_us)[:1]
        with pytest.raises(LeakError, match="leaks: 1 training labels"):
            check_fold(replace(fold, train=np.append(fold.train, late)), samples.t0, samples.t1, where="x")

    def test_a_later_start_does_not_hide_it(self, world: tuple[Samples, np.ndarray, np.ndarray]) -> None:
        samples = world[0]
        fold = folds_of(samples)[1]
        shifted = replace(fold, train=np.arange(fold.test[0], dtype=np.int64), start_us=fold.start_us + 20 * BAR_US)
        with pytest.raises(LeakError, match="20 test rows were decided before it"):
            check_fold(shifted, samples.t0, samples.t1, where="x")


class TestShiftedLabel:
    @pytest.mark.parametrize("bars_away", [-3, -1, 1, 3])
    def test_labels_of_other_decisions_are_caught_against_the_bars(
        self, world: tuple[Samples, np.ndarray, np.ndarray], bars_away: int
    ) -> None:
        """All outcomes together, times moved along with them: within the samples nothing contradicts."""
        samples, bars, bar_end = world
        check_labels(samples, bars, bar_end, tick_size=TICK)
        moved = {name: np.roll(getattr(samples, name), -bars_away) for name in (*LABELS, "entry_price")}
        for name in ("t1", "exit_us_long", "exit_us_short"):
            moved[name] = samples.t0 + np.roll(getattr(samples, name) - samples.t0, -bars_away)
        shifted = replace(samples, **moved).take(np.arange(10, len(samples) - 10))
        check_label_times(shifted)
        with pytest.raises(LeakError, match="is not what followed in the bars: the fill is"):
            check_labels(shifted, bars, bar_end, tick_size=TICK)

    def test_a_direction_alone_that_was_shifted_is_caught_against_the_bars(
        self, world: tuple[Samples, np.ndarray, np.ndarray]
    ) -> None:
        samples, bars, bar_end = world
        with pytest.raises(LeakError, match="the direction is"):
            check_labels(replace(samples, up=np.roll(samples.up, 6)), bars, bar_end, tick_size=TICK)

    def test_a_decision_that_was_moved_off_its_bar_is_caught(
        self, world: tuple[Samples, np.ndarray, np.ndarray]
    ) -> None:
        samples, bars, bar_end = world
        with pytest.raises(LeakError, match="its decision is at no bar's end"):
            check_labels(replace(samples, t0=samples.t0 - 1), bars, bar_end, tick_size=TICK)

    def test_a_stored_label_that_was_shifted_is_caught_when_it_is_loaded(self, tmp_path: Path) -> None:
        samples = planted_samples(bars=300)
        replace(samples, up=np.roll(samples.up, 2)).save(tmp_path / "features.npz")
        with pytest.raises(LeakError, match="labels do not belong to their times"):
            Samples.load(tmp_path / "features.npz")

    def test_a_label_that_claims_to_be_known_before_its_trade_ended_is_caught(
        self, world: tuple[Samples, np.ndarray, np.ndarray]
    ) -> None:
        samples = world[0]
        with pytest.raises(LeakError, match="labels do not belong to their times"):
            check_label_times(replace(samples, t1=samples.t0 + 1))


class TestWhatAFitHasSeen:
    fold = Fold(train=np.arange(5), test=np.arange(8, 10), start_us=80, embargo_us=5)

    def test_the_folds_own_rows_pass(self) -> None:
        check_seen({"trees": Seen.of([60, 75, 70])}, self.fold, where="x")

    @pytest.mark.parametrize("known", [76, 80, 500])
    def test_a_scaler_of_all_rows_is_caught(self, known: int) -> None:
        seen = {"network": Seen.of([60, 75]), "scaler": Seen.of([60, known])}
        with pytest.raises(LeakError, match=f"lstm: its scaler has seen 2 rows with labels up to {known} us"):
            check_seen(seen, self.fold, where="lstm")

    def test_a_champions_warm_start_is_caught(self) -> None:
        champion, own = Seen(rows=900, known_us=400), Seen.of([60, 75])
        with pytest.raises(
            LeakError, match=r"its trees has seen 902 rows.*a warm start from a champion belongs in the final"
        ):
            check_seen({"trees": own.and_also(champion)}, self.fold, where="x")

    def test_a_fit_that_says_nothing_is_refused(self) -> None:
        with pytest.raises(LeakError, match="does not say what it has seen"):
            check_seen({}, self.fold, where="x")


class TestFutureBar:
    prices = np.random.default_rng(3).normal(size=300).cumsum()

    @staticmethod
    def causal(prices: np.ndarray) -> np.ndarray:
        """A mean of the last five, [N - 4]."""
        return np.convolve(prices, np.ones(5) / 5, mode="valid")

    def check(self, values: np.ndarray) -> None:
        def again(row: int) -> Mapping[str, np.ndarray]:
            return {"mean": self.causal(self.prices[row : row + 5])[0]}

        check_causal({"mean": values}, again, np.arange(0, 290, 40), where="features of AAA")

    def test_a_window_that_ends_with_its_bar_passes(self) -> None:
        self.check(self.causal(self.prices))

    @pytest.mark.parametrize("ahead", [1, 2])
    def test_a_window_that_holds_a_later_bar_is_caught(self, ahead: int) -> None:
        with pytest.raises(
            LeakError, match="features of AAA: mean of row 0 is another when the bars after it are not there"
        ):
            self.check(np.roll(self.causal(self.prices), -ahead))
