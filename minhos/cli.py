"""The command line. Verbs a trader knows; a user's mistake is one line and an exit status, never a stack trace.

Exit status: 0 done; 1 a step or a service failed; 2 the request or its input cannot be used; 3 the night ended and its
candidate was held back (what served before still serves).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from minhos import __version__
from minhos.cli_learning import mlflow, train, tune
from minhos.cli_market import bars, depth, ingest
from minhos.cli_options import (
    Data,
    Force,
    Instruments,
    Json,
    MapFile,
    Profile,
    Session,
    Timeframe,
    Universe,
    night_request,
)
from minhos.cli_quality import quarantine, validate
from minhos.cli_synth import synth
from minhos.config import Settings
from minhos.console import console
from minhos.errors import BadInputError, ConfigError, InstrumentError, MinhosError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="MinhOS ML: bars in by night, Kelly-sized decisions out by day. Settings are MINHOS_* variables (minhos doctor).",
)

app.command()(ingest)
app.command()(bars)
app.command()(depth)
app.command()(validate)
app.add_typer(quarantine, name="quarantine")
app.command()(synth)
app.command()(train)
app.command()(tune)
app.command()(mlflow)

HELD = 3


@app.command()
def night(
    data: Data = None,
    map_file: MapFile = None,
    timeframe: Timeframe = None,
    session: Session = None,
    universe: Universe = None,
    profile: Profile = "quick",
    instruments: Instruments = None,
    force: Force = False,
) -> None:
    """Run one night through Airflow: ingest, validate, drift, train, prove, publish, smoke test.

    Example: minhos night --data ~/SierraChart/Export --timeframe 5m
    """
    from minhos.console import EventPrinter, announce_plan, print_smoke, scorecard
    from minhos.files import read_json
    from minhos.night.driver import drive_night
    from minhos.night.outcome import read_outcome

    out = console()
    request = night_request(
        data=data,
        map_file=map_file,
        timeframe=timeframe,
        session=session,
        universe=universe,
        profile=profile,
        instruments=instruments,
        force=force,
    )
    started = time.monotonic()
    printer = EventPrinter(out)
    run = drive_night(
        request,
        Settings.from_environment(os.environ),
        today=date.today(),
        environ=os.environ,
        announce=lambda prepared: announce_plan(out, prepared),
        follow=printer,
        say=lambda words: out.print(Text(words, style="dim")),
    )
    scorecard(out, run, printer.reused)
    smoke = run.folder / "smoke.json"
    if smoke.exists():
        print_smoke(out, read_json(smoke))
    out.print(f"the night took {time.monotonic() - started:.0f} s; reports: {run.folder}")
    if read_outcome(run.folder).decision == "held":
        raise typer.Exit(HELD)


@app.command()
def serve(
    stop: Annotated[bool, typer.Option("--stop", help="Stop the server that another terminal started.")] = False,
) -> None:
    """Serve the live release with Triton on loopback, until interrupted.

    Example: minhos serve   (another terminal: minhos decide)
    """
    from minhos.night.driver import server_settings
    from minhos.serving.triton import TritonServer, stop_server

    settings = Settings.from_environment(os.environ)
    out = console()
    if stop:
        out.print("stopped" if stop_server(settings.home) else "no Triton server of this home is running")
        return
    with TritonServer(server_settings(settings)) as server:
        assert server.state is not None
        out.print(f"Triton answers on {server.state.url} (pid {server.state.pid}, log {server.state.log_file})")
        if not (settings.model_repository / "trade").exists():
            out.print("no release is published yet: run a night (make run)")
        raise typer.Exit(1 if server.wait() else 0)


@app.command()
def decide(
    symbol: Annotated[
        list[str] | None, typer.Option(help="Instrument; repeat for more. Default: all of the release.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="UTC moment. Default: the newest bar."),
    ] = None,
    equity: Annotated[float, typer.Option(min=0.0, help="Account equity.")] = 100_000.0,
    run: Annotated[
        Path | None, typer.Option(help="Run folder whose bars are asked about. Default: the release's own.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="host:port of Triton's gRPC. Default: this home's server.")] = None,
    deadline: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for the answer.")] = 5.0,
    as_json: Json = False,
) -> None:
    """Ask the live release for its decisions on the newest bars of its night.

    Example: minhos decide --symbol MNQZ25 --equity 50000
    """
    from minhos.console import print_decisions
    from minhos.night.request_bars import latest_bars, run_of_release
    from minhos.night.server import server_url
    from minhos_client.client import TradeClient
    from minhos_client.decision import Account
    from minhos_client.log import DecisionLog

    settings = Settings.from_environment(os.environ)
    with (
        DecisionLog(settings.home / "decisions.sqlite") as log,
        TradeClient(url or server_url(settings), deadline_seconds=deadline, log=log) as client,
    ):
        known = client.metadata()
        folder = run or run_of_release(settings.runs, known.release)
        moment = int(as_of.replace(tzinfo=UTC).timestamp() * 1_000_000) if as_of else None
        asked = latest_bars(folder, symbol or known.symbols, known.window, moment)
        decisions = client.decide(asked.bars, asked.bar_end, asked.as_of, asked.symbols, Account(equity=equity))
    rows = [decision.to_dict() for decision in decisions]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        print_decisions(console(), rows)
        if asked.as_of < known.data_through:
            print("a replay: the release has been trained on bars beyond this moment")


@app.command()
def status(as_json: Json = False) -> None:
    """What serves now, how old it is, and how the last night ended."""
    from minhos.night.server import server_url
    from minhos_client.client import TradeClient
    from minhos_client.errors import TradeClientError
    from monitoring.status import Serving
    from monitoring.status import status as platform_status

    settings = Settings.from_environment(os.environ)

    def probe() -> Serving | None:
        with TradeClient(server_url(settings), deadline_seconds=2.0) as client:
            try:
                known = client.metadata()
            except TradeClientError:
                return None
            return Serving(release=known.release, data_through=known.data_through)

    now = platform_status(settings, probe, now_us=time.time_ns() // 1000)
    if as_json:
        print(json.dumps(now.as_json(), indent=2))
    else:
        for line in now.lines():
            print(line)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine: environments, Triton, ports, disk, memory, GPU. Exit status 1 when something fails."""
    from minhos.doctor import diagnose, render, to_json

    checks = diagnose(Settings.from_environment(os.environ))
    if as_json:
        print(to_json(checks))
    else:
        console().print(render(checks))
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)


@app.command()
def airflow() -> None:
    """Airflow's scheduler and web interface on loopback, until interrupted (the DAG is `nightly`)."""
    from minhos.night.airflow import airflow_environment, migrate, start_standalone

    settings = Settings.from_environment(os.environ)
    environment = airflow_environment(settings, os.environ)
    migrate(settings, environment)
    console().print(
        f"Airflow: http://127.0.0.1:{settings.airflow_port}; the password is in "
        f"{settings.airflow_home / 'simple_auth_manager_passwords.json.generated'}"
    )
    raise typer.Exit(start_standalone(environment))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> NoReturn:
    """Entry point: errors that a user can act on become one line on standard error."""
    from minhos_client.errors import TradeClientError

    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(standalone_mode=True)
    except (BadInputError, ConfigError, InstrumentError) as error:
        _fail(error, 2)
    except (MinhosError, TradeClientError) as error:
        _fail(error, 1)
    sys.exit(0)


def _fail(error: Exception, status: int) -> NoReturn:
    print(f"minhos: {error}", file=sys.stderr, flush=True)
    sys.exit(status)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends like Ctrl-C: what this command started is stopped first."""
    raise KeyboardInterrupt
