"""The latency benchmark measures what it says: the raw inference and the typed client, each on its own line."""

from pathlib import Path

import pytest

from benchmarks.latency import BATCHES, measure, render
from tests.serving.tiny_release import SERVING, tiny_release

pytestmark = pytest.mark.system


def test_the_typed_client_has_its_own_figures_beside_the_raw_inference(tmp_path: Path) -> None:
    figures = measure(tiny_release(tmp_path), rounds=3, serving_environment=SERVING)
    kinds = ("ONNX sessions", "in process", "raw infer", "TradeClient.decide")
    assert set(figures["milliseconds"]) == {
        "gRPC health ping",
        *(f"{kind} {batch}" for kind in kinds for batch in BATCHES),
    }
    for batch in BATCHES:
        raw, typed = (figures["milliseconds"][f"{kind} {batch}"] for kind in kinds[2:])
        assert 0.0 < raw["p50"] <= raw["p99"] and 0.0 < typed["p50"] <= typed["p99"]
    table = render(figures)
    for kind in kinds:
        assert sum(line.strip().startswith(f"{kind}  ") for line in table.splitlines()) == len(BATCHES)
    assert max(map(len, table.splitlines()[:-1])) <= 100
