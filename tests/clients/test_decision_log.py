"""The decision log keeps requests and answers bit for bit, whoever writes beside it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos_client.errors import DecisionLogError
from minhos_client.log import DecisionLog
from minhos_client.tensors import pack, tensors_hash, unpack

INPUTS = {
    "BARS": np.array([[[1.0, np.nan], [0.1, -0.0]]]),
    "AS_OF": np.array([[1_700_000_000_000_000]]),
    "INSTRUMENT": np.array([[b"MNQZ25"]], np.object_),
}
OUTPUTS = {"P_UP": np.array([[0.625]]), "RELEASE": np.array([[b"r1"]], np.object_)}

WRITER = """
import sys
from pathlib import Path
from minhos_client.log import DecisionLog
from tests.clients.test_decision_log import INPUTS, OUTPUTS
with DecisionLog(Path(sys.argv[1]), busy_timeout_seconds=30) as log:
    for _ in range(50):
        log.append(INPUTS, OUTPUTS, latency_seconds=0.001)
"""


def test_an_entry_comes_back_bit_for_bit(tmp_path: Path) -> None:
    with DecisionLog(tmp_path / "log" / "decisions.sqlite") as log:
        log.append(INPUTS, OUTPUTS, latency_seconds=0.0125)
        (entry,) = log.latest()
    assert (entry.id, entry.release, entry.latency_seconds) == (1, "r1", 0.0125)
    assert entry.as_of == 1_700_000_000_000_000
    assert entry.inputs["BARS"].tobytes() == INPUTS["BARS"].tobytes()
    assert entry.inputs["INSTRUMENT"].tolist() == [[b"MNQZ25"]]
    assert entry.outputs["P_UP"].tolist() == [[0.625]]
    assert entry.request_sha256 == tensors_hash(entry.inputs)


def test_the_newest_entries_come_first(tmp_path: Path) -> None:
    with DecisionLog(tmp_path / "decisions.sqlite") as log:
        for latency in (0.1, 0.2, 0.3):
            log.append(INPUTS, OUTPUTS, latency_seconds=latency)
        assert [entry.latency_seconds for entry in log.latest(2)] == [0.3, 0.2]
        assert len(log) == 3


def test_two_processes_write_into_one_file_and_no_entry_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    root = Path(__file__).resolve().parents[2]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], env={"PYTHONPATH": f"{root}:{root / 'clients'}"}, cwd=root
        )
        for _ in range(2)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    with DecisionLog(path) as log:
        assert len(log) == 100


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    path.write_text("this is not a database, whatever its name says" * 10)
    with pytest.raises(DecisionLogError, match=r"decisions\.sqlite cannot be opened"):
        DecisionLog(path)


@given(st.lists(st.floats(width=64), min_size=1, max_size=8), st.integers(-(2**62), 2**62))
def test_packing_keeps_every_bit_and_gives_the_same_bytes_again(values: list[float], moment: int) -> None:
    tensors = {"A": np.array(values), "B": np.array([[moment]])}
    content = pack(tensors)
    back = unpack(content)
    assert content == pack(back)
    assert back["A"].tobytes() == tensors["A"].tobytes()
    assert back["B"].tolist() == [[moment]]


def test_the_hash_tells_apart_what_a_request_says() -> None:
    changed = {**INPUTS, "AS_OF": INPUTS["AS_OF"] + 1}
    renamed = {**INPUTS, "INSTRUMENT": np.array([[b"MESZ25"]], np.object_)}
    assert len({tensors_hash(INPUTS), tensors_hash(changed), tensors_hash(renamed)}) == 3
    assert tensors_hash(INPUTS) == tensors_hash(dict(reversed(INPUTS.items())))
