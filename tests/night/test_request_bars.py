"""Bars for a request: only what was known at the moment asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minhos.errors import NightError
from minhos.files import write_json
from minhos.market_data.bars import BarSeries, write_bars
from minhos.night.request_bars import latest_bars, replay, run_of_release
from minhos.night.run import VALIDATED
from minhos_client.contract import INPUTS
from minhos_client.decision import Account

MINUTE = 60_000_000


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for symbol, offset, count in (("AAA", 0, 30), ("BBB", 2, 30)):
        ends = (np.arange(count, dtype=np.int64) + offset) * MINUTE
        values = np.full((count, 8), 100.0) + np.arange(count)[:, None]
        write_bars(tmp_path / VALIDATED / f"{symbol}.parquet", BarSeries(symbol, 60, ends, values))
    return tmp_path


def test_the_newest_moment_is_when_the_newest_bar_was_known(run: Path) -> None:
    asked = latest_bars(run, ["BBB", "AAA"], 5)
    assert asked.symbols == ("BBB", "AAA")
    assert asked.as_of == 31 * MINUTE
    assert asked.bars.shape == (2, 5, 8)
    assert asked.bar_end[:, -1].tolist() == [31 * MINUTE, 29 * MINUTE]


def test_nothing_after_the_moment_is_in_the_request(run: Path) -> None:
    asked = latest_bars(run, ["AAA", "BBB"], 5, as_of=20 * MINUTE + 1)
    assert asked.bar_end.max() == 20 * MINUTE
    assert asked.bars[0, -1, 3] == 120.0


def test_a_replay_goes_back_bar_by_bar(run: Path) -> None:
    requests = replay(run, ["AAA", "BBB"], 5, 40)
    moments = [asked.as_of for asked in requests]
    assert moments == [minute * MINUTE for minute in range(31, 5, -1)]
    for asked in requests:
        assert asked.bar_end.max() <= asked.as_of


def test_the_request_has_the_contracts_tensors(run: Path) -> None:
    tensors = latest_bars(run, ["AAA", "BBB"], 5).tensors(Account(equity=1000.0))
    assert list(tensors) == [spec.name for spec in INPUTS]
    assert {name: value.shape for name, value in tensors.items()} == {
        "BARS": (2, 5, 8),
        "BAR_END": (2, 5),
        "AS_OF": (2, 1),
        "INSTRUMENT": (2, 1),
        "PORTFOLIO": (2, 6),
    }


def test_missing_bars_are_named(run: Path) -> None:
    with pytest.raises(NightError, match="has no bars of CCC; it has AAA, BBB"):
        latest_bars(run, ["CCC"], 5)
    with pytest.raises(NightError, match=r"AAA: 4 bars are known in .*, the release needs 5"):
        latest_bars(run, ["AAA"], 5, as_of=3 * MINUTE)


def test_the_run_of_a_release_is_found_by_what_it_published(tmp_path: Path) -> None:
    write_json(tmp_path / "one" / "release.json", {"release": "r1"})
    write_json(tmp_path / "two" / "release.json", {"release": None})
    assert run_of_release(tmp_path, "r1") == tmp_path / "one"
    with pytest.raises(NightError, match=r"no run in .* published r2"):
        run_of_release(tmp_path, "r2")
