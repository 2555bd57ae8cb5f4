"""Every stamped configuration, of both profiles, is one that Triton's own protobuf reads, and the graph holds together."""

from pathlib import Path

import pytest
from builders import REGIMES

from minhos.errors import ServingError
from minhos.serving.blueprint import ALIAS, BLUEPRINT, CONFIGS, PYTHON_MODELS, placeholders, stamp_release, stamped
from minhos.serving.release import MODELS, Release
from minhos_client import contract
from minhos_client.client import Metadata
from tests.serving.tiny_release import parameters, tiny_release

STAMPED = (*MODELS, *PYTHON_MODELS, ALIAS)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return tiny_release(tmp_path_factory.mktemp("configs"))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, release: Release) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    stamp_release(release, folder)
    return folder


def parse(path: Path):
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    return text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())


def load(repository: Path, release: Release, model: str, config: str):
    return parse(repository / f"{model}__{release.id}" / config)


def shape(tensors) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in tensors}


def test_the_blueprint_holds_these_models_and_no_weights() -> None:
    folders = {path.name for path in BLUEPRINT.iterdir() if path.is_dir()}
    assert folders == {*MODELS, *PYTHON_MODELS, ALIAS, "trade_release", "shared"}
    assert [path for path in BLUEPRINT.rglob("*") if path.suffix in {".onnx", ".bin", ".npz"}] == []


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("model", STAMPED)
class TestEveryConfig:
    def test_it_parses_under_its_release_name(
        self, repository: Path, release: Release, model: str, config: str
    ) -> None:
        parsed = load(repository, release, model, config)
        assert parsed.name == f"{model}__{release.id}"
        assert parsed.max_batch_size == 128

    def test_it_never_bounds_a_queue_by_length(
        self, repository: Path, release: Release, model: str, config: str
    ) -> None:
        policy = load(repository, release, model, config).dynamic_batching.default_queue_policy
        assert policy.max_queue_size == 0, "max_queue_size in an ensemble crashes the embedded server"

    def test_no_answer_is_cached(self, repository: Path, release: Release, model: str, config: str) -> None:
        assert not load(repository, release, model, config).response_cache.enable


@pytest.mark.parametrize("config", CONFIGS)
class TestTheGraph:
    def test_both_ensembles_speak_the_contract(self, repository: Path, release: Release, config: str) -> None:
        from tritonclient.grpc import model_config_pb2

        kinds = {"BYTES": model_config_pb2.TYPE_STRING}
        sizes = {"W": release.manifest.window, "R": len(REGIMES)}

        def expected(specs):
            return {
                spec.name: (
                    kinds.get(spec.dtype, getattr(model_config_pb2, f"TYPE_{spec.dtype}", None)),
                    tuple(sizes.get(dim, dim) for dim in spec.dims),
                )
                for spec in specs
            }

        ensemble = repository / f"{ALIAS}__{release.id}"
        for parsed in (parse(ensemble / config), parse(ensemble / "alias" / config)):
            assert shape(parsed.input) == expected(contract.INPUTS)
            assert shape(parsed.output) == expected(contract.OUTPUTS)

    def test_every_tensor_that_a_step_takes_is_made_before_it_with_the_same_shape(
        self, repository: Path, release: Release, config: str
    ) -> None:
        ensemble = load(repository, release, ALIAS, config)
        known = shape(ensemble.input)
        for step in ensemble.ensemble_scheduling.step:
            member = parse(repository / step.model_name / config)
            takes, gives = shape(member.input), shape(member.output)
            assert set(step.input_map) == set(takes), step.model_name
            for inside, outside in step.input_map.items():
                assert known[outside] == takes[inside], f"{step.model_name} {inside}"
            for inside, outside in step.output_map.items():
                assert outside not in known, f"{outside} is made twice"
                known[outside] = gives[inside]
        assert {name: known[name] for name in shape(ensemble.output)} == shape(ensemble.output)

    def test_the_alias_has_one_step(self, repository: Path, release: Release, config: str) -> None:
        alias = parse(repository / f"{ALIAS}__{release.id}" / "alias" / config)
        (step,) = alias.ensemble_scheduling.step
        assert (alias.name, step.model_name) == (ALIAS, f"{ALIAS}__{release.id}")

    def test_its_parameters_tell_a_client_everything(self, repository: Path, release: Release, config: str) -> None:
        for parsed in (
            load(repository, release, ALIAS, config),
            parse(repository / f"{ALIAS}__{release.id}" / "alias" / config),
        ):
            told = Metadata.from_parameters({key: value.string_value for key, value in parsed.parameters.items()})
            assert (told.release, told.window) == (release.id, release.manifest.window)
            assert told.tabular_features == tuple(parameters()["features"]["tabular"])
            assert (told.regime_names, told.edge_proven) == (REGIMES, True)
            assert told.data_through == parameters()["data_through"]


def test_the_gpu_profile_runs_the_lstm_on_the_gpu_and_the_trees_on_the_cpu(repository: Path, release: Release) -> None:
    from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

    kinds = {}
    for model in MODELS:
        parsed = load(repository, release, model, "config.pbtxt")
        assert parsed.backend == "onnxruntime"
        kinds[model] = parsed.instance_group[0].kind
    assert kinds.pop("lstm") == ModelInstanceGroup.KIND_GPU
    assert set(kinds.values()) == {ModelInstanceGroup.KIND_CPU}


def test_the_cpu_profile_needs_the_python_backend_alone(repository: Path, release: Release) -> None:
    for model in (*MODELS, *PYTHON_MODELS):
        assert load(repository, release, model, "configs/cpu.pbtxt").backend == "python"
    steps = load(repository, release, ALIAS, "configs/cpu.pbtxt").ensemble_scheduling.step
    assert [step.model_name.split("__")[0] for step in steps] == ["experts", "kelly"]


def test_the_gpu_graph_runs_the_five_members_between_features_and_fusion(repository: Path, release: Release) -> None:
    steps = load(repository, release, ALIAS, "config.pbtxt").ensemble_scheduling.step
    names = [step.model_name.split("__")[0] for step in steps]
    assert names == ["features", *contract.MEMBERS, "fusion", "win_probability", "kelly"]


def test_every_python_model_has_its_own_copy_of_the_release(repository: Path, release: Release) -> None:
    for model in PYTHON_MODELS:
        version = repository / f"{model}__{release.id}" / "1"
        assert (version / "release" / "runtime" / "minhos" / "chain.py").is_file()
        assert (version / "release" / "release_id").read_text() == release.id
    for model in MODELS:
        assert (repository / f"{model}__{release.id}" / "1" / "model.onnx").read_bytes() == release.onnx(
            model
        ).read_bytes()


def test_text_is_escaped_for_the_configuration(release: Release) -> None:
    assert placeholders(release)["REGIME_NAMES"] == "[" + ", ".join(f'\\"{name}\\"' for name in REGIMES) + "]"


def test_a_placeholder_without_a_value_is_named() -> None:
    with pytest.raises(ServingError, match=r"without a value: NOBODY"):
        stamped("@W@ @NOBODY@", {"W": "59"}, where="config.pbtxt")
