"""Wall time of a night by stage: cold (a fresh home: Airflow's database, every step), warm (the same home, everything done
again by force) and repeated (the same night once more: nothing to do but to prove what serves).

    .venv/bin/python benchmarks/night.py [--data FOLDER] [--map FILE] [--home FOLDER] [--json FILE]

`make run` adds a set-up that finds nothing to do, which stands in a line of its own. Without ``--data`` the synthetic
exchange, as in `make run`. The figures of one run are comparable with each other, not with another machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from minhos.files import read_json
from minhos.serving.triton import free_port

HOME = Path(__file__).resolve().parents[1] / "var" / "bench"
MARKER = ".made-by-the-night-benchmark"
MINHOS = Path(sys.executable).parent / "minhos"


NIGHTS: dict[str, list[str]] = {"cold": [], "warm": ["--force"], "repeated": []}


def setup_seconds() -> float:
    """What `make setup` costs when both environments are as the locks say."""
    started = time.monotonic()
    subprocess.run(["make", "setup"], cwd=HOME.parents[1], check=True, capture_output=True)
    return time.monotonic() - started


def measure(home: Path, arguments: list[str]) -> dict[str, Any]:
    """One night in ``home``: seconds in all, and of every step (reused steps did nothing and count 0)."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MINHOS_", "AIRFLOW"))}
    environment |= {"MINHOS_HOME": str(home)}
    for name in ("MINHOS_GRPC_PORT", "MINHOS_METRICS_PORT", "MINHOS_AIRFLOW_PORT"):
        environment[name] = str(free_port())
    events = home / "runs" / "events.jsonl"
    position = events.stat().st_size if events.exists() else 0
    started = time.monotonic()
    done = subprocess.run(
        [str(MINHOS), "night", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    wall = time.monotonic() - started
    if done.returncode not in (0, 3):
        raise SystemExit(f"the night failed with status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    steps = {}
    for line in events.read_bytes()[position:].splitlines():
        event = json.loads(line)
        if event["kind"] in ("finished", "reused"):
            steps[event["label"]] = event["seconds"]
    outcome = max(home.glob("runs/*/outcome.json"), key=lambda path: path.stat().st_mtime_ns)
    return {"wall": round(wall, 1), "steps": steps, "decision": read_json(outcome)["decision"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--map", type=Path)
    parser.add_argument("--home", type=Path, default=HOME, help="made new; its release is what the latency bench asks")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    arguments = [
        *(["--data", str(options.data)] if options.data else []),
        *(["--map", str(options.map)] if options.map else []),
    ]
    if options.home.exists():
        if not (options.home / MARKER).exists():
            raise SystemExit(f"{options.home} exists and was not made by this benchmark: give another --home")
        shutil.rmtree(options.home)
    options.home.mkdir(parents=True)
    (options.home / MARKER).touch()
    figures = {name: measure(options.home, [*arguments, *more]) for name, more in NIGHTS.items()}
    print(f"a night on {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    print(f"{'seconds':<26}" + "".join(f"{name:>10}" for name in NIGHTS))
    for step in figures["cold"]["steps"]:
        print(f"{step:<26}" + "".join(f"{one['steps'].get(step, 0.0):>10.1f}" for one in figures.values()))
    rest = [one["wall"] - sum(one["steps"].values()) for one in figures.values()]
    print(f"{'starting, Airflow, end':<26}" + "".join(f"{seconds:>10.1f}" for seconds in rest))
    print(f"{'wall time':<26}" + "".join(f"{one['wall']:>10.1f}" for one in figures.values()))
    print(f"{'set-up with nothing to do':<26}{setup_seconds():>10.2f}")
    print(f"decision: {figures['cold']['decision']}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
