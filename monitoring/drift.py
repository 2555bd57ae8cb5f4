"""Drift of the newest features against older ones of the same data, by a real Evidently report (HTML and JSON).

The statistic and its threshold are named, never left to Evidently's defaults (which pick a test by sample size: they
flag a third of all columns for a shift of a tenth of a standard deviation). It is the population stability index over
equal-width bins, the sum of (r - c) ln(r / c), with 0.2 as "the distribution has changed" (N. Siddiqi, Credit Risk
Scorecards, 2006). Without any drift it is distributed about as (1/n + 1/m) chi-square(bins - 1) (B. Yurdakul,
Statistical properties of PSI, 2018): with the least rows taken here, 200 a side and Sturges' 10 bins, it passes 0.2
with a probability of about 0.02 a column; with 200 against 20000 rows (16 bins) about 0.0005.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError
from minhos.files import write_text

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

__all__ = ["MIN_ROWS", "PSI_THRESHOLD", "DriftResult", "drift_report"]

Floats = npt.NDArray[np.floating[Any]]

PSI_THRESHOLD: Final = 0.2
DRIFTED_SHARE: Final = 0.5  # of the columns that could be judged: from here on the night says "drifted"
MIN_ROWS: Final = 200
CLIP_QUANTILES: Final = (0.001, 0.999)


@dataclass(frozen=True)
class DriftResult:
    """What people read in `minhos status`. Shares are of the judged columns; ``columns`` holds every judged PSI."""

    status: Literal["stable", "drifted", "undetermined"]
    share_drifted: float | None
    drifted: dict[str, float]
    columns: dict[str, float]
    undetermined: dict[str, str]
    reference_rows: int
    current_rows: int
    reference_rows_with_missing: int
    current_rows_with_missing: int
    method: str
    threshold: float
    words: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Side:
    rows: Floats
    holed: int  # rows with a non-finite value


def drift_report(
    *,
    reference: Floats,
    current: Floats,
    names: Sequence[str],
    out: Path,
    seed: int,
    max_rows: int = 20_000,
) -> DriftResult:
    """Compare two samples column by column and write ``report.html`` and ``report.json`` into ``out``, each in one step.

    Args:
        reference: float [N, F], the older rows (a night gives all samples before the newest day's).
        current: float [M, F], the newest rows, same columns.
        names: F names, in the order of the columns.
        out: folder of the two reports; made when missing.
        seed: of the sampling, when a side has more than ``max_rows`` rows.
        max_rows: the most rows of a side that the report looks at (time grows with rows x columns).

    Returns:
        The result. ``undetermined`` lists the columns that could not be judged and why: under ``MIN_ROWS`` finite
        values on a side, or one and the same value on both. When no column is left there is no report, and older ones
        are removed. Non-finite values are left out column by column, and the rows that have any are counted. Every
        column is clipped to the reference's 0.1 % and 99.9 % quantiles first: the bins have equal widths, and one wild
        value would put all others into one bin and hide any drift.

    Raises:
        BadInputError: the shapes do not fit each other or the names.
    """
    _check_shapes(reference, current, names, max_rows)
    random = np.random.default_rng(seed)
    old, new = _side(reference, max_rows, random), _side(current, max_rows, random)
    undetermined = {
        name: reason for index, name in enumerate(names) if (reason := _why_not(old.rows[:, index], new.rows[:, index]))
    }
    judged = [index for index, name in enumerate(names) if name not in undetermined]
    psi: dict[str, float] = {}
    if judged:
        low, high = np.nanquantile(old.rows[:, judged], CLIP_QUANTILES, axis=0)
        clipped = [np.clip(side.rows[:, judged], low, high) for side in (old, new)]
        psi = _evidently(clipped[0], clipped[1], [names[index] for index in judged], out)
    else:
        for report in ("report.html", "report.json"):
            (out / report).unlink(missing_ok=True)
    return _result(psi, undetermined, old, new)


def _check_shapes(reference: Floats, current: Floats, names: Sequence[str], max_rows: int) -> None:
    if reference.ndim != 2 or current.ndim != 2 or not reference.shape[1] == current.shape[1] == len(names):
        raise BadInputError(
            f"drift: reference {list(reference.shape)} and current {list(current.shape)} must be [rows, {len(names)}], "
            f"one column for each of the {len(names)} names"
        )
    if len(set(names)) != len(names):
        raise BadInputError(f"drift: the names of the columns must differ, got {list(names)}")
    if max_rows < MIN_ROWS:
        raise BadInputError(f"drift: max_rows is {max_rows}; it must be at least {MIN_ROWS}")


def _side(rows: Floats, most: int, random: np.random.Generator) -> _Side:
    """At most ``most`` rows in their order, non-finite values as NaN (Evidently leaves NaN out, infinities stop it)."""
    if rows.shape[0] > most:
        rows = rows[np.sort(random.choice(rows.shape[0], size=most, replace=False))]
    finite = np.isfinite(rows)
    return _Side(rows=np.where(finite, rows, np.nan).astype(np.float64), holed=int((~finite.all(axis=1)).sum()))


def _why_not(old: Floats, new: Floats) -> str | None:
    """Why a column cannot be judged, or None. (One value on one side alone is drift, and is judged.)"""
    for side, values in (("the reference", old), ("the current data", new)):
        count = int(np.isfinite(values).sum())
        if count < MIN_ROWS:
            return f"{side} has {count} usable rows, under {MIN_ROWS}"
    if min(np.nanmin(old), np.nanmin(new)) == max(np.nanmax(old), np.nanmax(new)):
        return "one constant value on both sides"
    return None


def _evidently(reference: Floats, current: Floats, names: Sequence[str], out: Path) -> dict[str, float]:
    """The PSI of every column, by Evidently; both reports are written."""
    os.environ.setdefault("DO_NOT_TRACK", "true")  # read by Evidently at import
    os.environ.setdefault("ITERATIVE_DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Evidently's own use of deprecated NumPy and pandas names
        import pandas as pd
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        definition = DataDefinition(numerical_columns=list(names))
        old, new = (
            Dataset.from_pandas(pd.DataFrame(rows, columns=list(names)), data_definition=definition)
            for rows in (reference, current)
        )
        preset = DataDriftPreset(
            columns=list(names), num_method="psi", num_threshold=PSI_THRESHOLD, drift_share=DRIFTED_SHARE
        )
        snapshot = Report([preset]).run(new, old)  # Evidently's order: current, then reference
        values = _column_values(snapshot, names)
        html = snapshot.get_html_str(as_iframe=False)
        text = snapshot.json()
    write_text(out / "report.html", html)
    write_text(out / "report.json", text)
    return values


def _column_values(snapshot: Snapshot, names: Sequence[str]) -> dict[str, float]:
    values = {}
    for metric in json.loads(snapshot.json())["metrics"]:
        if "column" in metric["config"] and metric["config"].get("method") == "psi":
            values[metric["config"]["column"]] = float(metric["value"])
    lost = set(names) - set(values)
    if lost:
        raise BadInputError(f"drift: Evidently's report has no value for {sorted(lost)}: was its version changed?")
    return {name: values[name] for name in names}


def _result(psi: dict[str, float], undetermined: dict[str, str], old: _Side, new: _Side) -> DriftResult:
    drifted = {name: value for name, value in psi.items() if value >= PSI_THRESHOLD}
    share = len(drifted) / len(psi) if psi else None
    status: Literal["stable", "drifted", "undetermined"]
    if share is None:
        status = "undetermined"
        words = "drift undetermined: " + next(iter(undetermined.values()), "there is no column")
    else:
        status = "drifted" if share >= DRIFTED_SHARE else "stable"
        words = f"{status}: {len(drifted)} of {len(psi)} features changed (PSI >= {PSI_THRESHOLD})"
        if drifted:
            worst = sorted(drifted, key=lambda name: -drifted[name])[:3]
            words += ", most of all " + ", ".join(f"{name} {drifted[name]:.2f}" for name in worst)
        if undetermined:
            words += f"; {len(undetermined)} could not be judged"
        if old.holed or new.holed:
            words += f"; rows with missing values: {old.holed} of the reference, {new.holed} of the current data"
    return DriftResult(
        status=status,
        share_drifted=share,
        drifted=drifted,
        columns=psi,
        undetermined=undetermined,
        reference_rows=int(old.rows.shape[0]),
        current_rows=int(new.rows.shape[0]),
        reference_rows_with_missing=old.holed,
        current_rows_with_missing=new.holed,
        method="psi",
        threshold=PSI_THRESHOLD,
        words=words,
    )
