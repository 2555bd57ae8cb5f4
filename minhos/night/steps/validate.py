"""Validate: a Great Expectations suite per instrument; bad rows are held in quarantine, a bad instrument is left out."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from minhos.config import Settings
from minhos.errors import NightError
from minhos.files import write_json
from minhos.market_data.instruments import load_instruments
from minhos.market_data.judgement import judge
from minhos.market_data.night_bars import read_night_bars, write_night_bars
from minhos.market_data.quarantine import Quarantine
from minhos.market_data.validation import ValidationResult, write_page
from minhos.night.run import VALIDATED, Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan

__all__ = ["validate"]


def validate(run_folder: str) -> str:
    """Judge every ingested instrument; the night goes on with those that pass, without the rows that are held.

    What is held, rows and instruments, goes into the quarantine's ledger; what a person has released there is not held.

    Raises:
        NightError: No instrument passed; each reason is in the message.
    """
    run = Run(Path(run_folder))
    ledger = Quarantine(Settings.from_environment(os.environ).quarantine)

    def work(progress: Progress) -> StepResult:
        request, plan = load_plan(run)
        instruments = load_instruments(request.instruments)
        results: list[ValidationResult] = []
        for symbol in run.outputs("ingest")["symbols"]:
            progress(f"checking {symbol}")
            bars = read_night_bars(run.folder / "bars", symbol)
            result = judge(
                bars,
                instruments.find(symbol),
                session=plan.session,
                ledger=ledger,
                docs_dir=run.folder / "validation",
                actor=f"night {run.name}",
            )
            results.append(result)
            if result.passed:
                write_night_bars(run.folder / VALIDATED, bars.without({row.bar_end for row in result.held}))
        write_json(run.folder / "validation.json", [result.model_dump(mode="json") for result in results])
        write_page(
            run.folder / "validation",
            results,
            title=f"session {plan.session}",
            written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
        passed = [result.symbol for result in results if result.passed]
        words = tuple(result.words for result in results)
        if not passed:
            raise NightError(
                f"no instrument passed validation: {'; '.join(words)}. Correct the files in {plan.folder}, or where the "
                "bars are right release what is held (`minhos quarantine list`), and run again"
            )
        return StepResult(words, {"symbols": passed, "report": str(run.folder / "validation" / "index.html")})

    run.step("validate", work)
    return run_folder
