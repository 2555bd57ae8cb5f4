"""Clean bars for the tests of validation: a random walk on the ticks, with a day that is busy in the morning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.sessions import sessions_between
from minhos.market_data.validation import RawBars

__all__ = [
    "ASK",
    "BID",
    "CLOSE",
    "FIRST",
    "HIGH",
    "HOUR",
    "LAST",
    "LOW",
    "MINUTE",
    "MNQ",
    "OPEN",
    "TRADES",
    "VOLUME",
    "flat_bars",
    "made_bars",
    "session_ends",
    "us",
    "with_cells",
]

OPEN, HIGH, LOW, CLOSE, VOLUME, BID, ASK, TRADES = range(8)
MINUTE = 60_000_000
HOUR = 60 * MINUTE
FIRST, LAST = date(2025, 11, 3), date(2025, 11, 21)  # 15 sessions, none of them short, no clock change among them
MNQ = load_instruments(None).find("MNQZ25")

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def us(moment: str) -> int:
    """`2025-11-21T22:00` (UTC) in us."""
    return int(np.datetime64(moment, "us").astype(np.int64))


def session_ends(instrument: Instrument, first: date, last: date, timeframe_seconds: int) -> Integers:
    """The end of every bar that lies wholly in trading time, int64 [T]."""
    step = timeframe_seconds * 1_000_000
    stretches = sessions_between(instrument, first, last).stretches_us
    return np.concatenate([np.arange(start + step, end + 1, step) for start, end in stretches])


def made_bars(
    symbol: str = "MNQZ25",
    *,
    first: date = FIRST,
    last: date = LAST,
    timeframe_seconds: int = 300,
    seed: int = 7,
    busy: float = 1.5,
) -> RawBars:
    """Bars of every session: Student-t(4) steps on the tick grid, order flow that adds up.

    `busy`: the logarithm by which 15:00 UTC is busier than 03:00, in volume and (half of it) in volatility; 0: all hours
    are alike.
    """
    instrument = load_instruments(None).find(symbol)
    ends = session_ends(instrument, first, last, timeframe_seconds)
    rng = np.random.Generator(np.random.PCG64(seed))
    hour = (ends % (24 * HOUR)) / HOUR
    activity = np.exp(busy / 2 * np.cos((hour - 15) * np.pi / 12))
    scale = 8 * np.sqrt(activity) * np.sqrt(timeframe_seconds / 300)
    closes = 100_000 + np.cumsum(np.round(scale * rng.standard_t(4, len(ends)) / np.sqrt(2)))  # in ticks
    opens = np.concatenate((closes[:1], closes[:-1])) + rng.integers(-1, 2, len(ends))
    wick = np.round(scale / 2 * rng.exponential(1.0, (2, len(ends))))
    prices = np.stack((opens, np.maximum(opens, closes) + wick[0], np.minimum(opens, closes) - wick[1], closes), axis=1)
    volume = np.ceil(800 * activity * rng.lognormal(0.0, 0.4, len(ends)))
    ask = np.floor(volume * rng.uniform(0.3, 0.7, len(ends)))
    flow = np.stack((volume, volume - ask, ask, np.ceil(volume / 2)), axis=1)
    return RawBars(symbol, timeframe_seconds, ends, np.concatenate((prices * instrument.tick_size, flow), axis=1))


def flat_bars(
    closes: Sequence[float] | Floats,
    *,
    opens: Sequence[float] | Floats | None = None,
    reach: float = 1.0,
    start: str = "2025-11-20T15:00",
    timeframe_seconds: int = 300,
    symbol: str = "MNQZ25",
    ends: Integers | None = None,
) -> RawBars:
    """Bars one after the other with these closes, each open at the last close, high and low `reach` beyond both."""
    close = np.asarray(closes, dtype=np.float64)
    opened = np.concatenate((close[:1], close[:-1])) if opens is None else np.asarray(opens, dtype=np.float64)
    if ends is None:
        ends = us(start) + timeframe_seconds * 1_000_000 * np.arange(1, len(close) + 1, dtype=np.int64)
    values = np.full((len(close), 8), np.nan)
    values[:, :4] = np.stack(
        (opened, np.maximum(opened, close) + reach, np.minimum(opened, close) - reach, close), axis=1
    )
    return RawBars(symbol, timeframe_seconds, ends, values)


def with_cells(bars: RawBars, *cells: tuple[int, int, float]) -> RawBars:
    """A copy with some cells (row, column, value) changed."""
    values = bars.values.copy()
    for row, column, value in cells:
        values[row, column] = value
    return RawBars(bars.symbol, bars.timeframe_seconds, bars.bar_end, values)
