"""The first step: what was asked this time counts, not what an earlier run of the same session was asked."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from minhos.config import Settings
from minhos.errors import BadInputError, NightError
from minhos.market_data.synthetic import read_truth, write_exchange
from minhos.night.events import EventLog
from minhos.night.request import NightRequest
from minhos.night.run import Run
from minhos.night.steps import ingest as step


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home; the server that `ingest` asks for before long work is not what these tests are about."""
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(step, "require_server", lambda _settings: None)
    write_exchange(tmp_path / "bars", seed=1, sessions=10, end=date(2026, 3, 5))
    return Settings(home=tmp_path / "home")


def test_force_holds_for_one_run_only(settings: Settings, tmp_path: Path) -> None:
    asked = {"data": str(tmp_path / "bars")}
    folders = {step.ingest({**asked, "force": force}) for force in (False, True, False)}
    assert len(folders) == 1
    assert step.load_plan(Run(Path(folders.pop())))[0].force is False


def test_a_night_that_begins_has_no_outcome_yet(settings: Settings, tmp_path: Path) -> None:
    folder = Path(step.ingest({"data": str(tmp_path / "bars")}))
    (folder / "outcome.json").write_text("{}")
    step.ingest({"data": str(tmp_path / "bars")})
    assert not (folder / "outcome.json").exists()


def test_input_that_cannot_be_used_is_an_event_and_leaves_no_run(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="nowhere"):
        step.ingest({"data": str(tmp_path / "nowhere")})
    events, _ = EventLog(settings.runs / "events.jsonl").since(0)
    assert [(event.run, event.label, event.kind) for event in events] == [("not-started", "ingest", "failed")]
    assert [path for path in settings.runs.iterdir() if path.is_dir()] == []


def test_without_data_the_synthetic_exchange_ends_before_today(settings: Settings) -> None:
    prepared = step.prepare(NightRequest(), settings, date(2026, 3, 5))
    assert prepared.plan.synthetic
    assert prepared.plan.session < date(2026, 3, 5)
    assert prepared.truth is not None
    assert (prepared.truth.market, prepared.truth.accuracy) == ("planted", 0.68)


def test_a_synthetic_market_is_bars_of_its_steps_unless_others_are_asked_for(
    settings: Settings, tmp_path: Path
) -> None:
    def seconds(**asked: object) -> int:
        request = NightRequest.from_params({"data": str(tmp_path / "bars"), **asked})
        return step.prepare(request, settings, date(2026, 3, 6)).plan.timeframe_seconds

    assert (seconds(), seconds(timeframe="1m")) == (300, 60)


def test_the_run_keeps_what_is_true_of_its_synthetic_market(settings: Settings, tmp_path: Path) -> None:
    run = Run(Path(step.ingest({"data": str(tmp_path / "bars")})))
    truth = read_truth(tmp_path / "bars")
    (tmp_path / "bars" / "truth.json").unlink()
    assert step.load_truth(run) == truth


def test_a_synthetic_market_without_its_truth_cannot_be_judged_and_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "bars" / "truth.json").unlink()
    with pytest.raises(BadInputError, match=r"truth\.json is missing"):
        step.ingest({"data": str(tmp_path / "bars")})


def test_no_server_costs_a_second_and_not_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    with pytest.raises(NightError, match=r"no Triton server of .* is running: start it with `minhos serve`"):
        step.ingest({})


def test_other_symbols_profiles_and_code_are_other_runs(settings: Settings, tmp_path: Path) -> None:
    def name(**changes: object) -> str:
        request = NightRequest.from_params({"data": str(tmp_path / "bars"), **changes})
        return step.prepare(request, settings, date(2026, 3, 6)).run.name

    assert name() == name(force=True)
    assert len({name(), name(universe=["SYNAZ26"]), name(profile="full"), name(session="2026-03-04")}) == 4
