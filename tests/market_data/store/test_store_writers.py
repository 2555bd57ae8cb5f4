"""Writers that die, that meet, that find the disk full: real processes, in `store_processes.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("store_processes.py")
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("scene", ["killed", "together", "full"])
def test_the_store_is_old_or_new_and_never_a_mix(tmp_path: Path, scene: str) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), scene, str(tmp_path / "bars")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "clients")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
