"""A written exchange as text exports: what tests of text files start from."""

from __future__ import annotations

from pathlib import Path

from minhos.market_data.anchors import bar_interval
from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import load_instruments
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.synthetic import STEP_SECONDS, export_name, export_text

__all__ = ["bars_of_exchange", "write_text_of_exchange"]


def bars_of_exchange(exchange: Path, symbol: str) -> BarSeries:
    """The complete bars of the law's steps."""
    instrument = load_instruments(None).find(symbol)
    return scid_bars(
        exchange / f"{symbol}-SIM.scid",
        symbol=symbol,
        timeframe_seconds=STEP_SECONDS,
        grid=lambda stamps: bar_interval(stamps, instrument, STEP_SECONDS),
        tick_size=instrument.tick_size,
    ).series


def write_text_of_exchange(exchange: Path, symbol: str, folder: Path) -> Path:
    """One symbol's bars as Sierra Chart exports them, in UTC."""
    series, instrument = bars_of_exchange(exchange, symbol), load_instruments(None).find(symbol)
    path = folder / export_name(symbol, STEP_SECONDS)
    path.write_bytes(export_text(series.bar_end, series.values, instrument, timeframe_seconds=STEP_SECONDS))
    return path
