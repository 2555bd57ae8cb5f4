"""One module, because importing TensorFlow takes long: tiny networks, the real Keras, the real export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from minhos.capabilities.prediction.api import Lstm
from minhos.capabilities.prediction.lstm.data_pipeline import class_weights, prepare
from minhos.capabilities.prediction.lstm.lstm_model import scale_of
from minhos.capabilities.prediction.lstm.settings import LstmSettings
from minhos.errors import NightError
from minhos.training.families import TrainingData
from minhos.training.leaks import Seen
from minhos.training.onnx_export import session
from minhos.training.profiles import PROFILES
from tests.training.market import planted_samples

TINY = LstmSettings(units=(8, 6), attention_units=4, dense_units=4, epochs=2, batch_size=64, max_samples=400)
PROFILE = PROFILES["quick"].model_copy(update={"name": "test", "threads": 1}).with_family("lstm", TINY.model_dump())


def data_of(bars: int = 500) -> TrainingData:
    samples = planted_samples(bars=bars, edge=2.0)
    return TrainingData(samples.sequence, samples.up, samples.t0, samples.t1, 0)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def test_the_rows_are_spread_over_the_history_and_the_tail_is_the_newest_of_them() -> None:
    data = data_of()
    moments = (data.t0 // 10**6).astype(np.float32)
    marked = TrainingData(data.x * 0 + moments[:, None, None], data.y, data.t0, data.t1, 0)
    parts = prepare(marked, TINY)
    used = np.concatenate([parts.fit_x, parts.tail_x])[:, 0, 0]
    assert 390 < len(used) < 400, "of 400 rows, those whose labels reach into the tail are purged"
    assert parts.fit_x.max() < parts.tail_x.min()
    assert (used[0], used[-1]) == (moments[0], moments[-1])
    steps = np.diff(used[: len(parts.fit_x)])
    assert steps.max() <= 2 * np.median(steps), "evenly spread"


def test_tabular_rows_are_refused() -> None:
    data = data_of()
    with pytest.raises(NightError, match="takes sequences"):
        prepare(TrainingData(data.x[:, 0], data.y, data.t0, data.t1, 0), TINY)


def test_the_scaler_knows_the_fitting_rows_and_the_network_their_tail_too() -> None:
    data = data_of()
    parts = prepare(data, TINY)
    assert parts.seen == Seen(rows=400, known_us=int(data.t1[-1]))
    assert parts.fit_seen.rows == len(parts.fit_y) and parts.fit_seen.known_us <= data.t0[-len(parts.tail_y)]


def test_both_classes_weigh_the_same_and_a_row_what_its_label_is_worth() -> None:
    data = data_of()
    own = np.linspace(0.5, 1.5, len(data.y)).astype(np.float32)
    parts = prepare(replace(data, weight=own), TINY.model_copy(update={"max_samples": None}))
    rose = parts.fit_y > 0.5
    assert parts.fit_weight[rose].sum() == pytest.approx(parts.fit_weight[~rose].sum(), rel=1e-5)
    assert parts.fit_weight.mean() == pytest.approx(own[: len(parts.fit_y)].mean(), rel=1e-3)
    shares = parts.fit_weight[rose] / parts.fit_weight[rose][0]
    assert shares == pytest.approx(own[: len(rose)][rose] / own[: len(rose)][rose][0], rel=1e-5)


def test_golden_class_weights() -> None:
    assert class_weights(np.array([1, 1, 1, 0], np.float32), np.ones(4, np.float32)) == pytest.approx([2.0, 2 / 3])
    assert class_weights(np.ones(4, np.float32), np.ones(4, np.float32)).tolist() == [1.0, 1.0]


def test_the_scale_is_that_of_its_rows_and_survives_a_constant_feature() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, (500, 20, 2)).astype(np.float32)
    x[..., 1] = 7.0
    mean, std = scale_of(x)
    assert mean == pytest.approx([3.0, 7.0], abs=0.1) and std == pytest.approx([2.0, 1e-8], rel=0.05)


@pytest.mark.system
# Keras's exporter probes for np.object; its C extensions leave SWIG types without a module.
@pytest.mark.filterwarnings("ignore:.*np.object.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:builtin type .* has no __module__ attribute:DeprecationWarning")
class TestTheRealNetwork:
    def test_same_training_same_bytes_and_onnx_equals_keras(self, tmp_path: Path) -> None:
        data = data_of()
        words: list[str] = []
        for run in ("one.onnx", "two.onnx"):
            fitted = Lstm().fit(data, seed=5, profile=PROFILE, progress=words.append)
            assert fitted.to_onnx(tmp_path / run) < 1e-5
        assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
        served = session((tmp_path / "one.onnx").read_bytes())(data.x)
        assert fitted.seen["network"] == Seen(rows=400, known_us=int(data.t1[-1]))
        assert fitted.seen["scaler"].known_us < fitted.seen["network"].known_us
        assert served == pytest.approx(fitted.predict_p_up(data.x), abs=1e-5)
        assert any("epoch 2/2" in word for word in words)
        model = onnx.load(tmp_path / "one.onnx")
        assert [item.name for item in model.graph.input] == ["x"], "the scaler is inside the model"
        assert "LSTM" in {node.op_type for node in model.graph.node}

    def test_the_architecture_is_the_specified_one(self) -> None:
        from minhos.capabilities.prediction.lstm.lstm_model import build_network, keras_on_cpu

        keras = keras_on_cpu(seed=1, threads=1)
        ones = np.ones(8, np.float32)
        model = build_network(keras, steps=20, mean=0 * ones, std=ones, settings=LstmSettings(), seed=1)
        assert model.input_shape == (None, 20, 8) and model.output_shape == (None, 1)
        assert model.get_layer("lstm_first").units == 200 and model.get_layer("lstm_second").units == 100
        assert model.get_layer("weighted_sum").output.shape == (None, 1, 100)

    def test_attention_weights_sum_to_one_over_time(self) -> None:
        from minhos.capabilities.prediction.lstm.lstm_model import build_network, keras_on_cpu

        keras = keras_on_cpu(seed=1, threads=1)
        ones = np.ones(8, np.float32)
        model = build_network(keras, steps=20, mean=0 * ones, std=ones, settings=TINY, seed=1)
        attention = keras.Model(model.input, model.get_layer("attention").output)
        x = np.random.default_rng(0).normal(size=(5, 20, 8)).astype(np.float32)
        weights = np.asarray(attention(x))
        assert weights.shape == (5, 20, 1)
        assert weights.sum(axis=1) == pytest.approx(np.ones((5, 1)), abs=1e-6)
