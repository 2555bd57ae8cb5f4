"""Nights that are repeated by force, killed, interrupted, or given one bad instrument: real Airflow, real Triton."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from datetime import date
from pathlib import Path

import numpy as np
import psutil
import pytest
from system_home import Home, contents, make_home, wait_for

from minhos.market_data.bars import read_bars
from minhos.market_data.sierra.scid import EPOCH_OFFSET_US, HEADER, RECORD
from minhos.market_data.synthetic import write_exchange
from minhos.night.events import Event
from minhos.night.request_bars import latest_bars
from minhos.serving.state import ServerState, read_state
from minhos_client.client import TradeClient
from minhos_client.decision import Account

pytestmark = [pytest.mark.system, pytest.mark.thorough]

STEPS = 15
SESSIONS = 11
LAST_SESSION = date(2026, 3, 5)
GONE_SECONDS = 20.0
LOCK = ".publish.lock"


@pytest.fixture(scope="module")
def other_exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same instruments and sessions as the first night's, other bars: another release."""
    folder = tmp_path_factory.mktemp("other_exchange")
    write_exchange(folder, seed=6, sessions=SESSIONS, end=LAST_SESSION)
    return folder


def in_training(event: Event) -> bool:
    return event.label.startswith("train[") and event.kind == "progress"


def one_family_trained(event: Event) -> bool:
    return event.label.startswith("train[") and event.kind == "finished"


def staged(event: Event) -> bool:
    return event.label == "publish" and event.kind == "progress" and event.words[0].startswith("staged")


def server_of(home: Home) -> ServerState:
    state = read_state(home.settings.home)
    assert state is not None
    return state


def live_models(home: Home) -> dict[str, tuple[str, int, int]]:
    """Every file of the live repository (the publisher's lock is none of its models)."""
    found = contents(home.settings.model_repository)
    found.pop(LOCK, None)
    return found


def models(home: Home) -> set[str]:
    """The names in the live repository, staging folders too."""
    return {path.name for path in home.settings.model_repository.iterdir()} - {LOCK}


def kill(night: subprocess.Popen[str], home: Home, *, airflow_too: bool) -> None:
    """SIGKILL a night; with ``airflow_too`` its Airflow's process group in the same breath."""
    groups = [child.pid for child in psutil.Process(night.pid).children() if "dags" in child.cmdline()]
    night.kill()
    if airflow_too:
        assert len(groups) == 1
        os.killpg(groups[0], signal.SIGKILL)
    night.wait()


def nothing_left(home: Home) -> bool:
    return home.processes() == []


class Asking(threading.Thread):
    """A trading client that asks until told to stop; ``releases`` are those that answered, ``errors`` what failed."""

    def __init__(self, home: Home, run_folder: Path) -> None:
        super().__init__()
        self._url = home.settings.grpc_url
        self._run_folder = run_folder
        self._end = threading.Event()
        self.answers = 0
        self.releases: set[str] = set()
        self.errors: list[str] = []

    def run(self) -> None:
        with TradeClient(self._url, deadline_seconds=20) as client:
            known = client.metadata()
            asked = latest_bars(self._run_folder, known.symbols, known.window)
            while not self._end.wait(0.1):
                try:
                    decisions = client.decide(
                        asked.bars, asked.bar_end, asked.as_of, asked.symbols, Account(equity=1e5)
                    )
                except Exception as error:  # whatever it is, the test is to show it
                    self.errors.append(repr(error))
                    continue
                self.answers += 1
                self.releases |= {decision.release for decision in decisions}

    def __enter__(self) -> Asking:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join(timeout=60)


class TestForce:
    def test_everything_is_trained_again_and_is_bit_for_bit_the_same_release(
        self, first_night: tuple[Home, str], exchange: Path, tmp_path: Path
    ) -> None:
        home = first_night[0].copy_to(tmp_path / "home")
        release = home.json("release.json")["release"]
        onnx = contents(home.run_folder() / "models")
        kept = contents(home.settings.releases / release)
        live = live_models(home)
        with home.serving():
            server = server_of(home)
            with Asking(home, home.run_folder()) as client:
                done = home.minhos("night", "--data", str(exchange), "--force")
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            assert server_of(home) == server
        assert "done before" not in done.stdout
        again = contents(home.run_folder() / "models")
        files = [name for name in onnx if name.endswith("model.onnx")]
        assert len(files) == 5
        for name in files:
            assert again[name][1] > onnx[name][1], f"{name} was not trained again"
            assert again[name][0] == onnx[name][0], f"{name} has other bits"
        assert home.json("release.json")["release"] == release
        assert [path.name for path in home.settings.releases.glob("[!.]*")] == [release]
        assert contents(home.settings.releases / release) == kept
        assert live_models(home) == live
        assert client.errors == []
        assert client.releases == {release}
        assert client.answers > 50


class TestKilled:
    """One home, three nights of other data killed at worse and worse moments, then one that ends."""

    @pytest.mark.timeout(900)
    def test_what_served_serves_and_the_next_night_goes_on_where_the_killed_one_was(
        self, first_night: tuple[Home, str], other_exchange: Path, tmp_path: Path
    ) -> None:
        home = first_night[0].copy_to(tmp_path / "home")
        old = home.json("release.json")["release"]
        before = models(home)
        arguments = ("night", "--data", str(other_exchange))

        since = home.events_end()
        night, _ = home.start_logged(*arguments)
        home.wait_for_event(in_training, night, since=since)
        server = server_of(home)
        assert server.alive()
        kill(night, home, airflow_too=False)  # Airflow and Triton must notice by themselves
        wait_for(lambda: nothing_left(home), GONE_SECONDS, "Airflow and Triton to end after their night")
        assert not server.alive()
        assert models(home) == before
        with home.serving():
            assert {one["release"] for one in home.decide()} == {old}
            assert home.minhos("status").returncode == 0

        since = home.events_end()
        night, _ = home.start_logged(*arguments)
        home.wait_for_event(one_family_trained, night, since=since)
        kill(night, home, airflow_too=True)
        wait_for(lambda: nothing_left(home), GONE_SECONDS, "the second killed night to end")
        assert models(home) == before

        since = home.events_end()
        night, log = home.start_logged(*arguments)
        home.wait_for_event(staged, night, since=since)
        kill(night, home, airflow_too=True)
        wait_for(lambda: nothing_left(home), GONE_SECONDS, "the third killed night to end")
        assert log.read_text().count("done before") >= 5  # ingest, validate, features, drift and a model at the least

        with home.serving():
            (answering,) = {one["release"] for one in home.decide()}
            since = home.events_end()
            done = home.minhos(*arguments)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            assert "using the running server" in done.stdout
            ended = {event.label: event.kind for event in home.events(since)}
            assert {label for label, kind in ended.items() if kind != "reused"} == {"publish", "smoke_test", "track"}
            assert len(ended) == STEPS
            new = home.json("release.json")["release"]
            assert new != old
            assert answering in (old, new)  # whole, whichever it was when the alias was being flipped
            assert {one["release"] for one in home.decide()} == {new}
            assert not [name for name in models(home) if name.startswith(".")]
            assert {name.split("__")[1] for name in models(home) if "__" in name} == {old, new}
        assert nothing_left(home), home.processes()
        assert read_state(home.settings.home) is None


class TestInterrupted:
    def test_everything_it_started_ends_with_one_line_and_the_next_night_works(
        self, first_night: tuple[Home, str], other_exchange: Path, tmp_path: Path
    ) -> None:
        home = first_night[0].copy_to(tmp_path / "home")
        before = models(home)
        for number, moment in ((signal.SIGTERM, in_training), (signal.SIGINT, one_family_trained)):
            since = home.events_end()
            night, log = home.start_logged("night", "--data", str(other_exchange))
            home.wait_for_event(moment, night, since=since)
            night.send_signal(number)
            assert night.wait(timeout=60) == 1
            assert nothing_left(home), home.processes()
            assert read_state(home.settings.home) is None
            printed = log.read_text()
            assert "Traceback" not in printed
            said = [line for line in printed.splitlines() if line.startswith("minhos: ")]
            assert len(said) == 1
            assert "the night was interrupted" in said[0]
            assert printed.rstrip().endswith(said[0])
            assert models(home) == before
        done = home.minhos("night", "--data", str(other_exchange))
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        assert done.stdout.count("done before") >= 5
        assert nothing_left(home), home.processes()


class TestPlacebo:
    def test_where_there_is_nothing_to_know_the_night_is_sound_and_sizes_nothing(self, tmp_path: Path) -> None:
        home = make_home(tmp_path / "home")
        placebo = write_exchange(tmp_path / "placebo", seed=5, market="placebo", sessions=SESSIONS, end=LAST_SESSION)
        done = home.minhos("night", "--data", str(placebo.folder))
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        gate, evaluation = home.json("gate.json"), home.json("evaluation.json")
        assert (gate["sound"], gate["edge_proven"]) == (True, False)
        assert evaluation["accuracy_low"] < placebo.truth.accuracies.limit
        assert [one["contracts"] for one in home.json("smoke.json")["newest"]] == [0, 0]


class TestBadBars:
    """One instrument with three bad rows, which are held, and one on another price level, which is left out."""

    PLANTED = (700, 701, 1500)  # steps of five minutes

    def test_bad_rows_are_held_a_bad_instrument_is_left_out_and_a_release_brings_it_back(
        self, exchange: Path, tmp_path: Path
    ) -> None:
        data, home = tmp_path / "data", make_home(tmp_path / "home")
        shutil.copytree(exchange, data)
        stamps = plant_off_grid(data / "SYNAZ26-SIM.scid", self.PLANTED, by=0.1)
        plant_level(data / "SYNBZ26-SIM.scid", from_step=1200, factor=1.2)
        done = home.minhos("night", "--data", str(data))
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        some, none = home.json("validation.json")
        assert (some["symbol"], some["passed"]) == ("SYNAZ26", True)
        assert [row["bar_end"] for row in some["held"]] == stamps
        (check,) = [check for check in some["checks"] if check["rule"] == "on_tick_grid"]
        assert (check["status"], check["severity"], check["bad_count"]) == ("failed", "quarantine", 3)
        assert all(row["values"]["ticks_off_grid"] == pytest.approx(0.4, abs=0.01) for row in check["bad_rows"])
        assert (none["symbol"], none["passed"]) == ("SYNBZ26", False)
        (level,) = [check for check in none["checks"] if check["rule"] == "one_price_base"]
        assert (level["status"], level["severity"], level["bad_count"]) == ("failed", "exclude", 1)
        printed = " ".join(done.stdout.split())
        assert "SYNAZ26: passed without 3 rows" in printed
        assert "SYNBZ26: excluded" in printed
        assert level["words"] in printed
        used = read_bars(home.run_folder() / "validated" / "SYNAZ26.parquet")
        assert len(used) == some["rows"] - 3
        assert not set(stamps) & set(used.bar_end.tolist())
        assert json.loads((home.run_folder() / "parameters.json").read_text())["instruments"].keys() == {"SYNAZ26"}
        manifest = json.loads((Path(home.json("release.json")["path"]) / "manifest.json").read_text())
        assert manifest["symbols"] == ["SYNAZ26"]
        assert [one["instrument"] for one in home.json("smoke.json")["newest"]] == ["SYNAZ26"]
        assert "SYNBZ26" in (home.run_folder() / "validation" / "index.html").read_text(encoding="utf-8")
        held = json.loads(home.minhos("quarantine", "list", "--json").stdout)
        assert {(one["symbol"], one["bar_end_us"]) for one in held} == {
            ("SYNBZ26", None),
            *(("SYNAZ26", stamp) for stamp in stamps),
        }
        again = home.minhos("night", "--data", str(data))
        assert again.stdout.count("done before") >= 10, (
            "what the night itself has held does not make another night of it"
        )
        (whole,) = [str(one["id"]) for one in held if one["symbol"] == "SYNBZ26"]
        assert home.minhos("quarantine", "release", whole, "--why", "it was a test").returncode == 0
        before = home.run_folder()
        released = home.minhos("night", "--data", str(data))
        assert released.returncode in (0, 3), released.stdout[-4000:] + released.stderr[-4000:]  # sound or held
        assert home.run_folder() != before
        assert [one["passed"] for one in home.json("validation.json")] == [True, True]


def plant_level(path: Path, *, from_step: int, factor: float) -> None:
    """Multiply all prices from a step of five minutes (counted from the first) on, on the tick grid."""
    content = bytearray(path.read_bytes())
    records = np.frombuffer(content, dtype=RECORD, offset=HEADER.size)
    step = (records["time"] - EPOCH_OFFSET_US) // 300_000_000
    later = step >= np.unique(step)[from_step]
    for name in ("high", "low", "close"):
        records[name][later] = np.round(records[name][later] * factor * 100) / 100
    path.write_bytes(content)


def plant_off_grid(path: Path, steps: tuple[int, ...], *, by: float) -> list[int]:
    """Move the highest trade of these five minutes (counted from the first) between two ticks; the ends of their bars."""
    content = bytearray(path.read_bytes())
    records = np.frombuffer(content, dtype=RECORD, offset=HEADER.size)
    step = (records["time"] - EPOCH_OFFSET_US) // 300_000_000
    stamps = []
    for chosen in np.unique(step)[list(steps)]:
        inside = np.flatnonzero(step == chosen)
        records["close"][inside[np.argmax(records["close"][inside])]] += by
        stamps.append(int(chosen + 1) * 300_000_000)
    path.write_bytes(content)
    return stamps
