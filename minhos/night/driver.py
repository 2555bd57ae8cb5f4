"""One night from the command line: check the input, start what is missing, run the DAG through Airflow, tell what happened.

A user's mistake costs a second and one line: the night is planned before any service is started. What this starts, and
only that, it stops again.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from minhos.config import Settings
from minhos.errors import NightError
from minhos.night.airflow import airflow_environment, migrate, one_runner, start_nightly
from minhos.night.events import Event
from minhos.night.following import POLL_SECONDS, Follower
from minhos.night.request import NightRequest
from minhos.night.run import NOT_STARTED, Run
from minhos.night.server import server_url
from minhos.night.steps.ingest import Prepared, prepare
from minhos.serving.processes import end_session
from minhos.serving.state import running_server
from minhos.serving.triton import ServerSettings, TritonServer

__all__ = ["drive_night", "night_lock", "server_settings"]

GRACE_SECONDS = 5.0


def drive_night(
    request: NightRequest,
    settings: Settings,
    *,
    today: date,
    environ: Mapping[str, str],
    announce: Callable[[Prepared], None],
    follow: Callable[[Event], None],
    say: Callable[[str], None],
) -> Run:
    """Run one night to its end.

    Args:
        request: What to run.
        settings: Where things are.
        today: The calendar day (the synthetic exchange ends its data before it).
        environ: The environment that Airflow inherits.
        announce: Called once with the plan, before anything is started.
        follow: Called with each event of the night.
        say: Called with lines about the services.

    Returns:
        The run, whose ``outcome.json`` has the decision.

    Raises:
        MinhosError: Bad input (nothing was started), a second night at once, a step that failed, or an interruption
            (what was started is stopped).
    """
    try:
        with night_lock(settings.home):
            prepared = prepare(request, settings, today)
            environment = airflow_environment(settings, environ)
            announce(prepared)
            with one_runner(environment, _scheduler_runs(settings)), triton_running(settings, say):
                say("Airflow: preparing its database")
                migrate(settings, environment)
                log = settings.logs / "airflow-nightly.log"
                say(f"Airflow: running the DAG nightly (log {log})")
                params = {
                    **request.to_params(),
                    "session": str(prepared.plan.session),
                    "data": str(prepared.plan.folder),
                }
                _follow(environment, params, prepared.run, log, follow)
            if not (prepared.run.folder / "outcome.json").exists():
                raise NightError(f"the files in {prepared.plan.folder} changed while the night started: run it again")
    except KeyboardInterrupt as interrupt:
        raise NightError(
            "the night was interrupted: what it started is stopped, what serves is unchanged, its finished steps are "
            "kept; run it again to go on"
        ) from interrupt
    return prepared.run


@contextlib.contextmanager
def night_lock(home: Path) -> Iterator[None]:
    """One night at a time on one home.

    Raises:
        NightError: Another process holds the lock.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "night.lock").open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NightError(f"another night is running in {home}: wait for it, or use another MINHOS_HOME") from error
        yield


def _scheduler_runs(settings: Settings) -> str:
    return (
        f"Airflow's scheduler runs on {settings.home} and would do this night's tasks a second time: trigger the DAG "
        f"`nightly` there (http://127.0.0.1:{settings.airflow_port}), or stop `minhos airflow` first"
    )


@contextlib.contextmanager
def triton_running(settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """A Triton server for the night: the one that runs already, else one of ours that stops at the end."""
    if settings.triton_key is not None or running_server(settings.home) is not None:
        say(f"Triton: using the running server at {server_url(settings)}")
        yield
        return
    say("Triton: starting")
    with TritonServer(replace(server_settings(settings), tied=True)) as server:
        assert server.state is not None
        say(f"Triton: answers on {server.state.url} (loopback, stops with this night)")
        yield


def server_settings(settings: Settings) -> ServerSettings:
    """The server that these settings describe: loopback, CPU profile of the blueprint."""
    return ServerSettings(
        home=settings.home,
        serving_environment=settings.serving_environment,
        grpc_port=settings.grpc_port,
        metrics_port=settings.metrics_port,
        repository=settings.model_repository,
    )


def _follow(
    environment: Mapping[str, str],
    params: Mapping[str, object],
    run: Run,
    log: Path,
    follow: Callable[[Event], None],
) -> None:
    follower = Follower(run.events, {run.name, NOT_STARTED}, follow)
    process = start_nightly(environment, params, log)
    try:
        while process.poll() is None:
            follower.drain()
            time.sleep(POLL_SECONDS)
        follower.drain()
    finally:
        end_session(process, grace_seconds=GRACE_SECONDS)
    if follower.failure is not None:
        raise NightError(f"{follower.failure.label}: {' '.join(follower.failure.words)}")
    if process.returncode != 0:
        raise NightError(f"Airflow ended with status {process.returncode}: see the end of {log}")
