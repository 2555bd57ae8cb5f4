"""One small night, run once through the command line, that the system tests look at: real Airflow, real Triton."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from system_home import Home, make_home

from minhos.market_data.synthetic import write_exchange
from minhos.serving.state import running_server

SESSIONS = 11
LAST_SESSION = date(2026, 3, 5)


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted market as intraday files, a little more history than a night needs."""
    folder = tmp_path_factory.mktemp("exchange")
    write_exchange(folder, seed=5, sessions=SESSIONS, end=LAST_SESSION)
    return folder


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory, exchange: Path) -> Iterator[tuple[Home, str]]:
    """A finished night: the home and what the command line printed."""
    home = make_home(tmp_path_factory.mktemp("home"))
    done = home.minhos("night", "--data", str(exchange))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert running_server(home.settings.home) is None, "the night stops the server that it started"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", home.settings.grpc_port))
    yield home, done.stdout
    home.minhos("serve", "--stop", timeout=60)


@pytest.fixture(scope="session")
def served(first_night: tuple[Home, str]) -> Iterator[Home]:
    """The first night's release, served by ``minhos serve``."""
    home, _ = first_night
    server = home.start("serve")
    assert server.stdout is not None
    line = server.stdout.readline()
    assert "Triton answers on" in line, line
    yield home
    assert home.minhos("serve", "--stop", timeout=60).returncode == 0
    server.wait(timeout=60)
    server.stdout.close()
