"""Validate: a Great Expectations suite per instrument; a failing instrument is excluded with its rows and reason."""

from __future__ import annotations

from pathlib import Path

from minhos.errors import NightError
from minhos.files import write_json
from minhos.market_data.expectations import validate as validate_bars
from minhos.market_data.instruments import load_instruments
from minhos.market_data.night_bars import read_night_bars
from minhos.night.run import Progress, Run, StepResult
from minhos.night.steps.ingest import load_plan

__all__ = ["validate"]


def validate(run_folder: str) -> str:
    """Judge every ingested instrument; the night goes on with those that pass.

    Raises:
        NightError: No instrument passed; each reason is in the message.
    """
    run = Run(Path(run_folder))

    def work(progress: Progress) -> StepResult:
        request, plan = load_plan(run)
        instruments = load_instruments(request.instruments)
        results = []
        for symbol in run.outputs("ingest")["symbols"]:
            progress(f"checking {symbol}")
            bars = read_night_bars(run.folder / "bars", symbol)
            results.append(
                validate_bars(
                    bars.series,
                    instruments.find(symbol),
                    session=plan.session,
                    docs_dir=run.folder / "validation",
                    traded=bars.traded,
                )
            )
        write_json(run.folder / "validation.json", [result.model_dump(mode="json") for result in results])
        passed = [result.symbol for result in results if result.passed]
        reasons = tuple(result.words for result in results)
        if not passed:
            raise NightError(
                f"no instrument passed validation: {'; '.join(reasons)}. Correct the files in {plan.folder} and run again"
            )
        return StepResult(reasons, {"symbols": passed, "report": str(run.folder / "validation.json")})

    run.step("validate", work)
    return run_folder
