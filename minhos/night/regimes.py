"""The regime of every sample by a filter that was fitted before it: out of fold, as the members' probabilities are.

With one filter fitted on all bars, the parameters would know the market after the decision, and the stack's weights move
with the regime. So the rows of a test fold get their probabilities from a filter fitted on the bars before that fold
began. Rows before the first fold are in its own fitting span; nothing behind the members ever learns from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.api import fit_regime
from minhos.capabilities.prediction.runtime.feature_set import STATE_COLUMNS
from minhos.chain import Chain, Parameters
from minhos.errors import NightError
from minhos.market_data.night_bars import NightBars
from minhos.night.parameters import untrained
from minhos.training.leaks import check_causal
from minhos.training.samples import Samples
from minhos.training.splits import Fold

__all__ = ["known_regimes", "with_regimes"]

CHECKED_ROWS = 16  # of every fold, contract and instrument

Float = npt.NDArray[np.float64]


def known_regimes(bars: Sequence[NightBars], folds: Sequence[Fold], *, seed: int) -> list[dict[str, Any]]:
    """The ``regime`` section of ``parameters.json`` as each fold could know it: from the bars before its first decision.

    Prices are joined as they were then, so that a later roll moves none of them.
    """
    return [fit_regime([one.as_of(fold.start_us - 1).values[:, 3] for one in bars], seed=seed) for fold in folds]


def with_regimes(
    samples: Samples,
    bars: Sequence[NightBars],
    folds: Sequence[Fold],
    regimes: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
) -> Samples:
    """The samples, their regimes replaced by those of the filter of the fold that tests them (the first fold's before it).

    ``bars`` in the order of ``samples.symbols``; ``parameters``: ``parameters.json`` before learning.
    """
    symbols, names = samples.symbols, regimes[0]["names"]
    chains = [
        Chain(Parameters.from_json({**parameters, **untrained(symbols, regime)}), "training") for regime in regimes
    ]
    starts = np.array([fold.start_us for fold in folds])
    regime = np.full((len(samples), len(names)), np.nan)
    for number, one in enumerate(bars):
        rows = np.flatnonzero(samples.instrument == number)
        regime[rows] = _filtered(one, chains, starts, samples.t0[rows])
    if not np.isfinite(regime).all():
        raise NightError("samples: a decision has no regime, features.npz was not made from these bars; use FORCE=1")
    first = len(STATE_COLUMNS)
    return replace(
        samples,
        state=np.concatenate([samples.state[:, :first], regime], axis=1),
        state_names=(*samples.state_names[:first], *(f"regime_{name}" for name in names)),
    )


def _filtered(
    night: NightBars, chains: Sequence[Chain], starts: npt.NDArray[np.int64], t0: npt.NDArray[np.int64]
) -> Float:
    """Filtered probabilities [n, R] of one instrument's decisions at ``t0`` (rising)."""
    width = chains[0].parameters.window
    found = np.full((len(t0), len(chains[0].parameters.regime.names)), np.nan)
    for series, own in night.pieces(width - 1):
        last = np.arange(max(len(series) - own, width - 1), len(series))
        place = np.searchsorted(t0, series.bar_end[last])
        decided = place < len(t0)
        decided[decided] = t0[place[decided]] == series.bar_end[last[decided]]
        fold = np.maximum(np.searchsorted(starts, series.bar_end[last], side="right") - 1, 0)
        for number, chain in enumerate(chains):
            mine = np.flatnonzero(decided & (fold == number))
            if mine.size:
                first, end = int(last[mine[0]]), int(last[mine[-1]]) + 1
                known = chain.history_regime(series.values[first - width + 1 : end])
                _check_filtered(chain, series.values, known, first, where=f"regimes of {night.symbol}")
                found[place[mine]] = known[last[mine] - first]
    return found


def _check_filtered(chain: Chain, bars: Float, known: Float, first: int, *, where: str) -> None:
    """Ask for some rows (row 0 is bar ``first``) again with the bars of their own window alone."""
    width = chain.parameters.window

    def again(row: int) -> dict[str, Float]:
        stop = first + row + 1
        return {"regime": chain.history_regime(bars[stop - width : stop])[0]}

    rows = np.linspace(0, len(known) - 1, min(len(known), CHECKED_ROWS)).astype(np.int64)
    check_causal({"regime": known}, again, rows, where=where)
