"""The nightly DAG: wiring only. Every task calls one public function of ``minhos.night`` with JSON arguments.

Between the tasks go the run folder's path and short words, never frames. The session comes from the trigger form, else from
the schedule's partition or logical date, else it is the last complete session of the data; never from the clock.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Param, dag, get_current_context, task
from airflow.timetables.trigger import CronTriggerTimetable

EXCHANGE_ZONE = "America/New_York"
MEMBERS = ["lstm", "random_forest", "xgboost", "lightgbm", "catboost"]


def session_of(context: Any) -> str | None:
    """The session asked for (ISO date): DAG parameter, partition key, a scheduled run's logical date, or None (manual)."""
    asked = context["params"].get("session")
    if asked:
        return str(asked)
    run = context["dag_run"]
    partition = getattr(run, "partition_key", None)
    if partition:
        return str(partition)
    if run.run_type in ("scheduled", "backfill"):
        logical_date = context["logical_date"]
        if logical_date is None:
            raise ValueError("a scheduled run without a logical date: give the session in the trigger form")
        return str(logical_date.astimezone(ZoneInfo(EXCHANGE_ZONE)).date())
    return None


@dag(
    dag_id="nightly",
    schedule=CronTriggerTimetable("30 17 * * 1-5", timezone=EXCHANGE_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "minhos", "retries": 0, "execution_timeout": timedelta(hours=6)},
    params={
        "session": Param(
            None,
            type=["null", "string"],
            format="date",
            description="Session (trading date); empty: last complete one",
        ),
        "universe": Param([], type="array", items={"type": "string"}, description="Symbols; empty: all in the data"),
        "profile": Param("quick", type="string", description="How much to train: quick, full, or a TOML file"),
        "force": Param(False, type="boolean", description="Do every step again"),
        "data": Param(
            None, type=["null", "string"], description="Folder of files; empty: $MINHOS_DATA, else synthetic"
        ),
        "map": Param(None, type=["null", "string"], description="TOML that maps generic CSV columns"),
        "instruments": Param(None, type=["null", "string"], description="TOML with more instruments"),
        "timeframe": Param(None, type=["null", "string"], description="5m, 30m, 1h ...; empty: finest with history"),
    },
    tags=["minhos", "nightly"],
    doc_md=__doc__,
)
def nightly() -> None:
    """Ingest to smoke test, one session."""

    @task
    def ingest() -> str:
        from minhos.night.steps.ingest import ingest

        context = get_current_context()
        return ingest({**context["params"], "session": session_of(context)})

    @task
    def validate(run: str) -> str:
        from minhos.night.steps.validate import validate

        return validate(run)

    @task
    def features(run: str) -> str:
        from minhos.night.steps.features import features

        return features(run)

    @task
    def drift(run: str) -> str:
        from monitoring.nightly import drift

        return drift(run)

    @task(map_index_template="{{ family }}")
    def train(family: str, run: str) -> str:
        from minhos.night.steps.train import train

        get_current_context()["family"] = family
        return train(run, family)

    @task
    def stack(trained: list[str]) -> str:
        from minhos.night.steps.stack import stack

        return stack(next(iter(trained)))

    @task
    def backtest(run: str) -> str:
        from minhos.night.steps.backtest import backtest

        return backtest(run)

    @task
    def gate(run: str) -> str:
        from minhos.night.steps.judge import judge

        return judge(run)

    @task
    def publish(run: str) -> str:
        from minhos.night.steps.publish import publish

        return publish(run)

    @task
    def smoke_test(run: str) -> str:
        from minhos.night.steps.smoke import smoke_test

        return smoke_test(run)

    @task(trigger_rule="all_done")  # a night that failed is on record too
    def track(run: str) -> str:
        from minhos.night.steps.track import track

        return track(run)

    ingested = ingest()
    run = features(validate(ingested))
    trained = train.partial(run=drift(run)).expand(family=MEMBERS)
    published = publish(gate(backtest(stack(trained))))
    smoke_test(published)  # a leaf beside `track`: its failure is the night's
    published >> track(ingested)


nightly()
