"""The limit of the triple-barrier label: what the gate's leak alarm compares with."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.synthetic import Truth, read_truth, write_exchange
from minhos.market_data.synthetic.bayes import accuracy_bound
from minhos.market_data.synthetic.law import PlantedLaw
from minhos.night import label_limit as module
from minhos.night.label_limit import label_limit, priced_bars
from minhos.night.recipe import RECIPE
from minhos.training.labels import Barriers
from tests.drawn_market import drawn, traded_closes

EVEN = Barriers(stop_atr=1.0, target_atr=1.0, horizon_bars=6)


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Truth]:
    folder = tmp_path_factory.mktemp("markets")
    for market in ("planted", "placebo"):
        write_exchange(folder / market, seed=1, sessions=3, end=date(2026, 3, 5), market=market, mean_ticks=6)  # type: ignore[arg-type]
    return read_truth(folder / "planted"), read_truth(folder / "placebo")


def of(truth: Truth) -> list[Instrument]:
    known = load_instruments(None)
    return [known.find(symbol) for symbol in truth.symbols]


@pytest.fixture
def few_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SESSIONS", 60)
    module._counted.cache_clear()


def test_a_fixed_horizon_has_its_exact_limit(exchanges: tuple[Truth, Truth]) -> None:
    for truth in exchanges:
        limit = label_limit(truth, of(truth), label="fixed_horizon", barriers=EVEN, timeframe_seconds=300)
        assert (limit.line, limit.error) == (truth.accuracies.limit, 0.0)


@pytest.mark.usefixtures("few_sessions")
def test_which_trade_ends_better_is_as_predictable_as_the_sign_of_the_move(exchanges: tuple[Truth, Truth]) -> None:
    """68.4 % (counted over 2000 sessions of two instruments) to the 68.0 % of the fixed horizon."""
    limit = label_limit(exchanges[0], of(exchanges[0]), label="triple_barrier", barriers=EVEN, timeframe_seconds=300)
    assert limit.value == pytest.approx(0.684, abs=4 * limit.error)
    assert 0.001 < limit.error < 0.006
    assert limit.line == limit.value + 2 * limit.error


@pytest.mark.usefixtures("few_sessions")
def test_without_an_edge_the_tick_is_all_there_is(exchanges: tuple[Truth, Truth]) -> None:
    limit = label_limit(exchanges[1], of(exchanges[1]), label="triple_barrier", barriers=EVEN, timeframe_seconds=300)
    assert 0.5 <= limit.value < 0.53


def test_bars_within_a_step_have_a_bound(exchanges: tuple[Truth, Truth]) -> None:
    planted, placebo = exchanges
    assert isinstance(planted.law, PlantedLaw)
    within = label_limit(planted, of(planted), label="triple_barrier", barriers=EVEN, timeframe_seconds=60)
    assert within.line == accuracy_bound(planted.law, 360)
    assert label_limit(placebo, of(placebo), label="triple_barrier", barriers=EVEN, timeframe_seconds=60).line == 0.6


def test_its_bars_are_those_that_are_traded() -> None:
    market = drawn(0.68, sessions=3)
    bars, last = priced_bars(market, 0, 1)
    assert np.array_equal(bars[:, 3], traded_closes(market, 0))
    assert np.array_equal(last, np.arange(len(bars)))
    longer, ends = priced_bars(market, 0, 4)
    assert np.array_equal(longer[:, 3], bars[ends, 3])
    assert longer[0].tolist() == [bars[0, 0], bars[:4, 1].max(), bars[:4, 2].min(), bars[3, 3]]


@pytest.mark.thorough
@pytest.mark.system
def test_no_rule_on_the_true_state_is_right_more_often_than_the_sign_of_beta_times_flow() -> None:
    """A table of the state, 40 classes of flow and 7 of the barrier's width, learned on half of the sessions."""
    market = drawn(0.68, sessions=1200, mean_ticks=30.0)
    session = np.cumsum(market.steps.position == 0)
    right, better, held_out = [], [], []
    for index, instrument in enumerate(market.instruments):
        bars, last = priced_bars(market, index, 1)
        decisions, up = module._directions(bars, RECIPE.barriers, instrument.tick_size)
        at = last[decisions]
        sign = module._best_guess(market, index, at, bars[decisions, 3], up, instrument.tick_size)
        toward = np.where(sign, up, 1 - up)
        width = module.atr(np.column_stack([bars, np.ones((len(bars), 4))]))[decisions - len(bars)] / bars[decisions, 3]
        width /= np.array(market.law.volatility)[market.path.volatility_state[at]] * market.steps.weight[at]  # type: ignore[union-attr]
        flow = market.path.flow[at, index]
        classes = np.searchsorted(np.quantile(flow, np.arange(1, 40) / 40), flow)
        wide = np.searchsorted(np.quantile(width, [0.05, 0.2, 0.4, 0.6, 0.8, 0.95]), width)
        state = 2 * market.path.edge_state[at] + market.path.volatility_state[at]
        cell = (state * 40 + classes) * 7 + wide
        learn = session[at] % 2 == 0
        rate = np.bincount(cell[learn], toward[learn], 4 * 40 * 7) / np.maximum(
            np.bincount(cell[learn], minlength=1120), 1
        )
        right.append(toward[~learn])
        better.append(np.where(rate[cell[~learn]] >= 0.5, toward[~learn], 1 - toward[~learn]))
        held_out.append(session[at][~learn])
    gain = np.concatenate(better) - np.concatenate(right).astype(float)
    block = np.concatenate(held_out)
    each = np.bincount(block, gain)[np.unique(block)] / np.bincount(block)[np.unique(block)]
    assert gain.mean() < 3 * each.std(ddof=1) / np.sqrt(len(each))
