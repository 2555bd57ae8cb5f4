"""Every feature against TA-Lib, where it has it in a windowed form, or against the same formula written with pandas.

TA-Lib's RSI smooths for ever, but its first value is that of a window; its ADX never is, so its directional movements
are summed here. Its EMA has no window either: pandas' ``ewm`` on the bars of the window alone has.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import talib
from builders import fake_bars, fake_ends, fake_frame

from minhos.capabilities.prediction.runtime.catalogue import CATALOGUE, atr
from minhos.capabilities.prediction.runtime.features import compute
from minhos_client.contract import BAR_COLUMNS

Array = npt.NDArray[np.float64]
Peer = Callable[[pd.DataFrame], object]
BARS = 200


def reach(d: pd.DataFrame) -> Array:
    return talib.TRANGE(*d[["high", "low", "close"]].to_numpy().T.copy())


def atr_14(d: pd.DataFrame) -> Array:
    return talib.SMA(np.nan_to_num(reach(d)), 14)


def distance(n: int) -> Peer:
    return lambda d: (d.close - talib.SMA(d.close, n)) / atr_14(d)


def rsi(d: pd.DataFrame) -> Array:
    values = np.full(len(d), np.nan)
    close = d.close.to_numpy()
    for t in range(14, len(d)):
        values[t] = talib.RSI(close[t - 14 : t + 1].copy(), 14)[-1] / 100.0
    return values


def direction(d: pd.DataFrame) -> pd.Series:
    plus = talib.SUM(np.nan_to_num(talib.PLUS_DM(d.high, d.low, timeperiod=1)), 14)
    minus = talib.SUM(np.nan_to_num(talib.MINUS_DM(d.high, d.low, timeperiod=1)), 14)
    return pd.Series((plus - minus) / (plus + minus))


def bands(d: pd.DataFrame) -> tuple[Array, Array, Array]:
    return talib.BBANDS(d.close.to_numpy(), timeperiod=20, nbdevup=1.0, nbdevdn=1.0)


def stochastic(d: pd.DataFrame) -> Array:
    return talib.STOCHF(d.high, d.low, d.close, fastk_period=14, fastd_period=1)[0] / 100.0


TA_LIB: dict[str, Peer] = {
    **{f"log_return_{n}": lambda d, n=n: np.log(talib.ROCR(d.close, timeperiod=n)) for n in (1, 3, 6, 12)},
    **{f"return_{n}": lambda d, n=n: talib.ROCP(d.close, timeperiod=n) for n in (24, 48)},
    **{f"ma_distance_{n}": distance(n) for n in (10, 20, 50)},
    "rsi_14": rsi,
    "direction_14": direction,
    "adx_14": lambda d: talib.SMA(direction(d).abs().fillna(0.0), 14),
    "bollinger_z_20": lambda d: (d.close - bands(d)[1]) / (bands(d)[0] - bands(d)[1]),
    "bollinger_width_20": lambda d: 2.0 * (bands(d)[0] - bands(d)[2]) / bands(d)[1],
    "stochastic_14": stochastic,
    "atr_close": lambda d: atr_14(d) / d.close,
    "range_atr": lambda d: (d.high - d.low) / atr_14(d),
    "body_atr": lambda d: (d.close - d.open) / atr_14(d),
    "tick_atr": lambda d: 0.25 / atr_14(d),
    "volume_ratio_20": lambda d: d.volume / talib.SMA(d.volume, 20),
    "volume_average_5_20": lambda d: talib.SMA(d.volume, 5) / talib.SMA(d.volume, 20),
}


def moves(d: pd.DataFrame) -> pd.Series:
    return pd.Series(np.log(d.close)).diff()


def windowed_ema(x: pd.Series, n: int, span: int) -> pd.Series:
    return x.rolling(n).apply(lambda part: part.ewm(span=span).mean().iloc[-1])


def macd(d: pd.DataFrame) -> pd.Series:
    return windowed_ema(d.close, 24, 12) - windowed_ema(d.close, 48, 26)


def volatility(d: pd.DataFrame, n: int = 24) -> pd.Series:
    return (moves(d) ** 2).rolling(n).mean() ** 0.5


def imbalance(d: pd.DataFrame, n: int = 1) -> pd.Series:
    return ((d.ask_volume - d.bid_volume).rolling(n).sum() / (d.ask_volume + d.bid_volume).rolling(n).sum()).fillna(0.0)


def vwap(d: pd.DataFrame) -> pd.Series:
    return ((d.high + d.low + d.close) / 3 * d.volume).rolling(20).sum() / d.volume.rolling(20).sum()


def spread(d: pd.DataFrame) -> pd.Series:
    close, mid = np.log(d.close), (np.log(d.high) + np.log(d.low)) / 2
    pairs = (close - mid).shift() * (close.shift() - mid)
    return 2.0 * np.sqrt(np.maximum(pairs.rolling(20).mean(), 0.0))


def kyle(d: pd.DataFrame) -> Array:
    flow, move = (d.ask_volume - d.bid_volume).to_numpy(), moves(d).to_numpy()
    values = np.full(len(d), np.nan)
    for t in range(24, len(d)):
        s, r = flow[t - 23 : t + 1], move[t - 23 : t + 1]
        slope = np.linalg.lstsq(s[:, None], r, rcond=None)[0][0]
        values[t] = slope * np.sqrt(np.mean(s**2) / np.mean(r**2))
    return values


def flow_forecast(n: int) -> Peer:
    def peer(d: pd.DataFrame) -> Array:
        flow, move = imbalance(d).to_numpy(), moves(d).to_numpy()
        values = np.full(len(d), np.nan)
        for t in range(n, len(d)):
            before, r = flow[t - n : t], move[t - n + 1 : t + 1]
            slope = np.linalg.lstsq(before[:, None], r, rcond=None)[0][0]
            values[t] = np.clip(slope * flow[t] / np.sqrt(np.mean(r**2)), -5.0, 5.0)
        return values

    return peer


def amihud(d: pd.DataFrame) -> pd.Series:
    impact = (moves(d).abs() / d.volume).where(d.volume > 0)
    return impact.rolling(6, min_periods=1).mean() / impact.rolling(24, min_periods=1).mean()


def saturating(minutes: Array) -> Array:
    return minutes / (minutes + 60.0)


def into_the_day(d: pd.DataFrame) -> Array:
    """Minutes since 14:30 UTC, of a bar up to 14:30 those of the session before; to 21:00 at the most."""
    minutes = (fake_ends(len(d)) // 60_000_000) % 1440
    return np.minimum(np.where(minutes > 870, minutes - 870, 390), 390).astype(np.float64)


PANDAS: dict[str, Peer] = {
    "close_open_ratio": lambda d: (d.close - d.open) / d.open,
    "high_low_ratio": lambda d: (d.high - d.low) / d.low,
    "gap_ratio": lambda d: (d.open - d.close.shift()) / d.close.shift(),
    "close_location": lambda d: ((2 * d.close - d.high - d.low) / (d.high - d.low)).fillna(0.0),
    "macd_12_26": lambda d: macd(d) / atr_14(d),
    "macd_histogram_9": lambda d: (macd(d) - windowed_ema(macd(d), 18, 9)) / atr_14(d),
    "realised_volatility_24": volatility,
    "volatility_ratio_6_24": lambda d: volatility(d, 6) / volatility(d),
    "parkinson_14": lambda d: np.sqrt((np.log(d.high / d.low) ** 2 / (4 * np.log(2))).rolling(14).mean()),
    "garman_klass_14": lambda d: np.sqrt(
        (0.5 * np.log(d.high / d.low) ** 2 - (2 * np.log(2) - 1) * np.log(d.close / d.open) ** 2).rolling(14).mean()
    ),
    "vwap_distance_20": lambda d: (d.close - vwap(d)) / atr_14(d),
    "volume_delta_20": lambda d: (d.ask_volume - d.bid_volume) / (d.ask_volume + d.bid_volume).rolling(20).mean(),
    "cumulative_delta_24": lambda d: imbalance(d, 24),
    **{f"order_flow_imbalance_{n}": lambda d, n=n: imbalance(d, n) for n in (1, 6, 12)},
    "flow_move_1": lambda d: imbalance(d) * moves(d) / volatility(d),
    "flow_lead_12": lambda d: (imbalance(d).shift() * moves(d)).rolling(12).mean() / volatility(d),
    **{f"flow_forecast_{n}": flow_forecast(n) for n in (24, 48)},
    "trade_size_ratio_20": lambda d: (
        (d.volume / d.trades) / (d.volume.rolling(20).sum() / d.trades.rolling(20).sum())
    ).fillna(1.0),
    "spread_20": spread,
    "kyle_lambda_24": kyle,
    "amihud_ratio_6_24": amihud,
    "since_open_60": lambda d: saturating(into_the_day(d)),
    "to_close_60": lambda d: saturating(390.0 - into_the_day(d)),
    "session_progress": lambda d: into_the_day(d) / 390.0,
    "instrument_code": lambda d: np.full(len(d), 0.5),  # the second of three
}


@pytest.fixture(scope="module")
def bars() -> Array:
    return fake_bars(np.random.default_rng(7), BARS)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_feature_is_what_its_peer_says(bars: Array, name: str) -> None:
    (peer,) = [peers[name] for peers in (TA_LIB, PANDAS) if name in peers]
    frame = pd.DataFrame(bars, columns=list(BAR_COLUMNS))
    expected = np.asarray(peer(frame), dtype=np.float64)
    ours = compute(bars, [name], frame=fake_frame(bars, fake_ends(BARS)))[:, 0]
    # TA-Lib takes the variance from a sum of squares that it carries along: what differs is its cancellation.
    loose = name.startswith("bollinger")
    np.testing.assert_allclose(ours[64:], expected[64:], rtol=1e-9, atol=2e-6 if loose else 1e-9)


def test_average_true_range_is_the_simple_mean_of_trange(bars: Array) -> None:
    frame = pd.DataFrame(bars, columns=list(BAR_COLUMNS))
    np.testing.assert_allclose(atr(bars), talib.SMA(reach(frame), 14)[14:], rtol=1e-10)
