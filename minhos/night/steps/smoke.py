"""Smoke test: a trading client asks the live release; its answer ends the night, whatever the night decided."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from minhos.config import Settings
from minhos.errors import NightError
from minhos.files import read_json, write_json
from minhos.night.outcome import Decision as Verdict
from minhos.night.outcome import Outcome, write_outcome
from minhos.night.recipe import RECIPE
from minhos.night.request_bars import replay
from minhos.night.run import Progress, Run, StepResult
from minhos.night.server import server_url
from minhos.night.steps.ingest import load_plan
from minhos_client.client import TradeClient
from minhos_client.decision import Account, Decision

__all__ = ["smoke_test"]

DEADLINE_SECONDS = 10.0
REPLAYED_BARS = 100


def smoke_test(run_folder: str) -> str:
    """Ask `trade` through the client for the newest bars; write ``smoke.json`` and ``outcome.json``.

    Raises:
        NightError: The server does not answer for the release, or an answer breaks the contract.
    """
    run = Run(Path(run_folder))
    run.step("smoke_test", lambda progress: _smoke(run, progress), repeat=True)
    return run_folder


def _smoke(run: Run, progress: Progress) -> StepResult:
    settings = Settings.from_environment(os.environ)
    _, plan = load_plan(run)
    gate = read_json(run.folder / "gate.json")
    published = read_json(run.folder / "release.json")
    release = published["release"]
    verdict: Verdict = "held"
    words = tuple(published["held"])
    answered = f"nothing was published, so nothing was asked; {words[0] if words else ''}"
    if release is not None:
        progress(f"asking {release}")
        asked = _ask(run, settings, release)
        write_json(run.folder / "smoke.json", asked.to_json())
        answered = asked.words
        verdict = "published" if gate["edge_proven"] else "published on paper"
        words = (*gate["words"], *published["lost"])
    else:
        (run.folder / "smoke.json").unlink(missing_ok=True)
    write_outcome(
        run.folder,
        Outcome(
            session=str(plan.session),
            decision=verdict,
            release=release,
            words=words,
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            synthetic=plan.synthetic,
        ),
    )
    return StepResult((answered,), {"decision": verdict})


@dataclass(frozen=True)
class Asked:
    """What the client was told: ``newest`` at the last bar, ``sized`` at the latest replayed bar with a position."""

    newest: list[Decision]
    sized: list[Decision]
    sized_at: int | None
    moments: int
    positions: int

    @property
    def words(self) -> str:
        """One line for the scorecard."""
        now = "; ".join(f"{one.instrument}: {_side(one)}, {one.contracts} contracts" for one in self.newest)
        return (
            f"{now}; replaying the last {self.moments} bars, which training has seen, gave {self.positions} positions"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``smoke.json``."""
        return {
            "newest": [one.to_dict() for one in self.newest],
            "sized": [one.to_dict() for one in self.sized],
            "sized_at": self.sized_at,
            "moments": self.moments,
            "positions": self.positions,
        }


def _ask(run: Run, settings: Settings, release: str) -> Asked:
    """Ask for the newest bars, then for the bars before them, as they were known then."""
    account = Account(equity=RECIPE.start_equity)
    sized: list[Decision] = []
    sized_at: int | None = None
    positions = 0
    with TradeClient(server_url(settings), deadline_seconds=DEADLINE_SECONDS) as client:
        known = client.metadata()
        requests = replay(run.folder, known.symbols, known.window, REPLAYED_BARS)
        newest: list[Decision] = []
        for asked in requests:
            decisions = client.decide(asked.bars, asked.bar_end, asked.as_of, asked.symbols, account)
            wrong = [one.instrument for one in decisions if one.release != release or not np.isfinite(one.p_up)]
            if wrong:
                raise NightError(f"the live server does not answer for {release} on {', '.join(wrong)}: see its log")
            newest = newest or decisions
            taken = sum(one.contracts != 0 for one in decisions)
            if taken and not sized:
                sized, sized_at = decisions, asked.as_of
            positions += taken
    return Asked(newest, sized, sized_at, len(requests), positions)


def _side(decision: Decision) -> str:
    return {-1: "short", 0: "flat", 1: "long"}[decision.direction]
