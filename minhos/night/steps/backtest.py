"""Backtest: the chain's own sizing over the last fold's decisions, with costs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.position_sizing.api import Decide, Opportunities, run_backtest
from minhos.capabilities.prediction.runtime.feature_set import STATE_COLUMNS
from minhos.chain import Chain, Parameters
from minhos.errors import NightError
from minhos.files import read_json, write_json
from minhos.market_data.bars import iso
from minhos.market_data.night_bars import read_night_bars
from minhos.market_data.rolls.schedule import roll_dates
from minhos.night.recipe import RECIPE
from minhos.night.run import VALIDATED, Progress, Run, StepResult
from minhos.training.samples import Samples
from minhos_client.contract import MEMBERS, encode_bytes, reason_words

__all__ = ["backtest", "roll_words"]

BLOCK_TRADES = 4  # trades of one instrument do not overlap, but good and bad spells last


def backtest(run_folder: str) -> str:
    """Write ``backtest.json``: what the last fold's decisions were worth after costs."""
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        with np.load(run.folder / "evaluation.npz", allow_pickle=False) as stored:
            said = {name: stored[name] for name in stored.files}
        samples = Samples.load(run.folder / "features.npz").take(said.pop("rows"))
        parameters = Parameters.from_json(read_json(run.folder / "evaluation_parameters.json"))
        rolled = roll_words(samples, run.folder / VALIDATED)
        progress(f"trading {len(samples)} out-of-sample decisions with costs")
        flat: Counter[str] = Counter()
        result = run_backtest(
            opportunities(samples, parameters),
            decider(Chain(parameters, "backtest"), samples, said, flat),
            start_equity=RECIPE.start_equity,
            block=BLOCK_TRADES * len(samples.symbols),
            seed=RECIPE.seed,
        )
        write_json(run.folder / "backtest.json", result.to_json())
        most = flat.most_common(1)
        why = tuple(f"mostly flat because {words} ({count} decisions)" for words, count in most)
        return StepResult((*result.words, *rolled, *why), {"trades": result.trades})

    run.step("backtest", work)
    return run_folder


def roll_words(samples: Samples, bars: Path) -> tuple[str, ...]:
    """The rolls among these decisions, in words; a trade pays one round trip because none of them is held over a roll.

    Raises:
        NightError: A decision is: its outcome would be of two contracts, and cost too little.
    """
    words = []
    for number, symbol in enumerate(samples.symbols):
        rows = samples.instrument == number
        schedule = read_night_bars(bars, symbol).schedule
        if schedule is None or not rows.any():
            continue
        t0, t1 = samples.t0[rows], samples.t1[rows]
        rolls = schedule.rolls_between(int(t0.min()), int(t1.max()))
        for roll in rolls:
            held = int(((t0 < roll.effective_us) & (roll.effective_us <= t1)).sum())
            if held:
                raise NightError(
                    f"{held} decisions of {symbol} are held over the roll from {roll.from_contract} to "
                    f"{roll.to_contract} at {iso(roll.effective_us)}; features.npz was not made from these bars, run the "
                    "night again with FORCE=1"
                )
        if rolls:
            words.append(f"{symbol} rolled {roll_dates(rolls)}: no trade is held over a roll")
    return tuple(words)


def opportunities(samples: Samples, parameters: Parameters) -> Opportunities:
    """The samples' outcomes as the backtester takes them; a trade ends with the bar in which it was left."""
    ticks = [parameters.instruments[symbol] for symbol in samples.symbols]
    value = np.array([one.tick_size * one.point_value for one in ticks])[samples.instrument]
    return Opportunities(
        t0=samples.t0,
        exit_long=samples.exit_us_long,
        exit_short=samples.exit_us_short,
        instrument=samples.instrument.astype(np.int64),
        return_long_ticks=samples.exit_ticks_long,
        return_short_ticks=samples.exit_ticks_short,
        stop_ticks=samples.stop_ticks.astype(np.float64),
        cost_ticks=samples.cost_ticks,
        tick_value=value,
    )


def decider(chain: Chain, samples: Samples, said: dict[str, npt.NDArray[Any]], flat: Counter[str]) -> Decide:
    """The chain's sizing step over what the ensemble said of these samples; ``flat`` counts why decisions are 0."""
    nobody = np.full((len(samples), len(MEMBERS)), np.nan)

    def decide(
        rows: npt.NDArray[np.int64], portfolio: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        outputs = chain.size(
            p_up=said["p_up"][rows, None],
            confidence=said["confidence"][rows, None],
            agreement=said["agreement"][rows, None],
            member_p_up=nobody[rows],
            regime=samples.state[rows, len(STATE_COLUMNS) :],
            win_raw=said["win_raw"][rows, None].astype(np.float32),
            state=samples.state[rows],
            row_reasons=np.zeros((len(rows), 1), dtype=np.int64),
            bar_end=samples.t0[rows, None],
            instrument=encode_bytes([samples.symbols[number] for number in samples.instrument[rows].tolist()]),
            portfolio=portfolio,
        )
        for side, bits in zip(outputs["DIRECTION"][:, 0].tolist(), outputs["REASONS"][:, 0].tolist(), strict=True):
            if side == 0:
                flat.update(reason_words(bits)[:1])
        return outputs["DIRECTION"][:, 0].astype(np.int64), outputs["CONTRACTS"][:, 0].astype(np.int64)

    return decide
