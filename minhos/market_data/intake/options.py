"""What a user says about files beyond what stands in them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from minhos.market_data.instruments import Instrument
from minhos.market_data.readers.scan import SCID, Found, Statements
from minhos.market_data.timeframes import timeframe_name

__all__ = ["IntakeOptions", "Reading"]

READERS_VERSION = 3
"""Raise it when a reader makes other bars of the same file, or says more of it: then all files are read again."""


@dataclass(frozen=True)
class IntakeOptions:
    """Options of one intake.

    `map_file`, `instruments_file`: TOML files, None for what is built in. `said`: of the files, on the command line.
    `timeframe_seconds`: of the bars that ticks and depth are made into. `full`: read every file from its beginning.
    `replace`: take bars that contradict those in the store.
    """

    map_file: Path | None = None
    instruments_file: Path | None = None
    said: Statements = field(default_factory=Statements)
    timeframe_seconds: int = 60
    full: bool = False
    replace: bool = False


@dataclass(frozen=True)
class Reading:
    """How one file's content becomes bars. `how`: in words. `key`: equal keys and equal content give equal bars."""

    how: str
    key: str

    @classmethod
    def of(cls, found: Found, instrument: Instrument, options: IntakeOptions) -> Reading:
        document: dict[str, object] = {"readers": READERS_VERSION, "kind": found.kind, "symbol": found.symbol}
        if found.binary:
            document |= {
                "timeframe_seconds": options.timeframe_seconds,
                "price_multiplier": found.price_multiplier,
                "tick_size": instrument.tick_size,
                "anchors": instrument.session.model_dump(mode="json", include={"anchors"}),
                "combine_sub_trades": found.combine_sub_trades,
            }
            how = f"to {timeframe_name(options.timeframe_seconds)} bars"
            if found.price_multiplier != 1.0:
                how += f", prices x {found.price_multiplier:g}"
            if found.kind == SCID and found.combine_sub_trades:
                how += ", sub-trades combined"
        elif found.rule is not None:
            document["rule"] = found.rule.model_dump(mode="json")
            how = f"by the map's entry {found.rule.glob!r}"
        else:
            document["zone"] = found.zone
            how = f"times in {found.zone}" if found.zone else "time zone to be inferred"
        return cls(how=how, key=hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16])
