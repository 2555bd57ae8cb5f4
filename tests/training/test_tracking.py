"""What is on record: MLflow's own database, written by several processes, whole or not at all."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minhos.errors import SetupError
from minhos.training.tracking import CHALLENGER, CHAMPION, Record, Tracking, database_uri

pytestmark = [
    pytest.mark.system,  # MLflow takes seconds to import and to make its database
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
RECORD = Record(
    name="night",
    key="night-1",
    params={"profile.lstm.units": (200, 100), "seed": 7},
    metrics={"accuracy": 0.53, "mean_r": math.nan},
    curves={"fold_accuracy": [0.5, 0.52, math.inf, 0.55]},
    tags={"data_hash": "abc"},
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a run: making one takes MLflow seconds."""
    tracking = Tracking(tmp_path_factory.mktemp("made"))
    assert tracking.client is not None
    return tracking.folder


@pytest.fixture
def tracking(tmp_path: Path, made: Path) -> Tracking:
    shutil.copytree(made, tmp_path / "mlflow")
    return Tracking(tmp_path / "mlflow")


def test_a_run_is_on_record_with_all_that_it_has(tracking: Tracking, tmp_path: Path) -> None:
    report = tmp_path / "record.json"
    report.write_text("{}")
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "one.txt").write_text("1")
    record = Record(**{**vars(RECORD), "artifacts": [report, folder, tmp_path / "not there"]})
    run = tracking.client.get_run(tracking.record("nights 5m", record))
    assert run.info.run_name == "night"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"profile.lstm.units": "(200, 100)", "seed": "7"}
    assert run.data.metrics == {"accuracy": 0.53, "fold_accuracy": 0.55}, "what is not finite is no metric"
    assert run.data.tags["data_hash"] == "abc"
    curve = tracking.client.get_metric_history(run.info.run_id, "fold_accuracy")
    assert [(point.step, point.value) for point in curve] == [(0, 0.5), (1, 0.52), (3, 0.55)]
    files = {file.path for file in tracking.client.list_artifacts(run.info.run_id)}
    assert files == {"record.json", "reports"}
    assert run.info.artifact_uri.startswith((tracking.folder / "artifacts").as_uri()), "nothing outside the home"


def test_the_same_run_is_recorded_once_and_another_one_beside_it(tracking: Tracking) -> None:
    first = tracking.record("nights 5m", RECORD)
    assert Tracking(tracking.folder).record("nights 5m", RECORD) == first
    assert tracking.record("nights 5m", Record(name="night", key="night-2")) != first
    assert tracking.record("nights 1h", RECORD) != first


def test_a_record_that_was_cut_short_is_made_again(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device")

    def fails(*_args: object, **_more: object) -> None:
        raise full

    with monkeypatch.context() as patched:
        patched.setattr(tracking.client, "set_terminated", fails)
        with pytest.raises(SetupError, match=r"cannot be read or written.*No space left.*training itself goes on"):
            tracking.record("nights 5m", RECORD)
    again = tracking.record("nights 5m", RECORD)
    assert tracking.client.get_run(again).info.status == "FINISHED"


def test_a_model_belongs_to_its_night(tracking: Tracking) -> None:
    night = tracking.record("nights 5m", RECORD)
    model = tracking.record("nights 5m", Record(name="lstm", key="night-1/lstm"), parent=night)
    assert tracking.client.get_run(model).data.tags["mlflow.parentRunId"] == night


class TestAliases:
    def test_a_release_has_one_version_and_the_aliases_say_who_serves(self, tracking: Tracking, tmp_path: Path) -> None:
        run = tracking.record("nights 5m", RECORD)

        def register(release: str, alias: str) -> str:
            return tracking.register("trade", release=release, source=tmp_path / release, run_id=run, alias=alias)

        assert (tracking.release_of("trade", CHAMPION), register("r1", CHAMPION)) == (None, "1")
        assert register("r2", CHALLENGER) == "2"
        assert (tracking.release_of("trade", CHAMPION), tracking.release_of("trade", CHALLENGER)) == ("r1", "r2")
        assert register("r2", CHAMPION) == "2", "a release that is registered again keeps its version"
        assert (tracking.release_of("trade", CHAMPION), tracking.release_of("trade", CHALLENGER)) == ("r2", None)
        assert register("r1", CHAMPION) == "1"
        assert tracking.release_of("trade", CHAMPION) == "r1"


def test_several_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from minhos.training.tracking import Record, Tracking\n"
        "for k in range(5):\n"
        "    Tracking(Path(sys.argv[1])).record('nights', Record(name='n', key=f'{sys.argv[2]}-{k}', metrics={'a': k}))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "mlflow"), str(number)], stderr=subprocess.PIPE)
        for number in range(3)
    ]
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors.decode()[-2000:]
    tracking = Tracking(tmp_path / "mlflow")
    (experiment,) = [one for one in tracking.client.search_experiments() if one.name == "nights"]
    assert len(tracking.client.search_runs([experiment.experiment_id])) == 15


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SetupError, match="cannot make this lock file"):
        Tracking(tmp_path / "file" / "mlflow").record("nights", RECORD)


def test_a_database_of_something_else_is_told_in_a_line(tracking: Tracking) -> None:
    Path(database_uri(tracking.folder).removeprefix("sqlite:///").partition("?")[0]).write_bytes(b"no database" * 100)
    with pytest.raises(SetupError, match="cannot be read or written"):
        tracking.record("nights", RECORD)
