"""Does the chain find an edge that is known? A planted market, learned as a night does, beside its best predictors.

    .venv/bin/python -m benchmarks.planted [--accuracy 0.68] [--sessions 110] [--seeds 1] [--profile FILE] [--json FILE]

The market's own law gives, for the very decisions that the models were asked out of sample: what the one is right in who
knows the hidden state (no predictor is right more often), and what the exact filter is right in that sees the bars of all
instruments, as a model does. Differences to the filter are paired: both were asked the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.config import Settings
from minhos.files import read_json
from minhos.market_data.instruments import load_instruments
from minhos.market_data.synthetic import write_exchange
from minhos.market_data.synthetic.filtering import filtered
from minhos.market_data.synthetic.law import STEP_SECONDS, PlantedLaw
from minhos.market_data.synthetic.market import draw_market
from minhos.market_data.synthetic.steps import session_steps
from minhos.market_data.synthetic.truth import Truth
from minhos.night.learn import learn
from minhos.night.request import NightRequest
from minhos.night.run import Run
from minhos.night.steps.ingest import load_profile
from minhos.night.steps.train import folds_of
from minhos.training.metrics import calibration_error
from minhos.training.samples import Samples
from minhos_client.contract import MEMBERS

END = date(2026, 9, 18)
PROFILE = """base = "quick"
max_samples = 1000000

[families.lstm]
max_samples = 30000
epochs = 3
patience = 3
"""
BLOCK = 24  # decisions of one block of the paired bootstrap, per instrument: four horizons
DRAWS = 2000


@dataclass(frozen=True)
class Guesses:
    """Up or not, bool [N], at each sample's decision: of one who knows the state, of the filter on the bars of all
    instruments, and of the filter on those of the one instrument that is decided, which is what a model is shown."""

    from_state: npt.NDArray[np.bool_]
    from_bars: npt.NDArray[np.bool_]
    from_own_bars: npt.NDArray[np.bool_]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the bench and prints a table for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", type=float, default=0.68, help="of one who knows the state (default: 0.68)")
    parser.add_argument("--sessions", type=int, default=110, help="of 276 bars, two instruments (default: 110)")
    parser.add_argument("--seeds", type=int, default=1, help="markets (default: 1)")
    parser.add_argument("--profile", type=Path, help="training profile (default: quick on all samples)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args(arguments)
    figures = []
    for seed in range(20, 20 + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            found = one_market(Path(folder), seed, given.accuracy, given.sessions, given.profile)
        print(table(found), flush=True)
        figures.append(found)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def one_market(folder: Path, seed: int, accuracy: float, sessions: int, profile: Path | None) -> dict[str, Any]:
    """Write it, learn from it, and hold what was said out of sample against what can be known."""
    exchange = write_exchange(folder / "market", seed=seed, end=END, sessions=sessions, accuracy=accuracy)
    chosen = profile or folder / "planted.toml"
    if profile is None:
        chosen.write_text(PROFILE, encoding="utf-8")
    started = time.monotonic()
    run = learn(
        NightRequest(data=exchange.folder, timeframe="5m", profile=str(chosen)),
        Settings(home=folder / "home"),
        today=date(2026, 12, 1),
        families=MEMBERS,
        announce=lambda _: None,
        follow=lambda event: print(f"  {event.label}: {event.words[0]}", file=sys.stderr) if event.words else None,
    )
    seconds = time.monotonic() - started
    samples = Samples.load(run.folder / "features.npz")
    return {
        "seed": seed,
        "samples": len(samples),
        "seconds": seconds,
        "training_seconds": sum(_record(run, f"train[{name}]") for name in MEMBERS),
        "weights": read_json(run.folder / "ensemble" / "parameters.json")["stacking"]["weights"],
        **scores(run, samples, best_guesses(exchange.truth, samples)),
    }


def _record(run: Run, label: str) -> float:
    record = run.record(label)
    assert record is not None
    return record.seconds


def scores(run: Run, samples: Samples, best: Guesses) -> dict[str, Any]:
    """The table's rows, over the out-of-fold decisions of the folds that the ensemble speaks of."""
    with np.load(run.folder / "ensemble" / "oof.npz", allow_pickle=False) as stored:
        p = {"ensemble": stored["p_up"]}
    for name in MEMBERS:
        with np.load(run.folder / "models" / name / "oof.npz", allow_pickle=False) as stored:
            p[name] = stored["p"]
    folds = folds_of(samples, load_profile(run))
    parts = {"last fold": folds[-1].test, "all folds": np.concatenate([fold.test for fold in folds[1:]])}
    rows = []
    for part, picked in parts.items():
        up = samples.up[picked] > 0
        known = {name: guess[picked] == up for name, guess in vars(best).items()}
        shown = known["from_own_bars"].astype(float)
        rows += [
            {
                "part": part,
                "model": f"best {name.replace('_', ' ')}",
                "decisions": len(picked),
                "accuracy": float(right.mean()),
            }
            for name, right in known.items()
        ]
        for name in ("ensemble", *MEMBERS):
            right = (p[name][picked] >= 0.5) == up
            low, high = _paired(right - shown, BLOCK * len(samples.symbols))
            error = calibration_error(p[name][picked], up, block=BLOCK * len(samples.symbols))
            rows.append(
                {
                    "part": part,
                    "model": name,
                    "decisions": len(picked),
                    "accuracy": float(right.mean()),
                    "behind": float((shown - right).mean()),
                    "behind_low": -high,
                    "behind_high": -low,
                    "calibration_error": None if error is None else error[0],
                }
            )
    return {"rows": rows}


def best_guesses(truth: Truth, samples: Samples) -> Guesses:
    """What the law says at each decision. The direction that the triple barrier names is best guessed by the sign of
    beta x, over the beliefs of the states: a larger beta x puts every later price higher."""
    law = truth.law
    assert isinstance(law, PlantedLaw)
    known = load_instruments(None)
    instruments = tuple(known.find(symbol) for symbol in truth.symbols)
    steps = session_steps(instruments, sessions=truth.sessions, end=truth.end)
    market = draw_market(law, steps, instruments, seed=truth.seed, mean_ticks=truth.mean_ticks)
    path = market.path
    returns = path.log_return / steps.weight[:, None]
    at = np.searchsorted(steps.start, samples.t0 - STEP_SECONDS * 1_000_000)
    column = np.array([truth.symbols.index(symbol) for symbol in samples.symbols])[samples.instrument]
    flow = path.flow[at, column]
    # P(up) given a state is symmetric in beta x: weigh the states by how far from even they are
    sizes = [_lean(beta, law, flow) for beta in law.edge]

    def up(edge: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        guess: npt.NDArray[np.bool_] = edge[:, 0] * sizes[0] + edge[:, 1] * sizes[1] > 0
        return guess

    own = np.stack([_edge_beliefs(law, path.flow[:, [k]], returns[:, [k]]) for k in range(len(instruments))])
    state = np.array(law.edge)[path.edge_state[at]] * flow
    return Guesses(
        from_state=state > 0,
        from_bars=up(_edge_beliefs(law, path.flow, returns)[at]),
        from_own_bars=up(own[column, at]),
    )


def _edge_beliefs(
    law: PlantedLaw, flow: npt.NDArray[np.float64], returns: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The probability of each edge state after each step, [T, 2], from flows and returns [T, K] of some instruments."""
    states = filtered(law, flow[:, None, :], returns[:, None, :], np.ones(len(flow)))[:, 0]
    edge: npt.NDArray[np.float64] = states.sum(axis=2)  # over the volatility's state
    return edge


def _lean(beta: float, law: PlantedLaw, flow: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """P(up) - 1/2 over six steps in one edge state that lasts, up to its scale."""
    from scipy.special import ndtr

    phi = law.flow.persistence
    decay = phi ** np.arange(6)
    tail = np.array([np.sqrt(1 - phi**2) * decay[: 5 - i].sum() for i in range(6)])
    variance = float(((law.flow.impact + beta * tail) ** 2).sum() + 6 * (1 - beta**2 - law.flow.impact**2))
    lean: npt.NDArray[np.float64] = ndtr(beta * decay.sum() * flow / np.sqrt(variance)) - 0.5
    return lean


def _paired(difference: npt.NDArray[np.float64], block: int) -> tuple[float, float]:
    """The 90 % block-bootstrap interval of a mean difference."""
    rng = np.random.default_rng(1)
    blocks = np.array_split(difference, max(1, len(difference) // block))
    sums, counts = np.array([part.sum() for part in blocks]), np.array([len(part) for part in blocks])
    drawn = rng.integers(0, len(blocks), (DRAWS, len(blocks)))
    means = np.sort(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return float(means[int(0.05 * DRAWS)]), float(means[int(0.95 * DRAWS)])


def table(found: dict[str, Any]) -> str:
    """For people."""
    lines = [
        f"seed {found['seed']}: {found['samples']:,} samples, learned in {found['seconds']:.0f} s (models "
        f"{found['training_seconds']:.0f} s)",
        "",
        "| part | model | decisions | accuracy | behind the best from own bars (90 %) | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        behind = (
            f"{row['behind']:+.2%} ({row['behind_low']:+.2%} to {row['behind_high']:+.2%})" if "behind" in row else ""
        )
        error = row.get("calibration_error")
        lines.append(
            f"| {row['part']} | {row['model']} | {row['decisions']:,} | {row['accuracy']:.2%} | {behind} | "
            f"{'' if error is None else f'{error:.2%}'} |"
        )
    lines += ["", f"weights by regime: {json.dumps(found['weights'])}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
