"""Planted markets as samples: a slow flow that predicts the next bars, or none (``edge=0``)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minhos.training.labels import Barriers, LabelKind
from minhos.training.samples import Samples, build_samples, concatenate

BAR_US = 1_800_000_000
STEPS = 20


def planted_bars(seed: int, *, bars: int, edge: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Bars float64 [T, 8] and the flow [T]; the next bar's return leans ``edge * flow`` standard deviations / 4."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=bars)
    flow = np.zeros(bars)
    for t in range(1, bars):
        flow[t] = 0.9 * flow[t - 1] + 0.436 * shocks[t]
    returns = np.zeros(bars)
    returns[1:] = 0.001 * (0.25 * edge * flow[:-1] + rng.normal(size=bars - 1))
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[100.0], close[:-1]])
    spread = 0.0006 * close * np.abs(rng.normal(size=bars))
    volume = rng.lognormal(8.0, 0.3, bars)
    lean = np.tanh(0.8 * flow)
    columns = [opened, np.maximum(opened, close) + spread, np.minimum(opened, close) - spread, close]
    columns += [volume, volume * (1 - lean) / 2, volume * (1 + lean) / 2, volume / 5]
    return np.stack(columns, axis=1), flow


def planted_samples(
    *,
    seed: int = 0,
    bars: int = 1500,
    edge: float = 1.0,
    symbols: tuple[str, ...] = ("AAA", "BBB"),
    label: LabelKind = "triple_barrier",
) -> Samples:
    """Pooled samples: tabular [flow of this and the last bar, noise x 4], sequence [flow, noise x 7] over 20 steps."""
    parts = []
    for number, symbol in enumerate(symbols):
        table, flow = planted_bars(seed + 100 * number, bars=bars, edge=edge)
        rng = np.random.default_rng(seed + 1000 + number)
        tabular = np.column_stack([flow, np.roll(flow, 1), rng.normal(size=(bars, 4))])[STEPS:]
        steps = np.column_stack([flow, rng.normal(size=(bars, 7))])
        sequence = np.stack([steps[t - STEPS + 1 : t + 1] for t in range(STEPS, bars)])
        atr = np.full(bars, (table[:, 1] - table[:, 2]).mean())
        volatile = np.where(np.arange(bars) // 50 % 2, 0.9, 0.1)
        state = np.column_stack([table[:, 3], atr, np.full(bars, 0.001), 1 - volatile, volatile])[STEPS:]
        parts.append(
            build_samples(
                symbol=symbol,
                bars=table,
                bar_end=(np.arange(bars, dtype=np.int64) + 1) * BAR_US,
                tabular=tabular,
                tabular_names=[f"f{k}" for k in range(6)],
                sequence=sequence,
                sequence_names=[f"s{k}" for k in range(8)],
                state=state,
                state_names=["close", "atr", "volatility", "regime_calm", "regime_volatile"],
                tick_size=0.01,
                cost_ticks_round_trip=2.0,
                cost_fraction_round_trip=0.0,
                barriers=Barriers(stop_atr=1.5, target_atr=1.5, horizon_bars=6),
                timeframe_seconds=1800,
                label=label,
            )
        )
    return concatenate(parts)
