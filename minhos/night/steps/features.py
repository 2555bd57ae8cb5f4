"""Features: the samples of all valid instruments, made by the runtime code that will serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minhos.capabilities.ensemble.api import fit_regime
from minhos.chain import Chain, Parameters
from minhos.files import write_json
from minhos.market_data.bars import BarSeries, read_bars
from minhos.market_data.instruments import Instrument, load_instruments
from minhos.night.parameters import feature_parameters, instrument_table, untrained
from minhos.night.recipe import RECIPE
from minhos.night.run import Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan
from minhos.training.labels import Barriers
from minhos.training.profiles import training_profile
from minhos.training.samples import Samples, build_samples, concatenate
from minhos_client.contract import BAR_COLUMNS

__all__ = ["features"]


def features(run_folder: str) -> str:
    """Write ``features.npz`` (the pooled samples) and ``parameters.json`` (what is known before learning).

    The regime's parameters are fitted on the bars up to the session's end; no decision of this version depends on the
    regime, so the walk-forward evaluation is untouched by it.
    """
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        request, _ = load_plan(run)
        profile = training_profile(request.profile)
        symbols = run.outputs("validate")["symbols"]
        table = load_instruments(request.instruments)
        instruments = {symbol: table.find(symbol) for symbol in symbols}
        series = [read_bars(run.folder / "bars" / f"{symbol}.parquet") for symbol in symbols]
        most = None if profile.max_samples is None else max(profile.max_samples // len(series), RECIPE.min_bars)
        progress("fitting the regime filter")
        parameters = {
            **feature_parameters(series, RECIPE),
            **untrained(symbols),
            "regime": fit_regime([one.values[:, 3] for one in series], seed=RECIPE.seed),
            "instruments": instrument_table(instruments, dict.fromkeys(symbols, 1.0)),
        }
        parts, volatility = [], {}
        for one in series:
            progress(f"computing features of {one.symbol}, {len(one)} bars")
            part = _samples(one, instruments[one.symbol], parameters, most)
            volatility[one.symbol] = float(np.median(part.state[:, part.state_names.index("volatility")]))
            parts.append(part)
        parameters["instruments"] = instrument_table(instruments, volatility)
        samples = concatenate(parts)
        samples.save(run.folder / "features.npz")
        write_json(run.folder / "parameters.json", parameters)
        return StepResult(_words(samples, parameters, series), {"samples": len(samples), "symbols": symbols})

    run.step("features", work)
    return run_folder


def _samples(series: BarSeries, instrument: Instrument, parameters: dict[str, Any], most: int | None) -> Samples:
    """One instrument's samples; the newest ``most`` of them."""
    checked = Parameters.from_json(parameters)
    horizon = RECIPE.horizon_bars
    keep = len(series) if most is None else most + horizon + checked.window
    bars, bar_end = series.values[-keep:], series.bar_end[-keep:]
    block = Chain(checked, "training").history_block(bars, bar_end)
    return build_samples(
        symbol=series.symbol,
        bars=bars,
        bar_end=bar_end,
        tabular=block.tabular,
        tabular_names=checked.features.tabular,
        sequence=block.sequence,
        sequence_names=checked.features.sequence,
        state=block.state,
        state_names=checked.state_names,
        usable=~block.refused,
        tick_size=instrument.tick_size,
        cost_ticks_round_trip=instrument.cost_ticks_round_trip,
        cost_fraction_round_trip=instrument.cost_fraction_round_trip,
        barriers=Barriers(RECIPE.stop_atr, RECIPE.target_atr, horizon),
        timeframe_seconds=series.timeframe_seconds,
        max_samples=most,
    )


def _words(samples: Samples, parameters: dict[str, Any], series: list[BarSeries]) -> tuple[str, ...]:
    words = [
        f"{len(samples)} samples of {len(samples.symbols)} instruments, {len(samples.tabular_names)} features, "
        f"window {parameters['window']} bars, {samples.up.mean():.1%} rise over {samples.horizon_bars} bars"
    ]
    for name in BAR_COLUMNS:
        lacking = [one.symbol for one in series if not one.has(name)]
        if lacking:
            words.append(f"{', '.join(lacking)} has no {name}: features that need it are not used")
    return tuple(words)
