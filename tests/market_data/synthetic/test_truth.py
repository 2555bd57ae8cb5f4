"""The truth of an exchange as a night's gate asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_market import END

from minhos.market_data.synthetic import Truth, read_truth, write_exchange
from minhos.market_data.synthetic.bayes import accuracy_bound
from minhos.market_data.synthetic.law import PlaceboLaw, PlantedLaw


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return write_exchange(tmp_path_factory.mktemp("planted"), seed=1, sessions=3, end=END).truth


@pytest.fixture(scope="module")
def placebo(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("placebo")
    return write_exchange(folder, seed=1, sessions=3, end=END, market="placebo").truth


def test_json_both_ways_keeps_every_number(planted: Truth, placebo: Truth, tmp_path: Path) -> None:
    for truth, law in ((planted, PlantedLaw), (placebo, PlaceboLaw)):
        (tmp_path / "truth.json").write_text(truth.model_dump_json())
        assert read_truth(tmp_path) == truth
        assert isinstance(truth.law, law)


def test_on_bars_of_one_step_the_limit_is_exact(planted: Truth) -> None:
    assert planted.accuracy_limit(timeframe_seconds=300, horizon_bars=6) == planted.accuracies.exact
    assert planted.accuracies.exact == pytest.approx(0.68, abs=2e-4)


def test_on_longer_bars_the_limit_of_six_steps_holds(planted: Truth) -> None:
    for timeframe in (600, 1_800, 86_400):
        assert planted.accuracy_limit(timeframe_seconds=timeframe, horizon_bars=6) == planted.accuracies.exact


def test_within_steps_and_over_fewer_of_them_there_is_a_bound_that_is_not_tight(planted: Truth) -> None:
    assert isinstance(planted.law, PlantedLaw)
    for timeframe, bars in ((60, 6), (300, 3), (420, 6)):
        limit = planted.accuracy_limit(timeframe_seconds=timeframe, horizon_bars=bars)
        assert limit == accuracy_bound(planted.law, timeframe * bars)
        assert 0.7 < limit < 1


def test_the_placebo_has_the_bounce_and_nothing_else(placebo: Truth) -> None:
    assert (placebo.accuracy, placebo.growth, placebo.accuracies.exact) == (None, None, None)
    assert 0.5 < placebo.accuracy_limit(timeframe_seconds=300, horizon_bars=6) < 0.53


def test_the_planted_truth_orders_what_can_be_known(planted: Truth) -> None:
    seen, growth = planted.accuracies, planted.growth
    assert seen.exact and seen.from_bars and seen.from_own_bars and seen.from_flow_sign and growth
    assert seen.exact > seen.from_bars.value > seen.from_own_bars.value > seen.from_flow_sign.value > 0.5
    assert growth.ratio == pytest.approx(growth.sized / growth.constant)
    assert list(growth.win_quantiles) == ["0.05", "0.25", "0.5", "0.75", "0.95"]
