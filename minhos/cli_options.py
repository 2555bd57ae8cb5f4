"""Options that several verbs have: what a night, or its learning alone, is asked for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from minhos.night.request import NightRequest

__all__ = [
    "Data",
    "Force",
    "Instruments",
    "Json",
    "MapFile",
    "Profile",
    "Session",
    "Timeframe",
    "Universe",
    "night_request",
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Data = Annotated[
    Path | None, typer.Option(help="Folder of bar files, only read. Default: $MINHOS_DATA, else synthetic.")
]
MapFile = Annotated[Path | None, typer.Option("--map", help="TOML that maps generic CSV columns (see examples/).")]
Timeframe = Annotated[str | None, typer.Option(help="5m, 30m, 1h ... Default: the finest with enough history.")]
Session = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: the last complete one in the data.")
]
Universe = Annotated[
    str | None, typer.Option(help="Symbols, separated by commas; NQ[C]: all expiries of NQ as one. Default: all.")
]
Profile = Annotated[str, typer.Option(help="quick (minutes), full, or a TOML file of one's own (see examples/).")]
Instruments = Annotated[Path | None, typer.Option(help="TOML with more instrument definitions.")]
Force = Annotated[bool, typer.Option(help="Do every step again, and publish over a newer release.")]


def night_request(
    *,
    data: Path | None,
    map_file: Path | None,
    timeframe: str | None,
    session: datetime | None,
    universe: str | None,
    profile: str,
    instruments: Path | None,
    force: bool,
) -> NightRequest:
    """What was asked on the command line; paths are made absolute. Raises `ConfigError` for an impossible value."""
    from minhos.night.request import NightRequest

    return NightRequest.from_params(
        {
            "data": data.expanduser().resolve() if data else None,
            "map": map_file.expanduser().resolve() if map_file else None,
            "instruments": instruments.expanduser().resolve() if instruments else None,
            "timeframe": timeframe,
            "session": session.date() if session else None,
            "universe": [name.strip() for name in universe.split(",") if name.strip()] if universe else [],
            "profile": str(Path(profile).expanduser().resolve()) if profile.endswith(".toml") else profile,
            "force": force,
        }
    )
