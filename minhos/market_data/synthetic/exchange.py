"""The synthetic exchange: Sierra Chart text files of a market whose truth is known.

The market, per bar t of one instrument (u, e independent normal, mean 0; all in units of the bar's volatility):

    flow      x[t]   = phi x[t-1] + sqrt(1 - phi^2) u[t]                      stationary variance 1, seen as
    imbalance b[t]   = (ask - bid) / volume = tanh(0.3 x[t])                  an invertible function of x
    return    r[t+1] = sigma[t+1] (beta x[t] + gamma sqrt(1 - phi^2) u[t+1] + tau e[t+1])

with tau such that the bracket has variance 1. `gamma`: aggressive flow moves the price in its own bar. `sigma` follows a
two-state Markov chain (calm, volatile) common to all instruments. Instruments are correlated through u and e only: the
other's flow says nothing about one's own future, so one's own x is all that an optimal predictor needs.

The planted edge: given x, the sum S of the next H returns is normal with mean m x and variance s^2 (sigma equal over
the horizon), so the best guess of its sign is that of x and is right with probability
E[Phi(m |x| / s)] = 1/2 + arctan(m / s) / pi. With u[t+j] entering S through the coefficient
c_j = beta (1 + phi + ... + phi^(H-1-j)) + gamma (the sum empty for j = H):

    m = beta (1 - phi^H) / (1 - phi),     s^2 = (1 - phi^2) sum_j c_j^2 + H tau^2.

`bayes_accuracy(6)` is 0.585 with the constants below. Measured on 2 x 138 000 bars with the sign of the imbalance as the
predictor: 0.580 and 0.588, +- 0.003 each; in the third of the bars with the strongest imbalance 0.65.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.errors import ConfigError
from minhos.files import write_bytes
from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.readers.scan import SYNTHETIC_MARKER
from minhos.market_data.sessions import session_bounds
from minhos.market_data.timeframes import timeframe_name

__all__ = ["DEFAULT_SESSIONS", "DEFAULT_SYMBOLS", "bayes_accuracy", "write_exchange"]

DEFAULT_SYMBOLS: Final = ("SYNAZ26", "SYNBZ26")
DEFAULT_SESSIONS: Final = 60  # of 276 five-minute bars each
_PHI, _BETA, _GAMMA = 0.85, 0.165, 0.15
_IMBALANCE_SCALE = 0.3
_FLOW_CORRELATION, _NOISE_CORRELATION = 0.3, 0.6
_SIGMA_5M = np.array([0.0006, 0.0014])  # calm, volatile: log return of a five-minute bar
_LEAVE = np.array([1 / 240, 1 / 120])  # probability of leaving calm, volatile, per bar
_VOLUME = np.array([1_200.0, 2_600.0])
_START_PRICE = {"SYNA": 5_000.0, "SYNB": 75.0}
_OTHER_START_TICKS = 20_000
_MARKER_TEXT = (
    "The bars in this folder are synthetic: written by the synthetic exchange of MinhOS ML, from no market.\n"
    "The edge in them is planted. Nothing that is learned or earned here says anything about trading.\n"
)

Floats = npt.NDArray[np.float64]


def bayes_accuracy(horizon_bars: int) -> float:
    """How often the best possible predictor names the sign of the next `horizon_bars` bars' return, 0.5 to 1."""
    mean = _BETA * (1 - _PHI**horizon_bars) / (1 - _PHI)
    lags = np.arange(1, horizon_bars + 1)
    coefficients = _BETA * (1 - _PHI ** (horizon_bars - lags)) / (1 - _PHI) + _GAMMA
    variance = (1 - _PHI**2) * float(np.sum(coefficients**2)) + horizon_bars * _noise_share() ** 2
    return 0.5 + math.atan(mean / math.sqrt(variance)) / math.pi


def _noise_share() -> float:
    return math.sqrt(1 - _BETA**2 - _GAMMA**2 * (1 - _PHI**2))


@dataclass(frozen=True)
class _Bars:
    """One instrument: ohlc int64 [T, 4] in ticks, then int64 [T] each."""

    ohlc_ticks: npt.NDArray[np.int64]
    volume: npt.NDArray[np.int64]
    trades: npt.NDArray[np.int64]
    bid: npt.NDArray[np.int64]
    ask: npt.NDArray[np.int64]


def write_exchange(
    folder: Path,
    *,
    seed: int,
    symbols: Sequence[str] = DEFAULT_SYMBOLS,
    sessions: int = DEFAULT_SESSIONS,
    timeframe_seconds: int = 300,
    end: date,
) -> list[Path]:
    """Write one "Export Bar Data" file per symbol and the marker that makes a plan say "synthetic".

    `end`: trading date of the last complete session (the last weekday before it where it is none). Each file ends with
    one bar of the session after it: the bar that is still open. The same arguments give the same bytes. Raises
    `ConfigError` for fewer than one session, `InstrumentError` for a symbol without a definition.
    """
    if sessions < 1 or timeframe_seconds < 1:
        raise ConfigError(f"sessions is {sessions} and the timeframe {timeframe_seconds} s; both must be at least 1")
    if not symbols or len(set(symbols)) != len(symbols):
        raise ConfigError(f"symbols are {', '.join(symbols) or 'none'}; name at least one, each once")
    known = load_instruments(None)
    instruments = [known.find(symbol) for symbol in symbols]
    starts = [_bar_starts(instrument, sessions, timeframe_seconds, end) for instrument in instruments]
    count = max(len(stamps) for stamps in starts)
    rng = np.random.Generator(np.random.PCG64(seed))
    states = _regimes(rng, count)
    flow, innovations = _flow(rng, count, len(symbols))
    noise = _correlated(rng, count, len(symbols), _NOISE_CORRELATION)
    paths = []
    for index, (symbol, instrument, stamps) in enumerate(zip(symbols, instruments, starts, strict=True)):
        expected = np.concatenate(([0.0], _BETA * flow[:-1, index]))
        unit_returns = expected + _GAMMA * innovations[:, index] + _noise_share() * noise[:, index]
        bars = _trade(rng, instrument, states, unit_returns, flow[:, index], timeframe_seconds)
        name = f"{symbol}-SIM_{timeframe_name(timeframe_seconds)}.scid_BarData.txt"
        paths.append(write_bytes(folder / name, _export(instrument, stamps, bars)))
    write_bytes(folder / SYNTHETIC_MARKER, _MARKER_TEXT.encode())
    return paths


def _bar_starts(instrument: Instrument, sessions: int, timeframe_seconds: int, end: date) -> npt.NDArray[np.int64]:
    """UTC us of the starts of all bars of the last `sessions` sessions up to `end`, and of one bar more."""
    step = timeframe_seconds * 1_000_000
    days: list[date] = []
    day = end
    while len(days) < sessions:
        if instrument.session.trades_on(day.weekday()):
            days.append(day)
        day -= timedelta(days=1)
    following = days[0] + timedelta(days=1)
    while not instrument.session.trades_on(following.weekday()):
        following += timedelta(days=1)
    parts = []
    for day in reversed(days):
        opens, closes = session_bounds(day, instrument)
        if closes - opens < step:
            raise ConfigError(f"{instrument.symbol}: a bar of {timeframe_seconds} s does not fit into a session")
        parts.append(np.arange(opens, closes - step + 1, step, dtype=np.int64))
    parts.append(np.array([session_bounds(following, instrument)[0]], dtype=np.int64))
    return np.concatenate(parts)


def _regimes(rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
    """The state of each bar, 0 calm or 1 volatile, int64 [T]; starts calm."""
    draws = rng.random(count)
    states = np.empty(count, dtype=np.int64)
    state = 0
    for index in range(count):
        if draws[index] < _LEAVE[state]:
            state = 1 - state
        states[index] = state
    return states


def _correlated(rng: np.random.Generator, count: int, width: int, correlation: float) -> Floats:
    """Normal draws [T, K] of variance 1, every pair of columns correlated by `correlation`."""
    common = rng.standard_normal((count, 1))
    own = rng.standard_normal((count, width))
    return math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own


def _flow(rng: np.random.Generator, count: int, width: int) -> tuple[Floats, Floats]:
    """The flow x [T, K], from its stationary law on, and its innovations sqrt(1 - phi^2) u [T, K]."""
    draws = _correlated(rng, count, width, _FLOW_CORRELATION)
    innovations = math.sqrt(1 - _PHI**2) * draws
    flow = np.empty_like(draws)
    flow[0] = draws[0]
    for index in range(1, count):
        flow[index] = _PHI * flow[index - 1] + innovations[index]
    return flow, innovations


def _trade(
    rng: np.random.Generator,
    instrument: Instrument,
    states: npt.NDArray[np.int64],
    unit_returns: Floats,
    flow: Floats,
    timeframe_seconds: int,
) -> _Bars:
    """Prices in ticks, volumes and trades of one instrument."""
    count = len(unit_returns)
    tick = instrument.tick_size
    start = _START_PRICE.get(instrument.symbol, _OTHER_START_TICKS * tick)
    sigma = _SIGMA_5M[states] * math.sqrt(timeframe_seconds / 300)
    log_close = math.log(start) + np.cumsum(sigma * unit_returns)
    log_open = np.concatenate(([math.log(start)], log_close[:-1]))
    # extremes of a Brownian bridge from open to close: (a + b + sqrt((b - a)^2 - 2 sigma^2 ln U)) / 2
    uniform = 1.0 - rng.random((2, count))
    spread = np.sqrt((log_close - log_open) ** 2 - 2 * sigma**2 * np.log(uniform))
    middle = log_open + log_close
    prices = np.exp(np.stack([log_open, (middle + spread[0]) / 2, (middle - spread[1]) / 2, log_close], axis=1))
    ticks = np.maximum(np.round(prices / tick), 1.0).astype(np.int64)
    ticks[:, 0] += np.where(np.arange(count) > 0, rng.integers(-1, 2, count), 0)  # the next trade may be a tick away
    ticks[:, 1] = ticks.max(axis=1)
    ticks[:, 2] = ticks.min(axis=1)
    scale = _VOLUME[states] * (timeframe_seconds / 300)
    volume = np.maximum(np.round(scale * np.exp(0.5 * rng.standard_normal(count))), 20.0).astype(np.int64)
    imbalance = np.tanh(_IMBALANCE_SCALE * flow)
    ask = np.clip(np.round(volume * (1 + imbalance) / 2).astype(np.int64), 0, volume)
    trades = np.clip(np.round(volume * rng.uniform(0.55, 0.85, count)).astype(np.int64), 1, volume)
    return _Bars(ohlc_ticks=ticks, volume=volume, trades=trades, bid=volume - ask, ask=ask)


def _export(instrument: Instrument, stamps: npt.NDArray[np.int64], bars: _Bars) -> bytes:
    """The text that Sierra Chart would export: CRLF, a space after each comma, unpadded dates, UTC."""
    decimals = max(0, len(f"{instrument.tick_size:.10f}".rstrip("0").split(".")[1]))
    moments = stamps.astype("datetime64[us]").tolist()
    prices = (bars.ohlc_ticks[: len(stamps)] * instrument.tick_size).tolist()
    columns = (bars.volume, bars.trades, bars.bid, bars.ask)
    counts = np.stack(columns, axis=1)[: len(stamps)].tolist()
    lines = ["Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"]
    for moment, row, numbers in zip(moments, prices, counts, strict=True):
        clock = f"{moment.year}/{moment.month}/{moment.day}, {moment:%H:%M:%S}"
        fields = [*(f"{price:.{decimals}f}" for price in row), *map(str, numbers)]
        lines.append(f"{clock}, {', '.join(fields)}")
    return ("\r\n".join(lines) + "\r\n").encode()
