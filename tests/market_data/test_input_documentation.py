"""The examples are read by the real reader, and the document names every key that there is."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from minhos.market_data.bars import iso, read_bars
from minhos.market_data.ingest import ingest, plan_night
from minhos.market_data.instruments import Anchors, Instrument, RollRule, Session, load_instruments
from minhos.market_data.readers.column_map import (
    ColumnMap,
    Columns,
    FileRule,
    ScidRule,
    SierraRule,
    load_column_map,
)
from minhos.market_data.store import BarStore
from minhos.market_data.trading_hours import EarlierHours

REPOSITORY = Path(__file__).resolve().parents[2]


def table_keys(heading: str) -> set[str]:
    """The names in the first column of the document's table with this heading."""
    text = (REPOSITORY / "docs" / "input.md").read_text(encoding="utf-8")
    rows = text.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("key of `[[files]]`", FileRule),
        ("key of `columns`", Columns),
        ("key of `[sierra_text]`", SierraRule),
        ("key of `[scid]`", ScidRule),
        ("key of `[[instruments]]`", Instrument),
        ("key of `[sessions.<name>]`", Session),
        ("key of `earlier`", EarlierHours),
        ("key of `anchors`", Anchors),
        ("key of `roll`", RollRule),
    ],
)
def test_the_document_has_every_key_and_no_other(heading: str, model: type[BaseModel]) -> None:
    assert table_keys(heading) == set(model.model_fields)


def test_the_fx_example_shows_every_key_of_a_file_entry() -> None:
    text = (REPOSITORY / "examples" / "fx.toml").read_text(encoding="utf-8")
    for key in {*FileRule.model_fields, *Columns.model_fields} - {"columns"}:
        assert re.search(rf"^(# )?{key} = ", text, re.MULTILINE), key


@pytest.mark.parametrize("name", ["crypto_orderflow", "fx", "indices_crypto", "sierra_chart"])
def test_every_example_is_a_valid_map(name: str, examples: Path) -> None:
    column_map = load_column_map(examples / f"{name}.toml")
    assert column_map.files or column_map.sierra_text
    for rule in column_map.files:
        load_instruments(None).find(rule.symbol)


def test_the_examples_are_all_tested(examples: Path) -> None:
    assert {path.stem for path in examples.glob("*.toml")} == {
        "crypto_orderflow",
        "fx",
        "indices_crypto",
        "profile",  # of training: tests/training/test_profiles.py
        "sierra_chart",
    }
    assert set(ColumnMap.model_fields) == {"files", "symbols", "sierra_text", "scid"}


def test_the_instruments_that_the_document_shows_are_valid(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "input.md").read_text(encoding="utf-8")
    copper, chicago = re.findall(r"```toml\n(\[\[instruments\]\].*?)```", text, re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(copper + chicago)
    own = load_instruments(path)
    assert own.find("HGZ25").tick_size == 0.0005
    assert own.find("ESZ25").bar_anchors == Anchors(zone="America/Chicago", day_open="08:30", day_close="15:15")


def test_the_real_fx_folder_makes_a_night(real_data: Path, examples: Path, tmp_path: Path) -> None:
    night = plan_night(
        folder=real_data / "fx",
        map_file=examples / "fx.toml",
        instruments_file=None,
        timeframe=None,
        session=None,
        universe=["GBPUSD"],
        store=BarStore(tmp_path / "bars"),
        now_us=int(np.datetime64("2026-01-01", "us").astype(np.int64)),
    )
    assert (night.session, night.symbols, night.timeframe_seconds) == (date(2022, 3, 4), ("GBPUSD",), 3600)
    bars = read_bars(ingest(night, tmp_path / "run")[0])
    assert len(bars) == 57_600
    assert bars.values[0, :5].tolist() == pytest.approx([1.58611, 1.58618, 1.58572, 1.58599, 1032.0])
    assert np.isnan(bars.values[:, 5:]).all()
    # the pound's fall of 2016-10-06, 23:07 UTC, proves the clock: it lies in the hour that ends at midnight UTC
    lowest = int(np.argmin(bars.column("low") - bars.column("close")))
    assert iso(int(bars.bar_end[lowest])) == "2016-10-07T00:00Z"
