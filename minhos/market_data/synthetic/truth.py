"""`truth.json`: what is true of a written exchange, for tests, benchmarks and the gate of a night."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.readers.scan import SYNTHETIC_TRUTH
from minhos.market_data.synthetic.bayes import accuracy_bound
from minhos.market_data.synthetic.law import STEP_SECONDS, PlaceboLaw, PlantedLaw

__all__ = [
    "MARKETS",
    "Accuracies",
    "Fault",
    "GrowthTruth",
    "Market",
    "Share",
    "Truth",
    "WrittenFile",
    "market_of",
    "read_truth",
]

Market = Literal["placebo", "planted", "broken"]
MARKETS: Final[tuple[Market, ...]] = ("placebo", "planted", "broken")


def market_of(name: str) -> Market:
    """The market of this name; `ConfigError` for another."""
    for market in MARKETS:
        if market == name:
            return market
    raise ConfigError(f"market {name!r} is not known; the markets are {', '.join(MARKETS)}")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(_Frozen):
    """A counted share, 0 to 1, with its standard error."""

    value: float
    error: float


class Accuracies(_Frozen):
    """How often the direction over the horizon can be named. `limit`: by nobody more often. `exact`: by the one who knows
    the true state (the limit of the planted market); the others are counted: `from_bars` by the filter on the bars of all
    instruments, `from_own_bars` on those of the one that is predicted, `from_flow_sign` by the last imbalance's sign.
    None in the placebo, where there is nothing but the bounce."""

    limit: float
    exact: float | None = None
    from_bars: Share | None = None
    from_own_bars: Share | None = None
    from_flow_sign: Share | None = None


class GrowthTruth(_Frozen):
    """Nats per decision (`kelly.Growth`); `win_quantiles`: quantile -> probability that the best guess is right."""

    sized: float
    constant: float
    ratio: float
    on_returns: float
    win_quantiles: dict[str, float]


class Fault(_Frozen):
    """One planted fault. `start_us`, `end_us`: UTC us, when what is wrong truly happened (of a hole: what follows it).
    `first_record`, `records`: in the file, counted from 0, data rows in a text file."""

    kind: str
    symbol: str
    file: str
    strength: Literal["weak", "medium", "strong"]
    start_us: int
    end_us: int
    first_record: int
    records: int
    words: str


class WrittenFile(_Frozen):
    """One file of bars or ticks. `records`: whole ones, rows of a text file."""

    symbol: str
    records: int
    sha256: str


class Truth(_Frozen):
    """Everything about one exchange. The first block is what was asked for: the same asked again is the same exchange."""

    version: Literal[1] = 1
    market: Market
    seed: int
    symbols: tuple[str, ...]
    sessions: int
    end: date
    accuracy: float | None
    mean_ticks: float

    last_session: date
    step_seconds: int = STEP_SECONDS
    horizon_steps: int
    law: PlantedLaw | PlaceboLaw
    accuracies: Accuracies
    growth: GrowthTruth | None
    files: dict[str, WrittenFile]
    faults: tuple[Fault, ...] = ()

    @property
    def asked(self) -> dict[str, object]:
        """What was asked for, to be compared."""
        names = {"version", "market", "seed", "symbols", "sessions", "end", "accuracy", "mean_ticks"}
        return self.model_dump(include=names)

    @property
    def ticks(self) -> int:
        """Trades in all intraday files."""
        return sum(file.records for name, file in self.files.items() if name.endswith(".scid"))

    def accuracy_limit(self, *, timeframe_seconds: int, horizon_bars: int) -> float:
        """No predictor on bars of this timeframe names the direction of the next `horizon_bars` more often, 0.5 to 1.

        Exact where bars are steps and the horizon is the exchange's. Over longer horizons the accuracy is lower, so that
        number stays a limit; for bars within a step, and for shorter horizons, a bound that is far from tight.
        """
        horizon_seconds = timeframe_seconds * horizon_bars
        whole = timeframe_seconds % self.step_seconds == 0
        if isinstance(self.law, PlaceboLaw) or (whole and horizon_seconds >= self.horizon_steps * self.step_seconds):
            return self.accuracies.limit
        return accuracy_bound(self.law, horizon_seconds)


def read_truth(folder: Path) -> Truth:
    """The truth of the exchange in a folder; `BadInputError` where it is missing or damaged."""
    path = folder / SYNTHETIC_TRUTH
    try:
        return Truth.model_validate(json.loads(path.read_text(encoding="utf-8")), strict=False)
    except FileNotFoundError as error:
        raise BadInputError(
            f"{path} is missing: what is true of this synthetic market is not known, so nothing learned from it can be "
            "judged; write it anew with `minhos synth`, and give its folder"
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        raise BadInputError(
            f"{path}: cannot be read as the truth of a synthetic market ({str(error).splitlines()[0]}); write the folder "
            "anew with `minhos synth`"
        ) from error
