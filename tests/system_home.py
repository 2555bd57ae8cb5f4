"""A home of its own for a system test, and the command line run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minhos.config import REPOSITORY, Settings
from minhos.serving.triton import free_port

__all__ = ["Home", "make_home"]

MINHOS = Path(sys.executable).parent / "minhos"


@dataclass(frozen=True)
class Home:
    """A home of its own with free ports; ``minhos`` runs the command line in it."""

    settings: Settings
    environment: dict[str, str]

    def minhos(self, *arguments: str, timeout: float = 540) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(MINHOS), *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(MINHOS), *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run_folder(self) -> Path:
        folders = sorted(self.settings.runs.glob("*/outcome.json"), key=lambda path: path.stat().st_mtime_ns)
        return folders[-1].parent

    def json(self, name: str) -> Any:
        return json.loads((self.run_folder() / name).read_text(encoding="utf-8"))


def make_home(folder: Path) -> Home:
    """A fresh home in ``folder``."""
    ports: Sequence[int] = [free_port() for _ in range(3)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MINHOS_", "AIRFLOW"))}
    environment |= {
        "MINHOS_HOME": str(folder),
        "MINHOS_GRPC_PORT": str(ports[0]),
        "MINHOS_METRICS_PORT": str(ports[1]),
        "MINHOS_AIRFLOW_PORT": str(ports[2]),
    }
    return Home(Settings.from_environment(environment), environment)
