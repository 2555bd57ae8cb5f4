"""Bars as Sierra Chart's "Export Bar Data to Text File" writes them: CRLF, a space after each comma, UTC, bar starts."""

from __future__ import annotations

import math

from minhos.market_data.instruments import Instrument
from minhos.market_data.synthetic.steps import Floats, Integers
from minhos.market_data.timeframes import timeframe_name

__all__ = ["export_name", "export_text"]

_HEADER = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def export_name(symbol: str, timeframe_seconds: int) -> str:
    """The file's name: `SYNAZ26-SIM_5m.scid_BarData.txt`."""
    return f"{symbol}-SIM_{timeframe_name(timeframe_seconds)}.scid_BarData.txt"


def export_text(bar_end: Integers, values: Floats, instrument: Instrument, *, timeframe_seconds: int) -> bytes:
    """The file's content. `bar_end` int64 [T], UTC us, in any order; `values` float64 [T, 8], contract columns; a number
    that is missing is an empty field."""
    decimals = max(0, len(f"{instrument.tick_size:.10f}".rstrip("0").split(".")[1]))
    moments = (bar_end - timeframe_seconds * 1_000_000).astype("datetime64[us]").tolist()
    lines = [_HEADER]
    for moment, (opens, high, low, close, volume, bid, ask, trades) in zip(moments, values.tolist(), strict=True):
        clock = f"{moment.year}/{moment.month}/{moment.day}, {moment:%H:%M:%S}"
        prices = (_written(price, max(decimals, _needed(price))) for price in (opens, high, low, close))
        counts = (_written(count, 0) for count in (volume, trades, bid, ask))
        lines.append(f"{clock}, {', '.join([*prices, *counts])}")
    return ("\r\n".join(lines) + "\r\n").encode()


def _needed(price: float) -> int:
    """Decimals without which a price off the tick grid would be written as another one; 6 at the most."""
    return len(f"{price:.6f}".rstrip("0").partition(".")[2])


def _written(number: float, decimals: int) -> str:
    return "" if math.isnan(number) else f"{number:.{decimals}f}"
