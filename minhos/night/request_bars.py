"""The newest bars that a night has seen, as a request to `trade`: for the smoke test and for ``minhos decide``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minhos.errors import NightError
from minhos.files import read_json
from minhos.market_data.night_bars import NightBars, read_night_bars
from minhos.night.run import VALIDATED
from minhos_client.contract import Array, encode_bytes
from minhos_client.decision import Account

__all__ = ["RequestBars", "latest_bars", "replay", "run_of_release"]


@dataclass(frozen=True)
class RequestBars:
    """``bars`` float64 [B, W, 8], ``bar_end`` int64 [B, W], ``as_of`` int64 UTC us: the moment the last bar was known.

    The bars of a continuous future are joined as they were then: its newest contract's at their traded prices.
    """

    symbols: tuple[str, ...]
    bars: npt.NDArray[np.float64]
    bar_end: npt.NDArray[np.int64]
    as_of: int

    def tensors(self, account: Account) -> dict[str, Array]:
        """The contract's inputs."""
        count = len(self.symbols)
        return {
            "BARS": self.bars,
            "BAR_END": self.bar_end,
            "AS_OF": np.full((count, 1), self.as_of, np.int64),
            "INSTRUMENT": encode_bytes(list(self.symbols)),
            "PORTFOLIO": account.rows(count),
        }


def latest_bars(run_folder: Path, symbols: Sequence[str], window: int, as_of: int | None = None) -> RequestBars:
    """The last ``window`` bars of each symbol known at ``as_of`` (default: when the newest of them was known).

    Raises:
        NightError: The run has no bars of a symbol, or too few.
    """
    series = [_read(run_folder, symbol) for symbol in symbols]
    moment = max(int(one.series.bar_end[-1]) for one in series) if as_of is None else as_of
    return _at(run_folder, series, window, moment)


def replay(run_folder: Path, symbols: Sequence[str], window: int, moments: int) -> list[RequestBars]:
    """Requests as they would have been at each of the last ``moments`` bar ends, the newest first.

    Raises:
        NightError: The run has no bars of a symbol, or too few.
    """
    series = [_read(run_folder, symbol) for symbol in symbols]
    ends = np.unique(np.concatenate([one.series.bar_end for one in series]))[-moments:]
    enough = [end for end in ends[::-1].tolist() if all(len(one.series.up_to(end)) >= window for one in series)]
    return [_at(run_folder, series, window, end) for end in enough or ends[-1:].tolist()]


def _at(run_folder: Path, series: Sequence[NightBars], window: int, moment: int) -> RequestBars:
    cut = [one.as_of(moment) for one in series]
    for one in cut:
        if len(one) < window:
            raise NightError(f"{one.symbol}: {len(one)} bars are known in {run_folder}, the release needs {window}")
    return RequestBars(
        symbols=tuple(one.symbol for one in series),
        bars=np.stack([one.values[-window:] for one in cut]),
        bar_end=np.stack([one.bar_end[-window:] for one in cut]),
        as_of=moment,
    )


def run_of_release(runs: Path, release: str) -> Path:
    """The newest run that published ``release``.

    Raises:
        NightError: No run of this home did.
    """
    found = [path.parent for path in runs.glob("*/release.json") if read_json(path).get("release") == release]
    if not found:
        raise NightError(f"no run in {runs} published {release}: run a night (make run), or give --run FOLDER")
    return max(found, key=lambda folder: (folder / "release.json").stat().st_mtime)


def _read(run_folder: Path, symbol: str) -> NightBars:
    path = run_folder / VALIDATED / f"{symbol}.parquet"
    if not path.exists():
        known = ", ".join(sorted(item.stem for item in path.parent.glob("*.parquet"))) or "none"
        raise NightError(f"{run_folder} has no bars of {symbol}; it has {known}")
    return read_night_bars(path.parent, symbol)
