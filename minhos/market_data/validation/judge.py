"""The validation of one instrument's bars: measured, checked, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from minhos.market_data.bars import iso
from minhos.market_data.instruments import Instrument
from minhos.market_data.sessions import session_bounds
from minhos.market_data.validation.bar_arrays import BarArrays
from minhos.market_data.validation.measure import measure
from minhos.market_data.validation.result import Check, HeldRow, ValidationResult
from minhos.market_data.validation.rules import rules_for
from minhos.market_data.validation.suite import check_frame

__all__ = ["EARLIER", "Released", "validate"]

EARLIER: Final = "earlier"
"""The rule's name of rows that an earlier session's validation holds and nobody has released."""
_MOST_HELD_SHARE: Final = 0.01
_MOST_HELD_OF_SESSION: Final = 0.1
_FEW: Final = 20
_SHOWN: Final = 3


@dataclass(frozen=True)
class Released:
    """What a person has said is right: `rows` (rule, `bar_end` UTC us); `rules`: for the whole series."""

    rows: frozenset[tuple[str, int]] = frozenset()
    rules: frozenset[str] = frozenset()


_NOTHING_RELEASED: Final = Released()


def validate(
    bars: BarArrays,
    instrument: Instrument,
    *,
    session: date,
    docs_dir: Path | None,
    traded: BarArrays | None = None,
    least_rows: int = 250,
    least_session_share: float = 0.05,
    released: Released = _NOTHING_RELEASED,
    held_before: Collection[int] = (),
) -> ValidationResult:
    """Check the bars of one instrument before they may reach training.

    `session`: the trading date that the night is about; at least `least_session_share` of its bars must be there.
    `docs_dir`: Great Expectations' Data Docs are written to `<docs_dir>/<symbol>/` (None: nowhere). `traded`: the same bars
    as they traded, where the prices of `bars` are adjusted for rolls: only these lie on the tick grid. `released`: findings
    that a person has overruled. `held_before`: `bar_end` of rows that earlier validations hold.

    Rows that break a rule of severity `quarantine` are `held`: whoever uses the bars leaves them out. The
    instrument is excluded where a rule of severity `exclude` failed, where a rule that matters could not be evaluated, and
    where so many rows are to be held (1 % and more than 20, or a tenth of the session) that the rest cannot be trusted.
    Raises `BadInputError` where `session` is a day on which the instrument never trades.
    """
    measured = measure(bars, instrument, session=session, traded=traded)
    rules = rules_for(measured, instrument, session=session, least_rows=least_rows, least_share=least_session_share)
    site = None if docs_dir is None else docs_dir / bars.symbol
    checks = tuple(
        _after_release(check, released) for check in check_frame(measured.frame, rules, name=bars.symbol, docs_dir=site)
    )
    held = _held(checks, released)
    checks += _held_earlier(bars, set(held_before) - {row.bar_end for row in held})
    held = _held(checks, released)
    reasons = _too_many(held, bars, instrument, session)
    return ValidationResult(
        symbol=bars.symbol,
        timeframe_seconds=bars.timeframe_seconds,
        session=session,
        rows=len(bars.bar_end),
        passed=not reasons and not any(check.excludes for check in checks),
        checks=checks,
        held=held,
        reasons=reasons,
    )


def _after_release(check: Check, released: Released) -> Check:
    """The check without what a person has overruled; what could not be evaluated cannot be overruled."""
    if check.status != "failed":
        return check
    whole = check.rule in released.rules
    left = [k for k, end in enumerate(check.bad_bar_ends) if (check.rule, end) not in released.rows]
    if whole or (check.bad_bar_ends and not left):
        return check.model_copy(update={"status": "released", "words": f"{check.words}: released"})
    gone = len(check.bad_bar_ends) - len(left)
    if (
        gone == 0 or check.severity != "quarantine"
    ):  # a series is released with all of its bad rows: they are the evidence
        return check
    ends = tuple(check.bad_bar_ends[k] for k in left)
    stamps = {iso(end) for end in ends}
    return check.model_copy(
        update={
            "words": f"{check.words}: {gone} of them {'is' if gone == 1 else 'are'} released, {len(left)} left",
            "bad_count": len(left),
            "bad_bar_ends": ends,
            "bad_row_words": tuple(check.bad_row_words[k] for k in left) if check.bad_row_words else (),
            "bad_rows": tuple(row for row in check.bad_rows if row.bar_end in stamps),
        }
    )


def _held_earlier(bars: BarArrays, held_before: Collection[int]) -> tuple[Check, ...]:
    """In words, the rows that no rule of today holds and an earlier session's did; nobody has released them."""
    ends = sorted(set(bars.bar_end.tolist()) & set(held_before))
    if not ends:
        return ()
    shown = ", ".join(iso(end) for end in ends[:_SHOWN]) + (", ..." if len(ends) > _SHOWN else "")
    words = f"{len(ends)} of {len(bars.bar_end)} rows are held since an earlier session: {shown}"
    return (
        Check(
            rule=EARLIER,
            severity="quarantine",
            status="failed",
            words=words,
            bad_count=len(ends),
            bad_bar_ends=tuple(ends),
        ),
    )


def _held(checks: Sequence[Check], released: Released) -> tuple[HeldRow, ...]:
    broken: dict[int, dict[str, str]] = {}
    for check in checks:
        if check.holds:
            for end, why in check.told_of_rows.items():
                if (check.rule, end) not in released.rows:
                    broken.setdefault(end, {})[check.rule] = why
    return tuple(HeldRow(bar_end=end, rules=tuple(why), why=tuple(why.values())) for end, why in sorted(broken.items()))


def _too_many(held: Sequence[HeldRow], bars: BarArrays, instrument: Instrument, session: date) -> tuple[str, ...]:
    if not held:
        return ()
    reasons = []
    rows = len(bars.bar_end)
    if len(held) > max(_FEW, _MOST_HELD_SHARE * rows):
        reasons.append(
            f"{len(held)} of {rows} rows would be held in quarantine, at most {_MOST_HELD_SHARE:.0%} (or {_FEW}) may be: "
            "the rest cannot be trusted either"
        )
    start, end = session_bounds(session, instrument)
    of_session = int(np.count_nonzero((bars.bar_end > start) & (bars.bar_end <= end)))
    held_of_session = sum(start < row.bar_end <= end for row in held)
    if held_of_session > max(1, _MOST_HELD_OF_SESSION * of_session):
        reasons.append(
            f"{held_of_session} of the {of_session} bars of the session of {session} would be held in quarantine, at most "
            f"{_MOST_HELD_OF_SESSION:.0%} may be"
        )
    return tuple(reasons)
