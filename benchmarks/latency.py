"""Latency of `trade` beside what it is made of, alternating in one run: bars in, sized decision out.

    .venv/bin/python -m benchmarks.latency                       the newest release of $MINHOS_HOME (or var/)
    .venv/bin/python -m benchmarks.latency --release <folder> --rounds 300 --json latency.json

A private server on free ports serves the release. Every round asks, in turn and at batch 1, 8 and 64: a gRPC health
ping, the bare ONNX sessions, the chain in process (one thread), `trade` by a raw inference call (tensors in, tensors
out), and `trade` by the typed client (``TradeClient.decide``: bars and an account in, decisions out, no log). Compare
ratios inside one run only: a shared machine's speed changes from minute to minute.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.errors import MinhosError, ServingError
from minhos.serving.publisher import publish
from minhos.serving.release import MODELS, Release, in_process_chain, list_releases, load_release
from minhos.serving.sessions import open_predictors
from minhos.serving.triton import ServerSettings, TritonServer, free_port
from minhos_client.client import TradeClient
from minhos_client.contract import decode_bytes
from minhos_client.decision import Account
from minhos_client.errors import TradeClientError

ROOT = Path(__file__).resolve().parents[1]
BATCHES = (1, 8, 64)
WARM_UP_ROUNDS = 20
DEADLINE_SECONDS = 10.0
PING, BARE, INSIDE, RAW, TYPED = "gRPC health ping", "ONNX sessions", "in process", "raw infer", "TradeClient.decide"

Array = npt.NDArray[Any]


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark and prints a table; exit status 1 when there is nothing to measure."""
    parser = argparse.ArgumentParser(description="latency of `trade`, in process and served, in one run")
    parser.add_argument("--release", type=Path, help="a release's folder (default: the newest of the home)")
    parser.add_argument("--rounds", type=int, default=300, help="calls of each kind (default: %(default)s)")
    parser.add_argument("--serving-environment", type=Path, default=ROOT / ".venv-serving")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args(arguments)
    try:
        release = load_release(given.release) if given.release else _newest()
        figures = measure(release, rounds=given.rounds, serving_environment=given.serving_environment)
    except (MinhosError, TradeClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(render(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))
    return 0


def _newest() -> Release:
    home = Path(os.environ.get("MINHOS_HOME", ROOT / "var"))
    found = list_releases(home / "releases")
    if not found:
        raise ServingError(f"no release in {home / 'releases'}: run a night first (`make run`), or give --release")
    return found[0]


def measure(release: Release, *, rounds: int, serving_environment: Path) -> dict[str, Any]:
    """Milliseconds of every kind of call at every batch size, and the server's memory in MiB.

    Raises ServingError when the server cannot be started or asked, TradeClientError when the typed client has no answer.
    """
    with tempfile.TemporaryDirectory(prefix="minhos-bench-") as folder:
        settings = ServerSettings(
            home=Path(folder),
            serving_environment=serving_environment,
            grpc_port=free_port(),
            metrics_port=free_port(),
        )
        with TritonServer(settings) as server, server.control() as control:
            assert server.state is not None
            publish(release, repository=settings.models, control=control)
            kinds: dict[str, Callable[[], object]] = {PING: control.server_ready}
            with TradeClient(server.state.url, deadline_seconds=DEADLINE_SECONDS) as client:
                for batch in BATCHES:
                    inputs = _request(release, batch)
                    kinds[f"{BARE} {batch}"] = _bare_sessions(release, batch)
                    kinds[f"{INSIDE} {batch}"] = _call(in_process_chain(release), inputs)
                    kinds[f"{RAW} {batch}"] = _call(lambda tensors: control.infer("trade", tensors), inputs)
                    kinds[f"{TYPED} {batch}"] = _decide(client, inputs)
                timings = _alternate(kinds, rounds)
            memory = _memory_mib(server.state.pid)
    return {
        "release": release.id,
        "rounds": rounds,
        "milliseconds": {
            name: {"p50": float(np.percentile(times, 50)), "p99": float(np.percentile(times, 99))}
            for name, times in timings.items()
        },
        "server_memory_mib": memory,
    }


def _call(ask: Callable[[Mapping[str, Array]], object], inputs: Mapping[str, Array]) -> Callable[[], object]:
    return lambda: ask(inputs)


def _decide(client: TradeClient, inputs: Mapping[str, Array]) -> Callable[[], object]:
    """The same request as trading code makes it."""
    equity, start, peak = (float(value) for value in inputs["PORTFOLIO"][0, :3])
    account = Account(equity=equity, start_equity=start, peak_equity=peak)
    bars, bar_end, as_of = inputs["BARS"], inputs["BAR_END"], int(inputs["AS_OF"][0, 0])
    symbols = decode_bytes(inputs["INSTRUMENT"])
    return lambda: client.decide(bars, bar_end, as_of, symbols, account)


def _request(release: Release, batch: int) -> dict[str, Array]:
    """The release's golden request, its rows repeated in turn."""
    rows = release.golden()[0].inputs
    return {name: np.ascontiguousarray(value[np.arange(batch) % len(value)]) for name, value in rows.items()}


def _bare_sessions(release: Release, batch: int) -> Callable[[], object]:
    """The six models alone on made-up numbers: the floor that no chain can go under."""
    parameters, rng = release.parameters(), np.random.default_rng(0)
    tabular = len(parameters["features"]["tabular"])
    sizes = {"lstm": (20, 8), "win_probability": (release.manifest.win_feature_count,)}
    models = open_predictors(release.path / "onnx", MODELS)
    inputs = {name: rng.normal(size=(batch, *sizes.get(name, (tabular,)))).astype(np.float32) for name in MODELS}
    return lambda: [models[name](inputs[name]) for name in MODELS]


def _alternate(kinds: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    timings: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + WARM_UP_ROUNDS):
        for name, call in kinds.items():
            started = time.perf_counter()
            call()
            if number >= WARM_UP_ROUNDS:
                timings[name].append((time.perf_counter() - started) * 1e3)
    return timings


def _memory_mib(group: int) -> dict[str, float]:
    """Proportional memory (shared pages counted once) of the server and its Python processes, by program."""
    found: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) != group:
                continue
            kilobytes = sum(
                int(line.split()[1])
                for line in (folder / "smaps_rollup").read_text().splitlines()
                if line.startswith("Pss:")
            )
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        model = next((Path(word).parents[1].name.split("__")[0] for word in words if word.endswith("/model.py")), "")
        name = model or Path(words[0]).name
        found[name] = found.get(name, 0.0) + kilobytes / 1024
    return {**found, "total": sum(found.values())}


def render(figures: Mapping[str, Any]) -> str:
    """The table: milliseconds, and each kind against the one above it in its batch."""
    times = figures["milliseconds"]
    ping = times[PING]
    lines = [
        f"release {figures['release']}, {figures['rounds']} rounds, milliseconds",
        f"{PING:<26}{ping['p50']:>8.2f} p50 {ping['p99']:>8.2f} p99",
    ]
    for batch in BATCHES:
        lines.append(f"batch {batch}")
        above = None
        for name in (BARE, INSIDE, RAW, TYPED):
            one = times[f"{name} {batch}"]
            ratio = "" if above is None else f"  p50 is {one['p50'] / above:.2f} x the line above"
            lines.append(f"  {name:<24}{one['p50']:>8.2f} p50 {one['p99']:>8.2f} p99{ratio}")
            above = one["p50"]
        lines.append(f"  {f'{TYPED} p99 / p50':<24}{one['p99'] / one['p50']:>8.2f}")
    memory = ", ".join(f"{name} {mib:.0f}" for name, mib in figures["server_memory_mib"].items())
    return "\n".join([*lines, f"server memory, MiB (proportional): {memory}"])


if __name__ == "__main__":
    raise SystemExit(main())
