"""The command line's verbs of learning: train and tune by hand, look at what is on record."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.padding import Padding
from rich.text import Text

from minhos.cli_options import (
    Data,
    Instruments,
    Json,
    MapFile,
    Profile,
    Session,
    Timeframe,
    Universe,
    night_request,
)
from minhos.config import Settings
from minhos.console import console
from minhos.errors import ConfigError

__all__ = ["mlflow", "train", "tune"]

NOT_SOUND = 3


def train(
    data: Data = None,
    map_file: MapFile = None,
    timeframe: Timeframe = None,
    session: Session = None,
    universe: Universe = None,
    profile: Profile = "quick",
    instruments: Instruments = None,
    family: Annotated[
        list[str] | None,
        typer.Option(help="Train this one only; repeat for more. Default: all, then stack and judge them."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Do every step again.")] = False,
) -> None:
    """Learn as a night does, without Airflow and without a server: features, five models, stacking, the gate's words.

    Publishes nothing. Finished steps and folds are kept, so a run that was interrupted goes on where it was, and a night of
    the same bars does not train again. Exit status 3 when the candidate is not sound.

    Example: minhos train --data ~/SierraChart/Export --timeframe 5m --family lightgbm
    """
    from minhos.console import EventPrinter, announce_plan, steps_table
    from minhos.files import read_json
    from minhos.night.learn import learn
    from minhos_client.contract import MEMBERS

    unknown = sorted(set(family or ()) - set(MEMBERS))
    if unknown:
        raise ConfigError(f"--family {', '.join(unknown)}: the model families are {', '.join(MEMBERS)}")
    out = console()
    printer = EventPrinter(out)
    started = time.monotonic()
    run = learn(
        night_request(
            data=data,
            map_file=map_file,
            timeframe=timeframe,
            session=session,
            universe=universe,
            profile=profile,
            instruments=instruments,
            force=force,
        ),
        Settings.from_environment(os.environ),
        today=date.today(),
        families=tuple(family or MEMBERS),
        announce=lambda prepared: announce_plan(out, prepared),
        follow=printer,
    )
    steps_table(out, run, printer.reused)
    out.print(f"training took {time.monotonic() - started:.0f} s; reports: {run.folder}")
    gate = run.folder / "gate.json"
    if run.record("gate") is not None and gate.exists():
        decision = read_json(gate)
        for words in decision["words"]:
            out.print(Padding(Text(words, style="bold"), (0, 0, 0, 3)))
        if not decision["sound"]:
            raise typer.Exit(NOT_SOUND)


def tune(
    family: Annotated[str, typer.Argument(help="lstm, random_forest, xgboost, lightgbm or catboost.")],
    trials: Annotated[int, typer.Option(min=1, help="Settings to have tried in all, earlier ones included.")] = 30,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Stop after so long. Default: no limit.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Profile file to write. Default: profiles/<profile>-tuned.toml of the home.")
    ] = None,
    data: Data = None,
    map_file: MapFile = None,
    timeframe: Timeframe = None,
    session: Session = None,
    universe: Universe = None,
    profile: Profile = "quick",
    instruments: Instruments = None,
    as_json: Json = False,
) -> None:
    """Look for better settings of one model family, by purged walk-forward log loss; what is worth it becomes a profile.

    The last fold of the profile, which a night judges by, is never looked at. Weak trials are given up early. Trials are
    kept: a study that was interrupted goes on, and several processes may work on one at once. The best of many tries looks
    better than it is: settings are written only where they gain more than luck explains.

    Example: minhos tune lightgbm --trials 50 && minhos train --profile var/profiles/quick-tuned.toml
    """
    from minhos.console import EventPrinter, announce_plan
    from minhos.night.tune import tune as tune_by_hand
    from minhos_client.contract import MEMBERS

    if family not in MEMBERS:
        raise ConfigError(f"{family}: the model families are {', '.join(MEMBERS)}")
    text = console(stderr=as_json)
    outcome = tune_by_hand(
        night_request(
            data=data,
            map_file=map_file,
            timeframe=timeframe,
            session=session,
            universe=universe,
            profile=profile,
            instruments=instruments,
            force=False,
        ),
        Settings.from_environment(os.environ),
        today=date.today(),
        family=family,
        trials=trials,
        seconds=None if minutes is None else 60 * minutes,
        out=out,
        announce=lambda prepared: announce_plan(text, prepared),
        follow=EventPrinter(text),
        progress=lambda words: text.print(Text(words, style="dim")),
    )
    for words in outcome.tuned.words:
        text.print(Text(words, style="bold"))
    if outcome.profile is not None:
        text.print(f"written: {outcome.profile} (minhos train --profile {outcome.profile})")
    if as_json:
        print(json.dumps({**asdict(outcome.tuned), "profile": outcome.profile and str(outcome.profile)}, indent=2))


def mlflow() -> NoReturn:
    """Look at what is on record, in MLflow's web interface on loopback, until interrupted.

    Experiments of nights with every model's parameters, metrics and files; the registered model `trade`, whose champion
    serves. Port: MINHOS_MLFLOW_PORT. Nothing is reported to anybody.

    Example: minhos mlflow
    """
    from minhos.training.tracking import Tracking, database_uri

    settings = Settings.from_environment(os.environ)
    Tracking(settings.tracking).client  # noqa: B018  makes the database, or says why it cannot
    console().print(f"MLflow: http://127.0.0.1:{settings.mlflow_port}")
    arguments = [
        "server",
        "--host", "127.0.0.1",
        "--port", str(settings.mlflow_port),
        "--workers", "1",
        "--backend-store-uri", database_uri(settings.tracking),
        "--artifacts-destination", (settings.tracking / "artifacts").absolute().as_uri(),
    ]  # fmt: skip
    sys.stdout.flush()
    program = Path(sys.executable).parent / "mlflow"
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }  # six more processes that nothing here uses
    os.execve(program, [str(program), *arguments], environment)  # noqa: S606  telemetry is off, as tracking has set it
