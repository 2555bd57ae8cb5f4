"""A new model family: one file and one line of the registry, from training to an answer of Triton.

The contract has five members, so the newcomer takes the place of one of them: a sixth would be another contract version.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minhos.capabilities.ensemble.api import FAMILIES, train_family
from minhos.chain import Chain, Parameters
from minhos.serving.publisher import publish
from minhos.serving.release import MODELS, build_release
from minhos.serving.sessions import open_predictor
from minhos.serving.triton import ServerSettings, TritonServer, free_port
from minhos.training.families import TrainingData
from minhos.training.profiles import PROFILES
from minhos.training.splits import walk_forward
from minhos.training.uniqueness import sample_weights
from minhos_client.contract import MEMBERS
from tests.serving.extra_trees import ExtraTrees
from tests.serving.tiny_release import SERVING, linear_onnx, parameters, request
from tests.training.market import BAR_US, planted_samples

pytestmark = pytest.mark.system

PLACE = "random_forest"


def test_a_new_family_is_trained_exported_released_and_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = ExtraTrees(PLACE)
    monkeypatch.setitem(FAMILIES, PLACE, family)  # the one line
    content = parameters()
    names = tuple(content["features"]["tabular"])
    samples = planted_samples(seed=3, bars=900, edge=2.0)
    rng = np.random.default_rng(3)
    wide = rng.normal(size=(len(samples), len(names))).astype(np.float32)
    wide[:, : samples.tabular.shape[1]] = samples.tabular
    samples = replace(samples, tabular=wide, tabular_names=names)
    folds = walk_forward(samples.t0, samples.t1, folds=4, embargo_us=2 * BAR_US, min_train_fraction=0.4)
    record = train_family(
        PLACE, samples, folds, profile=PROFILES["quick"], seed=1, out=tmp_path / "model", progress=lambda _: None
    )
    assert record["onnx_parity"] <= 1e-5
    assert record["out_of_fold"]["accuracy"] > record["out_of_fold"]["base_rate"]

    dims = {"lstm": (20, 8), "win_probability": (len(names) + 4,)}
    onnx = {
        name: linear_onnx(tmp_path / f"{name}.onnx", dims.get(name, (len(names),)), number)
        for number, name in enumerate(MODELS)
    }
    release = build_release(
        releases=tmp_path / "releases",
        parameters=content,
        onnx={**onnx, PLACE: tmp_path / "model" / "model.onnx"},
        manifest={"note": "a new family"},
        golden_inputs=[request(seed) for seed in range(4)],
    )
    settings = ServerSettings(
        home=tmp_path / "home", serving_environment=SERVING, grpc_port=free_port(), metrics_port=free_port()
    )
    with TritonServer(settings) as server, server.control() as control:
        result = publish(release, repository=settings.models, control=control, progress=lambda _: None)
        assert result.proof.passes
        asked = request(11, rows=8)
        served = control.infer("trade", asked)

    native = family.fit(
        TrainingData(
            samples.tabular,
            samples.up,
            samples.t0,
            samples.t1,
            folds[0].embargo_us,
            weight=sample_weights(samples.t0, samples.t1, samples.instrument),
        ),
        seed=int(np.random.SeedSequence([1, len(folds)]).generate_state(1)[0]) % 2**31,
        profile=PROFILES["quick"],
        progress=lambda _: None,
    )
    predictors = {name: open_predictor(path) for name, path in onnx.items()}
    predictors[PLACE] = lambda x: native.predict_p_up(x)[:, None]
    expected = Chain(Parameters.from_json(content), release.id).decide(asked, predictors)
    column = MEMBERS.index(PLACE)
    np.testing.assert_allclose(served["MEMBER_P_UP"][:, column], expected["MEMBER_P_UP"][:, column], atol=1e-5)
    np.testing.assert_array_equal(served["CONTRACTS"], expected["CONTRACTS"])
