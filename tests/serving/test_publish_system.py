"""Publishing into a real Triton: proven before it is live, never mixed, and never at the cost of what serves."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import ServingError
from minhos.serving.blueprint import BLUEPRINT, stamp_release
from minhos.serving.control import TritonControl
from minhos.serving.manifest import Manifest, hashes_of, identify
from minhos.serving.publisher import live_release, publish
from minhos.serving.release import MODELS, Release, in_process_chain, load_release
from minhos.serving.sessions import open_predictor
from minhos.serving.triton import ServerSettings, TritonServer, free_port
from minhos_client.client import TradeClient
from minhos_client.contract import MEMBERS, OUTPUTS
from tests.serving.tiny_release import SERVING, request, tiny_release
from tests.serving.traders import TOLERANCE, Traders

pytestmark = pytest.mark.system


@dataclass
class Platform:
    """A running server with its repository and some releases to publish."""

    server: TritonServer
    control: TritonControl
    home: Path
    said: list[str] = field(default_factory=list)

    @property
    def repository(self) -> Path:
        return self.server.settings.models

    def publish(self, release: Release, **changes: Path):
        return publish(release, repository=self.repository, control=self.control, progress=self.said.append, **changes)

    def release(self, seed: int) -> Release:
        return tiny_release(self.home, seed=seed)

    def follow(self, *releases: Release) -> None:
        """Publishes one release after the other, with a little trading before, between and after."""
        for release in releases:
            time.sleep(0.3)
            self.publish(release)
        time.sleep(0.3)

    def client(self) -> TradeClient:
        assert self.server.state is not None
        return TradeClient(self.server.state.url, deadline_seconds=20.0)

    def models(self) -> set[str]:
        return {name for name, state in self.control.index().items() if state == "READY"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("home")
    settings = ServerSettings(home=home, serving_environment=SERVING, grpc_port=free_port(), metrics_port=free_port())
    with TritonServer(settings) as server, server.control() as control:
        yield Platform(server, control, home)


@pytest.fixture
def live(platform: Platform) -> Release:
    """A release that is live when the test begins."""
    release = platform.release(1)
    platform.publish(release)
    platform.said.clear()
    return release


def corrupt(release: Release, folder: Path, model: str) -> Release:
    """A release that is whole by its own manifest, with a model that no server can load."""
    copy = folder / "copy"
    shutil.copytree(release.path, copy)
    for path in copy.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (copy / "onnx" / f"{model}.onnx").write_bytes(b"half written")
    files = hashes_of(copy)
    files.pop("manifest.json")
    manifest = Manifest.model_validate_json((copy / "manifest.json").read_bytes()).model_copy(update={"files": files})
    manifest = manifest.model_copy(update={"release": identify(manifest)})
    (copy / "manifest.json").write_text(manifest.model_dump_json())
    return load_release(copy.rename(folder / manifest.release))


def test_the_first_publish_makes_the_release_live_and_proves_it(platform: Platform) -> None:
    assert live_release(platform.control) is None
    release = platform.release(1)
    result = platform.publish(release)
    assert (result.release, result.previous, result.changed) == (release.id, None, True)
    assert result.proof.passes and result.proof.largest_difference <= TOLERANCE
    assert live_release(platform.control) == release.id


def test_a_published_folder_is_never_touched_again_and_loaded_once(platform: Platform, tmp_path: Path) -> None:
    release = platform.release(9)
    platform.publish(release)
    platform.control.infer("trade", request())
    platform.control.load("trade")
    stamped = {
        path.relative_to(tmp_path)
        for folder in stamp_release(release, tmp_path)
        for path in (folder, *folder.rglob("*"))
    }
    served = [path for folder in platform.repository.glob(f"*__{release.id}") for path in (folder, *folder.rglob("*"))]
    assert {path.relative_to(platform.repository) for path in served} == stamped
    log = (platform.home / "serving" / "triton.log").read_text()
    for model in ("experts", "kelly", "trade"):
        assert log.count(f"successfully loaded '{model}__{release.id}'") == 1


@pytest.mark.parametrize("rows", [1, 8, 64])
def test_served_numbers_equal_the_chain_in_process(platform: Platform, live: Release, rows: int) -> None:
    inputs = request(seed=rows, rows=rows)
    expected, served = in_process_chain(live)(inputs), platform.control.infer("trade", inputs)
    for spec in OUTPUTS:
        if spec.dtype == "FP64":
            np.testing.assert_allclose(
                served[spec.name], expected[spec.name], rtol=0, atol=TOLERANCE, err_msg=spec.name
            )
        else:
            np.testing.assert_array_equal(served[spec.name], expected[spec.name], err_msg=spec.name)
    assert len(np.unique(expected["P_UP"])) == rows


def test_requests_that_arrive_together_stay_their_own_portfolios(platform: Platform, live: Release) -> None:
    """Two accounts ask about the same bars: batched for the hop, sized apart."""
    small, large = request(seed=3), request(seed=3)
    small["PORTFOLIO"][:, :3] = 50_000.0
    expected = [in_process_chain(live)(inputs) for inputs in (small, large)]
    assert not np.array_equal(expected[0]["CONTRACTS"], expected[1]["CONTRACTS"])
    answers: dict[int, list[dict[str, np.ndarray]]] = {0: [], 1: []}

    def ask(which: int) -> None:
        assert platform.server.state is not None
        with TritonControl(platform.server.state.url) as control:
            for _ in range(40):
                answers[which].append(control.infer("trade", (small, large)[which]))

    threads = [threading.Thread(target=ask, args=(which % 2,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for which in (0, 1):
        assert len(answers[which]) == 80
        for answer in answers[which]:
            np.testing.assert_array_equal(answer["CONTRACTS"], expected[which]["CONTRACTS"])
            np.testing.assert_allclose(answer["WATERFALL"], expected[which]["WATERFALL"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("model", ["lstm", "catboost"])
def test_a_member_answers_feature_inputs_by_itself(platform: Platform, live: Release, model: str) -> None:
    size = (20, 8) if model == "lstm" else (len(live.parameters()["features"]["tabular"]),)
    x = np.random.default_rng(0).normal(size=(16, *size)).astype(np.float32)
    name = f"{model}__{live.id}"
    platform.control.load(name)
    try:
        served = platform.control.infer(name, {"x": x})["p_up"]
    finally:
        platform.control.unload(name)
    np.testing.assert_allclose(served, open_predictor(live.onnx(model))(x), rtol=0, atol=TOLERANCE)


def test_the_graph_of_single_steps_gives_the_same_answers(platform: Platform, live: Release, tmp_path: Path) -> None:
    """The GPU profile's graph, its members in their CPU form, beside the fused one."""
    inputs = request(seed=5, rows=4)
    fused = platform.control.infer("trade", inputs)
    name = f"graph__{live.id}"
    config = (platform.repository / f"trade__{live.id}" / "config.pbtxt").read_text()
    (platform.repository / name / "configs").mkdir(parents=True)
    (platform.repository / name / "1").mkdir()
    (platform.repository / name / "configs" / "cpu.pbtxt").write_text(config.replace(f"trade__{live.id}", name))
    try:
        platform.control.load(name)
        stepwise = platform.control.infer(name, inputs)
    finally:
        platform.control.unload(name, dependents=True)
        shutil.rmtree(platform.repository / name)
    for spec in OUTPUTS:
        if spec.dtype == "FP64":
            np.testing.assert_allclose(stepwise[spec.name], fused[spec.name], rtol=0, atol=TOLERANCE, err_msg=spec.name)
        else:
            np.testing.assert_array_equal(stepwise[spec.name], fused[spec.name], err_msg=spec.name)


def test_publishing_what_is_live_proves_it_again_and_changes_nothing(platform: Platform, live: Release) -> None:
    before = {path: path.stat().st_mtime_ns for path in platform.repository.rglob("*")}
    result = platform.publish(live)
    assert not result.changed and result.proof.passes and result.retired == ()
    after = {path: path.stat().st_mtime_ns for path in platform.repository.rglob("*")}
    assert {path for path in after if after[path] != before.get(path)} <= {platform.repository / ".publish.lock"}


def last_bars(inputs: dict[str, np.ndarray], window: int) -> dict[str, np.ndarray]:
    return {**inputs, **{name: np.ascontiguousarray(inputs[name][:, -window:]) for name in ("BARS", "BAR_END")}}


def test_publishes_under_load_give_no_error_and_no_mixed_answer(platform: Platform, live: Release) -> None:
    other = platform.release(2)
    inputs = request(seed=11)
    expected = {release.id: in_process_chain(release)(inputs) for release in (live, other)}
    assert np.abs(expected[live.id]["P_UP"] - expected[other.id]["P_UP"]).min() > 1e-3
    with Traders(platform.client, inputs) as traders:
        platform.follow(other, live, other)
    assert traders.errors == []
    assert traders.mixed(expected) == 0
    assert set(traders.served()) == {live.id, other.id} and sum(traders.served().values()) > 100


def test_a_flip_to_another_window_under_load_gives_no_error_and_no_mixed_answer(
    platform: Platform, live: Release
) -> None:
    window = live.manifest.window
    wider = tiny_release(platform.home, seed=2, window=window + 3)
    inputs = request(seed=12, window=window + 3)
    expected = {
        release.id: in_process_chain(release)(last_bars(inputs, release.manifest.window)) for release in (live, wider)
    }
    assert np.abs(expected[live.id]["P_UP"] - expected[wider.id]["P_UP"]).min() > 1e-3
    with Traders(platform.client, inputs) as traders:
        platform.follow(wider)
    assert traders.errors == []
    assert traders.mixed(expected) == 0
    assert set(traders.served()) == {live.id, wider.id} and min(traders.served().values()) > 20


def test_a_corrupt_model_is_refused_and_the_earlier_release_keeps_serving(
    platform: Platform, live: Release, tmp_path: Path
) -> None:
    before = platform.control.infer("trade", request())
    bad = corrupt(platform.release(3), tmp_path, "xgboost")
    with pytest.raises(ServingError, match=f"could not load `trade__{bad.id}`"):
        platform.publish(bad)
    assert live_release(platform.control) == live.id
    np.testing.assert_array_equal(platform.control.infer("trade", request())["P_UP"], before["P_UP"])
    assert list(platform.repository.glob(f"*{bad.id}")) == []
    assert platform.said[-1] == f"{bad.id} was withdrawn"


def test_a_release_that_computes_something_else_is_refused(platform: Platform, live: Release, tmp_path: Path) -> None:
    blueprint = tmp_path / "blueprint"
    shutil.copytree(BLUEPRINT, blueprint)
    model = blueprint / "experts" / "1" / "model.py"
    model.write_text(model.read_text().replace('"WIN_RAW": self', '"WIN_RAW": 0.9 * self'))
    with pytest.raises(ServingError, match="does not compute what training computed: request 0: P_WIN differs"):
        platform.publish(platform.release(4), blueprint=blueprint)
    assert live_release(platform.control) == live.id


def test_a_failure_after_the_flip_puts_the_earlier_release_back(
    platform: Platform, live: Release, tmp_path: Path
) -> None:
    blueprint = tmp_path / "blueprint"
    shutil.copytree(BLUEPRINT, blueprint)
    alias = blueprint / "trade" / "configs" / "cpu.pbtxt"
    alias.write_text(alias.read_text().replace('model_name: "trade__', 'model_name: "nobody__'))
    bad = platform.release(5)
    with pytest.raises(ServingError, match="could not load `trade`"):
        platform.publish(bad, blueprint=blueprint)
    assert live_release(platform.control) == live.id
    assert platform.said[-2:] == [f"{live.id} is live again", f"{bad.id} was withdrawn"]
    assert platform.control.infer("trade", request())["RELEASE"][0, 0] == live.id.encode()


def test_a_tampered_release_never_reaches_the_server(platform: Platform, live: Release, tmp_path: Path) -> None:
    tampered = tiny_release(tmp_path, seed=6)
    (tampered.path / "parameters.json").chmod(0o644)
    (tampered.path / "parameters.json").write_text(json.dumps({**tampered.parameters(), "edge_proven": True}))
    with pytest.raises(ServingError, match=r"parameters\.json was changed"):
        platform.publish(tampered)
    assert list(platform.repository.glob(f"*{tampered.id}")) == []


def test_two_releases_are_kept_and_older_ones_are_gone(platform: Platform, live: Release) -> None:
    platform.publish(platform.release(2))
    result = platform.publish(platform.release(7))
    assert live.id in result.retired
    kept = {platform.release(2).id, platform.release(7).id}
    assert {name.split("__")[1] for name in platform.models() if "__" in name} == kept
    assert {path.name.split("__")[1] for path in platform.repository.glob("*__*")} == kept


def test_what_a_killed_publisher_left_is_cleaned_up(platform: Platform, live: Release) -> None:
    half = platform.repository / "experts__20240101-30m-000000000000"
    staging = platform.repository / ".staging-1"
    for folder in (half, staging):
        (folder / "1").mkdir(parents=True)
    platform.publish(platform.release(8))
    assert not half.exists() and not staging.exists()


def test_a_second_publisher_is_told_to_wait(platform: Platform, live: Release) -> None:
    import fcntl

    with (platform.repository / ".publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ServingError, match=r"another publish into .* is running"):
            platform.publish(platform.release(2))


def test_members_are_named_as_the_contract_orders_them() -> None:
    assert MODELS[:5] == MEMBERS
