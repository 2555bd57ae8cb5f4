"""The samples' regimes are of filters that were fitted before them: later bars change no fold's evaluation."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import EnsembleSettings, LastFold, evaluate_last_fold, fit_ensemble
from minhos.capabilities.position_sizing.api import WinSettings
from minhos.chain import Chain, Parameters
from minhos.errors import LeakError
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.night_bars import NightBars
from minhos.night.parameters import feature_parameters, instrument_table, surroundings_table, untrained
from minhos.night.recipe import RECIPE
from minhos.night.regimes import known_regimes, with_regimes
from minhos.night.steps.features import samples_of
from minhos.training.samples import Samples, concatenate
from minhos.training.splits import Fold, walk_forward
from minhos_client.contract import MEMBERS

BAR_US = 1_800_000_000
SYMBOLS = ("MNQZ25", "MESZ25")
SETTINGS = EnsembleSettings(win=WinSettings(trees=10, threads=1))


def market(seed: int, bars: int = 2400) -> np.ndarray:
    """Bars float64 [T, 8] that are calm and volatile in turn."""
    rng = np.random.default_rng(seed)
    scale = np.where(np.cumsum(rng.random(bars) < 0.02) % 2, 0.003, 0.001)
    close = np.round(20_000 * np.exp(np.cumsum(scale * rng.normal(size=bars))) * 4) / 4
    opened = np.concatenate([[20_000.0], close[:-1]])
    wick = np.round(rng.exponential(8.0, (2, bars)) * 4) / 4
    volume = rng.integers(500, 2000, bars).astype(float)
    flow = [volume, 0.4 * volume, 0.6 * volume, volume / 5]
    high, low = np.maximum(opened, close) + wick[0], np.minimum(opened, close) - wick[1]
    return np.stack([opened, high, low, close, *flow], axis=1)


def night(change_after: int | None = None) -> list[NightBars]:
    """A night's bars; with ``change_after`` every later bar of the market is another one, at half as much again."""
    values = {symbol: market(number) for number, symbol in enumerate(SYMBOLS)}
    if change_after is not None:
        for number, bars in enumerate(values.values()):
            bars[change_after:] = market(number + 50)[change_after:]
            bars[change_after:, :4] *= 1.5
    ends = (np.arange(2400, dtype=np.int64) + 1) * BAR_US
    return [NightBars.of(BarSeries(symbol, 1800, ends, bars)) for symbol, bars in values.items()]


def table() -> dict[str, Instrument]:
    known = load_instruments(None)
    return {symbol: known.find(symbol) for symbol in SYMBOLS}


def parameters_of(bars: list[NightBars]) -> dict[str, Any]:
    return {
        **feature_parameters([one.series for one in bars], RECIPE),
        **untrained(SYMBOLS),
        "surroundings": surroundings_table([one.series for one in bars], table(), RECIPE),
        "instruments": instrument_table(table(), dict.fromkeys(SYMBOLS, 1.0)),
    }


@cache
def made(change_after: int | None = None) -> tuple[Samples, list[Fold], list[dict[str, Any]], dict[str, Any]]:
    bars = night(change_after)
    parameters = parameters_of(bars)
    samples = concatenate([samples_of(one, table()[one.symbol], parameters, None)[0] for one in bars])
    folds = walk_forward(samples.t0, samples.t1, folds=4, embargo_us=6 * BAR_US, min_train_fraction=0.4)
    regimes = known_regimes(bars, folds, seed=1)
    return with_regimes(samples, bars, folds, regimes, parameters), folds, regimes, parameters


def smoothed(chain: Chain, bars: np.ndarray) -> np.ndarray:
    """hmmlearn's own probabilities of calm and volatile, forward and backward over the whole history, each trend alike."""
    from hmmlearn.hmm import GaussianHMM

    states = chain.parameters.regime.volatility
    model = GaussianHMM(n_components=2, covariance_type="diag", init_params="")
    model.startprob_, model.transmat_ = states.stationary, states.transition
    model.means_, model.covars_ = states.means[:, None], states.stds[:, None] ** 2
    whole: np.ndarray = model.predict_proba(np.diff(np.log(bars[:, 3]))[:, None])
    return np.repeat(whole[chain.parameters.window - 2 :], 2, axis=1) / 2


def test_smoothed_regimes_stop_the_features_step(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, folds, regimes, parameters = made()
    monkeypatch.setattr(Chain, "history_regime", smoothed)
    with pytest.raises(LeakError, match=r"regimes of MNQZ25: regime of row .* or a smoothed regime"):
        with_regimes(samples, night(), folds, regimes, parameters)


def members_of(samples: Samples, folds: list[Fold]) -> dict[str, np.ndarray]:
    tested = np.concatenate([fold.test for fold in folds])
    oof = {}
    for number, name in enumerate(MEMBERS):
        noise = np.random.default_rng(number).normal(size=len(samples))
        p = np.full(len(samples), np.nan, dtype=np.float32)
        p[tested] = 1 / (1 + np.exp(-0.5 * noise[tested] - 0.2 * (samples.t0[tested] // BAR_US % 3 - 1)))
        oof[name] = p
    return oof


def evaluated(samples: Samples, folds: list[Fold]) -> LastFold:
    return evaluate_last_fold(samples, members_of(samples, folds), folds, seed=1, settings=SETTINGS)


def test_a_samples_regime_is_what_its_folds_filter_says_of_its_own_window() -> None:
    samples, folds, regimes, parameters = made()
    assert samples.state_names == ("close", "atr", "volatility", *(f"regime_{name}" for name in regimes[0]["names"]))
    assert samples.state[:, 3:].sum(axis=1) == pytest.approx(np.ones(len(samples)))
    first, width = folds[0].start_us, parameters["window"]
    for row in np.linspace(0, len(samples) - 1, 40).astype(int).tolist():
        t0, symbol = int(samples.t0[row]), SYMBOLS[int(samples.instrument[row])]
        fold = max(sum(t0 >= one.start_us for one in folds) - 1, 0) if t0 >= first else 0
        chain = Chain(Parameters.from_json({**parameters, **untrained(SYMBOLS, regimes[fold])}), "r")
        last = t0 // BAR_US
        window = market(SYMBOLS.index(symbol))[last - width : last]
        assert samples.state[row, 3:] == pytest.approx(chain.history_regime(window)[0], abs=1e-12)


def test_each_folds_filter_knows_only_the_bars_before_it() -> None:
    _, folds, regimes, _ = made()
    for number in range(len(folds)):
        begins = folds[number].start_us // BAR_US
        _, again, changed, _ = made(begins - 1)
        assert again[number].start_us == folds[number].start_us
        assert changed[: number + 1] == regimes[: number + 1]
        assert number == len(folds) - 1 or changed[-1] != regimes[-1], "later filters do learn from later bars"


def test_the_evaluation_of_a_decision_does_not_change_when_later_bars_do() -> None:
    """From the middle of the last fold every bar is another one: what the fold said until then stands, to the last bit."""
    samples, folds, _, _ = made()
    rows = folds[-1].test
    cut = int(samples.t0[rows[len(rows) // 2]])
    changed, again, _, _ = made(cut // BAR_US)
    before, after = evaluated(samples, folds), evaluated(changed, again)
    known = samples.t0[rows] <= cut
    assert np.array_equal(samples.t0, changed.t0) and 0 < known.sum() < len(rows)
    assert before.fit.parameters() == after.fit.parameters()
    for name, array in vars(before.applied).items():
        assert np.array_equal(array[known], getattr(after.applied, name)[known]), name
    assert not np.array_equal(samples.state[rows][~known], changed.state[rows][~known])


def test_nor_do_the_folds_before_it() -> None:
    samples, folds, _, _ = made()
    begins = folds[2].start_us
    changed, again, _, _ = made(begins // BAR_US - 1)
    fits = [
        fit_ensemble(one, members_of(one, of), of, seed=1, settings=SETTINGS)
        for one, of in ((samples, folds), (changed, again))
    ]
    kept = np.concatenate([fold.test for fold in folds[1:2]])
    assert np.array_equal(samples.state[kept], changed.state[kept])
    known = kept[samples.t1[kept] < begins]
    assert np.array_equal(fits[0].oof.p_up[known], fits[1].oof.p_up[known])


def test_a_filter_fitted_on_all_bars_would_be_caught() -> None:
    """The leak that this is about: one filter of the whole history, and a change of later bars reaches back."""
    samples, folds, _, parameters = made()
    cut = folds[-1].start_us // BAR_US
    whole = [replace(fold, start_us=2401 * BAR_US) for fold in folds]

    def leaky(bars: list[NightBars]) -> np.ndarray:
        state = with_regimes(samples, bars, folds, known_regimes(bars, whole, seed=1), parameters).state
        return state[samples.t0 < folds[-1].start_us - BAR_US]

    assert not np.array_equal(leaky(night()), leaky(night(cut)))
