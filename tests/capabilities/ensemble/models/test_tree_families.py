from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from minhos.capabilities.ensemble.api import FAMILIES, family, train_family
from minhos.capabilities.ensemble.models.lightgbm import floor_thresholds
from minhos.errors import ConfigError, LeakError, NightError
from minhos.training.families import Family, TrainingData
from minhos.training.leaks import Seen
from minhos.training.onnx_export import session, threshold_rows
from minhos.training.profiles import PROFILES, TrainingProfile, training_profile
from minhos.training.samples import Samples
from minhos.training.splits import Fold, walk_forward
from minhos_client.contract import MEMBERS
from tests.training.market import BAR_US, planted_samples

TREES = [name for name in FAMILIES if name != "lstm"]
SMALL = TrainingProfile(
    **{
        **PROFILES["quick"].model_dump(),
        "name": "test",
        "threads": 1,
        "families": {
            "random_forest": {"trees": 20},
            "xgboost": {"trees": 30},
            "lightgbm": {"trees": 30},
            "catboost": {"trees": 30},
        },
    }
)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def samples() -> Samples:
    return planted_samples(bars=1200)


def folds_of(samples: Samples) -> list[Fold]:
    return walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)


def data_of(samples: Samples) -> TrainingData:
    return TrainingData(samples.tabular, samples.up, samples.t0, samples.t1, 0)


def test_the_registry_has_the_contracts_members_in_order() -> None:
    assert tuple(FAMILIES) == MEMBERS
    assert all(FAMILIES[name].name == name for name in MEMBERS)
    with pytest.raises(ConfigError, match="got 'transformer'"):
        family("transformer")


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="quick, full"):
        training_profile("huge")


@pytest.mark.parametrize("name", TREES)
class TestEveryTreeFamily:
    def test_onnx_equals_the_library_also_on_thresholds(self, name: str, samples: Samples, tmp_path: Path) -> None:
        fitted = FAMILIES[name].fit(data_of(samples), seed=1, profile=SMALL, progress=quiet)
        assert fitted.to_onnx(tmp_path / "model.onnx") < 1e-5
        model = onnx.load(tmp_path / "model.onnx")
        rows = threshold_rows(model, samples.tabular, count=3000, rng=np.random.default_rng(5))
        assert len(rows) == 3000
        served = session((tmp_path / "model.onnx").read_bytes())(rows)
        assert np.abs(served - fitted.predict_p_up(rows)).max() < 1e-5

    def test_the_graph_is_the_agreed_form(self, name: str, samples: Samples, tmp_path: Path) -> None:
        fitted = FAMILIES[name].fit(data_of(samples), seed=1, profile=SMALL, progress=quiet)
        fitted.to_onnx(tmp_path / "model.onnx")
        model = onnx.load(tmp_path / "model.onnx")
        shapes = {
            item.name: [dim.dim_value or dim.dim_param for dim in item.type.tensor_type.shape.dim]
            for item in [*model.graph.input, *model.graph.output]
        }
        assert shapes == {"x": ["N", 6], "p_up": ["N", 1]}
        assert not {"ZipMap"} & {node.op_type for node in model.graph.node}
        assert not model.metadata_props and model.producer_name == "minhos" and model.ir_version == 8

    def test_the_same_training_twice_is_the_same_bytes(self, name: str, samples: Samples, tmp_path: Path) -> None:
        for run in ("one", "two"):
            fitted = FAMILIES[name].fit(data_of(samples), seed=1, profile=SMALL, progress=quiet)
            fitted.to_onnx(tmp_path / run)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    def test_nan_inputs_are_refused(self, name: str, samples: Samples) -> None:
        x = samples.tabular.copy()
        x[3, 2] = np.nan
        with pytest.raises(NightError, match="1 NaN or infinite inputs"):
            FAMILIES[name].fit(
                TrainingData(x, samples.up, samples.t0, samples.t1, 0), seed=1, profile=SMALL, progress=quiet
            )


def test_out_of_fold_is_filled_on_test_rows_only(samples: Samples, tmp_path: Path) -> None:
    folds = folds_of(samples)
    words: list[str] = []
    record = train_family("xgboost", samples, folds, profile=SMALL, seed=3, out=tmp_path, progress=words.append)
    with np.load(tmp_path / "oof.npz") as stored:
        p = stored["p"]
    tested = np.zeros(len(samples), dtype=bool)
    for fold in folds:
        tested[fold.test] = True
    assert p.dtype == np.float32
    assert np.isfinite(p[tested]).all() and np.isnan(p[~tested]).all()
    assert json.loads((tmp_path / "record.json").read_text()) == record
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "oof.npz", "record.json"]
    assert len(record["folds"]) == 4 and {"accuracy", "base_rate", "log_loss", "seconds"} <= set(record["folds"][0])
    assert any("fold 4/4 accuracy" in word for word in words)


class Memory:
    """A family that remembers its training rows: it knows a label only if the splitter let the row in."""

    name = "memory"
    input = "tabular"

    def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: object) -> Memory:
        self.labels = dict(zip(map(bytes, data.x), data.y, strict=True))
        self.seen = {"memory": data.seen}
        return self

    def predict_p_up(self, x: np.ndarray) -> np.ndarray:
        return np.array([self.labels.get(bytes(row), 0.5) for row in x], dtype=np.float32)

    def contributions(self, x: np.ndarray) -> None:
        """It has none."""

    def to_onnx(self, path: Path) -> float:
        path.write_bytes(b"memory")
        return 0.0


def test_a_family_that_remembers_everything_knows_nothing_of_its_test_rows(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner: Family = Memory()  # type: ignore[assignment]
    monkeypatch.setitem(FAMILIES, "memory", learner)
    record = train_family("memory", samples, folds_of(samples), profile=SMALL, seed=3, out=tmp_path, progress=quiet)
    assert record["out_of_fold"]["log_loss"] == pytest.approx(np.log(2)), "every test row was new to it"


@pytest.mark.parametrize("extra", ["champion", "scaler"])
def test_a_family_that_has_seen_more_than_its_fold_is_stopped_in_the_fold(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    """A champion of all samples as the start, a scaler of all samples: allowed in the final fit, never in a fold."""
    everything = Seen.of(samples.t1)

    class Warm(Memory):
        def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: object) -> Memory:
            super().fit(data, seed=seed, profile=profile, progress=progress)
            self.seen |= {extra: data.seen.and_also(everything)}
            return self

    monkeypatch.setitem(FAMILIES, "memory", Warm())  # type: ignore[arg-type]
    with pytest.raises(LeakError, match=f"memory, fold 1 of 4: its {extra} has seen"):
        train_family("memory", samples, folds_of(samples), profile=SMALL, seed=3, out=tmp_path, progress=quiet)
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_an_unpurged_fold_is_not_trained_on(samples: Samples, tmp_path: Path) -> None:
    folds = folds_of(samples)
    leaking = replace(folds[2], train=np.arange(folds[2].test[0], dtype=np.int64))
    with pytest.raises(LeakError, match="xgboost, fold 3 of 4: the fold leaks"):
        train_family(
            "xgboost", samples, [*folds[:2], leaking, folds[3]], profile=SMALL, seed=3, out=tmp_path, progress=quiet
        )


@pytest.mark.parametrize("name", TREES)
def test_weights_count_as_rows_do(samples: Samples, name: str) -> None:
    """The same trees, up to the search for splits, from rows of weight 2 as from rows that are there twice: here by effect.

    Rows of one class weigh five times as much: the probability of that class rises everywhere on average.
    """
    data = data_of(samples)
    heavy = replace(data, weight=np.where(data.y > 0, 5.0, 1.0).astype(np.float32))
    plain, weighted = (
        family(name).fit(each, seed=1, profile=SMALL, progress=quiet).predict_p_up(data.x) for each in (data, heavy)
    )
    assert weighted.mean() > plain.mean() + 0.2
    assert family(name).fit(data, seed=1, profile=SMALL, progress=quiet).seen == {"trees": data.seen}


def test_every_fit_of_a_fold_weighs_its_own_rows_alone(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray] = []

    class Watch(Memory):
        def fit(self, data: TrainingData, *, seed: int, profile: TrainingProfile, progress: object) -> Memory:
            given.append(data.weights)
            return super().fit(data, seed=seed, profile=profile, progress=progress)

    monkeypatch.setitem(FAMILIES, "memory", Watch())  # type: ignore[arg-type]
    folds = folds_of(samples)
    train_family("memory", samples, folds, profile=SMALL, seed=3, out=tmp_path, progress=quiet)
    for fold, weights in zip(folds, given, strict=False):
        own = samples.uniqueness(fold.train)
        assert weights == pytest.approx(own / own.mean(), rel=1e-5)
        assert weights.std() > 0.05, "labels of a triple barrier are not equally unique"


def test_trees_find_a_planted_edge_and_none_where_there_is_none(tmp_path: Path) -> None:
    def accuracy(edge: float) -> tuple[float, float]:
        market = planted_samples(seed=2, bars=2500, edge=edge)
        record = train_family(
            "lightgbm", market, folds_of(market), profile=SMALL, seed=3, out=tmp_path / str(edge), progress=quiet
        )
        return record["out_of_fold"]["accuracy_low"], record["out_of_fold"]["base_rate"]

    low, base = accuracy(edge=2.0)
    assert low > base, "the 90 % interval of the accuracy lies above the base rate"
    low, base = accuracy(edge=0.0)
    assert low < base


def test_floored_thresholds_never_exceed_the_exact_ones() -> None:
    text = "tree\ntree_sizes=10 20\nthreshold=0.1 -0.1 1e-30 2.5\nleaf_value=1 2"
    floored = floor_thresholds(text)
    assert "tree_sizes" not in floored
    values = np.array(floored.split("threshold=")[1].split("\n")[0].split(), dtype=np.float64)
    exact = np.array([0.1, -0.1, 1e-30, 2.5])
    assert (values <= exact).all() and (values == values.astype(np.float32)).all()
    assert (np.nextafter(values.astype(np.float32), np.float32(np.inf)) > exact).all()


def test_a_row_on_lightgbms_zero_edge_goes_where_lightgbm_sends_it() -> None:
    """Found by a night: LightGBM predicts -1e-35 as zero, so a threshold there must not catch that row in ONNX."""
    text = "threshold=-1.0000000180025095e-35 1.0000000180025095e-35 -2.5 0.75"
    edge, upper, *others = floor_thresholds(text).removeprefix("threshold=").split()
    assert np.float32(float(edge)) < np.float32(-1e-35)
    assert np.float32(float(edge)) == np.nextafter(np.float32(-1e-35), np.float32(-np.inf))
    assert np.float32(float(upper)) == np.float32(1e-35)
    assert others == ["-2.5", "0.75"]


def test_signs_of_flow_with_many_exact_zeros_survive_the_export(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    x = np.where(rng.random((3000, 3)) < 0.5, 0.0, rng.normal(0, 1, (3000, 3))).astype(np.float32)
    y = (rng.random(3000) < np.where(x[:, 0] < 0, 0.2, 0.7)).astype(np.int8)
    times = np.arange(3000, dtype=np.int64)
    data = TrainingData(x=x, y=y, t0=times, t1=times + 1, embargo_us=0)
    fitted = family("lightgbm").fit(data, seed=1, profile=training_profile("quick"), progress=lambda _: None)
    assert fitted.to_onnx(tmp_path / "model.onnx") < 1e-5
