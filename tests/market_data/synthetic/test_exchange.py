"""The written exchange: whole or not there, reproducible, and read by the ordinary intake as the law meant it."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from drawn_market import END, drawn

from minhos.errors import BadInputError, ConfigError, InstrumentError, SetupError
from minhos.market_data.bars import BarSeries, read_bars
from minhos.market_data.ingest import NightPlan, ingest, plan_night
from minhos.market_data.instruments import Instruments
from minhos.market_data.readers.scan import Statements, scan_paths
from minhos.market_data.sessions import last_complete_session, trading_dates
from minhos.market_data.sierra.scid import open_scid
from minhos.market_data.store import BarStore
from minhos.market_data.synthetic import Exchange, market_of, write_exchange
from minhos.market_data.synthetic import exchange as module

FILES = ["SYNAZ26-SIM.scid", "SYNBZ26-SIM.scid", "SYNTHETIC.txt", "truth.json"]
SESSIONS = 12
NOW_US = int(np.datetime64("2026-11-24", "us").astype(np.int64))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    return write_exchange(tmp_path_factory.mktemp("planted"), seed=11, sessions=SESSIONS, end=END)


@pytest.fixture(scope="module")
def night(written: Exchange, tmp_path_factory: pytest.TempPathFactory) -> tuple[NightPlan, list[BarSeries]]:
    """A night's plan on the exchange, and its bars of five minutes."""
    folder = tmp_path_factory.mktemp("home")
    plan = plan_night(
        folder=written.folder,
        map_file=None,
        instruments_file=None,
        timeframe="5m",
        session=None,
        universe=None,
        store=BarStore(folder / "store"),
        now_us=NOW_US,
    )
    return plan, [read_bars(path) for path in ingest(plan, folder / "bars")]


class TestTheFolder:
    @pytest.mark.system  # seconds of writing markets
    def test_the_same_seed_writes_the_same_bytes_and_another_one_does_not(self, tmp_path: Path) -> None:
        once, again, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
        for folder, seed in ((once, 3), (again, 3), (other, 4)):
            write_exchange(folder, seed=seed, sessions=2, end=END)
        assert sorted(path.name for path in once.iterdir()) == FILES
        assert all((once / name).read_bytes() == (again / name).read_bytes() for name in FILES)
        assert (once / FILES[0]).read_bytes() != (other / FILES[0]).read_bytes()

    def test_the_truth_counts_what_was_written(self, written: Exchange) -> None:
        truth = written.truth
        assert [path.name for path in written.files] == FILES[:2]
        for path in written.files:
            assert open_scid(path).records == truth.files[path.name].records
        assert truth.ticks / (SESSIONS * 276 * 2) == pytest.approx(30, rel=0.35)
        assert (truth.market, truth.seed, truth.last_session, truth.horizon_steps) == ("planted", 11, END, 6)

    def test_asked_for_again_it_is_there_and_left_alone(self, written: Exchange) -> None:
        before = {path: path.stat().st_mtime_ns for path in written.folder.iterdir()}
        again = write_exchange(written.folder, seed=11, sessions=SESSIONS, end=END)
        assert again.existed
        assert again.truth == written.truth
        assert {path: path.stat().st_mtime_ns for path in written.folder.iterdir()} == before

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"seed": 12}, "its seed differs"),
            ({"sessions": 13}, "its sessions differs"),
            ({"market": "placebo"}, "its market differs"),
            ({"accuracy": 0.6}, "its accuracy differs"),
            ({"mean_ticks": 31.0}, "its mean_ticks differs"),
        ],
    )
    def test_another_exchange_never_replaces_it(self, written: Exchange, change: dict[str, object], words: str) -> None:
        asked = {"seed": 11, "sessions": SESSIONS, "end": END} | change
        with pytest.raises(ConfigError, match=f"{words}.*nothing was written"):
            write_exchange(written.folder, **asked)  # type: ignore[arg-type]

    def test_a_file_that_was_changed_since_is_noticed(self, tmp_path: Path) -> None:
        write_exchange(tmp_path / "x", seed=1, sessions=1, end=END)
        with (tmp_path / "x" / FILES[0]).open("ab") as stream:
            stream.write(bytes(40))
        with pytest.raises(ConfigError, match=r"SYNAZ26-SIM\.scid: the file is not what the exchange wrote"):
            write_exchange(tmp_path / "x", seed=1, sessions=1, end=END)

    def test_a_folder_with_anything_else_is_left_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "notes.md").write_text("mine")
        with pytest.raises(ConfigError, match=r"it holds notes\.md and is no synthetic exchange; nothing was written"):
            write_exchange(tmp_path, seed=1, sessions=1, end=END)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.md"]
        (tmp_path / "SYNTHETIC.txt").write_text("of an older version")
        with pytest.raises(ConfigError, match=r"truth\.json is missing.*nothing was written"):
            write_exchange(tmp_path, seed=1, sessions=1, end=END)
        with pytest.raises(ConfigError, match="cannot be used as a folder"):
            write_exchange(tmp_path / "notes.md", seed=1, sessions=1, end=END)

    def test_what_is_stopped_in_the_middle_leaves_nothing(self, tmp_path: Path) -> None:
        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_exchange(tmp_path / "x", seed=1, sessions=1, end=END, progress=stop)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.thorough
    def test_a_kill_leaves_no_half_exchange_and_the_next_one_is_whole(self, tmp_path: Path) -> None:
        program = (
            "import os, signal, sys; from datetime import date; from pathlib import Path\n"
            "from minhos.market_data.synthetic import write_exchange\n"
            "write_exchange(Path(sys.argv[1]), seed=1, sessions=1, end=date(2026, 11, 20),"
            " progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))"
        )
        folder = tmp_path / "x"
        done = subprocess.run([sys.executable, "-c", program, str(folder)], check=False, timeout=120)
        assert done.returncode == -signal.SIGKILL
        assert not folder.exists()
        assert [path.name[:3] for path in tmp_path.iterdir()] == [".x."], "what was begun is hidden"
        with pytest.raises(BadInputError, match="no files there"):
            scan_paths([tmp_path], None, Statements())
        assert not write_exchange(folder, seed=1, sessions=1, end=END).existed

    def test_until_the_rename_nothing_is_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def look(path: Path, content: bytes) -> None:
            seen.append((path.name, (tmp_path / "x").exists()))
            path.write_bytes(content)

        monkeypatch.setattr(module, "write_durable", look)
        write_exchange(tmp_path / "x", seed=1, sessions=1, end=END)
        assert seen == [("truth.json", False), ("SYNTHETIC.txt", False)]
        assert (tmp_path / "x").stat().st_mode & 0o777 == 0o755
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    def test_progress_grows_to_all_the_ticks(self, tmp_path: Path) -> None:
        told: list[tuple[int, int]] = []
        truth = write_exchange(
            tmp_path / "x", seed=1, sessions=20, end=END, progress=lambda done, total: told.append((done, total))
        ).truth
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        assert told[-1][0] == truth.ticks
        assert len(told) >= 4

    def test_wrong_arguments_are_refused(self, tmp_path: Path) -> None:
        for change, words in (
            ({"sessions": 0}, "sessions is 0"),
            ({"symbols": ["SYNAZ26", "SYNAZ26"]}, "name at least one, each once"),
            ({"symbols": []}, "symbols are none"),
            ({"accuracy": 0.99}, r"can be made for 0\.51 to 0\.74"),
            ({"mean_ticks": 1.0}, "possible are 2 to 10000"),
            ({"seed": -1}, "must not be negative"),
            ({"market": "broken", "sessions": 5}, "needs 22 sessions and 2 symbols"),
            ({"market": "broken", "symbols": ["SYNAZ26"]}, "needs 22 sessions and 2 symbols"),
        ):
            with pytest.raises(ConfigError, match=words):
                write_exchange(tmp_path / "x", **({"seed": 1, "end": END} | change))  # type: ignore[arg-type]
        with pytest.raises(InstrumentError, match="XYZ: no instrument definition"):
            write_exchange(tmp_path / "x", seed=1, symbols=["XYZ"], end=END)
        with pytest.raises(ConfigError, match="the markets are placebo, planted, broken"):
            market_of("real")
        assert list(tmp_path.iterdir()) == []


class TestReadByTheIntake:
    def test_a_night_says_that_it_is_synthetic(self, night: tuple[NightPlan, list[BarSeries]]) -> None:
        plan, _ = night
        assert plan.synthetic
        assert plan.words[0].startswith("SYNTHETIC DATA")
        assert (plan.session, plan.timeframe_seconds, plan.symbols) == (END, 300, ("SYNAZ26", "SYNBZ26"))
        assert (plan.excluded, plan.ignored) == ({}, {})

    def test_bars_of_five_minutes_have_the_law_s_closes_and_flow(
        self, night: tuple[NightPlan, list[BarSeries]], instruments: Instruments
    ) -> None:
        market = drawn(0.68, sessions=SESSIONS, seed=11, mean_ticks=30)
        for index, bars in enumerate(night[1]):
            tick = instruments.find(bars.symbol).tick_size
            assert len(bars) == SESSIONS * 276
            np.testing.assert_array_equal(bars.bar_end, market.steps.start[:-1] + 300_000_000)
            over = bars.column("close") / tick - np.exp(market.log_close[:-1, index]) / tick
            assert (np.abs(over) <= 1 + 1e-6).all()
            assert abs(over.mean()) < 0.05
            imbalance = (bars.column("ask_volume") - bars.column("bid_volume")) / bars.column("volume")
            expected = np.tanh(0.3 * market.path.flow[:-1, index])
            assert (np.abs(imbalance - expected) <= 1 / bars.column("volume")).all()

    def test_bars_are_consistent_and_sessions_whole(
        self, night: tuple[NightPlan, list[BarSeries]], instruments: Instruments
    ) -> None:
        for bars in night[1]:
            instrument = instruments.find(bars.symbol)
            opens, high, low, close = bars.values[:, :4].T
            assert (high >= np.maximum(opens, close)).all()
            assert (low <= np.minimum(opens, close)).all()
            volume, trades = bars.column("volume"), bars.column("trades")
            assert ((trades >= 2) & (trades <= volume)).all()
            np.testing.assert_array_equal(bars.column("bid_volume") + bars.column("ask_volume"), volume)
            dates, counts = np.unique(
                trading_dates(bars.bar_end, instrument, timeframe_seconds=300), return_counts=True
            )
            assert (len(dates), set(counts.tolist())) == (SESSIONS, {276})
            assert last_complete_session(bars, instrument) == END

    def test_a_round_trip_costs_little_against_the_range_of_a_bar(
        self, night: tuple[NightPlan, list[BarSeries]], instruments: Instruments
    ) -> None:
        for bars in night[1]:
            instrument = instruments.find(bars.symbol)
            range_ticks = float(np.mean(bars.column("high") - bars.column("low"))) / instrument.tick_size
            assert 0 < instrument.cost_ticks_round_trip < 0.1 * range_ticks

    @pytest.mark.system  # seconds of writing markets
    def test_other_instruments_with_holidays_can_be_traded(self, tmp_path: Path, instruments: Instruments) -> None:
        done = write_exchange(tmp_path / "x", seed=1, symbols=["ESZ25", "NQZ25"], sessions=3, end=date(2025, 11, 30))
        assert done.truth.last_session == date(2025, 11, 28)
        plan = plan_night(
            folder=done.folder,
            map_file=None,
            instruments_file=None,
            timeframe="5m",
            session=None,
            universe=None,
            min_bars=100,
            store=BarStore(tmp_path / "store"),
            now_us=NOW_US,
        )
        assert (plan.session, plan.symbols) == (date(2025, 11, 28), ("ESZ25", "NQZ25"))
        assert not [words for words in plan.words if "not complete" in words or "no multiple" in words]


def test_a_marker_without_its_truth_is_said(tmp_path: Path) -> None:
    from minhos.market_data.synthetic import read_truth

    with pytest.raises(BadInputError, match=r"truth\.json is missing.*write it anew with `minhos synth`"):
        read_truth(tmp_path)
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(BadInputError, match="cannot be read as the truth of a synthetic market"):
        read_truth(tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((SetupError, ConfigError), match="cannot be"):
        write_exchange(tmp_path / "file" / "market", seed=1, sessions=2, end=END)
