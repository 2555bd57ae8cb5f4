"""The command line's verb of the synthetic exchange: write a market whose truth is known."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from minhos.console import console

__all__ = ["synth"]


def synth(
    folder: Annotated[Path, typer.Argument(help="A new or an empty folder, or one that holds this very exchange.")],
    market: Annotated[
        str, typer.Option(help="planted: a known edge; placebo: nothing to predict; broken: every kind of dirt.")
    ] = "planted",
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same bytes.")] = 20,
    symbols: Annotated[
        str, typer.Option(help="Separated by commas; instruments that trade in the same hours.")
    ] = "SYNAZ26,SYNBZ26",
    sessions: Annotated[int, typer.Option(min=1, help="Complete sessions, of 276 steps of five minutes each.")] = 60,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last session. Default: yesterday, or before.")
    ] = None,
    accuracy: Annotated[
        float | None,
        typer.Option(help="Of the best possible predictor, over six steps; not for the placebo. Default: 0.68."),
    ] = None,
    ticks: Annotated[float, typer.Option(help="Trades per step and symbol, about.")] = 30.0,
    instruments: Annotated[Path | None, typer.Option(help="TOML with more instrument definitions.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the truth as JSON instead of tables.")] = False,
) -> None:
    """Write a synthetic market as Sierra Chart .scid ticks, with what is true of it (truth.json).

    A folder with anything else in it is left as it is, with exit status 2.

    Example: minhos synth ~/market --market planted --accuracy 0.68 --seed 7
    """
    from minhos.console_synth import WritingProgress, print_exchange
    from minhos.market_data.synthetic import market_of, write_exchange

    out = console(stderr=as_json)
    with WritingProgress(out) as progress:
        exchange = write_exchange(
            folder.expanduser(),
            seed=seed,
            end=end.date() if end else date.today() - timedelta(days=1),
            market=market_of(market),
            symbols=[name.strip().upper() for name in symbols.split(",") if name.strip()],
            sessions=sessions,
            accuracy=accuracy,
            mean_ticks=ticks,
            instruments_file=instruments.expanduser() if instruments else None,
            progress=progress.show,
        )
    if as_json:
        print(json.dumps({"folder": str(exchange.folder)} | exchange.truth.model_dump(mode="json"), indent=2))
    else:
        print_exchange(out, exchange)
