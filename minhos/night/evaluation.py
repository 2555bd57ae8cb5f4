"""The honest numbers of a night: what everything fitted before the last fold says of the last fold.

Accuracy stands beside its base rate and its block-bootstrap interval; the win rate of trades beside the break-even that
belongs to it. Pure: samples and fits in, JSON values out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.api import LastFold
from minhos.capabilities.ensemble.runtime.calibration import Knots, interval_of
from minhos.capabilities.position_sizing.api import bootstrap_means
from minhos.training.metrics import calibration_error, classification
from minhos.training.samples import Samples
from minhos_client.contract import MEMBERS

__all__ = ["evaluation_of", "parameters_before"]

DRAWS = 2000
BLOCK_OVERLAPS = 4  # blocks of one overlap cover too little: 83 % instead of 90 % in simulation


def parameters_before(
    base: Mapping[str, Any],
    samples: Samples,
    last: LastFold,
    *,
    start_us: int,
    correlation: Mapping[str, Any],
    regime: Mapping[str, Any],
) -> dict[str, Any]:
    """`parameters.json` as it would have been when the last fold began, allowed to size so that sizes are seen.

    Nothing in it knew a bar of the last fold: not the fit, nor the regime's filter, nor the volatility reference, nor the
    correlation.
    """
    before = samples.t1 <= start_us
    column = samples.state_names.index("volatility")
    instruments = {}
    for number, symbol in enumerate(samples.symbols):
        seen = samples.state[before & (samples.instrument == number), column]
        known = seen if seen.size else samples.state[before, column]  # new in the last fold: what all others had
        instruments[symbol] = {**base["instruments"][symbol], "volatility_reference": float(np.median(known))}
    learned = {**last.fit.parameters(), "regime": dict(regime), "correlation": dict(correlation), "edge_proven": True}
    return {**base, **learned, "instruments": instruments}


def evaluation_of(
    samples: Samples, last: LastFold, oof: Mapping[str, npt.NDArray[np.float32]], *, seed: int
) -> dict[str, Any]:
    """`evaluation.json`: the ensemble's and the members' accuracy, the trades on the ensemble's side, words for people."""
    rows = last.rows
    up = samples.up[rows]
    block = BLOCK_OVERLAPS * samples.horizon_bars * len(samples.symbols)
    named: dict[str, npt.NDArray[Any]] = {"ensemble": last.applied.p_up, **{name: oof[name][rows] for name in MEMBERS}}
    table = [_row(name, p, up, last.fit.metrics["overlap"], block, seed) for name, p in named.items()]
    for row in table:
        row["venn_abers_width"] = _width(row["model"], last, named[row["model"]])
    ensemble, trades = table[0], _trades(samples, last, block, seed)
    words = [
        f"out of sample (last fold, {len(rows)} decisions, {ensemble['effective_samples']:.0f} effective): direction right "
        f"in {ensemble['accuracy']:.1%} (90 % interval {ensemble['accuracy_low']:.1%} to "
        f"{ensemble['accuracy_high']:.1%}, base rate {ensemble['base_rate']:.1%}){_calibration_words(ensemble)}",
        f"a trade on its side at every bar wins {trades['win_rate']:.1%} ({trades['win_low']:.1%} to "
        f"{trades['win_high']:.1%}; break-even after costs {trades['break_even']:.1%}), mean net "
        f"{trades['mean_r']:+.3f} R; only those whose whole win interval is above break-even are taken",
    ]
    return {
        "decisions": len(rows),
        "accuracy": ensemble["accuracy"],
        "accuracy_low": ensemble["accuracy_low"],
        "base_rate": ensemble["base_rate"],
        "log_loss": ensemble["log_loss"],
        "calibration_error": ensemble["calibration_error"],
        "trades": trades,
        "member_log_loss": {row["model"]: row["log_loss"] for row in table[1:]},
        "table": table,
        "words": words,
    }


def _calibration_words(row: Mapping[str, Any]) -> str:
    if row["calibration_error"] is None:
        return ""
    return (
        f"; calibration error {row['calibration_error']:.1%} ({row['calibration_error_plain']:.1%} before what chance alone "
        "shows is taken off)"
    )


def _row(
    name: str, p: npt.NDArray[Any], up: npt.NDArray[np.int8], overlap: float, block: int, seed: int
) -> dict[str, Any]:
    """Accuracy, log loss and calibration of one model, with the block-bootstrap interval of the accuracy."""
    seen = classification(p, up, overlap)
    right = ((p >= 0.5) == (up > 0)).astype(np.float64)
    low, high = _interval(right, block, seed)
    error, plain = calibration_error(p, up, block=block) or (None, None)
    calibration = {"calibration_error": error, "calibration_error_plain": plain}
    return {"model": name, **seen, "accuracy_low": low, "accuracy_high": high, **calibration}


def _width(name: str, last: LastFold, p: npt.NDArray[Any]) -> float:
    """Mean width of the Venn-Abers pair: how much one more outcome would move the calibrated probability."""
    if name not in MEMBERS:
        return float(last.applied.p_up_width.mean())
    pair = interval_of(p.astype(np.float64), Knots(**last.fit.calibration[name]))  # type: ignore[arg-type]
    return float((pair[:, 2] - pair[:, 0]).mean())


def _trades(samples: Samples, last: LastFold, block: int, seed: int) -> dict[str, float]:
    """What a trade on the ensemble's side at every decision would have been: the bet that break-even speaks of."""
    rows, long = last.rows, last.applied.side > 0
    won = np.where(long, samples.win_long[rows], samples.win_short[rows]).astype(np.float64)
    net_r = samples.take(rows).net_r(last.applied.side)
    stop, target = samples.stop_ticks[rows].astype(np.float64), samples.target_ticks[rows].astype(np.float64)
    loss = stop + samples.cost_ticks[rows]
    low, high = _interval(won, block, seed)
    return {
        "win_rate": float(won.mean()),
        "win_low": low,
        "win_high": high,
        "break_even": float(np.mean(loss / (stop + target))),
        "mean_r": float(np.mean(net_r)),
    }


def _interval(values: npt.NDArray[np.float64], block: int, seed: int) -> tuple[float, float]:
    means = bootstrap_means(values, block=block, draws=DRAWS, seed=seed)
    return float(means[int(0.05 * DRAWS)]), float(means[int(0.95 * DRAWS)])
