"""Features: the samples of all valid instruments, made by the runtime code that will serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.api import fit_regime
from minhos.chain import Chain, FeatureBlock, Parameters
from minhos.errors import NightError
from minhos.files import write_json
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.night_bars import NightBars, read_night_bars
from minhos.market_data.rolls.schedule import roll_dates
from minhos.night.parameters import feature_parameters, instrument_table, surroundings_table, untrained
from minhos.night.recipe import RECIPE
from minhos.night.regimes import known_regimes, with_regimes
from minhos.night.run import VALIDATED, Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan, load_profile
from minhos.night.steps.train import folds_of
from minhos.training.leaks import check_causal
from minhos.training.samples import Samples, build_samples, concatenate
from minhos_client.contract import BAR_COLUMNS

__all__ = ["features", "samples_of"]

FEATURES = ("tabular", "sequence", "state")
LABEL_WORDS = {"triple_barrier": "go up first within", "fixed_horizon": "rise over"}
CHECKED_ROWS = 16  # of every contract of every instrument


def features(run_folder: str) -> str:
    """Write ``features.npz`` (the pooled samples), ``parameters.json`` (what is known before learning) and
    ``regimes.json`` (the regime's parameters as each fold could know them: its samples are filtered by these).

    The release's own filter, in ``parameters.json``, is fitted on the bars up to the session's end.
    """
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        request, _ = load_plan(run)
        profile = load_profile(run)
        symbols = run.outputs("validate")["symbols"]
        table = load_instruments(request.instruments)
        instruments = {symbol: table.find(symbol) for symbol in symbols}
        bars = [read_night_bars(run.folder / VALIDATED, symbol) for symbol in symbols]
        series = [one.series for one in bars]
        most = None if profile.max_samples is None else max(profile.max_samples // len(series), RECIPE.min_bars)
        parameters = {
            **feature_parameters(series, RECIPE),
            **untrained(symbols),
            "instruments": instrument_table(instruments, dict.fromkeys(symbols, 1.0)),
            "surroundings": surroundings_table(series, instruments, RECIPE),
        }
        parts, volatility = [], {}
        rolled: list[str] = []
        for one in bars:
            progress(f"computing features of {one.symbol}, {len(one)} bars")
            part, words = samples_of(one, instruments[one.symbol], parameters, most)
            rolled += words
            volatility[one.symbol] = float(np.median(part.state[:, part.state_names.index("volatility")]))
            parts.append(part)
        parameters["instruments"] = instrument_table(instruments, volatility)
        samples = concatenate(parts)
        progress("fitting the regime filter as each fold could know it, and as of now")
        folds = folds_of(samples, profile)
        regimes = known_regimes(bars, folds, seed=RECIPE.seed)
        samples = with_regimes(samples, bars, folds, regimes, parameters)
        now = fit_regime([one.values[:, 3] for one in series], seed=RECIPE.seed)
        parameters.update(untrained(symbols, now))
        write_json(run.folder / "regimes.json", regimes)
        samples.save(run.folder / "features.npz")
        write_json(run.folder / "parameters.json", parameters)
        return StepResult(
            (*_words(samples, parameters, series), *rolled), {"samples": len(samples), "symbols": symbols}
        )

    run.step("features", work)
    return run_folder


def samples_of(
    night: NightBars, instrument: Instrument, parameters: dict[str, Any], most: int | None
) -> tuple[Samples, tuple[str, ...]]:
    """One instrument's samples, the newest ``most`` of them, and words about those that a roll takes away.

    A continuous future is gone through contract by contract, its bars joined as they were when each was held: features
    are those that a request of that moment has, fills, barriers and costs those of the contract as it traded. A decision
    whose horizon holds a roll gives no sample: held on, it would pay a second round trip.

    Raises:
        NightError: There is no usable row with a known label.
        LeakError: A feature, a regime or a label knows what it cannot.
    """
    checked = Parameters.from_json(parameters)
    chain, horizon = Chain(checked, "training"), RECIPE.horizon_bars
    parts: list[Samples] = []
    lost, wanted, newest = 0, most, True
    first_us = int(night.series.bar_end[-1])
    for series, own in reversed(night.pieces(checked.window - 1)):
        if wanted == 0:
            break
        kept = own if wanted is None else min(own, wanted + horizon + 1)
        piece = series.slice(max(0, len(series) - kept - checked.window + 1), len(series))
        if len(piece) >= checked.window:
            block = chain.history_block(piece.values, piece.bar_end, night.symbol)
            usable = ~block.refused
            _check_causal(chain, piece, block, np.flatnonzero(usable), night.symbol)
            lost += 0 if newest else int(usable[-horizon:].sum())
            first_us = int(piece.bar_end[checked.window - 1])
            if usable[:-horizon].any():
                parts.append(_samples(piece, block, checked, instrument, wanted))
                wanted = None if wanted is None else wanted - len(parts[-1])
        newest = False
    if not parts:
        raise NightError(
            f"samples of {night.symbol}: of {len(night)} bars none is usable and has a known label over {horizon} bars; "
            "more history is needed"
        )
    return parts[0] if len(parts) == 1 else concatenate(parts), _roll_words(night, first_us, lost)


def _check_causal(
    chain: Chain, piece: BarSeries, block: FeatureBlock, usable: npt.NDArray[np.int64], symbol: str
) -> None:
    """Ask for some rows again with the bars of their own window alone; LeakError where the answer is another."""
    width = chain.parameters.window

    def again(row: int) -> dict[str, npt.NDArray[Any]]:
        rows = slice(row, row + width)
        alone = chain.history_block(piece.values[rows], piece.bar_end[rows], symbol)
        return {name: getattr(alone, name)[0] for name in FEATURES}

    rows = usable[np.linspace(0, len(usable) - 1, min(len(usable), CHECKED_ROWS)).astype(np.int64)]
    check_causal({name: getattr(block, name) for name in FEATURES}, again, rows, where=f"features of {symbol}")


def _samples(
    series: BarSeries, block: FeatureBlock, parameters: Parameters, instrument: Instrument, most: int | None
) -> Samples:
    return build_samples(
        symbol=series.symbol,
        bars=series.values,
        bar_end=series.bar_end,
        tabular=block.tabular,
        tabular_names=parameters.features.tabular,
        sequence=block.sequence,
        sequence_names=parameters.features.sequence,
        state=block.state,
        state_names=parameters.state_names,
        usable=~block.refused,
        tick_size=instrument.tick_size,
        cost_ticks_round_trip=instrument.cost_ticks_round_trip,
        cost_fraction_round_trip=instrument.cost_fraction_round_trip,
        barriers=RECIPE.barriers,
        label=RECIPE.label,
        timeframe_seconds=series.timeframe_seconds,
        max_samples=most,
    )


def _roll_words(night: NightBars, first_us: int, lost: int) -> tuple[str, ...]:
    """The rolls since the first sample could be, in words."""
    rolls = roll_dates(roll for roll in night.rolls if roll.effective_us >= first_us)
    if not rolls:
        return ()
    return (
        f"{night.symbol}: {lost} decisions are left out, a roll lies within their {RECIPE.horizon_bars} bars ({rolls})",
    )


def _words(samples: Samples, parameters: dict[str, Any], series: list[BarSeries]) -> tuple[str, ...]:
    words = [
        f"{len(samples)} samples of {len(samples.symbols)} instruments, {len(samples.tabular_names)} features, "
        f"window {parameters['window']} bars, {samples.up.mean():.1%} {LABEL_WORDS[samples.label]} "
        f"{samples.horizon_bars} bars"
    ]
    for name in BAR_COLUMNS:
        lacking = [one.symbol for one in series if not one.has(name)]
        if lacking:
            words.append(f"{', '.join(lacking)} has no {name}: features that need it are not used")
    return tuple(words)
