"""The rules as a Great Expectations suite: run it on a measured frame, and put what the library says into words.

Measured: the import takes about 9 s and a run half a second, so import this module's library inside tasks only.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from minhos.market_data.bars import iso
from minhos.market_data.validation.result import BadRow, Check
from minhos.market_data.validation.row_words import row_words
from minhos.market_data.validation.rules import Limit, Rule
from minhos_client.contract import BAR_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_frame"]

_SHOWN_ROWS: Final = 5
_NAMED_ROWS: Final = 3
_GX_SEVERITY: Final = {"exclude": "critical", "quarantine": "warning", "warn": "info"}
_OF_THE_WHOLE: Final = frozenset({"rows", "sum", "mean"})


def check_frame(frame: pd.DataFrame, rules: Sequence[Rule], *, name: str, docs_dir: Path | None) -> tuple[Check, ...]:
    """Run the rules on a frame of `measure`, one check per rule in the rules' order.

    `docs_dir`: Great Expectations' Data Docs are written there (None: nowhere).
    """
    results = _run_suite(frame, rules, name=name, docs_dir=docs_dir)
    return tuple(_summarise(rule, results[rule.name], frame) for rule in rules)


def _expectation(limit: Limit, rule: Rule) -> Any:
    import great_expectations.expectations as gxe

    column = limit.column
    common = {
        "meta": {"rule": rule.name},
        "severity": _GX_SEVERITY[rule.severity],
        "description": f"{rule.name}: no bars may {rule.fault}" if limit.kind not in _OF_THE_WHOLE else rule.name,
    }
    builders: dict[str, Callable[[], Any]] = {
        "present": lambda: gxe.ExpectColumnValuesToNotBeNull(column=column, **common),
        "between": lambda: gxe.ExpectColumnValuesToBeBetween(
            column=column, min_value=limit.least, max_value=limit.most, **common
        ),
        "ordered": lambda: gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=column,
            column_B=limit.other,
            or_equal=True,
            ignore_row_if="either_value_is_missing",  # a missing price is told once, by its own rule
            **common,
        ),
        "increasing": lambda: gxe.ExpectColumnValuesToBeIncreasing(column=column, strictly=True, **common),
        "unique": lambda: gxe.ExpectColumnValuesToBeUnique(column=column, **common),
        "rows": lambda: gxe.ExpectTableRowCountToBeBetween(min_value=int(limit.least or 0), **common),
        "sum": lambda: gxe.ExpectColumnSumToBeBetween(column=column, min_value=limit.least, **common),
        "mean": lambda: gxe.ExpectColumnMeanToBeBetween(column=column, max_value=limit.most, **common),
    }
    return builders[limit.kind]()


def _run_suite(
    frame: pd.DataFrame, rules: Sequence[Rule], *, name: str, docs_dir: Path | None
) -> Mapping[str, list[Any]]:
    """The library's results, by rule: an ephemeral context, a suite, a checkpoint."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the library makes its context
    import great_expectations as gx
    from great_expectations.checkpoint import UpdateDataDocsAction
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.delete_data_docs_site("local_site")  # else Data Docs appear in a random temporary folder
    actions = []
    if docs_dir is not None:
        docs_dir.mkdir(parents=True, exist_ok=True)
        context.add_data_docs_site("minhos", _site(docs_dir))
        actions.append(UpdateDataDocsAction(name="data_docs", site_names=["minhos"]))
    batch = (
        context.data_sources.add_pandas("bars").add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    )
    # complete before it is added: the library saves a suite of its own again, whole, with every expectation
    expectations = [_expectation(limit, rule) for rule in rules for limit in rule.limits]
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=actions,
            result_format={"result_format": "COMPLETE"},  # with the positions of the rows
        )
    )
    outcome = checkpoint.run(batch_parameters={"dataframe": frame})
    by_rule: dict[str, list[Any]] = {rule.name: [] for rule in rules}
    for run in outcome.run_results.values():
        for result in run.results:
            by_rule[result.expectation_config.meta["rule"]].append(result)
    return by_rule


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _exception(result: Any) -> str | None:
    """The message of an expectation that could not be evaluated; None for one that was.

    The library gives one exception, or a mapping of exceptions by metric.
    """
    info = result.exception_info or {}
    for entry in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if entry.get("raised_exception"):
            lines = str(entry.get("exception_message")).strip().splitlines()
            return lines[0] if lines else "an exception without a message"
    return None


def _summarise(rule: Rule, results: Sequence[Any], frame: pd.DataFrame) -> Check:
    def check(status: str, words: str, rows: Sequence[int] = ()) -> Check:
        note = f" ({rule.note})" if status == "failed" and rule.note else ""
        ends = frame["bar_end"].to_numpy()
        return Check.model_validate(
            {
                "rule": rule.name,
                "severity": rule.severity,
                "status": status,
                "words": words + note,
                "bad_count": len(rows),
                "bad_rows": tuple(_bad_row(frame, row, rule) for row in rows[:_SHOWN_ROWS]),
                "bad_bar_ends": tuple(int(ends[row]) for row in rows),
                "bad_row_words": tuple(row_words(rule, frame, row) for row in rows if rule.severity == "quarantine"),
                "limit": rule.limit,
                "learned": rule.learned,
            }
        )

    failed = [result for result in results if not result.success]
    broken = [message for result in failed if (message := _exception(result)) is not None]
    if not results or broken:  # a part that nobody could look at is not all right because another part is wrong
        why = broken[0] if broken else "the library returned no result"
        return check("not_evaluated", f"{rule.name} could not be evaluated: {why}")
    kind = rule.limits[0].kind
    if kind in _OF_THE_WHOLE:
        observed = float(results[0].result.get("observed_value") or 0)
        amount = f"{observed:.1%}" if kind == "mean" else f"{observed:.0f}"
        return check("failed" if failed else "passed", f"{amount} {rule.fault}")
    if not failed:
        return check("passed", f"none of {len(frame)} rows {rule.fault}")
    rows = sorted({int(row) for result in failed for row in result.result.get("unexpected_index_list") or []})
    stamps = [iso(int(stamp)) for stamp in frame["bar_end"].to_numpy()[rows]]
    return check("failed", f"{len(rows)} of {len(frame)} rows {rule.fault}{_named(stamps)}", rows)


def _named(stamps: Sequence[str]) -> str:
    """`: a, b, c and 57 more`."""
    if not stamps:
        return ""
    rest = f" and {len(stamps) - _NAMED_ROWS} more" if len(stamps) > _NAMED_ROWS else ""
    return f": {', '.join(stamps[:_NAMED_ROWS])}{rest}"


def _bad_row(frame: pd.DataFrame, row: int, rule: Rule) -> BadRow:
    """The bar and what the rule measured of it."""
    names = [*BAR_COLUMNS, *(limit.column for limit in rule.limits if limit.column not in {*BAR_COLUMNS, "bar_end"})]
    values = {name: float(frame[name].iloc[row]) for name in names if name in frame.columns}
    return BadRow(
        bar_end=iso(int(frame["bar_end"].iloc[row])),
        values={name: value if math.isfinite(value) else None for name, value in values.items()},
    )
