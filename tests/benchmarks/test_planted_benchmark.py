"""The bench of the planted edge asks the law itself: its best guesses are as good as the law says they are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.planted import best_guesses
from minhos.market_data.sierra.scid_bars import scid_bars
from minhos.market_data.synthetic import write_exchange

HORIZON = 6


def test_the_best_guesses_are_right_as_often_as_the_law_says(tmp_path: Path) -> None:
    exchange = write_exchange(tmp_path / "market", seed=20, end=date(2026, 9, 18), sessions=60)
    t0, instrument, up = [], [], []
    for number, symbol in enumerate(exchange.truth.symbols):
        bars = scid_bars(exchange.folder / f"{symbol}-SIM.scid", symbol=symbol, timeframe_seconds=300).series
        close = bars.column("close")
        t0.append(bars.bar_end[:-HORIZON])
        up.append(close[HORIZON:] > close[:-HORIZON])
        instrument.append(np.full(len(t0[-1]), number))
    asked = SimpleNamespace(
        t0=np.concatenate(t0), instrument=np.concatenate(instrument), symbols=exchange.truth.symbols
    )
    best, rose = best_guesses(exchange.truth, asked), np.concatenate(up)  # type: ignore[arg-type]
    known = exchange.truth.accuracies
    assert known.exact is not None
    assert known.from_bars is not None
    assert known.from_own_bars is not None
    # 2 x 16 500 overlapping decisions of six bars: a standard error of 0.7 points or so
    assert np.mean(best.from_state == rose) == pytest.approx(known.exact, abs=0.02)
    assert np.mean(best.from_bars == rose) == pytest.approx(known.from_bars.value, abs=0.02)
    assert np.mean(best.from_own_bars == rose) == pytest.approx(known.from_own_bars.value, abs=0.02)
    right = [np.mean(guess == rose) for guess in (best.from_state, best.from_bars, best.from_own_bars)]
    assert right == sorted(right, reverse=True)
