"""A release is its content: the same content is the same release, and changed content is noticed."""

import json
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import ServingError
from minhos.serving.release import (
    MODELS,
    Release,
    build_release,
    in_process_chain,
    list_releases,
    load_release,
    verify_release,
)
from tests.serving.tiny_release import parameters, request, tiny_release


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def release(home: Path) -> Release:
    return tiny_release(home)


@pytest.fixture
def own(tmp_path: Path) -> Release:
    """A release that the test may break."""
    return tiny_release(tmp_path)


def replace(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


class TestBuilding:
    def test_its_name_tells_the_day_the_timeframe_and_the_content(self, release: Release) -> None:
        day, timeframe, digest = release.id.split("-")
        assert (day, timeframe, len(digest)) == ("20250101", "30m", 12)
        assert release.path.name == release.id

    def test_it_holds_models_parameters_runtime_golden_answers_and_nothing_else(self, release: Release) -> None:
        files = {path.relative_to(release.path).as_posix() for path in release.path.rglob("*") if path.is_file()}
        assert {name for name in files if not name.startswith("runtime/")} == {
            "manifest.json",
            "parameters.json",
            "golden.npz",
            *(f"onnx/{model}.onnx" for model in MODELS),
        }
        assert {"runtime/minhos/chain.py", "runtime/minhos_client/contract.py"} <= files
        assert "runtime/minhos_client/client.py" not in files
        assert set(release.manifest.files) == files - {"manifest.json"}

    def test_no_file_of_it_can_be_written_by_its_owner(self, release: Release) -> None:
        modes = {path.stat().st_mode & 0o777 for path in release.path.rglob("*") if path.is_file()}
        assert modes == {0o444}

    def test_the_same_content_twice_is_the_same_release_and_one_folder(self, home: Path, release: Release) -> None:
        before = {path: path.stat().st_mtime_ns for path in release.path.rglob("*")}
        again = tiny_release(home)
        assert again == release
        assert {path: path.stat().st_mtime_ns for path in release.path.rglob("*")} == before
        assert [path.name for path in (home / "releases").iterdir() if path.is_dir()] == [release.id]

    def test_the_same_content_in_another_place_has_the_same_id(self, own: Release, release: Release) -> None:
        assert own.id == release.id

    @pytest.mark.parametrize("change", ["models", "facts"])
    def test_other_content_is_another_release(self, tmp_path: Path, release: Release, change: str) -> None:
        other = tiny_release(tmp_path, seed=2) if change == "models" else tiny_release(tmp_path, facts={"gate": "no"})
        assert other.id != release.id

    def test_what_a_killed_builder_left_is_cleared(self, tmp_path: Path) -> None:
        left = tmp_path / "releases" / ".staging-1"
        left.mkdir(parents=True)
        (left / "half").write_text("written")
        tiny_release(tmp_path)
        assert not left.exists()

    def test_the_newest_data_comes_first_in_the_list(self, tmp_path: Path) -> None:
        first, second = tiny_release(tmp_path), tiny_release(tmp_path, seed=2)
        assert {release.id for release in list_releases(tmp_path / "releases")} == {first.id, second.id}
        assert list_releases(tmp_path / "nothing here") == []


class TestRefusals:
    def build(self, folder: Path, **changes: object) -> Release:
        source = tiny_release(folder / "source")
        given = {
            "releases": folder / "releases",
            "parameters": parameters(),
            "onnx": {model: source.onnx(model) for model in MODELS},
            "manifest": {},
            "golden_inputs": [request()],
        }
        return build_release(**{**given, **changes})  # type: ignore[arg-type]

    def test_a_missing_model_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ServingError, match=r"given were lstm$"):
            self.build(tmp_path, onnx={"lstm": tmp_path / "lstm.onnx"})

    def test_parameters_that_the_runtime_refuses_make_no_release(self, tmp_path: Path) -> None:
        with pytest.raises(ServingError, match=r"refuses the release's parameters.*surprise"):
            self.build(tmp_path, parameters={**parameters(), "surprise": 1})
        assert list_releases(tmp_path / "releases") == []

    def test_a_model_that_is_not_onnx_makes_no_release(self, tmp_path: Path) -> None:
        source = tiny_release(tmp_path / "source")
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(b"not a model")
        with pytest.raises(ServingError, match="not a model that ONNX Runtime reads"):
            self.build(tmp_path, onnx={**{model: source.onnx(model) for model in MODELS}, "xgboost": broken})
        assert [path for path in (tmp_path / "releases").iterdir() if path.is_dir()] == []

    def test_a_golden_request_of_another_window_is_named(self, tmp_path: Path) -> None:
        short = request()
        short["BARS"] = short["BARS"][:, 1:]
        with pytest.raises(ServingError, match="golden request's BARS"):
            self.build(tmp_path, golden_inputs=[short])

    def test_a_golden_request_without_a_tensor_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ServingError, match="has the tensors BARS"):
            self.build(tmp_path, golden_inputs=[{"BARS": request()["BARS"]}])


class TestVerifying:
    def test_an_untouched_release_is_whole(self, release: Release) -> None:
        assert verify_release(release.path) == release

    @pytest.mark.parametrize(
        "name", ["onnx/lstm.onnx", "parameters.json", "golden.npz", "runtime/minhos/chain.py", "onnx/xgboost.onnx"]
    )
    def test_one_changed_byte_anywhere_is_named(self, own: Release, name: str) -> None:
        content = bytearray((own.path / name).read_bytes())
        content[len(content) // 2] ^= 1
        replace(own.path / name, bytes(content))
        with pytest.raises(ServingError, match=f"{name} was changed"):
            verify_release(own.path)

    def test_a_missing_and_a_foreign_file_are_named(self, own: Release) -> None:
        (own.path / "onnx" / "lstm.onnx").unlink()
        (own.path / "runtime" / "sitecustomize.py").write_text("print('hello')")
        with pytest.raises(ServingError, match=r"lstm\.onnx is missing; runtime/sitecustomize\.py is foreign"):
            verify_release(own.path)

    def test_changed_facts_are_noticed(self, own: Release) -> None:
        manifest = json.loads((own.path / "manifest.json").read_text())
        manifest["facts"]["note"] = "better than it was"
        replace(own.path / "manifest.json", json.dumps(manifest).encode())
        with pytest.raises(ServingError, match=r"manifest\.json or the folder's name was changed"):
            verify_release(own.path)

    def test_a_release_of_another_contract_is_refused(self, own: Release) -> None:
        manifest = json.loads((own.path / "manifest.json").read_text())
        manifest["contract_version"] = 99
        replace(own.path / "manifest.json", json.dumps(manifest).encode())
        with pytest.raises(ServingError, match="speaks version 99"):
            verify_release(own.path)

    def test_an_unknown_key_in_the_manifest_is_named(self, own: Release) -> None:
        manifest = json.loads((own.path / "manifest.json").read_text())
        replace(own.path / "manifest.json", json.dumps({**manifest, "surprise": 1}).encode())
        with pytest.raises(ServingError, match="surprise"):
            load_release(own.path)

    def test_a_folder_without_manifest_is_no_release(self, tmp_path: Path) -> None:
        with pytest.raises(ServingError, match="is not a release"):
            load_release(tmp_path)


class TestChainInProcess:
    def test_it_gives_the_golden_answers_again(self, release: Release) -> None:
        ask = in_process_chain(release)
        whole, first_row, *others = release.golden()
        assert len(whole.inputs["AS_OF"]) == 2 and len(first_row.inputs["AS_OF"]) == 1
        assert any(one.answers["CONTRACTS"].any() for one in others)
        for one in (whole, first_row, *others):
            answer = ask(one.inputs)
            assert set(answer) == set(one.answers)
            for name, value in answer.items():
                np.testing.assert_array_equal(value, one.answers[name], err_msg=name)

    def test_it_refuses_a_release_that_carries_other_code(self, own: Release) -> None:
        files = {**own.manifest.files, "runtime/minhos/chain.py": "0" * 64}
        other = Release(own.path, own.manifest.model_copy(update={"files": files}))
        with pytest.raises(ServingError, match=r"another minhos/chain\.py"):
            in_process_chain(other)
